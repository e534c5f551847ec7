//! Keys about AS paths, roles and well-known communities: what they mean, what is said about those that cannot be.

use bgp_proto::Asn;
use bgp_proto::message::Role;
use speaker::config::{Loaded, LocalAs, PathRules, PrivateAs, parse};

const BASE: &str = "router: { asn: 64512 }\nnode: { name: n1, addresses: [172.16.1.1/24] }\n";

/// A peer of this AS with these keys.
fn load(asn: u32, keys: &str) -> Result<Loaded, String> {
    let policies = if asn == 64512 { "" } else { ", import: accept, export: accept" };
    let text = format!("{BASE}peers: [ {{ address: 172.16.1.2, asn: {asn}{policies}{keys} }} ]\n");
    parse("test.yaml", &text).map_err(|errors| errors.to_string())
}

#[track_caller]
fn rules(asn: u32, keys: &str) -> PathRules {
    load(asn, keys).unwrap_or_else(|errors| panic!("{errors}")).config.peers[0].rules.clone()
}

#[test]
fn paths_are_checked_by_default_and_each_check_can_be_switched_off() {
    let usual = rules(65001, "");
    assert_eq!((usual.allow_as_in, usual.enforce_first_as, usual.connected_check), (0, true, true));
    let other = rules(65001, ", allow_as_in: 2, enforce_first_as: false, connected_check: false");
    assert_eq!((other.allow_as_in, other.enforce_first_as, other.connected_check), (2, false, false));
    assert!(!rules(65001, ", ebgp_multihop: 2").connected_check, "it is no neighbour");
    assert!(rules(65001, ", ttl_security: 1").connected_check);
    assert!(!rules(65001, ", ttl_security: 2").connected_check);
    let inner = rules(64512, "");
    assert!(!inner.enforce_first_as && !inner.connected_check);
}

#[test]
fn a_rule_for_other_ases_on_an_internal_peer_is_a_doubt() {
    for keys in [", enforce_first_as: true", ", connected_check: true", ", graceful_shutdown: true"] {
        let loaded = load(64512, keys).unwrap();
        assert!(loaded.warnings[0].to_string().contains("has no effect on iBGP peer 172.16.1.2"), "{keys}");
    }
    assert!(load(65001, ", allow_as_in: 11").unwrap_err().contains("a whole number from 0 to 10"));
}

#[test]
fn communities_that_ask_for_something_are_heard_as_the_rfcs_say() {
    // RFC 8326 §4.2, RFC 7999 §3.3
    let usual = rules(65001, "");
    assert_eq!((usual.graceful_shutdown, usual.blackhole), (true, false));
    let other = rules(65001, ", graceful_shutdown: false, blackhole: true");
    assert_eq!((other.graceful_shutdown, other.blackhole), (false, true));
    assert!(rules(64512, ", blackhole: true").blackhole, "an internal peer may be the one that knows");
}

#[test]
fn roles_are_between_ases_and_strictness_needs_one() {
    // RFC 9234 §4.1, §4.2
    for (text, role) in [
        ("provider", Role::Provider),
        ("customer", Role::Customer),
        ("peer", Role::Peer),
        ("rs", Role::RouteServer),
        ("rs-client", Role::RouteServerClient),
    ] {
        let rules = rules(65001, &format!(", role: {text}, strict_role: true"));
        assert_eq!((rules.role, rules.strict_role), (Some(role), true));
    }
    let usual = rules(65001, "");
    assert_eq!((usual.role, usual.strict_role, usual.accept_as_set), (None, false, false));
    assert!(rules(65001, ", accept_as_set: true").accept_as_set);
    let errors = load(64512, ", role: peer").unwrap_err();
    assert!(errors.contains("role: peer 172.16.1.2 is in our own AS"), "{errors}");
    let errors = load(65001, ", strict_role: true").unwrap_err();
    assert!(errors.contains("strict_role needs `role`"), "{errors}");
    let errors = load(65001, ", role: upstream").unwrap_err();
    assert!(errors.contains("expected provider, customer, peer, rs or rs-client"), "{errors}");
}

