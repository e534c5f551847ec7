//! The manifests of `examples/kubernetes`, by the types of Kubernetes' API: a field those do not know is a mistake.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Container, PodSpec, PodTemplateSpec};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::Value;

use super::text;

/// What one file has.
#[derive(Default)]
pub struct Manifest {
    /// Its configurations.
    pub configs: Vec<ConfigMap>,
    /// Its workloads: name, selector and template.
    pub workloads: Vec<(String, LabelSelector, PodTemplateSpec)>,
    /// The selectors of its disruption budgets.
    pub budgets: Vec<LabelSelector>,
}

impl Manifest {
    /// Of `examples/kubernetes/NAME`.
    #[track_caller]
    pub fn read(name: &str) -> Manifest {
        Manifest::parse(&text(&format!("kubernetes/{name}"))).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// # Errors
    /// What is no YAML, of no known kind, or has a field that its kind does not have.
    pub fn parse(yaml: &str) -> Result<Manifest, String> {
        let documents: Vec<Value> = serde_yaml::from_str_multiple(yaml).map_err(|error| error.to_string())?;
        let mut manifest = Manifest::default();
        for document in documents {
            match document["kind"].as_str() {
                Some("ConfigMap") => manifest.configs.push(strict(document)?),
                Some("DaemonSet") => {
                    let set: DaemonSet = strict(document)?;
                    let spec = set.spec.ok_or("a DaemonSet without spec")?;
                    manifest.workloads.push((set.metadata.name.unwrap_or_default(), spec.selector, spec.template));
                }
                Some("Deployment") => {
                    let deployment: Deployment = strict(document)?;
                    let spec = deployment.spec.ok_or("a Deployment without spec")?;
                    let name = deployment.metadata.name.unwrap_or_default();
                    manifest.workloads.push((name, spec.selector, spec.template));
                }
                Some("PodDisruptionBudget") => {
                    let budget: PodDisruptionBudget = strict(document)?;
                    manifest.budgets.extend(budget.spec.and_then(|spec| spec.selector));
                }
                kind => return Err(format!("kind {kind:?} is not known here")),
            }
        }
        Ok(manifest)
    }

    /// The only pod of the file.
    #[track_caller]
    pub fn pod(&self) -> &PodSpec {
        let [(_, _, template)] = &self.workloads[..] else { panic!("want one workload") };
        template.spec.as_ref().expect("a template has a spec")
    }

    /// The container of roost: a sidecar, or the main one.
    #[track_caller]
    pub fn roost(&self) -> &Container {
        let pod = self.pod();
        let all = || pod.init_containers.iter().flatten().chain(&pod.containers);
        all().find(|container| container.name == "roost").expect("a container is called roost")
    }
}

/// `document` as a `T`, which must know all of it.
fn strict<T: serde::de::DeserializeOwned>(document: Value) -> Result<T, String> {
    let mut unknown = Vec::new();
    let read = serde_ignored::deserialize(document, |path| unknown.push(path.to_string().replace(".?", "")));
    match (read, &unknown[..]) {
        (Ok(read), []) => Ok(read),
        (Ok(_), unknown) => Err(format!("unknown: {}", unknown.join(", "))),
        (Err(error), _) => Err(error.to_string()),
    }
}

#[test]
fn a_misspelt_field_and_a_value_of_the_wrong_type_are_seen() {
    let good = text("kubernetes/reflector.yaml");
    for (right, wrong, seen) in [
        ("hostNetwork: true", "hostnetwork: true", "unknown: spec.template.spec.hostnetwork"),
        (
            "periodSeconds: 1\n",
            "periodSecond: 1\n",
            "unknown: spec.template.spec.containers.0.startupProbe.periodSecond",
        ),
        ("maxSurge: 0", "maxSurges: 0", "unknown: spec.strategy.rollingUpdate.maxSurges"),
        ("minAvailable: 1", "minavailable: 1", "unknown: spec.minavailable"),
        ("replicas: 2", "replicas: two", "invalid type: string \"two\", expected i32"),
        ("kind: Deployment", "kind: Deploiment", "kind Some(\"Deploiment\") is not known here"),
    ] {
        assert!(good.contains(right), "{right} is not there any more");
        assert_eq!(Manifest::parse(&good.replacen(right, wrong, 1)).err().as_deref(), Some(seen), "{wrong}");
    }
}
