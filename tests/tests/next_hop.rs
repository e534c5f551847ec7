//! A path over a next hop that can't be reached loses to another path, though its session still stands.

use std::time::{Duration, Instant};

use roost_tests::{Bird2, Daemon, Kind, Lab, Netns, PATIENCE, Peer, Speaker, promptly, until};

const FIRST: &str = "10.65.77.0/26 via 10.9.0.2 dev eth0";
const SECOND: &str = "10.65.77.0/26 via 10.10.0.2 dev eth1";
const SOON: Duration = Duration::from_secs(1);

#[test]
fn a_path_over_a_dead_link_loses_while_its_session_stands_and_wins_again_after_it() {
    let lab = Lab::new("nexthop");
    let (node, first, second) = (lab.netns("node"), lab.netns("first"), lab.netns("second"));
    lab.wire((&node, "eth0"), (&first, "eth0"));
    lab.wire((&node, "eth1"), (&second, "eth0"));
    node.ip("addr add 10.10.0.1/24 dev eth1");
    let mut speaker = Speaker::new("10.9.0.1/24", &[])
        .with_peer(Peer::new("10.9.0.2", 64512))
        .with_peer(Peer::new("10.10.0.2", 64512));
    speaker.address_device(&node, "eth0");
    speaker.more = "pools: [{ cidr: 10.65.0.0/16, mode: direct }]".into();
    let birds = [("10.9.0.2/24", "10.9.0.1", &first, 200), ("10.10.0.2/24", "10.10.0.1", &second, 100)];
    let _birds = birds.map(|(address, node, ns, local_pref)| {
        let bird = Speaker::new(address, &["10.65.77.0/26"]).with_peer(Peer::new(node, 64512));
        bird.address_device(ns, "eth0");
        let plain = "export where proto = \"blocks_ipv4\"";
        let filter = format!("if proto = \"blocks_ipv4\" then {{ bgp_local_pref = {local_pref}; accept; }} reject;");
        let config = bird.bird2();
        assert!(config.contains(plain), "{config}");
        Daemon::start(Bird2 { recover: true }, ns, &config.replace(plain, &format!("export filter {{ {filter} }}")))
    });
    let roost = speaker.start(Kind::Roost, &node);
    holds(&node, FIRST, &roost);
    // The other path is there too, only less preferred.
    until("both paths", PATIENCE, || {
        let routes = roost.ask("show routes");
        if routes.contains("lower local preference") { Ok(()) } else { Err(routes) }
    });

    let mut slower = Duration::ZERO;
    let mut round = || {
        let down = Instant::now();
        node.ip("link set eth0 down");
        holds(&node, SECOND, &roost);
        slower = down.elapsed();
        let (routes, peers) = (roost.ask("show routes"), roost.ask("show peers"));
        assert!(routes.contains("next hop 10.9.0.2 can't be reached"), "{routes}");
        assert_eq!(peers.matches("established").count(), 2, "{peers}");
        let up = Instant::now();
        node.ip("link set eth0 up");
        holds(&node, FIRST, &roost);
        slower.max(up.elapsed())
    };
    for _ in 0..3 {
        promptly("the other path", SOON, &mut round);
    }
    let routes = roost.ask("show routes");
    assert!(!routes.contains("can't be reached"), "{routes}");
}

#[track_caller]
fn holds(ns: &Netns, wanted: &str, roost: &Daemon) {
    until(wanted, PATIENCE, || {
        let have = ns.routes("proto bird");
        if have == [wanted] { Ok(()) } else { Err(format!("{have:?}\n{}", roost.ask("show routes"))) }
    });
}
