//! Ways of packets, and what is said of each.

use std::net::IpAddr;

use super::*;
use crate::api::model::{FibRow, KernelState, RouteRow, WhyPath};

fn addr(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn route(text: &str, ours: bool) -> WhyRoute {
    let mut words = text.split(' ');
    let first = words.next().unwrap_or_default();
    let drops = ["blackhole", "unreachable"].contains(&first);
    let prefix = if drops { words.next().unwrap_or_default() } else { first }.replace("default", "0.0.0.0/0");
    WhyRoute { prefix, text: text.to_owned(), ours, drops, local: false }
}

fn path(from: &str, next_hop: Option<&str>, node: Option<&str>, best: bool) -> WhyPath {
    let row = RouteRow {
        prefix: "10.65.2.0/26".to_owned(),
        from: from.to_owned(),
        next_hop: next_hop.map(addr),
        best,
        multipath: false,
        stale: false,
        reason: None,
        as_path: String::new(),
        origin: "igp".to_owned(),
        local_pref: 100,
        med: None,
        otc: None,
        communities: Vec::new(),
        path_id: 0,
        originator_id: None,
        cluster_list: Vec::new(),
        kernel: None,
        cost: None,
        rejected: false,
        unreachable: false,
    };
    WhyPath { row, node: node.map(str::to_owned) }
}

fn hop(via: Option<&str>, device: &str, kind: &str) -> WhyHop {
    WhyHop {
        via: via.map(addr),
        device: device.to_owned(),
        kind: kind.to_owned(),
        up: true,
        carrier: true,
        mtu: 1500,
        neighbour: None,
        far_end: None,
        dead: false,
    }
}

fn fib(prefix: &str, wanted: &str, state: &str, reason: Option<&str>) -> Option<FibRow> {
    let kernel = KernelState { state: state.to_owned(), route: None, reason: reason.map(str::to_owned) };
    Some(FibRow { prefix: prefix.to_owned(), wanted: wanted.to_owned(), kernel })
}

fn nothing(address: &str) -> Why {
    Why {
        address: addr(address),
        verdict: String::new(),
        contradictions: Vec::new(),
        own: false,
        pool: None,
        prefix: None,
        paths: Vec::new(),
        paths_total: 0,
        fib: None,
        next_hops: Vec::new(),
        lookup: None,
        lookup_error: Some("Network is unreachable".to_owned()),
        covering: Vec::new(),
        hops: Vec::new(),
    }
}

/// To a pod of node b, by roost's route.
fn to_b() -> Why {
    let by = route("10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird", true);
    Why {
        prefix: Some("10.65.2.0/26".to_owned()),
        paths: vec![path("172.16.1.2", Some("172.16.1.2"), Some("b"), true)],
        fib: fib("10.65.2.0/26", "via 172.16.1.2", "installed", None),
        covering: vec![by.clone()],
        lookup: Some(by),
        lookup_error: None,
        hops: vec![hop(Some("172.16.1.2"), "eth0", "veth")],
        ..nothing("10.65.2.7")
    }
}

fn to_own_block() -> Why {
    Why {
        prefix: Some("10.65.1.0/26".to_owned()),
        paths: vec![path("local", None, None, true)],
        fib: fib("10.65.1.0/26", "blackhole", "installed", None),
        covering: vec![route("blackhole 10.65.1.0/26 proto bird", true)],
        lookup_error: Some("Invalid argument".to_owned()),
        ..nothing("10.65.1.9")
    }
}

#[test]
fn the_verdict_says_where_packets_go() {
    let pod = Why {
        lookup: Some(route("10.65.1.9 dev cali1 scope link", false)),
        lookup_error: None,
        hops: vec![hop(None, "cali1", "veth")],
        ..to_own_block()
    };
    let foreign = route("10.65.2.7 via 172.16.1.9 dev eth0 proto static", false);
    let default = route("default via 172.16.1.254 dev eth0", false);
    let table = [
        (nothing("10.1.2.3"), "packets to 10.1.2.3 go nowhere: the kernel says Network is unreachable"),
        (Why { own: true, ..nothing("172.16.1.1") }, "172.16.1.1 is an address of this node"),
        (to_b(), "packets to 10.65.2.7 go to b, via 172.16.1.2 on eth0"),
        (
            Why { hops: vec![hop(Some("172.16.2.3"), "vxlan.roost", "vxlan")], ..to_b() },
            "packets to 10.65.2.7 go to b, through vxlan.roost to 172.16.2.3",
        ),
        (
            to_own_block(),
            "10.65.1.9 falls into this node's own block 10.65.1.0/26 and no pod has it: packets are dropped here, by \
             `blackhole 10.65.1.0/26 proto bird`",
        ),
        (pod, "10.65.1.9 is on this node: packets go out of cali1"),
        (
            Why { lookup: Some(foreign), hops: vec![hop(Some("172.16.1.9"), "eth0", "veth")], ..to_b() },
            "packets to 10.65.2.7 go via 172.16.1.9 on eth0, by a route that roost did not write",
        ),
        (
            Why {
                lookup: Some(default),
                lookup_error: None,
                hops: vec![hop(Some("172.16.1.254"), "eth0", "veth")],
                ..nothing("192.0.2.1")
            },
            "no peer has announced a prefix with 192.0.2.1; the kernel sends packets via 172.16.1.254 on eth0",
        ),
        (
            Why { covering: vec![route("unreachable 10.65.0.0/16 proto static", false)], ..nothing("10.65.7.1") },
            "packets to 10.65.7.1 are dropped here, by `unreachable 10.65.0.0/16 proto static`",
        ),
    ];
    for (why, verdict) in table {
        assert_eq!(judge(&why).0, verdict);
    }
    let mut several = to_b();
    several.paths.push(WhyPath {
        row: RouteRow { multipath: true, best: false, ..several.paths[0].row.clone() },
        node: Some("c".to_owned()),
    });
    several.hops.push(hop(Some("172.17.1.3"), "eth1", "veth"));
    assert_eq!(
        judge(&several).0,
        "packets to 10.65.2.7 go to b or c, via 172.16.1.2 on eth0, or via 172.17.1.3 on eth1"
    );
}

#[test]
fn contradictions_are_named() {
    let specific = route("10.65.2.7 via 172.16.1.9 dev eth0 proto static", false);
    let specific = WhyRoute { prefix: "10.65.2.7/32".to_owned(), ..specific };
    let default = route("default via 172.16.1.254 dev eth0", false);
    let hole = route("blackhole 10.65.2.0/27 proto 80", false);
    let broken = |change: fn(&mut WhyHop)| {
        let mut why = to_b();
        why.hops.iter_mut().for_each(change);
        why
    };
    let vxlan = |neighbour: Option<&str>| WhyHop {
        neighbour: neighbour.map(str::to_owned),
        ..hop(Some("172.16.2.3"), "vxlan.roost", "vxlan")
    };
    let table: [(Why, &[&str]); 10] = [
        (to_b(), &[]),
        (to_own_block(), &[]),
        (
            Why { lookup: Some(specific), ..to_b() },
            &[
                "roost wants 10.65.2.0/26 via 172.16.1.2, but the kernel goes by `10.65.2.7 via 172.16.1.9 dev eth0 proto \
               static`, which is not roost's and more specific",
            ],
        ),
        (
            Why {
                lookup: Some(default),
                fib: fib(
                    "10.65.2.0/26",
                    "via 172.16.1.2",
                    "withheld",
                    Some("next hop 172.16.1.2 is on a link that is down"),
                ),
                ..to_b()
            },
            &[
                "roost wants 10.65.2.0/26 via 172.16.1.2, but the kernel goes by `default via 172.16.1.254 dev eth0`, which \
                 is not roost's and less specific, as there is no other",
                "the route of 10.65.2.0/26 is not in the kernel: withheld: next hop 172.16.1.2 is on a link that is down",
            ],
        ),
        (
            Why { lookup: None, covering: vec![hole], hops: Vec::new(), ..to_b() },
            &[
                "roost wants 10.65.2.0/26 via 172.16.1.2, but packets meet `blackhole 10.65.2.0/27 proto 80` first, which is \
               not roost's and more specific",
            ],
        ),
        (
            Why { lookup: None, covering: Vec::new(), hops: Vec::new(), ..to_b() },
            &["roost holds 10.65.2.0/26 to be installed, but the kernel finds no route"],
        ),
        (broken(|hop| hop.up = false), &["eth0 is down"]),
        (broken(|hop| (hop.carrier, hop.dead) = (false, true)), &["eth0 has no carrier"]),
        (
            broken(|hop| hop.neighbour = Some("FAILED".to_owned())),
            &["172.16.1.2 does not answer on eth0: its neighbour entry is FAILED"],
        ),
        (
            Why { hops: vec![vxlan(None), vxlan(Some("02:72:ac:10:02:03 PERMANENT"))], ..to_b() },
            &[
                "vxlan.roost has no neighbour entry for 172.16.2.3, so that packets do not leave",
                "vxlan.roost has no forwarding entry for 172.16.2.3, so that packets do not leave",
            ],
        ),
    ];
    for (why, wanted) in table {
        assert_eq!(judge(&why).1, wanted);
    }
}
