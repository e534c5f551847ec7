//! roost tells the service manager how it stands (sd_notify(3)); this test is the service manager.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use roost_tests::{PATIENCE, peers};

/// What comes until a message begins with this; that one is the last.
fn until(socket: &UnixDatagram, wanted: &str) -> Vec<String> {
    let mut heard = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let length = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("no {wanted} ({error}) after {heard:?}"));
        heard.extend(String::from_utf8_lossy(&buffer[..length]).lines().map(str::to_owned));
        if heard.last().is_some_and(|last| last.starts_with(wanted)) {
            return heard;
        }
    }
}

#[test]
fn the_service_manager_hears_that_roost_runs_how_it_stands_that_it_turns_and_that_it_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let socket = UnixDatagram::bind(path("notify")).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    let config = format!(
        "router: {{ asn: 64512, router_id: 10.9.0.1, listen: [] }}\nfib: {{ enabled: false }}\n\
         peers: [{{ address: 127.0.0.99, asn: 64512, port: 9 }}]\napi: {{ socket: {} }}\n",
        path("roost.sock").display()
    );
    std::fs::write(path("roost.yaml"), config).expect("the file can be written");
    let mut roost = Command::new(peers::roost());
    roost.arg("run").arg("--config").arg(path("roost.yaml"));
    roost.env("NOTIFY_SOCKET", path("notify")).env("WATCHDOG_USEC", "300000").env_remove("WATCHDOG_PID");
    let mut roost = roost.spawn().expect("roost runs");

    assert_eq!(until(&socket, "READY=1"), ["READY=1"], "and nothing before");
    let refused = "STATUS=the node is not ready: of 1 peers 0 are up and have sent everything; wanted are 1";
    assert!(until(&socket, "STATUS=").last().is_some_and(|status| status.starts_with(refused)));
    for _ in 0..3 {
        until(&socket, "WATCHDOG=1");
    }
    // SAFETY: the process is a child of ours that nobody has waited for.
    #[expect(unsafe_code, reason = "std has no such call")]
    let sent = unsafe { libc::kill(i32::try_from(roost.id()).expect("a process id"), libc::SIGTERM) };
    assert_eq!(sent, 0);
    until(&socket, "STOPPING=1");
    assert!(roost.wait().expect("it ends").success());
}
