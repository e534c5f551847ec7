//! The image at work as the manifests run it: two reflectors and two nodes, each in an empty root with what its Dockerfile
//! copies and its manifest mounts, with the capabilities that stand there, and asked by the probes that stand there.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::api::core::v1::Probe;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use roost_tests::{Lab, Netns, PATIENCE, peers, process::Process, until};

use super::confined::confined;
use super::dockerfile::Image;
use super::manifests::Manifest;

/// A running container of roost.
struct Pod {
    ns: Netns,
    root: PathBuf,
    manifest: Manifest,
    address: String,
    capabilities: Vec<String>,
    process: Process,
}

impl Pod {
    #[track_caller]
    fn start(ns: &Netns, address: &str, file: &str, image: &Image) -> Pod {
        let root = ns.dir().join(ns.name());
        std::fs::create_dir(&root).expect("names differ");
        image.unpack(&root);
        let manifest = Manifest::read(file);
        mount(&manifest, &root);
        let security = manifest.roost().security_context.clone().expect("a security context");
        let capabilities = security.capabilities.expect("capabilities");
        assert_eq!(capabilities.drop.as_deref(), Some(&["ALL".to_owned()][..]), "{file}");
        assert_eq!((security.run_as_user, security.allow_privilege_escalation), (Some(0), Some(false)), "{file}");
        let capabilities = capabilities.add.unwrap_or_default();
        let command = confined(&root, &capabilities, &image.command);
        let process = ns.enter(|| Process::start(command, ns.name(), ns.dir()));
        Pod { ns: ns.clone(), root, manifest, address: address.to_owned(), capabilities, process }
    }

    /// Waits until a probe of the manifest succeeds.
    #[track_caller]
    fn wait_for(&mut self, what: &str, probe: impl Fn(&Manifest) -> Option<Probe>) {
        let probe = probe(&self.manifest).unwrap_or_else(|| panic!("{} has no {what} probe", self.ns.name()));
        let get = probe.http_get.expect("over HTTP");
        let IntOrString::String(port) = get.port else { panic!("ports have names") };
        let ports = self.manifest.roost().ports.iter().flatten();
        let port = ports.filter(|of| of.name.as_ref() == Some(&port)).map(|of| of.container_port).next();
        let place = format!("{}:{}", self.address, port.expect("the port has a number"));
        let path = get.path.expect("a path");
        until(&format!("{what} of {}", self.ns.name()), PATIENCE, || {
            let ended = self.process.ended();
            assert!(ended.is_none(), "{} ended: {ended:?}\n{}", self.ns.name(), self.process.log());
            let answer = self.ns.enter(|| ask(&place, &path)).map_err(|error| error.to_string())?;
            if answer.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(answer) }
        });
    }

    /// The command line of roost against its socket, as the agent beside it has it.
    #[track_caller]
    fn roost(&self, words: &[&str]) -> String {
        let mut roost = Command::new(peers::roost());
        roost.arg("--socket").arg(self.root.join("run/roost/roost.sock")).args(words);
        let output = roost.output().unwrap_or_else(|error| panic!("cannot run roost: {error}"));
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "roost {words:?}: {said}\n{}", self.process.log());
        said
    }

    /// Does what the manifest wants done before SIGTERM, in the container as a kubelet does.
    #[track_caller]
    fn pre_stop(&self) {
        let lifecycle = self.manifest.roost().lifecycle.clone().expect("a lifecycle");
        let hook =
            lifecycle.pre_stop.and_then(|hook| hook.exec).and_then(|exec| exec.command).expect("a preStop command");
        let mut command = confined(&self.root, &self.capabilities, &hook);
        let output = self.ns.enter(|| command.output()).unwrap_or_else(|error| panic!("{hook:?}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{hook:?}: {said}\n{}", self.process.log());
    }

    /// All files in its root, but for those of its volumes.
    fn files(&self) -> Vec<String> {
        let mounts: Vec<_> = self
            .manifest
            .roost()
            .volume_mounts
            .iter()
            .flatten()
            .map(|mount| below(&self.root, &mount.mount_path))
            .collect();
        let mut files = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("ours to read") {
                let path = entry.expect("ours to read").path();
                match path.is_dir() {
                    true if mounts.contains(&path) => {}
                    true => folders.push(path),
                    false => files.push(path.display().to_string().replace(&self.root.display().to_string(), "")),
                }
            }
        }
        files
    }
}

