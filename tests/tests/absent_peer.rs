//! One absent peer delays nothing: what the others announce is in the kernel within a second.
//!
//! BIRD in graceful-restart recovery installs no route at all until every configured peer has finished sending or
//! four minutes have passed; a single dead node then keeps a restarted one without routes. roost must not.

use std::time::{Duration, Instant};

use roost_tests::{Daemon, Kind, Lab, PATIENCE, Peer, RouteWatch, Speaker, promptly, until};

const PROMISE: Duration = Duration::from_secs(1);
/// There is one start only to measure; who waits for an absent peer waits for 15 s.
const NO_WAIT: Duration = Duration::from_secs(10);

#[test]
fn one_absent_peer_delays_nothing() {
    let lab = Lab::new("absent");
    let lan = lab.lan("lan");
    let (ns_a, ns_b, ns_c) = (lab.netns("a"), lab.netns("b"), lab.netns("c"));
    for (n, ns) in [&ns_a, &ns_b, &ns_c].into_iter().enumerate() {
        lan.plug(&lab, ns, "eth0", &format!("port{n}"));
    }
    // b is there and speaks; c is there and refuses (no daemon); 10.9.0.4 is not there at all.
    let a = Speaker::new("10.9.0.1/24", &["10.65.1.0/26"])
        .with_peer(Peer::new("10.9.0.2", 64512))
        .with_peer(Peer::new("10.9.0.3", 64512))
        .with_peer(Peer::new("10.9.0.4", 64512));
    let mut b = Speaker::new("10.9.0.2/24", &["10.65.2.0/26"]).with_peer(Peer::new("10.9.0.1", 64512));
    b.more = "protocol static later { disabled; ipv4; route 10.65.22.0/26 blackhole; }".into();
    let bird_more = b.bird2().replace("export where proto = \"blocks_ipv4\"", "export where source = RTS_STATIC");
    a.address_device(&ns_a, "eth0");
    b.address_device(&ns_b, "eth0");
    ns_c.ip("addr add 10.9.0.3/24 dev eth0");

    // A route that a former run left and nobody wants any more: it makes this start a restart, in which End-of-RIBs
    // are awaited before anything is removed.
    ns_a.ip("route add blackhole 10.65.99.0/26 proto bird");

    let watch = RouteWatch::start(&ns_a);
    let start = watch.mark();
    let bird = Daemon::start(roost_tests::Bird2::default(), &ns_b, &bird_more);
    let roost = a.start(Kind::Roost, &ns_a);

    watch.wait_for("its own block", start, PATIENCE, |line| line.starts_with("blackhole 10.65.1.0/26"));
    let established = until("the session with b", PATIENCE, || {
        let peers = bird.ask("show protocols peer_0");
        if peers.contains("Established") { Ok(Instant::now()) } else { Err(peers) }
    });
    let installed =
        watch.wait_for("the block of b", start, PATIENCE, |line| line.starts_with("10.65.2.0/26 via 10.9.0.2"));
    let took = installed.at.saturating_duration_since(established);
    assert!(took < NO_WAIT, "b's block took {took:?} after the session was up");

    // A later announcement is just as fast, with two peers absent.
    promptly("the later block", PROMISE, || {
        let mark = watch.mark();
        let announced = Instant::now();
        bird.ask("enable later");
        let line =
            watch.wait_for("the later block", mark, PATIENCE, |line| line.starts_with("10.65.22.0/26 via 10.9.0.2"));
        bird.ask("disable later");
        watch.wait_for("its withdrawal", mark, PATIENCE, |line| line.starts_with("Deleted 10.65.22.0/26"));
        line.at.saturating_duration_since(announced)
    });

    // Nor does the removal of what is not wanted wait for ever.
    watch.wait_for("the left-over route to go", start, PATIENCE, |line| {
        line.starts_with("Deleted blackhole 10.65.99.0")
    });

    // And the absent ones are told apart, in words.
    let peers = json(&roost.ask("show peers --json"));
    let reason = |address: &str| {
        let rows = peers.as_array().cloned().unwrap_or_default();
        let row = rows.into_iter().find(|row| row["address"] == address);
        row.and_then(|row| row["reason"].as_str().map(str::to_lowercase)).unwrap_or_default()
    };
    assert!(reason("10.9.0.3").contains("refused"), "{peers:#}");
    assert!(!reason("10.9.0.4").is_empty() && reason("10.9.0.4") != reason("10.9.0.3"), "{peers:#}");
}

#[track_caller]
fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("not JSON ({error}): {text}"))
}
