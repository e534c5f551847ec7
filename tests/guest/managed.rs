//! Tunnel devices that roost manages, on a cloud's network with 1460 octets.

use roost_tests::netns::one_line;
use roost_tests::{Netns, until};

use crate::check;
use crate::mesh::{Mesh, Node, PATIENCE, index_of_tunl0, load_ipip, unload_ipip};
use crate::packets::{largest_packet, ping_n3, restart_without_loss};

pub fn scenario() {
    let tunl0 = |number| format!("manage: true, ipip: {{ address: 10.65.{number}.1/32 }}");
    let mut mesh = Mesh::start("managed", 1460, tunl0, |_, _| {});
    check(
        "a managed tunl0 is up with its address and MTU, and each kernel holds exactly the routes of all pools",
        || {
            mesh.nodes.iter().for_each(|node| node.holds(&node.wanted()));
            mesh.nodes.iter().zip(1..).for_each(|(node, number)| tunl0_is(node, number, 1440));
        },
    );
    check("what a node itself sends to a pod of another one has the address of tunl0", || from_the_node(&mesh));
    check("on 1460 octets, 1440 pass ipip whole and 1410 pass VXLAN, and not one more", || {
        largest_packet(&mesh, 65, 1440);
        largest_packet(&mesh, 67, 1410);
    });
    check("a kill -9 and a new start of roost lose no packet through devices it manages", || {
        restart_without_loss(&mut mesh, &[65, 67]);
        tunl0_is(&mesh.nodes[0], 1, 1440);
    });
    check("a managed tunl0 is back up with address and MTU whatever was done to it, and its routes with it", || {
        let node = &mesh.nodes[0];
        for done in ["link set tunl0 down", "link set tunl0 mtu 1300", "addr del 10.65.1.1/32 dev tunl0"] {
            node.ns.ip(done);
            tunl0_is(node, 1, 1440);
            node.holds(&node.wanted());
        }
        ping_n3(&mesh, 65);
    });
    check("a VXLAN device that was deleted is made anew, and all that was behind it is back", || {
        let node = &mesh.nodes[0];
        let far_ends = || {
            let shown = [
                node.ns.ip("neigh show dev vxlan.roost nud permanent"),
                node.ns.run("bridge fdb show dev vxlan.roost"),
            ];
            let mut lines: Vec<String> = shown.iter().flat_map(|text| text.lines()).map(one_line).collect();
            lines.sort();
            lines
        };
        let before = far_ends();
        assert_eq!(before.len(), 4, "{before:?}");
        node.ns.ip("link del vxlan.roost");
        until("the far ends are back", PATIENCE, || {
            if node.ns.try_ip("link show dev vxlan.roost").is_err() {
                return Err("the device is away".to_owned());
            }
            let now = far_ends();
            if now == before { Ok(()) } else { Err(format!("want {before:#?}\nhave {now:#?}")) }
        });
        node.holds(&node.wanted());
        ping_n3(&mesh, 67);
    });
    check("managed devices follow the MTU of the network", || {
        let node = &mesh.nodes[0];
        for (network, ipip, vxlan) in [(1400, 1380, 1350), (1460, 1440, 1410)] {
            node.ns.ip(&format!("link set eth0 mtu {network}"));
            tunl0_is(node, 1, ipip);
            has(&node.ns, "link show dev vxlan.roost", &format!(" mtu {vxlan} "));
        }
    });
    check("after ipip was unloaded and loaded again, roost sets up the new tunl0 and the routes are back", || {
        let before = index_of_tunl0(&mesh.nodes[0].ns);
        unload_ipip();
        mesh.nodes.iter().for_each(|node| node.holds(&node.wanted_without_tunl0()));
        load_ipip();
        for (node, number) in mesh.nodes.iter().zip(1..) {
            tunl0_is(node, number, 1440);
            node.holds(&node.wanted());
        }
        assert_ne!(index_of_tunl0(&mesh.nodes[0].ns), before, "tunl0 is another device");
        ping_n3(&mesh, 65);
    });
}

/// Waits until tunl0 is as roost has to make it.
#[track_caller]
fn tunl0_is(node: &Node, number: u8, mtu: u32) {
    has(&node.ns, "-o link show dev tunl0 up", &format!(" mtu {mtu} "));
    has(&node.ns, "-o addr show dev tunl0", &format!(" inet 10.65.{number}.1/32 "));
}

#[track_caller]
fn has(ns: &Netns, show: &str, text: &str) {
    until(&format!("{}: `ip {show}` says {text:?}", ns.name()), PATIENCE, || {
        let said = ns.ip(show);
        if said.contains(text) { Ok(()) } else { Err(said) }
    });
}

fn from_the_node(mesh: &Mesh) {
    let node = &mesh.nodes[0].ns;
    let way = node.ip("-o route get 10.65.3.2");
    assert!(way.starts_with("10.65.3.2 via 172.16.2.3 dev tunl0 src 10.65.1.1 "), "{way}");
    node.run("ping -n -c 1 -W 60 10.65.3.2");
}
