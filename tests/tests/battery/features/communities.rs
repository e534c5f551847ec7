//! Communities that ask for something at a border: GRACEFUL_SHUTDOWN (RFC 8326), BLACKHOLE (RFC 7999), NOPEER (RFC 3765).

use crate::harness::wire::code::*;
use crate::harness::{Neighbor, Setup};

const PREFIX: &str = "10.1.0.0/16";
const HOST: &str = "203.0.113.1/32";
const GRACEFUL_SHUTDOWN: u32 = 0xffff_0000;
const BLACKHOLE: u32 = 0xffff_029a;
const NO_EXPORT: u32 = 0xffff_ff01;
const NO_ADVERTISE: u32 = 0xffff_ff02;
const NO_PEER: u32 = 0xffff_ff04;

// ---- RFC 8326

#[test]
fn a_path_that_is_shut_down_gives_way_to_a_worse_one() {
    // RFC 8326 §4.2: LOCAL_PREF 0
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002)]).start();
    let (mut leaving, mut other) = (roost.peer(0), roost.peer(1));
    let (short, long) = (leaving.route(&[PREFIX]), other.route(&[PREFIX]).path(&[65002, 9, 8, 7]));
    leaving.update(&short).settle(&roost);
    other.update(&long).settle(&roost);
    assert!(roost.row(0, PREFIX).best);
    let down = short.communities(&[7, GRACEFUL_SHUTDOWN]);
    leaving.update(&down).settle(&roost);
    assert!(roost.row(1, PREFIX).best);
    assert_eq!(roost.row(0, PREFIX).local_pref, 0);
    let up = leaving.route(&[PREFIX]);
    leaving.update(&up).settle(&roost);
    assert!(roost.row(0, PREFIX).best);
}

#[test]
fn a_path_that_is_shut_down_is_used_when_it_is_the_only_one() {
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002)]).start();
    let (mut leaving, mut other) = (roost.peer(0), roost.peer(1));
    let route = leaving.route(&[PREFIX]).communities(&[GRACEFUL_SHUTDOWN]);
    leaving.update(&route).settle(&roost);
    let told = other.told(PREFIX);
    assert_eq!(told.value(COMMUNITIES), GRACEFUL_SHUTDOWN.to_be_bytes(), "RFC 8326 §4.2: transitive");
    assert!(!told.has(LOCAL_PREF));
}

#[test]
fn an_internal_peers_local_pref_stays_beside_graceful_shutdown() {
    // RFC 8326 §4.2: at the border only; inside the border has set it already
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX]).local_pref(150).communities(&[GRACEFUL_SHUTDOWN]);
    from.update(&route).settle(&roost);
    assert_eq!(to.told(PREFIX).number(LOCAL_PREF), 150);
}

#[test]
fn a_policy_does_not_undo_a_graceful_shutdown() {
    let policy = "policies: { in: { rules: [{ set: { local_pref: 300 }, action: accept }] } }";
    let roost = Setup::with([Neighbor::ebgp(65001).with("import: in"), Neighbor::ibgp()]).more(policy).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let (down, up) = (from.route(&[PREFIX]).communities(&[GRACEFUL_SHUTDOWN]), from.route(&["10.2.0.0/16"]));
    from.update(&down).update(&up).settle(&roost);
    assert_eq!(to.told(PREFIX).number(LOCAL_PREF), 0);
    assert_eq!(to.told("10.2.0.0/16").number(LOCAL_PREF), 300);
}

#[test]
fn an_ipv6_path_is_shut_down_the_same_way() {
    let roost = Setup::with([Neighbor::ebgp(65001).both()]).start();
    let mut from = roost.peer_with(0, crate::harness::Open::new(65001).ipv6());
    let route = from.route6(&["2001:db8:1::/48"]).communities(&[GRACEFUL_SHUTDOWN]);
    from.update(&route).settle(&roost);
    assert_eq!(roost.row(0, "2001:db8:1::/48").local_pref, 0);
}

// ---- RFC 7999

/// Communities an internal peer is told of a route with these, and whether an external one is told it.
#[track_caller]
fn border(prefix: &str, communities: &[u32]) -> (Vec<u32>, bool) {
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002), Neighbor::ibgp()]).start();
    let (mut from, mut outside, mut inside) = (roost.peer(0), roost.peer(1), roost.peer(2));
    let route = from.route(&[prefix]).communities(communities);
    from.update(&route).settle(&roost);
    if communities.contains(&NO_ADVERTISE) {
        assert_eq!(inside.adj_out_prefixes(), [""; 0]);
        return (Vec::new(), outside.adj_out_prefixes() == [prefix]);
    }
    let value = inside.told(prefix).value(COMMUNITIES).to_vec();
    let told = value.chunks(4).map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]])).collect();
    (told, outside.adj_out_prefixes() == [prefix])
}

#[test]
fn a_blackhole_of_any_length_stays_in_the_as() {
    // RFC 7999 §3.2: whatever its length; the length decides only about packets
    for prefix in [HOST, "203.0.113.0/24", PREFIX] {
        assert_eq!(border(prefix, &[BLACKHOLE]), (vec![BLACKHOLE, NO_EXPORT], false), "{prefix}");
    }
}

#[test]
fn a_blackhole_with_no_export_gets_no_second_one() {
    assert_eq!(border(HOST, &[5, BLACKHOLE, NO_EXPORT]), (vec![5, BLACKHOLE, NO_EXPORT], false));
}

#[test]
fn a_blackhole_with_no_advertise_is_told_nobody() {
    assert_eq!(border(HOST, &[BLACKHOLE, NO_ADVERTISE]), (Vec::new(), false));
}

#[test]
fn a_neighbour_of_blackhole_is_an_ordinary_community() {
    assert_eq!(border(HOST, &[BLACKHOLE - 1]), (vec![BLACKHOLE - 1], true));
}

// ---- RFC 3765

#[test]
fn no_peer_stays_from_those_who_are_our_peers_and_goes_to_all_others() {
    // RFC 3765 §2: bilateral peers, which only a role tells (RFC 9234)
    let in_role = |asn, role: &str| Neighbor::ebgp(asn).with(&format!("role: {role}"));
    let peers = [Neighbor::ibgp(), in_role(65001, "peer"), in_role(65002, "provider"), Neighbor::ebgp(65003)];
    let roost = Setup::with(peers).start();
    let mut from = roost.peer(0);
    let route = from.route(&[PREFIX]).communities(&[NO_PEER]);
    from.update(&route).settle(&roost);
    let told = [1, 2, 3].map(|number| roost.peer(number).adj_out_prefixes() == [PREFIX]);
    assert_eq!(told, [false, true, true]);
}
