//! Two nodes announce one prefix: the kernel gets one route with two next hops, and one next hop when one goes.

use roost_tests::{Daemon, Kind, Lab, PATIENCE, Peer, Speaker};

const BOTH: &str = "10.65.77.0/26 nexthop via 10.9.0.2 dev eth0 weight 1 nexthop via 10.9.0.3 dev eth0 weight 1";

#[test]
fn a_prefix_of_two_nodes_has_two_next_hops_until_one_withdraws_it() {
    let lab = Lab::new("multipath");
    let lan = lab.lan("lan");
    let nodes = ["a", "b", "c"].map(|name| {
        let ns = lab.netns(name);
        lan.plug(&lab, &ns, "eth0", &format!("port-{name}"));
        ns
    });
    let mut speakers = [
        Speaker::new("10.9.0.1/24", &[])
            .with_peer(Peer::new("10.9.0.2", 64512))
            .with_peer(Peer::new("10.9.0.3", 64512)),
        Speaker::new("10.9.0.2/24", &["10.65.77.0/26"]).with_peer(Peer::new("10.9.0.1", 64512)),
        Speaker::new("10.9.0.3/24", &["10.65.77.0/26"]).with_peer(Peer::new("10.9.0.1", 64512)),
    ];
    speakers[0].more = "pools: [{ cidr: 10.65.0.0/16, mode: direct }]".into();
    for (speaker, ns) in speakers.iter().zip(&nodes) {
        speaker.address_device(ns, "eth0");
    }
    let birds: Vec<Daemon> = (1..3).map(|n| speakers[n].start(Kind::Bird2, &nodes[n])).collect();
    let roost = speakers[0].start(Kind::Roost, &nodes[0]);
    nodes[0].wait_for_routes(&[BOTH], PATIENCE, || roost.ask("show routes"));
    birds[0].ask("disable blocks_ipv4");
    nodes[0].wait_for_routes(&["10.65.77.0/26 via 10.9.0.3 dev eth0"], PATIENCE, || roost.ask("show routes"));
    birds[0].ask("enable blocks_ipv4");
    nodes[0].wait_for_routes(&[BOTH], PATIENCE, || roost.ask("show routes"));
    birds[1].ask("disable blocks_ipv4");
    birds[0].ask("disable blocks_ipv4");
    nodes[0].wait_for_routes(&[], PATIENCE, || roost.ask("show routes"));
}