#[test]
fn another_as_for_one_peer_is_neither_ours_nor_the_peers() {
    assert_eq!(rules(65001, "").local_as, None);
    let local = LocalAs { asn: Asn(65100), no_prepend: false, replace_as: false };
    assert_eq!(rules(65001, ", local_as: 65100").local_as, Some(local));
    let all = rules(65001, ", local_as: 65100, local_as_no_prepend: true, local_as_replace_as: true");
    assert_eq!(all.local_as, Some(LocalAs { no_prepend: true, replace_as: true, ..local }));
    for (asn, keys, expected) in [
        (64512, ", local_as: 65100", "peer 172.16.1.2 is in our own AS"),
        (65001, ", local_as: 64512", "local_as: 64512 is router.asn"),
        (65001, ", local_as: 65001", "local_as: 65001 is the AS of peer 172.16.1.2"),
        (65001, ", local_as_replace_as: true", "this needs `local_as`"),
    ] {
        let errors = load(asn, keys).unwrap_err();
        assert!(errors.contains(expected), "{keys}: {errors}");
    }
}

#[test]
fn private_numbers_go_in_one_of_three_ways() {
    for (text, expected) in [
        ("false", PrivateAs::Keep),
        ("true", PrivateAs::RemoveIfAll),
        ("all", PrivateAs::Remove),
        ("replace", PrivateAs::Replace),
    ] {
        assert_eq!(rules(65001, &format!(", remove_private_as: {text}")).remove_private_as, expected);
    }
    assert_eq!(rules(65001, "").remove_private_as, PrivateAs::Keep);
    assert!(load(65001, ", remove_private_as: some").unwrap_err().contains("expected true, false, all or replace"));
}

#[test]
fn a_confederation_has_members_that_are_peers_from_inside() {
    // RFC 5065 §4
    let text = |confederation: &str| {
        format!(
            "router: {{ asn: 64512, router_id: 10.0.0.1, confederation: {confederation} }}\n\
             peers: [ {{ address: 172.16.1.2, asn: 64513 }}, {{ address: 172.16.1.3, asn: 64512 }} ]\n"
        )
    };
    let config = parse("test.yaml", &text("{ id: 64500, members: [64513] }")).unwrap().config;
    let confederation = config.router.confederation.unwrap();
    assert_eq!((confederation.id, &confederation.members[..]), (Asn(64500), &[Asn(64513)][..]));
    let member = config.peers.iter().map(|peer| peer.rules.confederation).collect::<Vec<_>>();
    assert_eq!(member, [true, false], "and a member needs no policies, as it is no other AS to the world");
    for (wrong, expected) in [
        ("{ members: [64513] }", "router.confederation has no `id`"),
        ("{ id: 64512, members: [64513] }", "64512 is its id and router.asn"),
        ("{ id: 64513, members: [64513] }", "64513 is its id and a member"),
    ] {
        let errors = parse("test.yaml", &text(wrong)).unwrap_err().to_string();
        assert!(errors.contains(expected), "{wrong}: {errors}");
    }
}

#[test]
fn the_decision_has_two_switches() {
    // RFC 4271 §9.1.2.2 c, RFC 5004, RFC 4456 §8
    let router = |keys: &str| {
        let text = format!("router: {{ asn: 64512, router_id: 10.0.0.1{keys} }}\n");
        let router = parse("test.yaml", &text).unwrap().config.router;
        [router.always_compare_med, router.prefer_oldest_external, router.strict_cluster_check]
    };
    assert_eq!(router(""), [false; 3]);
    assert_eq!(router(", always_compare_med: true"), [true, false, false]);
    assert_eq!(router(", prefer_oldest_external: true"), [false, true, false]);
    assert_eq!(router(", strict_cluster_check: true"), [false, false, true]);
}
