//! A node is taken out of service and put back (RFC 8326): one of two ways to a pod, under packets.
//!
//! ```text
//!   c ─┬─ a ─┬─ s 10.65.9.5        a and b announce 10.65.9.0/26, BIRD as c prefers a (its identifier is the lower one), roost takes both
//!      └─ b ─┘
//! ```

use std::time::Instant;

use roost_tests::{Daemon, Kind, Lab, Netns, PATIENCE, Peer, RouteWatch, Speaker, Stream, until};
use serde_json::Value;

const BLOCK: &str = "10.65.9.0/26";
const BY_A: &[&str] = &["10.65.9.0/26 via 10.9.0.1 dev eth0"];
const BY_BOTH: &[&str] =
    &["10.65.9.0/26 nexthop via 10.9.0.1 dev eth0 weight 1 nexthop via 10.9.0.2 dev eth0 weight 1"];
const BY_B: &[&str] = &["10.65.9.0/26 via 10.9.0.2 dev eth0"];

struct Ways {
    a: Daemon,
    c: Daemon,
    /// The way to the pod while both nodes are in service.
    usual: &'static [&'static str],
    client: Netns,
    server: Netns,
    _b: Daemon,
    _lab: Lab,
}

impl Ways {
    /// Converged, with `c` of this kind and AS.
    #[track_caller]
    fn converged(name: &str, kind: Kind, asn: u32) -> Ways {
        let lab = Lab::new(name);
        let lan = lab.lan("lan");
        let [a, b, c, s] = ["a", "b", "c", "s"].map(|name| lab.netns(name));
        for (ns, port) in [(&a, "port-a"), (&b, "port-b"), (&c, "port-c")] {
            lan.plug(&lab, ns, "eth0", port);
        }
        s.ip("addr add 10.65.9.5/32 dev lo");
        s.sysctl("ipv4/conf/all/rp_filter", "0");
        for (ns, end) in [(&a, "eth0"), (&b, "eth1")] {
            lab.wire((ns, "cali0"), (&s, end));
            s.sysctl(&format!("ipv4/conf/{end}/rp_filter"), "0");
            ns.sysctl("ipv4/ip_forward", "1");
            ns.ip("route add 10.65.9.5 dev cali0");
        }
        let client = Speaker { asn, ..Speaker::new("10.9.0.3/24", &[]) };
        let client = client.with_peer(Peer::new("10.9.0.1", 64512)).with_peer(Peer::new("10.9.0.2", 64512));
        client.address_device(&c, "eth0");
        let node = |ns: &Netns, number: u8| {
            let node = Speaker::new(&format!("10.9.0.{number}/24"), &[BLOCK]).with_peer(Peer::new("10.9.0.3", asn));
            node.address_device(ns, "eth0");
            node.start(Kind::Roost, ns)
        };
        let (a, b, daemon) = (node(&a, 1), node(&b, 2), client.start(kind, &c));
        let usual = if kind == Kind::Roost { BY_BOTH } else { BY_A };
        let ways = Ways { a, c: daemon, usual, client: c, server: s, _b: b, _lab: lab };
        ways.goes(ways.usual);
        ways
    }

    /// Waits until packets take this way.
    #[track_caller]
    fn goes(&self, way: &[&str]) {
        self.client.wait_for_routes(way, PATIENCE, || self.a.log());
    }

    fn drain_of_a(&self) -> Value {
        let status: Value = serde_json::from_str(&self.a.ask("show status --json")).expect("JSON");
        status["drain"].clone()
    }

    #[track_caller]
    fn is(&self, state: &str) {
        until(&format!("a is {state}"), PATIENCE, || {
            let drain = self.drain_of_a();
            if drain["state"] == state { Ok(()) } else { Err(format!("{drain:#}\n{}", self.a.log())) }
        });
    }

