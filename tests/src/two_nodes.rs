//! Two nodes on one subnet that know each other: the smallest mesh.

use crate::{Lab, Netns, Peer, Speaker};

/// Nodes a and b with eth0 on one wire, and what runs there: 10.9.0.1 with 10.65.1.0/26, 10.9.0.2 with 10.65.2.0/26.
pub fn two_nodes(lab: &Lab) -> ([Netns; 2], [Speaker; 2]) {
    let nodes = ["a", "b"].map(|name| lab.netns(name));
    lab.wire((&nodes[0], "eth0"), (&nodes[1], "eth0"));
    let speakers = [
        Speaker::new("10.9.0.1/24", &["10.65.1.0/26"]).with_peer(Peer::new("10.9.0.2", 64512)),
        Speaker::new("10.9.0.2/24", &["10.65.2.0/26"]).with_peer(Peer::new("10.9.0.1", 64512)),
    ];
    for (speaker, node) in speakers.iter().zip(&nodes) {
        speaker.address_device(node, "eth0");
    }
    (nodes, speakers)
}
