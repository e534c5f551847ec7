//! The unit: systemd finds it well-formed and says how much it exposes, and roost does with what the unit allows.

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use roost_tests::{Lab, PATIENCE, peers, process::Process, until};

use super::{example, text};

const UNIT: &str = "systemd/roost.service";
/// What `systemd-analyze security` says of it, in tenths: "1.6 OK". A later systemd may look at more.
const EXPOSURE: u32 = 16;
/// nobody, in the place of the user roost.
const USER: u32 = 65_534;

/// All words that the unit gives for a key.
fn words(key: &str) -> Vec<String> {
    let unit = text(UNIT);
    let values = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    values.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

/// Runs systemd-analyze; whether it succeeded, and all it printed.
#[track_caller]
fn analyze(arguments: &[&str], file: &Path) -> (bool, String) {
    let mut command = Command::new("systemd-analyze");
    command.arg("--no-pager").args(arguments).arg(file).env("SYSTEMD_COLORS", "0");
    let output = command.output().unwrap_or_else(|error| panic!("systemd-analyze ({error}): type `tests/setup`"));
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn systemd_understands_every_line_of_the_unit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // It looks for the program, which is not installed here.
    let installed = text(UNIT).replace("/usr/local/bin/roost", &peers::roost().display().to_string());
    let unit = folder.path().join("roost.service");
    std::fs::write(&unit, &installed).expect("the folder takes a file");
    assert_eq!(analyze(&["verify", "--man=no"], &unit), (true, String::new()));

    std::fs::write(&unit, installed.replace("ProtectHome=yes", "ProtectHomes=yes")).expect("the folder takes a file");
    let (_, said) = analyze(&["verify", "--man=no"], &unit);
    assert!(said.contains("Unknown key 'ProtectHomes'"), "a mistake is not seen: {said}");
}

#[test]
fn it_exposes_no_more_than_it_says() {
    let threshold = format!("--threshold={EXPOSURE}");
    let (well, said) = analyze(&["security", "--offline=yes", &threshold], &example(UNIT));
    assert!(well, "above {EXPOSURE} tenths:\n{said}");
    let figure = format!("{}.{}", EXPOSURE / 10, EXPOSURE % 10);
    assert!(text(UNIT).contains(&format!("exposure level is {figure}")), "the unit does not say {figure}");
    for capability in ["CapabilityBoundingSet", "AmbientCapabilities"] {
        assert_eq!(words(capability), ["CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"]);
    }
}

/// The system calls that the unit's filter lets through.
fn allowed() -> BTreeSet<String> {
    let unit = text(UNIT);
    let mut allowed = BTreeSet::new();
    for line in unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let (denied, sets) = line.strip_prefix('~').map_or((false, line), |sets| (true, sets));
        for set in sets.split_whitespace() {
            for call in calls(set) {
                if denied {
                    allowed.remove(&call)
                } else {
                    allowed.insert(call)
                };
            }
        }
    }
    allowed
}

/// The calls of one of systemd's sets, and of the sets in it.
fn calls(set: &str) -> BTreeSet<String> {
    let (well, said) = analyze(&["syscall-filter"], Path::new(set));
    assert!(well, "{said}");
    let members = said.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#') && *line != set);
    members
        .flat_map(|member| if member.starts_with('@') { calls(member) } else { [member.to_owned()].into() })
        .collect()
}

/// The numbers of signals and exits aside, a line of strace is `PID CALL(…`, or `PID <... CALL resumed>…`.
fn made(trace: &str) -> BTreeSet<String> {
    let call = |line: &str| {
        let line = line.split_once(' ')?.1.trim_start();
        let name = line.strip_prefix("<... ").map_or_else(|| line.split('('), |resumed| resumed.split(' ')).next()?;
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then(|| name.to_owned())
    };
    trace.lines().filter_map(call).collect()
}

