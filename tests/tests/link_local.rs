//! A session over link-local addresses with GTSM, beside BIRD 2: roost dials and roost answers. The routes that come of
//! it have global next hops (RFC 2545 §3), and both sides take nothing from further away than the wire (RFC 5082).

use roost_tests::{Bird2, Daemon, Lab, Netns, PATIENCE, Roost, until};

fn roost(passive: bool, ns: &Netns) -> String {
    let socket = Daemon::socket(ns, "roost");
    format!(
        "router: {{ asn: 64512, router_id: 10.9.0.1 }}\n\
         node: {{ name: a, addresses: [\"fd00:9::1/64\"], blocks: [\"fd00:65:1::/122\"] }}\n\
         pools: [ {{ cidr: \"fd00:65::/32\", mode: direct }} ]\n\
         peers:\n  - {{ address: \"fe80::2%eth0\", asn: 64512, families: [ipv6], ttl_security: 1, passive: {passive}, \
         connect_retry: 1s, idle_hold_max: 2s }}\n\
         api: {{ socket: {} }}\nlog: {{ level: debug, format: text }}\n",
        socket.display()
    )
}

fn bird(passive: bool) -> String {
    let passive = if passive { "passive;" } else { "" };
    format!(
        "log stderr all;\nrouter id 10.9.0.2;\nprotocol device {{ }}\nprotocol direct {{ ipv6; }}\n\
         protocol kernel {{ learn; persist; ipv6 {{ import all; export where source = RTS_BGP; }}; }}\n\
         protocol static blocks {{ ipv6; route fd00:65:2::/122 blackhole; }}\n\
         protocol bgp a {{\n  local fe80::2 as 64512; neighbor fe80::1%eth0 as 64512; direct; ttl security on; {passive}\n  \
         connect delay time 1; connect retry time 1; error wait time 1, 2;\n  \
         ipv6 {{ import all; export where proto = \"blocks\"; next hop address fd00:9::2; }};\n}}\n"
    )
}

#[track_caller]
fn exchange(name: &str, roost_waits: bool) {
    let lab = Lab::new(name);
    let (a, b) = (lab.netns("a"), lab.netns("b"));
    lab.wire((&a, "eth0"), (&b, "eth0"));
    for (ns, number) in [(&a, 1), (&b, 2)] {
        ns.ip(&format!("addr add fd00:9::{number}/64 dev eth0 nodad"));
        ns.ip(&format!("addr add fe80::{number}/64 dev eth0 nodad"));
    }
    let bird = Daemon::start(Bird2 { recover: false }, &b, &bird(!roost_waits));
    let roost = Daemon::start(Roost, &a, &roost(roost_waits, &a));
    let wanted = [(&a, "fd00:65:2::/122 via fd00:9::2 dev eth0"), (&b, "fd00:65:1::/122 via fd00:9::1 dev eth0")];
    for (ns, route) in wanted {
        until(&format!("{route} in {}", ns.name()), PATIENCE, || {
            let have = ns.routes6("proto bird");
            if have.iter().any(|line| line.starts_with(route)) {
                return Ok(());
            }
            let state = |daemon: &Daemon, what| daemon.control(what).unwrap_or_else(|error| format!("{error:#}"));
            Err(format!("{have:?}\n{}\n{}", state(&roost, "show peers"), state(&bird, "show protocols all a")))
        });
    }
}

#[test]
fn roost_dials_over_a_link_local_address_with_gtsm() {
    exchange("lldial", false);
}

#[test]
fn roost_answers_over_a_link_local_address_with_gtsm() {
    exchange("llwait", true);
}

