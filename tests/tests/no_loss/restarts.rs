//! The daemon of a node ends and comes back, in all the ways it does; beside it a roost and a BIRD.

use std::time::Duration;

use roost_tests::{Kind, PATIENCE, Peer, until};
use serde_json::Value;

use crate::lab::{Mesh, Node, Seen};

const BESIDE_BOTH: [Kind; 3] = [Kind::Roost, Kind::Roost, Kind::Bird2];

/// How a daemon ends.
#[derive(Clone, Copy)]
enum End {
    Sigterm,
    Kill9,
}

fn restart(node: &mut Node, end: End) {
    match end {
        End::Sigterm => assert!(node.daemon.stop().success(), "{}", node.daemon.log()),
        End::Kill9 => node.daemon.kill_9(),
    }
    node.daemon.launch();
}

/// `ends` one after the other, the next as soon as the peers have heard of the node's block again.
#[track_caller]
fn loses_nothing(name: &str, ends: &[End]) {
    let mut mesh = Mesh::converged(name, &BESIDE_BOTH);
    let witness = mesh.witness();
    for end in ends {
        restart(&mut mesh.nodes[0], *end);
        mesh.nodes[0].has_told(2);
    }
    mesh.settled();
    witness.end().nothing_lost().no_route_touched();
}

#[test]
fn control_a_route_that_goes_is_seen_as_loss_both_in_packets_and_in_notices() {
    let mesh = Mesh::converged("control", &[Kind::Bird2, Kind::Bird2]);
    let node = &mesh.nodes[0].ns;
    let witness = mesh.witness();
    // For as long as the second command takes to start.
    node.ip("route del 10.65.2.0/26");
    node.ip("route add 10.65.2.0/26 via 10.9.0.2 proto bird");
    let seen = witness.end();
    let lost: Vec<usize> = seen.outcomes.iter().map(|outcome| outcome.lost.len()).collect();
    assert!(lost[0] > 0 && lost[1] == 0, "from the node's pod some are lost, to it none: {seen}");
    assert!(seen.notices[0].contains("Deleted 10.65.2.0/26"), "{seen}");
    let judged = |judge: fn(&Seen) -> &Seen| std::panic::catch_unwind(|| judge(&seen)).is_ok();
    assert!(!judged(Seen::nothing_lost) && !judged(Seen::no_route_deleted) && !judged(Seen::no_route_touched));
}

#[test]
fn sigterm_and_start() {
    loses_nothing("sigterm", &[End::Sigterm]);
}

#[test]
fn kill_9_and_start() {
    loses_nothing("killnine", &[End::Kill9]);
}

#[test]
fn killed_twice_within_five_seconds() {
    loses_nothing("killtwice", &[End::Kill9, End::Kill9]);
}

#[test]
fn ended_and_killed_within_five_seconds() {
    loses_nothing("endkill", &[End::Sigterm, End::Kill9]);
}

/// Killed again at the worst moment: its sessions are up, it has announced its block, and its End-of-RIB is not out.
#[test]
fn killed_again_while_peers_wait_for_its_end_of_rib() {
    let mut mesh = Mesh::converged("killagain", &BESIDE_BOTH);
    // A peer that never comes makes the startup last.
    mesh.nodes[0].speaker.peers.push(Peer::new("10.9.0.77", 64512));
    let config = mesh.nodes[0].speaker.roost(&mesh.nodes[0].ns);
    mesh.nodes[0].daemon.write_config(&config);
    let witness = mesh.witness();
    for _ in 0..2 {
        restart(&mut mesh.nodes[0], End::Kill9);
        mesh.nodes[0].has_told(2);
    }
    restart(&mut mesh.nodes[0], End::Sigterm);
    mesh.nodes[0].has_told(2);
    witness.end().nothing_lost().no_route_touched();
}

/// BIRD's pods are killed, not ended: their grace period is zero.
#[test]
fn upgrade_from_bird_2_and_back() {
    let mut mesh = Mesh::converged("upgrade", &[Kind::Bird2, Kind::Roost, Kind::Bird2]);
    let witness = mesh.witness();
    let node = &mut mesh.nodes[0];
    node.daemon.kill_9();
    node.becomes(Kind::Roost);
    mesh.settled();
    let node = &mut mesh.nodes[0];
    assert!(node.daemon.stop().success());
    node.becomes(Kind::Bird2);
    mesh.settled();
    // BIRD reads the kernel's routes each two seconds, and then does what it thinks is to be done.
    std::thread::sleep(Duration::from_secs(3));
    witness.end().nothing_lost().no_route_touched();
}

impl Node {
    /// Waits until so many peers have a session and have been sent an UPDATE. Who is killed between the two loses his
    /// routes: of two restarts in a row the first may not leave anything stale (RFC 4724 §4.2).
    #[track_caller]
    fn has_told(&self, count: usize) {
        until("the sessions, and what they are told", PATIENCE, || {
            let rows: Vec<Value> = serde_json::from_str(&self.daemon.ask("show peers --json")).expect("JSON");
            let up = rows.iter().filter(|row| row["state"] == "established").filter_map(|row| row["address"].as_str());
            let peers: Vec<_> = up.map(|peer| self.daemon.ask(&format!("show peer {peer} --json"))).collect();
            let parsed = peers.iter().map(|peer| serde_json::from_str::<Value>(peer).expect("JSON"));
            let told = parsed.filter(|peer| peer["messages"]["update_out"].as_u64() > Some(0)).count();
            if told == count { Ok(()) } else { Err(format!("{rows:#?}{peers:#?}")) }
        });
    }

    /// The same node with another program.
    #[track_caller]
    fn becomes(&mut self, kind: Kind) {
        self.daemon = self.speaker.start(kind, &self.ns);
        self.kind = kind;
    }
}
