//! `roost why ADDRESS`: one story for each way a packet can take or be lost, told of a small mesh.
//!
//! ```text
//!   a 172.16.1.1 ─┬─ b 172.16.1.2     blocks 10.65.2.0/26 (direct), 10.70.0.0/24 also from c
//!                 ├─ c 172.16.1.3     block  10.65.3.0/26, and 10.65.2.9 borrowed from b's
//!                 └─ r 172.16.1.254 ── d 172.16.2.4     block 10.68.4.0/26 (VXLAN)
//! ```

use roost_tests::{Daemon, Kind, Lab, Netns, PATIENCE, Peer, Roost, Speaker, until};

const POOLS: &str = "pools: [ { cidr: 10.65.0.0/16 }, { cidr: 10.68.0.0/16, mode: vxlan-cross-subnet, manage: true } ]";

struct Mesh {
    a: Netns,
    roost: Daemon,
    b: Netns,
    _others: Vec<Daemon>,
    lab: Lab,
}

fn mesh() -> Mesh {
    let lab = Lab::new("why");
    let lan = lab.lan("lan");
    let [a, b, c, d, r] = ["a", "b", "c", "d", "r"].map(|name| lab.netns(name));
    for (ns, dev, port) in [(&a, "eth0", "pa"), (&b, "eth0", "pb"), (&c, "eth0", "pc"), (&r, "r0", "pr")] {
        lan.plug(&lab, ns, dev, port);
    }
    lab.wire((&d, "eth0"), (&r, "r1"));
    for (ns, address) in [(&a, "172.16.1.1/24"), (&b, "172.16.1.2/24"), (&c, "172.16.1.3/24"), (&d, "172.16.2.4/24")] {
        ns.ip(&format!("addr add {address} dev eth0"));
    }
    r.ip("addr add 172.16.1.254/24 dev r0");
    r.ip("addr add 172.16.2.254/24 dev r1");
    r.sysctl("ipv4/ip_forward", "1");
    a.ip("route add default via 172.16.1.254");
    d.ip("route add default via 172.16.2.254");
    let peers = ["172.16.1.2", "172.16.1.3", "172.16.2.4"];
    let mut speaker = Speaker::new("172.16.1.1/24", &["10.65.1.0/26"]);
    speaker.peers = peers.iter().map(|peer| Peer::new(peer, 64512)).collect();
    speaker.more = POOLS.to_owned();
    let config = speaker.roost(&a).replace("asn: 64512, connect", "asn: 64512, description: NODE, connect");
    let config = ["node-b", "node-c", "node-d"].iter().fold(config, |config, node| config.replacen("NODE", node, 1));
    let roost = Daemon::start(Roost, &a, &config);
    let other = |ns: &Netns, address: &str, blocks: &[&str]| {
        let speaker = Speaker::new(address, blocks).with_peer(Peer::new("172.16.1.1", 64512));
        Speaker { more: POOLS.to_owned(), ..speaker }.start(Kind::Roost, ns)
    };
    let others = vec![
        other(&b, "172.16.1.2/24", &["10.65.2.0/26", "10.70.0.0/24"]),
        other(&c, "172.16.1.3/24", &["10.65.3.0/26", "10.70.0.0/24"]),
        other(&d, "172.16.2.4/24", &["10.68.4.0/26"]),
    ];
    others[1].ask("announce 10.65.2.9");
    let mesh = Mesh { a, roost, b, _others: others, lab };
    mesh.a.wait_for_routes(
        &[
            "blackhole 10.65.1.0/26",
            "10.65.2.0/26 via 172.16.1.2 dev eth0",
            "10.65.2.9 via 172.16.1.3 dev eth0",
            "10.65.3.0/26 via 172.16.1.3 dev eth0",
            "10.68.4.0/26 via 172.16.2.4 dev vxlan.roost onlink",
            "10.70.0.0/24 nexthop via 172.16.1.2 dev eth0 weight 1 nexthop via 172.16.1.3 dev eth0 weight 1",
        ],
        PATIENCE,
        || mesh.roost.control("show routes").unwrap_or_default(),
    );
    mesh
}

impl Mesh {
    /// The story of an address has all of these lines, but for their first blanks, in this order.
    #[track_caller]
    fn tells(&self, address: &str, lines: &[&str]) {
        let story = self.roost.ask(&format!("why {address}"));
        let mut rest = story.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        for line in lines {
            assert!(rest.any(|found| found.starts_with(line)), "{address}: no line {line:?} in its place in\n{story}");
        }
    }
}