/// Nothing but link-local addresses on the wire ("unnumbered"), eBGP, both families over the one session.
fn unnumbered_roost(ns: &Netns) -> String {
    let socket = Daemon::socket(ns, "roost");
    format!(
        "router: {{ asn: 64512, router_id: 10.9.0.1 }}\n\
         node: {{ name: a, blocks: [10.65.1.0/26, \"fd00:65:1::/122\"] }}\n\
         pools: [ {{ cidr: 10.65.0.0/16 }}, {{ cidr: \"fd00:65::/32\" }} ]\n\
         peers:\n  - {{ address: \"fe80::2%eth0\", asn: 64513, families: [ipv4, ipv6], import: accept, export: accept, \
         connect_retry: 1s, idle_hold_max: 2s }}\n\
         api: {{ socket: {} }}\nlog: {{ level: debug, format: text }}\n",
        socket.display()
    )
}

const UNNUMBERED_BIRD: &str = "log stderr all;\nrouter id 10.9.0.2;\nprotocol device { }\n\
    protocol kernel four { learn; persist; ipv4 { import all; export where source = RTS_BGP; }; }\n\
    protocol kernel six { learn; persist; ipv6 { import all; export where source = RTS_BGP; }; }\n\
    protocol static blocks4 { ipv4; route 10.65.2.0/26 blackhole; }\n\
    protocol static blocks6 { ipv6; route fd00:65:2::/122 blackhole; }\n\
    protocol bgp a {\n  local fe80::2 as 64513; neighbor fe80::1%eth0 as 64512; direct;\n  \
    connect delay time 1; connect retry time 1; error wait time 1, 2;\n  \
    ipv4 { import all; export where proto = \"blocks4\"; extended next hop on; next hop self; };\n  \
    ipv6 { import all; export where proto = \"blocks6\"; next hop self; };\n}\n";

