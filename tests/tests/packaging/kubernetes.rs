//! What the manifests say about themselves: names that must meet, and configurations that roost accepts.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use roost_tests::{Lab, peers};

use super::dockerfile::Image;
use super::manifests::Manifest;

const FILES: [&str; 2] = ["daemonset.yaml", "reflector.yaml"];

#[test]
fn selectors_meet_the_labels_of_their_pods() {
    for file in FILES {
        let manifest = Manifest::read(file);
        let [(name, selector, template)] = &manifest.workloads[..] else { panic!("{file}: want one workload") };
        let labels =
            template.metadata.as_ref().and_then(|metadata| metadata.labels.as_ref()).expect("pods have labels");
        let meets = |selector: &LabelSelector| {
            let wanted = selector.match_labels.iter().flatten();
            let met: Vec<bool> = wanted.map(|(key, value)| labels.get(key) == Some(value)).collect();
            !met.is_empty() && met.iter().all(|met| *met)
        };
        assert!(meets(selector), "{name} does not select its own pods");
        assert!(manifest.budgets.iter().all(meets), "a budget of {file} is for other pods");
        let pods = manifest.pod().affinity.as_ref().and_then(|affinity| affinity.pod_anti_affinity.as_ref());
        let terms = pods.into_iter().flat_map(|pods| pods.required_during_scheduling_ignored_during_execution.iter());
        for term in terms.flatten() {
            assert!(term.label_selector.as_ref().is_some_and(meets), "{name} keeps away from other pods");
        }
    }
}

#[test]
fn mounts_have_their_volumes_and_probes_their_ports() {
    for file in FILES {
        let manifest = Manifest::read(file);
        let pod = manifest.pod();
        let volumes: BTreeMap<_, _> = pod.volumes.iter().flatten().map(|volume| (&volume.name, volume)).collect();
        for container in pod.init_containers.iter().flatten().chain(&pod.containers) {
            for mount in container.volume_mounts.iter().flatten() {
                assert!(volumes.contains_key(&mount.name), "{file}: {} has no volume {}", container.name, mount.name);
            }
        }
        for volume in volumes.values().filter_map(|volume| volume.config_map.as_ref()) {
            let found = manifest.configs.iter().any(|config| config.metadata.name.as_ref() == Some(&volume.name));
            assert!(found, "{file} has no ConfigMap {}", volume.name);
        }
        let roost = manifest.roost();
        let ports: Vec<_> = roost.ports.iter().flatten().filter_map(|port| port.name.clone()).collect();
        let probes = [&roost.startup_probe, &roost.liveness_probe, &roost.readiness_probe];
        for probe in probes.into_iter().flatten() {
            let get = probe.http_get.as_ref().expect("roost is asked over HTTP");
            assert!(matches!(&get.port, IntOrString::String(name) if ports.contains(name)), "{file}: {:?}", get.port);
        }
    }
}

#[test]
fn the_image_is_run_as_it_is_made() {
    // No command of its own: the image's, which finds the configuration where the manifest mounts it.
    let Image { command, .. } = Image::read();
    for file in FILES {
        let manifest = Manifest::read(file);
        let roost = manifest.roost();
        assert_eq!((&roost.command, &roost.args), (&None, &None));
        let config = command.last().expect("a command has words");
        let (folder, name) = config.rsplit_once('/').expect("an absolute path");
        let mounted = roost.volume_mounts.iter().flatten().any(|mount| mount.mount_path == folder);
        assert!(mounted, "{file} mounts nothing at {folder}");
        let mut files = manifest.configs.iter().filter_map(|config| config.data.as_ref()).flatten();
        assert!(files.any(|(key, _)| key == name), "{file} has no {name}");
    }
}

#[test]
fn roost_accepts_the_configurations_without_a_word() {
    let lab = Lab::new("manifests");
    let (node, reflector) = (lab.netns("node"), lab.netns("reflector"));
    lab.wire((&node, "eth0"), (&reflector, "eth0"));
    for (file, ns, address) in [(FILES[0], node, "172.16.1.1/12"), (FILES[1], reflector, "172.16.0.11/12")] {
        ns.ip(&format!("addr add {address} dev eth0"));
        let path = lab.dir().join(file);
        for text in Manifest::read(file).configs.iter().filter_map(|config| config.data.as_ref()).flatten() {
            std::fs::write(&path, text.1).expect("the lab's folder takes files");
            let output = ns.command(peers::roost()).arg("check").arg(&path).output().expect("roost runs");
            let said = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success() && said.1.is_empty(), "{file}: {said:?}");
        }
    }
}
