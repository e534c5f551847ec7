//! A tunl0 of another agent, and all ways to forward through the kernel's real devices.

use roost_tests::Netns;

use crate::check;
use crate::mesh::{Mesh, index_of_tunl0, load_ipip, unload_ipip};
use crate::packets::{Pings, largest_packet, ping_n3, restart_without_loss, seen_by_router};

/// What n1 must hold, word by word.
const N1: [&str; 15] = [
    "10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird",
    "10.65.3.0/26 via 172.16.2.3 dev tunl0 proto bird onlink",
    "10.66.2.0/26 via 172.16.1.2 dev eth0 proto bird",
    "10.66.3.0/26 via 172.16.1.254 dev eth0 proto bird",
    "10.67.2.0/26 via 172.16.1.2 dev eth0 proto bird",
    "10.67.3.0/26 via 172.16.2.3 dev vxlan.roost proto bird onlink",
    "10.68.2.0/26 via 172.16.1.2 dev vxlan.roost proto bird onlink",
    "10.68.3.0/26 via 172.16.2.3 dev vxlan.roost proto bird onlink",
    "10.69.2.0/26 via 172.16.1.2 dev tunl0 proto bird onlink",
    "10.69.3.0/26 via 172.16.2.3 dev tunl0 proto bird onlink",
    "blackhole 10.65.1.0/26 proto bird",
    "blackhole 10.66.1.0/26 proto bird",
    "blackhole 10.67.1.0/26 proto bird",
    "blackhole 10.68.1.0/26 proto bird",
    "blackhole 10.69.1.0/26 proto bird",
];

/// tunl0 is another agent's: address and MTU come from there, and roost finds it up.
pub fn scenario() {
    let mut mesh = Mesh::start("given", 1500, |_| "device: tunl0".to_owned(), set_up_tunl0);
    check("each kernel holds exactly the routes of all pools", || {
        mesh.nodes[0].holds(&N1.map(str::to_owned));
        mesh.nodes.iter().for_each(|node| node.holds(&node.wanted()));
    });
    check("every pod reaches every other one in all pools", || mesh.every_pod_reaches_every_other());
    check("the router sees IP in IP from node to node, with the pods inside", || pods_in_ipip(&mesh));
    check("the router sees VXLAN from node to node, with the pods inside", || pods_in_vxlan(&mesh));
    check("the router sees the pods of the direct pool themselves", || plain_pods(&mesh));
    check("on 1500 octets, 1480 pass ipip whole and 1450 pass VXLAN, and not one more", || {
        largest_packet(&mesh, 65, 1480);
        largest_packet(&mesh, 67, 1450);
    });
    check("a kill -9 and a new start of roost lose no packet in any pool", || {
        restart_without_loss(&mut mesh, &[65, 66, 67, 69])
    });
    check("a reload that moves a pool from ipip to VXLAN and back loses no packet", || reload_without_loss(&mut mesh));
    check("while tunl0 is down its routes are withheld, and back when it is up", || tunnel_down_and_up(&mesh));
    check("after ipip was unloaded and loaded again, the routes are back on the new tunl0", || ipip_reloaded(&mesh));
}

/// As Felix does it: an address of the node's block in the tunnelled pool, the MTU, up.
fn set_up_tunl0(ns: &Netns, number: u8) {
    ns.ip(&format!("addr add 10.65.{number}.1/32 dev tunl0"));
    ns.ip("link set tunl0 mtu 1480 up");
}

fn pods_in_ipip(mesh: &Mesh) {
    let seen = seen_by_router(mesh, "-v", "ip proto 4 and src 172.16.1.1", || ping_n3(mesh, 65));
    assert_eq!(seen.len(), 9, "{seen:#?}");
    for packet in seen.chunks(3) {
        // RFC 2003 §3.1
        assert!(packet[0].starts_with("IP (") && packet[0].ends_with("proto IPIP (4), length 104)"), "{seen:#?}");
        assert!(packet[1].starts_with("172.16.1.1 > 172.16.2.3: IP ("), "{seen:#?}");
        assert_eq!(without_id(&packet[2]), "10.65.1.2 > 10.65.3.2: ICMP echo request, seq 1, length 64");
    }
}