#[test]
fn each_way_of_a_packet_is_told_from_its_prefix_to_the_wire() {
    let mesh = mesh();
    mesh.b.run("ping -c 1 -W 5 172.16.1.1");
    mesh.tells(
        "10.65.2.5",
        &[
            "packets to 10.65.2.5 go to node-b, via 172.16.1.2 on eth0",
            "pool 10.65.0.0/16, direct",
            "announced 10.65.2.0/26 by 172.16.1.2 (node-b)",
            "next hop 172.16.1.2 is a neighbour: 172.16.1.2 dev eth0",
            "wanted via 172.16.1.2: installed",
            "kernel goes by `10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird`",
            "device eth0: veth, up, MTU 1500",
            "neighbour 172.16.1.2 is ",
        ],
    );
    // Borrowed: the longest match is another node's.
    mesh.tells(
        "10.65.2.9",
        &[
            "packets to 10.65.2.9 go to node-c, via 172.16.1.3 on eth0",
            "",
            "announced 10.65.2.9/32 by 172.16.1.3 (node-c)",
        ],
    );
    mesh.tells(
        "10.70.0.1",
        &[
            "packets to 10.70.0.1 go to node-b or node-c, via 172.16.1.2 on eth0, or via 172.16.1.3 on eth0",
            "pool none has this address",
            "announced 10.70.0.0/24 by 172.16.1.2 (node-b), of 2 paths",
            "announced 10.70.0.0/24 by 172.16.1.3 (node-c), of 2 paths",
        ],
    );
    mesh.tells(
        "10.68.4.7",
        &[
            "packets to 10.68.4.7 go to node-d, through vxlan.roost to 172.16.2.4",
            "pool 10.68.0.0/16, vxlan-cross-subnet by vxlan.roost",
            "next hop 172.16.2.4 is reached by 172.16.1.254 dev eth0, as of `default via 172.16.1.254 dev eth0",
            "kernel goes by `10.68.4.0/26 via 172.16.2.4 dev vxlan.roost proto bird onlink`",
            "device vxlan.roost: vxlan, up, MTU 1450",
            "neighbour 172.16.2.4 is 02:72:ac:10:02:04 PERMANENT, whose packets go to 172.16.2.4",
        ],
    );
    mesh.tells(
        "10.65.1.9",
        &[
            "10.65.1.9 falls into this node's own block 10.65.1.0/26 and no pod has it: packets are dropped here, by \
             `blackhole 10.65.1.0/26 proto bird`",
            "announced 10.65.1.0/26 by this node",
            "kernel says Invalid argument",
            "kernel has `blackhole 10.65.1.0/26 proto bird` as the longest match",
        ],
    );
    mesh.tells("172.16.1.1", &["172.16.1.1 is an address of this node"]);
    mesh.tells(
        "192.0.2.1",
        &["no peer has announced a prefix with 192.0.2.1; the kernel sends packets via 172.16.1.254 on eth0"],
    );
    mesh.lab.wire((&mesh.a, "pod0"), (&mesh.lab.netns("pod"), "eth0"));
    mesh.a.ip("route add 10.65.1.9 dev pod0");
    mesh.tells("10.65.1.9", &["10.65.1.9 is on this node: packets go out of pod0"]);
}

#[test]
fn what_the_kernel_and_the_table_do_not_agree_on_is_named() {
    let mesh = mesh();
    let story = mesh.roost.ask("why 10.65.3.5");
    assert!(!story.contains("but "), "{story}");
    mesh.a.ip("route add 10.65.3.0/27 via 172.16.1.2 proto static");
    mesh.tells(
        "10.65.3.5",
        &[
            "packets to 10.65.3.5 go via 172.16.1.2 on eth0, by a route that roost did not write",
            "kernel goes by `10.65.3.0/27 via 172.16.1.2 dev eth0 proto static`",
            "but roost wants 10.65.3.0/26 via 172.16.1.3, but the kernel goes by `10.65.3.0/27 via 172.16.1.2 dev eth0 \
             proto static`, which is not roost's and more specific",
        ],
    );
    mesh.a.ip("route replace blackhole 10.65.3.0/27 proto static");
    until("the blackhole is told", PATIENCE, || {
        let story = mesh.roost.ask("why 10.65.3.5");
        let told = story.starts_with("packets to 10.65.3.5 are dropped here, by `blackhole 10.65.3.0/27 proto static`")
            && story.contains("but packets meet `blackhole 10.65.3.0/27 proto static` first");
        if told { Ok(()) } else { Err(story) }
    });
    // The other node is switched off: the kernel's neighbour entry says so.
    mesh.b.ip("link set eth0 down");
    mesh.a.ip("neigh flush dev eth0");
    let _ = mesh.a.try_run("ping -c 1 -W 4 172.16.1.2");
    until("the dead neighbour is told", PATIENCE, || {
        let story = mesh.roost.ask("why 10.65.2.5");
        let told = story.contains("172.16.1.2 does not answer on eth0: its neighbour entry is FAILED");
        if told { Ok(()) } else { Err(story) }
    });
}
