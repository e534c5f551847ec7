//! A switch announces a default route and other ways around the mesh: nodes behind the router are reached as before, by
//! the node's own way where it has one, and by the switch's where it has none. No prefix is ever written as unreachable,
//! and routes that lead to each other are not followed in a circle.
//!
//! ```text
//!   a 172.16.1.1 ── 172.16.1.254, .253 tor 172.16.2.254 ── 172.16.2.3 c        pod 10.66.3.1 on c
//! ```
//!
//! `a` is roost, `c` BIRD 2 of its AS behind the router, and `tor` BIRD 2 of another AS, which is also the router, so that
//! packets show whether a way is one.

use roost_tests::{Bird2, Daemon, Lab, Netns, PATIENCE, Peer, Roost, RouteWatch, Speaker, until};

const POD: &str = "10.66.3.0/26";

struct Rack {
    a: Netns,
    roost: Daemon,
    tor: Daemon,
    c: Daemon,
    _lab: Lab,
}

impl Rack {
    /// `prepare` is done to `a` before roost starts.
    #[track_caller]
    fn start(name: &str, prepare: impl Fn(&Netns)) -> Rack {
        let lab = Lab::new(name);
        let [a, tor, c, far] = ["a", "tor", "c", "far"].map(|name| lab.netns(name));
        lab.wire((&a, "eth0"), (&tor, "eth0"));
        lab.wire((&tor, "eth1"), (&c, "eth0"));
        // Not every kernel has ipip. A veth takes the same routes and shows them in the same words.
        lab.wire((&a, "tunl0"), (&far, "eth0"));
        let mut speaker_a = Speaker::new("172.16.1.1/24", &["10.66.1.0/26"])
            .with_peer(Peer::new("172.16.1.254", 65000))
            .with_peer(Peer::new("172.16.2.3", 64512));
        speaker_a.more =
            "pools: [ { cidr: 10.65.0.0/16, mode: ipip, device: tunl0 }, { cidr: 10.66.0.0/16 } ]".to_owned();
        let mut speaker_tor =
            Speaker { asn: 65000, ..Speaker::new("172.16.1.254/24", &[]).with_peer(Peer::new("172.16.1.1", 64512)) };
        speaker_tor.more = "protocol static way { disabled; ipv4; route 0.0.0.0/0 blackhole; }".to_owned();
        let mut speaker_c =
            Speaker::new("172.16.2.3/24", &["10.65.3.0/26", POD]).with_peer(Peer::new("172.16.1.1", 64512));
        speaker_c.more = "protocol static ring { disabled; ipv4; route 198.51.100.0/24 blackhole;\n\
                          route 203.0.113.0/24 blackhole; route 172.16.0.0/16 blackhole; }"
            .to_owned();
        for (speaker, ns) in [(&speaker_a, &a), (&speaker_tor, &tor), (&speaker_c, &c)] {
            speaker.address_device(ns, "eth0");
        }
        tor.ip("addr add 172.16.1.253/24 dev eth0");
        tor.ip("addr add 172.16.2.254/24 dev eth1");
        tor.ip(&format!("route add {POD} via 172.16.2.3"));
        tor.sysctl("ipv4/ip_forward", "1");
        c.ip("route add 172.16.1.0/24 via 172.16.2.254");
        c.ip("addr add 10.66.3.1/32 dev lo");
        prepare(&a);
        // Their own kernels are the router's and the pod's, and none of this is for them.
        let start = |speaker: &Speaker, ns, export: &str| {
            let config =
                speaker.bird2().replace("export where source = RTS_BGP || proto = \"blocks_ipv4\"", "export none");
            let config = config.replace("export where proto = \"blocks_ipv4\"", export);
            Daemon::start(Bird2 { recover: true }, ns, &config)
        };
        let tor = start(&speaker_tor, &tor, "export where source = RTS_STATIC");
        // Each of the two leads into the other, and the third is where its own next hop is.
        let ring = "export filter { if source != RTS_STATIC then reject;\n\
                    if net = 198.51.100.0/24 then bgp_next_hop = 203.0.113.1;\n\
                    if net = 203.0.113.0/24 then bgp_next_hop = 198.51.100.1;\n\
                    if net = 172.16.0.0/16 then bgp_next_hop = 172.16.77.1; accept; }";
        let c = start(&speaker_c, &c, ring);
        let roost = Daemon::start(Roost, &a, &speaker_a.roost(&a));
        Rack { a, roost, tor, c, _lab: lab }
    }

    /// Waits until the kernel of `a` has exactly these routes of roost's.
    #[track_caller]
    fn holds(&self, wanted: &[&str]) {
        until("the routes of a", PATIENCE, || {
            let mut have = self.a.routes("");
            have.retain(|line| line.contains(" proto bird"));
            let fib = || self.roost.control("show fib").unwrap_or_else(|error| format!("{error:#}"));
            if have == wanted { Ok(()) } else { Err(format!("want {wanted:#?}\nhave {have:#?}\n{}", fib())) }
        });
    }

    /// Waits until a prefix is withheld for this reason.
    #[track_caller]
    fn withholds(&self, prefix: &str, reason: &str) {
        until(&format!("{prefix} is withheld"), PATIENCE, || {
            let text = self.roost.ask("show fib --json");
            let rows: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            let row = rows.as_array().and_then(|rows| rows.iter().find(|row| row["prefix"] == prefix));
            let told = row.is_some_and(|row| {
                row["state"] == "withheld" && row["reason"].as_str().is_some_and(|told| told.contains(reason))
            });
            if told { Ok(()) } else { Err(format!("{text}\n{}", self.roost.ask("show routes"))) }
        });
    }

