//! When every reflector vanishes, routes are held (RFC 9494): a BIRD that does not come back, with short times.

use std::time::{Duration, Instant};

use roost_tests::{Bird2, Daemon, Lab, PATIENCE, Peer, RouteWatch, Speaker, until};

/// What both sides are told, in seconds: the restart time, and the long-lived stale time after it.
const RESTART: u64 = 2;
const LONG: u64 = 6;

/// BIRD with these times.
fn bird(speaker: &Speaker) -> String {
    let config = speaker.bird2();
    let times =
        format!("graceful restart time {RESTART}; long lived graceful restart on; long lived stale time {LONG};");
    assert!(config.contains("graceful restart time 120;"));
    config.replace("graceful restart time 120;", &times)
}

fn peer(daemon: &Daemon, address: &str) -> serde_json::Value {
    let text = daemon.ask(&format!("show peer {address} --json"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn when_every_reflector_vanishes_routes_are_held_for_the_long_time_and_no_longer() {
    let lab = Lab::new("longlived");
    let lan = lab.lan("lan");
    let (ns_a, ns_b) = (lab.netns("a"), lab.netns("b"));
    lan.plug(&lab, &ns_a, "eth0", "port1");
    lan.plug(&lab, &ns_b, "eth0", "port2");
    let a = Speaker::new("10.9.0.1/24", &["10.65.1.0/26"]).with_peer(Peer::new("10.9.0.2", 64512));
    let b = Speaker::new("10.9.0.2/24", &["10.65.2.0/26"]).with_peer(Peer::new("10.9.0.1", 64512));
    a.address_device(&ns_a, "eth0");
    b.address_device(&ns_b, "eth0");
    let config = a.roost(&ns_a);
    let plain = "router: { asn: 64512, router_id: 10.9.0.1 }";
    assert!(config.contains(plain), "{config}");
    let long = "router: { asn: 64512, router_id: 10.9.0.1, graceful_restart: { long_lived: 1h } }";
    let config = config.replace(plain, long);
    let watch = RouteWatch::start(&ns_a);
    let start = watch.mark();
    let mut reflector = Daemon::start(Bird2 { recover: true }, &ns_b, &bird(&b));
    let roost = Daemon::start(roost_tests::Roost, &ns_a, &config);
    watch.wait_for("b's block", start, PATIENCE, |line| line.starts_with("10.65.2.0/26 via 10.9.0.2"));
    // BIRD says it knows, and was told that we do.
    let negotiated = peer(&roost, "10.9.0.2");
    let capabilities = negotiated["capabilities"].to_string();
    assert!(capabilities.contains("long-lived graceful restart") && capabilities.contains("6 s"), "{negotiated:#}");
    let told = reflector.ask("show protocols all peer_0");
    assert!(told.to_lowercase().contains("long-lived graceful restart"), "{told}");

    let mark = watch.mark();
    let lost = Instant::now();
    reflector.kill_9();
    let stale = until("the route is long-lived stale", PATIENCE, || {
        let peer = peer(&roost, "10.9.0.2");
        let routes = roost.ask("show route 10.65.2.0/26 --json");
        if peer["long_lived"] == serde_json::json!(["ipv4"]) && routes.contains("llgr-stale") {
            Ok(peer)
        } else {
            Err(format!("{peer:#}\n{routes}"))
        }
    });
    assert_eq!(stale["stale"], 1, "{stale:#}");
    assert!(lost.elapsed() >= Duration::from_secs(RESTART));
    assert!(
        !watch.since(mark).iter().any(|line| line.text.contains("10.65.2.0/26")),
        "the kernel has forwarded so far"
    );

    let gone = watch.wait_for("its end", mark, PATIENCE, |line| line.starts_with("Deleted 10.65.2.0/26"));
    let held = gone.at.saturating_duration_since(lost);
    assert!(held >= Duration::from_secs(RESTART + LONG - 1), "held for {held:?} only");
    assert_eq!(peer(&roost, "10.9.0.2")["stale"], 0);

    // It does come back, and all is as before; then once more, and back in the long time: nothing moves.
    reflector.launch();
    watch.wait_for("b's block again", mark, PATIENCE, |line| line.starts_with("10.65.2.0/26 via 10.9.0.2"));
    let mark = watch.mark();
    reflector.kill_9();
    until("long-lived once more", PATIENCE, || {
        let peer = peer(&roost, "10.9.0.2");
        if peer["long_lived"] == serde_json::json!(["ipv4"]) { Ok(()) } else { Err(format!("{peer:#}")) }
    });
    reflector.launch();
    until("the session, with nothing stale", PATIENCE, || {
        let peer = peer(&roost, "10.9.0.2");
        let good = peer["state"] == "established" && peer["stale"] == 0 && peer["received"] == 1;
        if good { Ok(()) } else { Err(format!("{peer:#}")) }
    });
    assert!(!watch.since(mark).iter().any(|line| line.text.contains("10.65.2.0/26")), "{:?}", watch.since(mark));
}
