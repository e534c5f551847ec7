//! What an external peer is told: RFC 4271 §5.1, §9.1.3.

use super::{PREFIX, same, told, told_own};
use crate::harness::wire::code::*;
use crate::harness::wire::{WELL_KNOWN, segment, sequence};
use crate::harness::{Neighbor, OURS, Setup};

#[test]
fn to_an_external_peer_our_as_stands_in_front() {
    // RFC 4271 §5.1.2 b
    let told = told(Neighbor::ebgp(65001), Neighbor::ebgp(65002), |u| u.path(&[65001, 65009]));
    assert_eq!(told.path(), [OURS, 65001, 65009]);
}

#[test]
fn to_an_external_peer_our_as_stands_once_in_front_of_a_clients_path() {
    let told = told(Neighbor::client(), Neighbor::ebgp(65002), same);
    assert_eq!(told.path(), [OURS]);
}

#[test]
fn our_as_in_front_of_a_set_is_a_sequence_of_its_own() {
    let set = segment(1, &[65003, 65004]);
    let both = |neighbor: Neighbor| neighbor.with("accept_as_set: true");
    let told = told(both(Neighbor::client()), both(Neighbor::ebgp(65002)), |u| u.set(WELL_KNOWN, AS_PATH, &set));
    assert_eq!(told.value(AS_PATH), [sequence(&[OURS]), set.clone()].concat());
}

#[test]
fn our_as_in_front_of_a_full_segment_begins_another_one() {
    // RFC 4271 §5.1.2 b 1: a segment holds 255 numbers
    let full: Vec<u32> = [65001].into_iter().chain(std::iter::repeat_n(65009, 254)).collect();
    let told = told(Neighbor::ebgp(65001), Neighbor::ebgp(65002), |u| u.path(&full));
    assert_eq!(told.value(AS_PATH), [sequence(&[OURS]), sequence(&full)].concat());
}

#[test]
fn to_an_external_peer_we_are_the_next_hop() {
    // RFC 4271 §5.1.3
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002)]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX]);
    from.update(&route).settle(&roost);
    assert_eq!(to.told(PREFIX).next_hop, roost.net().roost().octets());
}

#[test]
fn to_an_external_peer_goes_no_local_pref() {
    // RFC 4271 §5.1.5
    let told = told(Neighbor::client(), Neighbor::ebgp(65002), |u| u.local_pref(300));
    assert!(!told.has(LOCAL_PREF));
}

#[test]
fn to_an_external_peer_goes_no_med_of_another_as() {
    // RFC 4271 §5.1.4
    let told = told(Neighbor::ebgp(65001), Neighbor::ebgp(65002), |u| u.med(50));
    assert!(!told.has(MED));
}

#[test]
fn to_an_external_peer_goes_no_med_of_an_internal_one() {
    let told = told(Neighbor::client(), Neighbor::ebgp(65002), |u| u.med(50));
    assert!(!told.has(MED));
}

#[test]
fn to_an_external_peer_go_no_marks_of_reflection() {
    // RFC 4456 §8: optional, non-transitive
    let told =
        told(Neighbor::client(), Neighbor::ebgp(65002), |u| u.originator([9, 9, 9, 9]).clusters(&[[8, 8, 8, 8]]));
    assert!(!told.has(ORIGINATOR_ID) && !told.has(CLUSTER_LIST));
}

#[test]
fn to_an_external_peer_our_own_block_has_our_as_alone() {
    let (told, roost) = told_own(Neighbor::ebgp(65002));
    assert_eq!(told.path(), [OURS]);
    assert_eq!(told.next_hop, roost.net().roost().octets());
    assert_eq!(told.value(ORIGIN), [0]);
    assert!(!told.has(LOCAL_PREF) && !told.has(ORIGINATOR_ID));
}

#[test]
fn an_external_peers_route_does_not_come_back_to_it() {
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    let route = peer.route(&[PREFIX]);
    peer.update(&route).settle(&roost);
    assert_eq!(peer.adj_out_prefixes(), [""; 0]);
}

#[test]
fn a_med_set_by_the_export_policy_goes_out() {
    let policy = "policies: { out: { rules: [{ set: { med: 77 }, action: accept }] } }";
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002).with("export: out")]).more(policy).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX]).med(5);
    from.update(&route).settle(&roost);
    assert_eq!(to.told(PREFIX).number(MED), 77);
}