fn pods_in_vxlan(mesh: &Mesh) {
    let seen = seen_by_router(mesh, "", "udp dst port 4789 and src 172.16.1.1", || ping_n3(mesh, 67));
    assert_eq!(seen.len(), 6, "{seen:#?}");
    for packet in seen.chunks(2) {
        // The source port is a hash of the packet inside. RFC 7348 §5
        let (from, to) = packet[0].split_once(" > ").unwrap_or_default();
        assert!(from.starts_with("IP 172.16.1.1."), "{seen:#?}");
        assert_eq!(to, "172.16.2.3.4789: VXLAN, flags [I] (0x08), vni 4096");
        assert_eq!(without_id(&packet[1]), "IP 10.67.1.2 > 10.67.3.2: ICMP echo request, seq 1, length 64");
    }
}

fn plain_pods(mesh: &Mesh) {
    let seen = seen_by_router(mesh, "", "host 10.66.1.2 or (src 172.16.1.1 and not tcp)", || ping_n3(mesh, 66));
    let lines: Vec<String> = seen.iter().map(|line| without_id(line)).collect();
    let there = "IP 10.66.1.2 > 10.66.3.2: ICMP echo request, seq 1, length 64";
    let back = "IP 10.66.3.2 > 10.66.1.2: ICMP echo reply, seq 1, length 64";
    assert_eq!(lines, [there, back, there, back, there, back]);
}

/// Without the number that ping gives itself: "…, id 4711, seq …".
fn without_id(line: &str) -> String {
    line.split(", ").filter(|part| !part.starts_with("id ")).collect::<Vec<_>>().join(", ")
}

fn reload_without_loss(mesh: &mut Mesh) {
    const IPIP: &str = "cidr: 10.65.0.0/16, mode: ipip-cross-subnet, device: tunl0";
    const VXLAN: &str = "cidr: 10.65.0.0/16, mode: vxlan-cross-subnet, manage: true";
    let pings = Pings::start(mesh, 65);
    let node = &mut mesh.nodes[0];
    let before = node.wanted();
    let after: Vec<String> = before
        .iter()
        .map(|line| match line.as_str() {
            "10.65.3.0/26 via 172.16.2.3 dev tunl0 proto bird onlink" => line.replace("tunl0", "vxlan.roost"),
            _ => line.clone(),
        })
        .collect();
    for (old, new, wanted) in [(IPIP, VXLAN, &after), (VXLAN, IPIP, &before)] {
        node.reload(old, new);
        node.holds(wanted);
    }
    pings.have_lost_nothing();
}

fn tunnel_down_and_up(mesh: &Mesh) {
    let node = &mesh.nodes[0];
    node.ns.ip("link set tunl0 down");
    node.holds(&node.wanted_without_tunl0());
    for prefix in ["10.65.3.0/26", "10.69.2.0/26", "10.69.3.0/26"] {
        let row = node.fib_row(prefix);
        assert!(row["state"] == "withheld" && row["reason"].as_str().is_some_and(|why| why.contains("tunl0")), "{row}");
    }
    node.ns.ip("link set tunl0 up");
    node.holds(&node.wanted());
    ping_n3(mesh, 65);
}

fn ipip_reloaded(mesh: &Mesh) {
    let before = index_of_tunl0(&mesh.nodes[0].ns);
    unload_ipip();
    for node in &mesh.nodes {
        node.holds(&node.wanted_without_tunl0());
    }
    load_ipip();
    for (node, number) in mesh.nodes.iter().zip(1..) {
        set_up_tunl0(&node.ns, number);
        node.holds(&node.wanted());
    }
    assert_ne!(index_of_tunl0(&mesh.nodes[0].ns), before, "tunl0 is another device");
    ping_n3(mesh, 65);
}