#[test]
fn without_any_global_address_both_families_reach_the_kernel() {
    // RFC 8950 §3, §4; RFC 2545 §3
    let lab = Lab::new("unnumbered");
    let (a, b) = (lab.netns("a"), lab.netns("b"));
    lab.wire((&a, "eth0"), (&b, "eth0"));
    for (ns, number) in [(&a, 1), (&b, 2)] {
        ns.ip("addr flush dev eth0");
        ns.ip(&format!("addr add fe80::{number}/64 dev eth0 nodad"));
    }
    let mut bird = Daemon::start(Bird2 { recover: false }, &b, UNNUMBERED_BIRD);
    let roost = Daemon::start(Roost, &a, &unnumbered_roost(&a));
    let state = |daemon: &Daemon, what| daemon.control(what).unwrap_or_else(|error| format!("{error:#}"));
    let have = |ns: &Netns| [ns.routes("proto bird"), ns.routes6("proto bird")].concat();
    let stands = |bird: &Daemon, wanted: &[(&Netns, &str)]| {
        for (ns, route) in wanted {
            until(&format!("{route} in {}", ns.name()), PATIENCE, || {
                if have(ns).iter().any(|line| line.starts_with(route)) {
                    return Ok(());
                }
                let birds = ["show protocols all a", "show route all"].map(|what| state(bird, what)).join("\n");
                Err(format!("{:?}\n{}\n{birds}", have(ns), state(&roost, "show routes")))
            });
        }
    };
    let wanted = [
        (&a, "10.65.2.0/26 via inet6 fe80::2 dev eth0"),
        (&a, "fd00:65:2::/122 via fe80::2 dev eth0"),
        (&b, "10.65.1.0/26 via inet6 fe80::1 dev eth0"),
        (&b, "fd00:65:1::/122 via fe80::1 dev eth0"),
    ];
    stands(&bird, &wanted);

    // What was learned goes with the peer, and comes with it.
    bird.stop();
    until("the peer's routes gone", PATIENCE, || {
        let left: Vec<String> = have(&a).into_iter().filter(|line| line.contains("via")).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
    bird.launch();
    stands(&bird, &wanted[..2]);
}

#[test]
fn one_link_local_address_on_two_links_is_two_peers() {
    // RFC 4007 §6: the zone is part of the address. Both dial; which of the two it is, only the link tells.
    let lab = Lab::new("twolinks");
    let a = lab.netns("a");
    let far = ["eth0", "eth1"].map(|dev| {
        let b = lab.netns(&format!("b{dev}"));
        lab.wire((&a, dev), (&b, "eth0"));
        for (ns, dev, number) in [(&a, dev, 1), (&b, "eth0", 2)] {
            ns.ip(&format!("addr flush dev {dev}"));
            ns.ip(&format!("addr add fe80::{number}/64 dev {dev} nodad"));
        }
        b
    });
    let peer = |dev: &str, asn: u32| {
        format!("  - {{ address: \"fe80::2%{dev}\", asn: {asn}, import: accept, export: reject, passive: true }}\n")
    };
    let roost = Daemon::start(
        Roost,
        &a,
        &format!(
            "router: {{ asn: 64512, router_id: 10.9.0.1 }}\nnode: {{ name: a }}\npeers:\n{}{}\
             api: {{ socket: {} }}\nlog: {{ level: debug, format: text }}\n",
            peer("eth0", 64513),
            peer("eth1", 64514),
            Daemon::socket(&a, "roost").display()
        ),
    );
    let _birds = [(0, 64513), (1, 64514)].map(|(at, asn): (usize, u32)| {
        let config = UNNUMBERED_BIRD
            .replace("as 64513", &format!("as {asn}"))
            .replace("10.9.0.2", &format!("10.9.0.{}", at + 2))
            .replace("fd00:65:2::/122", &format!("fd00:65:{}::/122", at + 2));
        Daemon::start(Bird2 { recover: false }, &far[at], &config)
    });
    for route in ["fd00:65:2::/122 via fe80::2 dev eth0", "fd00:65:3::/122 via fe80::2 dev eth1"] {
        until(route, PATIENCE, || {
            let have = a.routes6("proto bird");
            if have.iter().any(|line| line.starts_with(route)) {
                return Ok(());
            }
            Err(format!("{have:?}\n{}", roost.control("show peers").unwrap_or_else(|error| format!("{error:#}"))))
        });
    }

    // Whoever names one names its link.
    let first_words = |text: &str| -> Vec<String> {
        text.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
    };
    assert_eq!(first_words(&roost.ask("show peers")), ["PEER", "fe80::2%eth0", "fe80::2%eth1"]);
    let second = roost.ask("show peer fe80::2%eth1");
    assert!(second.starts_with("fe80::2%eth1 AS 64514 (external): established"), "{second}");
    let both = roost.ask("show peer fe80::2");
    assert!(both.contains("fe80::2%eth0 AS 64513") && both.contains("fe80::2%eth1 AS 64514"), "{both}");
    let routes = roost.ask("show routes --peer fe80::2%eth1");
    assert!(first_words(&routes).iter().all(|word| word == "PREFIX" || word.contains(":3::")), "{routes}");
    assert!(
        routes.lines().any(|line| line.starts_with("fd00:65:3::/122") && line.contains(" fe80::2%eth1 ")),
        "{routes}"
    );
    assert!(roost.ask("peer disable fe80::2%eth0").starts_with("fe80::2%eth0: disabled"));
    until("only the routes of eth1 left", PATIENCE, || {
        let have = a.routes6("proto bird");
        let through = |dev| have.iter().filter(|line| line.contains(&format!(" dev {dev} "))).count();
        if (through("eth0"), through("eth1")) == (0, 1) { Ok(()) } else { Err(format!("{have:?}")) }
    });
    let states = roost.ask("show peers --json");
    let states: serde_json::Value = serde_json::from_str(&states).expect("JSON");
    let state = |at: usize| (states[at]["interface"].clone(), states[at]["state"].clone());
    assert_eq!([state(0), state(1)], [("eth0".into(), "disabled".into()), ("eth1".into(), "established".into())]);
    let error = roost.control("show peer fe80::2%eth7").expect_err("no peer is there");
    assert!(format!("{error:#}").contains("did you mean fe80::2%eth0?"), "{error:#}");
}
