//! A peer that is added at run time, beside BIRD 2: it comes up, is there after a kill, and goes again, while the others
//! take no notice. A pool that is added moves the kernel's routes.

use roost_tests::{Daemon, Kind, Lab, PATIENCE, Peer, Speaker, until};
use serde_json::Value;

/// The peer's own words for it.
fn about(roost: &Daemon, address: &str) -> Value {
    let text = roost.ask(&format!("show peer {address} --json"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// How often the session has begun.
fn sessions(roost: &Daemon, address: &str) -> u64 {
    about(roost, address)["established_count"].as_u64().unwrap_or_default()
}

#[track_caller]
fn holds(daemon: &Daemon, roost: &Daemon, routes: &[&str]) {
    daemon.ns().wait_for_routes(routes, PATIENCE, || roost.ask("show peers"));
}

#[test]
fn a_peer_added_at_run_time_is_kept_over_a_kill_until_it_is_removed_and_the_others_take_no_notice() {
    let lab = Lab::new("runtime");
    let (a, b, c) = (lab.netns("a"), lab.netns("b"), lab.netns("c"));
    lab.wire((&a, "eth0"), (&b, "eth0"));
    lab.wire((&a, "eth1"), (&c, "eth0"));
    a.ip("addr add 10.8.0.1/24 dev eth1");
    let speakers = [
        Speaker::new("10.9.0.1/24", &["10.65.1.0/26"]).with_peer(Peer::new("10.9.0.2", 64512)),
        Speaker::new("10.9.0.2/24", &["10.65.2.0/26"]).with_peer(Peer::new("10.9.0.1", 64512)),
        Speaker::new("10.8.0.3/24", &["10.65.3.0/26"]).with_peer(Peer::new("10.8.0.1", 64512)),
    ];
    for (speaker, ns) in speakers.iter().zip([&a, &b, &c]) {
        speaker.address_device(ns, "eth0");
    }
    let [one, two, three] = speakers;
    let (_two, three) = (two.start(Kind::Bird2, &b), three.start(Kind::Bird2, &c));
    let mut roost = one.start(Kind::Roost, &a);
    let without = ["blackhole 10.65.1.0/26", "10.65.2.0/26 via 10.9.0.2 dev eth0"];
    let with = [without[0], without[1], "10.65.3.0/26 via 10.8.0.3 dev eth1"];
    holds(&roost, &roost, &without);

    // What the file has is the file's, and what is wrong is said as of a file.
    let refused = format!("{:#}", roost.control("peer add 10.9.0.2 --as 65001").unwrap_err());
    assert!(refused.contains("peer 10.9.0.2 is in ") && refused.contains(", line "), "{refused}");
    let refused = format!("{:#}", roost.control("peer add 10.8.0.3 --as 0 --set hold_time=2s").unwrap_err());
    assert!(refused.contains("asn: AS 0 names no AS") && refused.contains("hold_time: "), "{refused}");

    let said =
        roost.ask("peer add 10.8.0.3 --as 64512 --set source=10.8.0.1 --set connect_retry=1s --set idle_hold=100ms");
    assert!(said.contains("\npeer 10.8.0.3: added\n") && said.contains("no session was ended"), "{said}");
    holds(&roost, &roost, &with);
    holds(&three, &roost, &["10.65.1.0/26 via 10.8.0.1 dev eth0", "blackhole 10.65.3.0/26"]);
    assert_eq!(about(&roost, "10.8.0.3")["origin"], "api");
    let shown = roost.ask("show config");
    assert!(shown.contains("10.9.0.2") && shown.contains("# Set at run time:\n# KIND  NAME      "), "{shown}");
    assert_eq!([sessions(&roost, "10.9.0.2"), sessions(&roost, "10.8.0.3")], [1, 1]);

    roost.kill_9();
    roost.launch();
    until("both sessions are back", PATIENCE, || {
        let up = ["10.9.0.2", "10.8.0.3"].map(|peer| about(&roost, peer)["state"] == "established");
        if up == [true; 2] { Ok(()) } else { Err(format!("{up:?}\n{}", roost.ask("show peers"))) }
    });
    holds(&roost, &roost, &with);

    let before = sessions(&roost, "10.9.0.2");
    let said = roost.ask("peer remove 10.8.0.3");
    assert!(said.contains("one session was ended: 10.8.0.3"), "{said}");
    holds(&roost, &roost, &without);
    holds(&three, &roost, &["blackhole 10.65.3.0/26"]);
    assert_eq!(sessions(&roost, "10.9.0.2"), before);
    roost.kill_9();
    roost.launch();
    holds(&roost, &roost, &without);
    assert!(roost.control("show peer 10.8.0.3").is_err(), "{}", roost.ask("show peers"));
    assert_eq!(roost.ask("show overlay"), "No peer and no pool was set at run time.\n");

    // The kernel's routes move to a pool's settings, and back.
    let refused = format!("{:#}", roost.control("peer remove 10.9.0.2").unwrap_err());
    assert!(refused.contains(", line ") && refused.contains("remove it there"), "{refused}");
    let metric = |wanted: bool| {
        until("the route's metric", PATIENCE, || {
            let route = a.ip("route show 10.65.2.0/26");
            if route.contains("via 10.9.0.2") && route.contains("metric 77") == wanted { Ok(()) } else { Err(route) }
        });
    };
    metric(false);
    roost.ask("pool add 10.65.0.0/16 --set metric=77");
    metric(true);
    let pools: Value = serde_json::from_str(&roost.ask("show pools --json")).expect("JSON");
    let pool = &pools[0];
    assert_eq!((&pool["origin"], &pool["line"], &pool["metric"]), (&"api".into(), &Value::Null, &"77".into()));
    assert_eq!((&pool["cidr"], &pool["routes"]["wanted"]), (&"10.65.0.0/16".into(), &2.into()), "{pool:#}");
    roost.ask("pool remove 10.65.0.0/16");
    metric(false);
}
