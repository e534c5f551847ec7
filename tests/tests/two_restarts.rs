//! Two nodes of a mesh that restart at the same time: the weak spot of graceful restart (RFC 4724), as each is the
//! other's helper and neither remembers. roost keeps what it finds in its kernel until the other has said all it has.

use std::time::Duration;

use roost_tests::{Daemon, Kind, Lab, Netns, PATIENCE, Peer, RouteWatch, Speaker, until};

const NODES: [u8; 3] = [1, 2, 3];

fn routes_of(number: u8) -> Vec<String> {
    let others = NODES.into_iter().filter(|other| *other != number);
    let mut routes: Vec<_> = others.map(|other| format!("10.65.{other}.0/26 via 10.9.0.{other} dev eth0")).collect();
    routes.push(format!("blackhole 10.65.{number}.0/26"));
    routes.sort();
    routes
}

#[track_caller]
fn holds_all(ns: &Netns, number: u8) {
    until(&format!("n{number} holds all routes"), PATIENCE, || {
        let mut have = ns.routes("proto bird");
        have.sort();
        if have == routes_of(number) { Ok(()) } else { Err(format!("{have:#?}")) }
    });
}

/// Started, every session up, nothing stale, and the kernel swept.
fn settled(daemon: &Daemon) -> Result<(), String> {
    let ask = |what: &str| -> Result<serde_json::Value, String> {
        let text = daemon.control(what).map_err(|error| format!("{error:#}"))?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    };
    let (status, peers) = (ask("show status --json")?, ask("show peers --json")?);
    let good = |row: &serde_json::Value| row["state"] == "established" && row["stale"] == 0;
    let all = peers.as_array().is_some_and(|rows| rows.len() == NODES.len() - 1 && rows.iter().all(good));
    if all && status["phase"] == "running" { Ok(()) } else { Err(format!("{status:#}\n{peers:#}")) }
}

#[test]
fn two_nodes_that_restart_at_once_move_no_route_on_any_node() {
    let lab = Lab::new("tworestarts");
    let lan = lab.lan("lan");
    let mut nodes: Vec<(u8, Netns, Daemon)> = NODES
        .into_iter()
        .map(|number| {
            let ns = lab.netns(&format!("n{number}"));
            lan.plug(&lab, &ns, "eth0", &format!("port{number}"));
            let mut speaker = Speaker::new(&format!("10.9.0.{number}/24"), &[&format!("10.65.{number}.0/26")]);
            let others = NODES.into_iter().filter(|other| *other != number);
            speaker.peers = others.map(|other| Peer::new(&format!("10.9.0.{other}"), 64512)).collect();
            speaker.address_device(&ns, "eth0");
            let daemon = speaker.start(Kind::Roost, &ns);
            (number, ns, daemon)
        })
        .collect();
    for (number, ns, _) in &nodes {
        holds_all(ns, *number);
    }
    let watches: Vec<RouteWatch> = nodes.iter().map(|(_, ns, _)| RouteWatch::start(ns)).collect();
    let marks: Vec<_> = watches.iter().map(RouteWatch::mark).collect();

    for (_, _, daemon) in &mut nodes[..2] {
        daemon.kill_9();
    }
    // The scenario itself: both are away for two seconds.
    std::thread::sleep(Duration::from_secs(2));
    for (_, _, daemon) in &mut nodes[..2] {
        daemon.launch();
    }
    for (number, _, daemon) in &nodes {
        until(&format!("n{number} has settled"), PATIENCE, || settled(daemon));
    }
    for (((number, ns, _), watch), mark) in nodes.iter().zip(&watches).zip(marks) {
        let moved: Vec<_> = watch.since(mark).into_iter().filter(|line| line.text.contains("10.65.")).collect();
        assert!(moved.is_empty(), "n{number} moved routes: {moved:#?}");
        holds_all(ns, *number);
    }
}
