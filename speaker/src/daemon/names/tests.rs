use std::path::Path;

use rib::PeerId;

use super::super::keys::Keys;
use super::super::known_peers::{KnownPeer, KnownPeers};
use super::super::peer_status::PeerShared;
use super::{NAMED, find, find_one, listed};
use crate::config;

const YAML: &str = "router: { asn: 64512 }\n\
    node: { name: n1, addresses: [172.16.1.1/24, \"fd00::1/64\"] }\n\
    mesh: { nodes: [ { name: n1, addresses: [172.16.1.1, \"fd00::1\"] }, { name: n2, addresses: [172.16.1.2, \"fd00::2\"] } ] }\n\
    peers:\n  - { address: \"fe80::2%eth1\", asn: 64512, description: rack-7 }\n  \
    - { address: \"fe80::2%eth0\", asn: 64512, description: rack-7 }\n  - { address: 10.0.0.1, asn: 64512 }\n";

fn peers() -> Vec<(PeerId, KnownPeer)> {
    let config = config::parse("roost.yaml", YAML).expect("a configuration").config;
    let keys = Keys::new(&config, Path::new(""));
    let known = KnownPeers::default();
    for (id, settings) in (0..).map(PeerId).zip(config.peers) {
        known.insert(id, KnownPeer { settings, key: keys.of(None), shared: PeerShared::new(), commands: None });
    }
    known.all()
}

#[test]
fn a_peer_is_found_by_address_by_link_by_node_and_by_description() {
    // RFC 4007 §6: the zone is part of the address
    let all = peers();
    let names = |found: Vec<&(PeerId, KnownPeer)>| -> Vec<_> {
        found.into_iter().map(|(_, peer)| peer.settings.name()).collect()
    };
    for (name, expected) in [
        ("10.0.0.1", &["10.0.0.1"][..]),
        ("fd00:0::2", &["fd00::2"]),
        ("fe80::2%eth1", &["fe80::2%eth1"]),
        ("fe80:0::2%eth0", &["fe80::2%eth0"]),
        ("fe80::2", &["fe80::2%eth0", "fe80::2%eth1"]),
        ("n2", &["172.16.1.2", "fd00::2"]),
        ("mesh n2", &["172.16.1.2", "fd00::2"]),
        ("rack-7", &["fe80::2%eth0", "fe80::2%eth1"]),
    ] {
        let found = find(&all, name).unwrap_or_else(|problem| panic!("{name}: {problem:?}"));
        assert_eq!(names(found), expected, "{name}");
    }
}

#[test]
fn a_name_of_none_or_of_several_is_answered_with_what_to_say_instead() {
    let all = peers();
    let problem = |name: &str| {
        let problem = find_one(&all, name).map(|(_, peer)| peer.settings.name()).expect_err(name);
        (problem.status, problem.detail)
    };
    for (name, detail) in [
        ("rack-8", "no peer is called \"rack-8\"; did you mean rack-7?"),
        ("fe80::2%eth2", "no peer is called \"fe80::2%eth2\"; did you mean fe80::2%eth0?"),
        ("10.0.0.1%eth0", "no peer is called \"10.0.0.1%eth0\"; did you mean 10.0.0.1?"),
        ("somebody", "no peer is called \"somebody\"; `roost show peers` lists them"),
    ] {
        assert_eq!(problem(name), (404, detail.to_owned()));
    }
    let detail = "\"fe80::2\" is the name of 2 peers: fe80::2%eth0, fe80::2%eth1; name one of them by its address";
    assert_eq!(problem("fe80::2"), (409, detail.to_owned()));
    assert_eq!(find_one(&all, "fe80::2%eth1").expect("it is one").1.settings.name(), "fe80::2%eth1");
}

#[test]
fn an_answer_does_not_grow_with_the_peers() {
    let text = listed(vec!["x".to_owned(); NAMED + 5], ", ");
    assert!(text.ends_with(", x, and 5 more") && text.matches('x').count() == NAMED, "{text}");
}