    #[track_caller]
    fn pod_answers(&self) {
        let ping = self.a.run("ping -c 1 -W 5 10.66.3.1");
        assert!(ping.contains("1 received"), "{ping}");
    }
}

const OWN: &str = "blackhole 10.66.1.0/26 proto bird";
const TUNNELLED: &str = "10.65.3.0/26 via 172.16.2.3 dev tunl0 proto bird onlink";
const BY_OWN_WAY: &str = "10.66.3.0/26 via 172.16.1.253 dev eth0 proto bird";
const BY_SWITCH: &str = "10.66.3.0/26 via 172.16.1.254 dev eth0 proto bird";
const DEFAULT: &str = "default via 172.16.1.254 dev eth0 proto bird";

#[test]
fn a_default_route_of_a_switch_that_comes_goes_dies_and_returns_moves_no_route_of_the_mesh() {
    let rack = &mut Rack::start("capture", |a| drop(a.ip("route add default via 172.16.1.253 proto dhcp metric 100")));
    rack.holds(&[TUNNELLED, OWN, BY_OWN_WAY]);
    rack.pod_answers();
    let watch = RouteWatch::start(&rack.a);
    let mark = watch.mark();
    rack.tor.ask("enable way");
    rack.holds(&[DEFAULT, TUNNELLED, OWN, BY_OWN_WAY]);
    rack.pod_answers();
    rack.tor.ask("disable way");
    rack.holds(&[TUNNELLED, OWN, BY_OWN_WAY]);
    rack.tor.ask("enable way");
    rack.holds(&[DEFAULT, TUNNELLED, OWN, BY_OWN_WAY]);
    rack.tor.kill_9();
    rack.tor.launch();
    // It starts again without what it was told at run time.
    rack.holds(&[TUNNELLED, OWN, BY_OWN_WAY]);
    rack.pod_answers();
    let moved: Vec<String> = watch.about(mark, &[POD, "10.65.3.0/26"]).into_iter().map(|line| line.text).collect();
    assert!(moved.is_empty(), "{moved:#?}");
    let others: Vec<String> = watch.since(mark).into_iter().map(|line| line.text).collect();
    assert!(!others.iter().any(|line| line.contains("unreachable")), "{others:#?}");
}

#[test]
fn without_a_way_of_its_own_a_node_reaches_the_mesh_by_the_default_route_of_a_switch_while_there_is_one() {
    let rack = Rack::start("lastresort", |a| drop(a.ip("route add default via 172.16.1.253 proto dhcp metric 100")));
    rack.holds(&[TUNNELLED, OWN, BY_OWN_WAY]);
    rack.tor.ask("enable way");
    rack.holds(&[DEFAULT, TUNNELLED, OWN, BY_OWN_WAY]);
    let watch = RouteWatch::start(&rack.a);
    let mark = watch.mark();
    rack.a.ip("route del default proto dhcp");
    rack.holds(&[DEFAULT, TUNNELLED, OWN, BY_SWITCH]);
    rack.pod_answers();
    rack.tor.ask("disable way");
    rack.holds(&[TUNNELLED, OWN]);
    rack.withholds(POD, "172.16.2.3 is unreachable");
    rack.tor.ask("enable way");
    rack.holds(&[DEFAULT, TUNNELLED, OWN, BY_SWITCH]);
    rack.pod_answers();
    rack.a.ip("route add default via 172.16.1.253 proto dhcp metric 100");
    rack.holds(&[DEFAULT, TUNNELLED, OWN, BY_OWN_WAY]);
    let told: Vec<String> = watch.about(mark, &[POD]).into_iter().map(|line| line.text).collect();
    assert_eq!(told, [BY_SWITCH, &format!("Deleted {BY_SWITCH}"), BY_SWITCH, BY_OWN_WAY]);
}

#[test]
fn routes_that_lead_to_each_other_or_to_themselves_are_led_by_another_or_withheld() {
    let rack = Rack::start("ring", |a| drop(a.ip("route add 172.16.2.0/24 via 172.16.1.253")));
    rack.holds(&[TUNNELLED, OWN, BY_OWN_WAY]);
    rack.c.ask("enable ring");
    for (prefix, next_hop) in
        [("198.51.100.0/24", "203.0.113.1"), ("203.0.113.0/24", "198.51.100.1"), ("172.16.0.0/16", "172.16.77.1")]
    {
        rack.withholds(prefix, &format!("next hop {next_hop} is unreachable"));
    }
    rack.holds(&[TUNNELLED, OWN, BY_OWN_WAY]);
    // The ring has a way out now, and each of the three goes by it.
    rack.tor.ask("enable way");
    let out = |prefix: &str| format!("{prefix} via 172.16.1.254 dev eth0 proto bird");
    let [one, two, wide] = ["198.51.100.0/24", "203.0.113.0/24", "172.16.0.0/16"].map(out);
    rack.holds(&[DEFAULT, TUNNELLED, OWN, BY_OWN_WAY, &wide, &one, &two]);
    rack.pod_answers();
    rack.tor.ask("disable way");
    rack.holds(&[TUNNELLED, OWN, BY_OWN_WAY]);
    rack.withholds("198.51.100.0/24", "next hop 203.0.113.1 is unreachable");
}
