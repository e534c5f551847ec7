//! FRR: bgpd, and zebra where routes go into the kernel.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use roost_tests::daemon::{Files, Program};
use roost_tests::{Frr, peers};

use crate::plan::{ASN, HOLD_SECONDS, NODE, Plan};
use crate::scenario::Shape;

/// The configuration of a plan. With `at_once`, updates do not wait for others (`coalesce-time 0`).
pub fn config(plan: &Plan, at_once: bool) -> String {
    let mut out = "log stdout errors\n".to_owned();
    for med in plan.groups() {
        let _ = writeln!(out, "route-map group{med} permit 10\n set metric {med}\nexit");
    }
    let _ = writeln!(out, "router bgp {ASN}\n bgp router-id {NODE}");
    out += " no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n no bgp network import-check\n";
    if at_once {
        out += " coalesce-time 0\n";
    }
    out += " neighbor speakers peer-group\n";
    let exchange = plan.scenario.shape == Shape::Exchange;
    for line in ["passive", "advertisement-interval 0", "disable-connected-check"] {
        let _ = writeln!(out, " neighbor speakers {line}");
    }
    let _ = writeln!(out, " neighbor speakers update-source {}", plan.daemon());
    let _ = writeln!(out, " neighbor speakers timers {} {HOLD_SECONDS}", HOLD_SECONDS / 3);
    if !exchange {
        let _ = writeln!(out, " neighbor speakers remote-as {ASN}");
    }
    for speaker in &plan.speakers {
        if exchange {
            let _ = writeln!(out, " neighbor {} remote-as {}", speaker.address, speaker.asn);
        }
        let _ = writeln!(out, " neighbor {} peer-group speakers", speaker.address);
    }
    let family = if plan.scenario.ipv6 { "ipv6" } else { "ipv4" };
    let _ = writeln!(out, " address-family {family} unicast\n  neighbor speakers activate");
    if plan.scenario.shape == Shape::Reflector {
        out += "  neighbor speakers route-reflector-client\n";
    }
    for (speaker, med) in plan.speakers.iter().filter_map(|speaker| Some((speaker, speaker.group?))) {
        let _ = writeln!(out, "  neighbor {} route-map group{med} out", speaker.address);
    }
    out += " exit-address-family\n";
    out
}

/// bgpd, with the socket of a zebra when there is one.
#[derive(Debug)]
pub struct Bgpd {
    /// zebra's socket.
    pub zebra: Option<PathBuf>,
}

impl Program for Bgpd {
    fn kind(&self) -> &'static str {
        Frr.kind()
    }

    fn command(&self, files: &Files) -> (PathBuf, Vec<String>) {
        let (program, mut args) = Frr.command(files);
        if let Some(socket) = &self.zebra {
            args.retain(|arg| arg != "-Z" && arg != "-n"); // neither alone nor away from the kernel
            args.extend(["-z".to_owned(), socket.display().to_string()]);
        }
        (program, args)
    }

    fn control(&self, files: &Files, command: &str) -> Result<String> {
        Frr.control(files, command)
    }

    fn ready(&self) -> &'static str {
        Frr.ready()
    }
}

/// zebra, which writes bgpd's routes into the kernel.
#[derive(Debug)]
pub struct Zebra;

/// Where a zebra listens for bgpd.
pub fn zserv(files: &Files) -> PathBuf {
    files.dir.join("zserv")
}

impl Program for Zebra {
    fn kind(&self) -> &'static str {
        "zebra"
    }

    /// It wants a user and two groups of its own, and cannot be told otherwise (bgpd can): they are root's in the view of
    /// the file system that `ip netns exec` gives it, and nowhere else.
    fn command(&self, files: &Files) -> (PathBuf, Vec<String>) {
        let write = |name: &str, text: &str| {
            let path = files.dir.join(name);
            std::fs::write(&path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        };
        write("passwd", "root:x:0:0::/root:/bin/sh\nfrr:x:0:0::/root:/bin/false\n");
        write("group", "root:x:0:\nfrr:x:0:\nfrrvty:x:0:\n");
        let script = format!(
            "mount --bind {dir}/passwd /etc/passwd && mount --bind {dir}/group /etc/group && LD_LIBRARY_PATH={libraries} \
             exec {zebra} -P 0 --log stdout -f {config} --vty_socket {dir} -i {dir}/pid -z {socket}",
            dir = files.dir.display(),
            libraries = peers::libraries(&["frr/usr/lib/x86_64-linux-gnu/frr"]),
            zebra = peers::frr().with_file_name("zebra").display(),
            config = files.config.display(),
            socket = zserv(files).display(),
        );
        ("/bin/sh".into(), vec!["-c".to_owned(), script])
    }

    /// It is only asked whether it is there.
    fn control(&self, files: &Files, _: &str) -> Result<String> {
        ensure!(zserv(files).exists(), "zebra does not listen yet");
        Ok(String::new())
    }

    fn ready(&self) -> &'static str {
        ""
    }
}