#[test]
fn roost_does_with_the_user_the_capabilities_and_the_system_calls_of_the_unit() {
    let lab = Lab::new("systemd");
    let (ns, other) = (lab.netns("a"), lab.netns("b"));
    lab.wire((&ns, "eth0"), (&other, "eth0"));
    ns.ip("addr add 10.9.0.1/24 dev eth0");
    // Folders as the unit makes them: of the user, and not in a folder of root's.
    std::fs::set_permissions(lab.dir(), PermissionsExt::from_mode(0o755)).expect("ours");
    let run = lab.dir().join("run");
    std::fs::create_dir(&run).expect("a new lab");
    chown(&run, Some(USER), Some(USER)).expect("we are root");
    let (program, config, trace) = (lab.dir().join("roost"), lab.dir().join("roost.yaml"), run.join("trace"));
    std::fs::copy(peers::roost(), &program).expect("the lab's folder takes a file");
    let socket = run.join("roost.sock");
    let yaml = format!(
        "router: {{ asn: 64512 }}\nnode: {{ addresses: [10.9.0.1/24], blocks: [10.65.1.0/26] }}\n\
         peers: [{{ address: 10.9.0.2, asn: 64512, password: x }}]\n\
         pools: [{{ cidr: 10.65.0.0/16, mode: vxlan-cross-subnet, manage: true }}]\n\
         api: {{ socket: {} }}\nmetrics: {{ listen: 127.0.0.1:9179 }}\n",
        socket.display()
    );
    std::fs::write(&config, yaml).expect("the lab's folder takes a file");

    let capabilities: Vec<_> = words("AmbientCapabilities")
        .iter()
        .map(|name| format!("+{}", name.trim_start_matches("CAP_").to_lowercase()))
        .collect();
    let capabilities = format!("-all,{}", capabilities.join(","));
    let mut command = ns.command("setpriv");
    command.args([&format!("--reuid={USER}"), &format!("--regid={USER}"), "--clear-groups", "--no-new-privs"]);
    for set in ["bounding-set", "inh-caps", "ambient-caps"] {
        command.arg(format!("--{set}={capabilities}"));
    }
    command.args(["strace", "-f", "-qq", "-o"]).arg(&trace).arg(&program).args(["run", "--config"]).arg(&config);
    let mut roost = Process::start(command, "roost", lab.dir());
    until("the blackhole of the node's block", PATIENCE, || {
        let ended = roost.ended();
        assert!(ended.is_none(), "roost ended: {ended:?}\n{}", roost.log());
        let routes = ns.routes("proto bird");
        if routes == ["blackhole 10.65.1.0/26"] { Ok(()) } else { Err(format!("{routes:?}\n{}", roost.log())) }
    });
    let listening = ns.run("ss -Hltn sport = :179");
    assert!(listening.contains("0.0.0.0:179"), "{listening}\n{}", roost.log());
    let ask = |words: &[&str]| {
        let output = Command::new(&program).arg("--socket").arg(&socket).args(words).output().expect("roost runs");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    until("roost's control socket", PATIENCE, || {
        std::os::unix::net::UnixStream::connect(&socket).map(drop).map_err(|error| format!("{error}\n{}", roost.log()))
    });
    ask(&["announce", "10.65.1.64/26"]);
    ask(&["show", "status"]);
    let pid = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", roost.pid())).expect("strace has a child");
    ns.run(&format!("kill -HUP {pid}"));
    ask(&["show", "routes"]);
    ns.run(&format!("kill -TERM {pid}"));
    until("roost ends", PATIENCE, || roost.ended().ok_or_else(|| roost.log()));

    let made = made(&std::fs::read_to_string(&trace).expect("strace has written"));
    assert!(made.contains("sendto") || made.contains("sendmsg"), "{made:?}");
    let allowed = allowed();
    assert!(allowed.contains("prlimit64") && !allowed.contains("mount"), "the sets are not read right: {allowed:?}");
    let denied: Vec<_> = made.difference(&allowed).collect();
    assert!(denied.is_empty(), "the unit does not allow {denied:?}");
}