    /// The node goes and comes back, under packets.
    #[track_caller]
    fn drained_and_back(&self, while_leaving: impl FnOnce(&Ways)) {
        let watch = RouteWatch::start(&self.client);
        let (mark, began) = (watch.mark(), Instant::now());
        let stream = Stream::start(&self.client, &self.server, "10.65.9.5".parse().expect("an address"), 4);
        self.a.ask("drain --message new-disk --settle 20 --no-wait");
        self.goes(BY_B);
        assert_eq!(self.drain_of_a()["state"], "leaving", "packets have another way before the session ends");
        while_leaving(self);
        // Nothing more is to be seen: the same order anew, and the sessions end at once.
        self.a.ask("drain --message new-disk --settle 0 --no-wait");
        self.is("drained");
        assert!(self.a.ask("show status").contains("drained: no sessions until `roost undrain` (new-disk)"));
        let peers = self.a.ask("show peers --json");
        assert!(!peers.contains("\"established\"") && peers.contains("`roost undrain` lets all peers in"), "{peers}");
        self.a.ask("undrain");
        self.goes(self.usual);
        assert_eq!(self.drain_of_a()["state"], "off");
        let outcome = stream.end();
        assert!(outcome.lost.is_empty(), "{}", outcome.text(began));
        let moved = watch.about(mark, &[BLOCK]);
        assert!(!moved.iter().any(|line| line.text.contains("Deleted")), "there and back, no hole: {moved:#?}");
    }
}

/// RFC 8326 §4.2: inside the AS LOCAL_PREF says it, to those who do not know the community.
#[test]
fn a_node_is_drained_and_put_back_beside_bird_and_no_packet_is_lost() {
    let ways = Ways::converged("drain", Kind::Bird2, 64512);
    ways.drained_and_back(|ways| {
        let routes = ways.c.ask(&format!("show route all {BLOCK} protocol peer_0"));
        assert!(routes.contains("BGP.community: (65535,0)") && routes.contains("BGP.local_pref: 0"), "{routes}");
        let routes = ways.c.ask(&format!("show route all {BLOCK} protocol peer_1"));
        assert!(!routes.contains("65535") && routes.contains("BGP.local_pref: 100"), "{routes}");
    });
    // RFC 9003 §2
    assert!(ways.c.log().contains("new-disk"), "{}", ways.c.log());
}

/// RFC 8326 §4.1: a receiver in another AS sets the LOCAL_PREF itself.
#[test]
fn a_node_is_drained_and_put_back_beside_a_roost_of_another_as_and_no_packet_is_lost() {
    let ways = Ways::converged("drainext", Kind::Roost, 65001);
    ways.drained_and_back(|ways| {
        let routes: Value = serde_json::from_str(&ways.c.ask(&format!("show route {BLOCK} --json"))).expect("JSON");
        let of_a = routes.as_array().and_then(|rows| rows.iter().find(|row| row["from"] == "10.9.0.1"));
        let of_a = of_a.unwrap_or_else(|| panic!("{routes:#}"));
        assert!(of_a["local_pref"] == 0 && of_a["best"] == false, "{of_a:#}");
        assert!(of_a.to_string().contains("graceful-shutdown"), "{of_a:#}");
    });
}

#[test]
fn a_drained_node_stays_so_when_roost_starts_again_unless_it_was_until_then() {
    let mut ways = Ways::converged("drainkept", Kind::Bird2, 64512);
    let said = ways.a.ask("drain --settle 0");
    assert_eq!(said, "drained: no sessions until `roost undrain`\n");
    ways.goes(BY_B);
    ways.a.kill_9();
    ways.a.launch();
    ways.is("drained");
    let refused = ways.a.control("peer enable 10.9.0.3").expect_err("it is drained").to_string();
    assert!(refused.contains("`roost undrain`"), "{refused}");
    assert!(!ways.c.ask("show protocols peer_0").contains("Established"));
    ways.a.ask("undrain");
    ways.goes(ways.usual);
    ways.a.kill_9();
    ways.a.launch();
    ways.is("off");

    ways.a.ask("drain --settle 0 --until-restart --message upgrade");
    ways.goes(BY_B);
    assert!(ways.a.stop().success());
    ways.a.launch();
    ways.is("off");
    ways.goes(ways.usual);

    // What has no way to the API has signals.
    ways.a.signal(libc::SIGUSR1);
    ways.goes(BY_B);
    ways.is("leaving");
    ways.a.signal(libc::SIGUSR2);
    ways.goes(ways.usual);
    ways.is("off");
}