/// `path` of a container whose root is `root`.
fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// Makes roost's volumes: files of a ConfigMap, or an empty folder.
fn mount(manifest: &Manifest, root: &Path) {
    let volumes: BTreeMap<_, _> =
        manifest.pod().volumes.iter().flatten().map(|volume| (&volume.name, volume)).collect();
    for mount in manifest.roost().volume_mounts.iter().flatten() {
        let folder = below(root, &mount.mount_path);
        std::fs::create_dir_all(&folder).expect("the root is ours");
        let Some(map) = &volumes[&mount.name].config_map else { continue };
        let configs = manifest.configs.iter().filter(|config| config.metadata.name.as_ref() == Some(&map.name));
        for (name, text) in configs.filter_map(|config| config.data.as_ref()).flatten() {
            std::fs::write(folder.join(name), text).expect("the root is ours");
        }
    }
}

fn ask(place: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(place)?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn two_reflectors_and_two_nodes_exchange_a_block_in_empty_roots_with_few_capabilities() {
    let image = Image::read();
    let lab = Lab::new("container");
    let lan = lab.lan("lan");
    let start = |name: &str, address: &str, file: &str| {
        let ns = lab.netns(name);
        lan.plug(&lab, &ns, "eth0", name);
        ns.ip(&format!("addr add {address}/12 dev eth0"));
        Pod::start(&ns, address, file, &image)
    };
    let mut pods = [
        start("rr1", "172.16.0.10", "reflector.yaml"),
        start("rr2", "172.16.0.11", "reflector.yaml"),
        start("n1", "172.16.1.1", "daemonset.yaml"),
        start("n2", "172.16.1.2", "daemonset.yaml"),
    ];
    for pod in &mut pods {
        pod.wait_for("startup", |manifest| manifest.roost().startup_probe.clone());
        pod.wait_for("liveness", |manifest| manifest.roost().liveness_probe.clone());
    }
    for pod in &mut pods {
        pod.wait_for("readiness", |manifest| manifest.roost().readiness_probe.clone());
    }
    let [reflector, other, n1, n2] = &mut pods;
    n1.roost(&["announce", "10.65.1.0/26"]);
    n2.ns.wait_for_routes(&["10.65.1.0/26 via 172.16.1.1 dev eth0"], PATIENCE, || {
        [&*n2, &*reflector].map(|pod| format!("{}\n{}", pod.roost(&["show", "peers"]), pod.process.log())).concat()
    });
    assert_eq!(n1.ns.routes("proto bird"), ["blackhole 10.65.1.0/26"]);

    // Nothing but its volumes was written to, and SIGTERM leaves the routes to the node.
    let own: Vec<_> = image.files.iter().map(|(_, place)| place.clone()).collect();
    for pod in [&*reflector, other, n1, n2] {
        assert_eq!(pod.files(), own, "{}", pod.ns.name());
    }
    reflector.pre_stop();
    let peers = n2.roost(&["show", "peers", "--state", "established"]);
    assert!(peers.contains("172.16.0.11") && !peers.contains("172.16.0.10"), "{peers}");
    let status = n2.process.terminate(PATIENCE);
    assert!(status.success(), "{status}\n{}", n2.process.log());
    assert_eq!(n2.ns.routes("proto bird"), ["10.65.1.0/26 via 172.16.1.1 dev eth0"]);
}
