//! Peers with AS numbers of two octets: RFC 6793. What they cannot say goes beside, in AS4_PATH and AS4_AGGREGATOR.

use crate::harness::wire::code::*;
use crate::harness::wire::{OPT_TRANS, WELL_KNOWN, segment, sequence, sequence2};
use crate::harness::{Neighbor, Open, Roost, Setup, Told, Update};

const PREFIX: &str = "10.1.0.0/16";
const LARGE: u32 = 4_200_000_001;
const TRANS: u16 = 23456;

/// What a client is told of a route an external two-octet peer sent.
#[track_caller]
fn from_old(edit: impl Fn(Update) -> Update) -> Told {
    let roost = Setup::with([
        Neighbor::ebgp(65001).with("accept_as_set: true"),
        Neighbor::client().with("accept_as_set: true"),
    ])
    .start();
    let mut old = roost.peer_with(0, Open::new(65001).without(65));
    let route = edit(old.route(&[PREFIX]));
    old.update(&route).settle(&roost);
    roost.peer(1).told(PREFIX)
}

/// What an external two-octet peer is told of another external peer's route.
#[track_caller]
fn to_old(edit: impl Fn(Update) -> Update) -> Told {
    to_old_of(65000, edit)
}

#[track_caller]
fn to_old_of(asn: u32, edit: impl Fn(Update) -> Update) -> Told {
    let roost = Setup::with([Neighbor::ebgp(65002), Neighbor::ebgp(65001)]).asn(asn).start();
    let mut new = roost.peer(0);
    let route = edit(new.route(&[PREFIX]));
    new.update(&route).settle(&roost);
    roost.peer_with(1, Open::new(65001).without(65).id(Roost::peer_id(1))).told(PREFIX)
}

// ---- from an old speaker: RFC 6793 §4.2.3

#[test]
fn a_path_of_two_octets_is_widened() {
    assert_eq!(from_old(|u| u.path2(&[65001, 7])).path(), [65001, 7]);
}

#[test]
fn as4_path_takes_the_place_of_as_trans() {
    let told = from_old(|u| u.path2(&[65001, TRANS]).attr(OPT_TRANS, AS4_PATH, &sequence(&[LARGE])));
    assert_eq!(told.path(), [65001, LARGE]);
    assert!(!told.has(AS4_PATH), "RFC 6793 §3: not to a new speaker");
}

#[test]
fn as4_path_of_the_whole_path_is_the_path() {
    let told = from_old(|u| u.path2(&[65001, TRANS, 9]).attr(OPT_TRANS, AS4_PATH, &sequence(&[65001, LARGE, 9])));
    assert_eq!(told.path(), [65001, LARGE, 9]);
}

#[test]
fn as4_path_longer_than_the_path_is_ignored() {
    let told = from_old(|u| u.path2(&[65001, TRANS]).attr(OPT_TRANS, AS4_PATH, &sequence(&[1, 2, LARGE])));
    assert_eq!(told.path(), [65001, 23456]);
}

#[test]
fn as4_path_with_a_set_counts_it_as_one() {
    let as4 = [sequence(&[LARGE]), segment(1, &[70_000, 70_001])].concat();
    let two = [sequence2(&[65001, TRANS]), vec![1, 2, 0x5b, 0xa0, 0x5b, 0xa0]].concat();
    let told = from_old(|u| u.set(WELL_KNOWN, AS_PATH, &two).attr(OPT_TRANS, AS4_PATH, &as4));
    assert_eq!(told.value(AS_PATH), [sequence(&[65001, LARGE]), segment(1, &[70_000, 70_001])].concat());
}

#[test]
fn confederation_segments_in_as4_path_are_dropped() {
    // RFC 6793 §6: "the path segments in question MUST be discarded", and the rest counts
    let as4 = [segment(3, &[65_100]), sequence(&[LARGE]), segment(4, &[65_101])].concat();
    let told = from_old(|u| u.path2(&[65001, TRANS]).attr(OPT_TRANS, AS4_PATH, &as4));
    assert_eq!(told.path(), [65001, LARGE]);
}

#[test]
fn without_as4_path_as_trans_stays() {
    assert_eq!(from_old(|u| u.path2(&[65001, TRANS])).path(), [65001, 23456]);
}

#[test]
fn as4_aggregator_takes_the_place_of_as_trans() {
    let told = from_old(|u| {
        u.attr(OPT_TRANS, AGGREGATOR, &[0x5b, 0xa0, 1, 2, 3, 4]).attr(
            OPT_TRANS,
            AS4_AGGREGATOR,
            &[&LARGE.to_be_bytes()[..], &[1, 2, 3, 4]].concat(),
        )
    });
    assert_eq!(told.value(AGGREGATOR), [&LARGE.to_be_bytes()[..], &[1, 2, 3, 4]].concat());
    assert!(!told.has(AS4_AGGREGATOR));
}

#[test]
fn an_aggregator_with_a_number_of_its_own_makes_both_as4_attributes_ignored() {
    // RFC 6793 §4.2.3: an old speaker has aggregated since
    let told = from_old(|u| {
        u.path2(&[65001, TRANS])
            .attr(OPT_TRANS, AGGREGATOR, &[0, 9, 1, 2, 3, 4])
            .attr(OPT_TRANS, AS4_PATH, &sequence(&[LARGE]))
            .attr(OPT_TRANS, AS4_AGGREGATOR, &[&LARGE.to_be_bytes()[..], &[1, 2, 3, 4]].concat())
    });
    assert_eq!(told.path(), [65001, 23456]);
    assert_eq!(told.value(AGGREGATOR), [0, 0, 0, 9, 1, 2, 3, 4]);
}

#[test]
fn an_aggregator_of_two_octets_is_widened() {
    let told = from_old(|u| u.attr(OPT_TRANS, AGGREGATOR, &[0xfd, 0xe9, 1, 2, 3, 4]));
    assert_eq!(told.value(AGGREGATOR), [0, 0, 0xfd, 0xe9, 1, 2, 3, 4]);
}

// ---- to an old speaker: RFC 6793 §4.2.2

#[test]
fn a_path_of_small_numbers_needs_no_as4_path() {
    let told = to_old(|u| u.path(&[65002, 7]));
    assert_eq!(told.value(AS_PATH), sequence2(&[65000, 65002, 7]));
    assert!(!told.has(AS4_PATH));
}

#[test]
fn large_numbers_go_beside_the_path() {
    let told = to_old(|u| u.path(&[65002, LARGE, 7]));
    assert_eq!(told.value(AS_PATH), sequence2(&[65000, 65002, TRANS, 7]));
    assert_eq!(told.attrs[&AS4_PATH], (0xc0, sequence(&[65000, 65002, LARGE, 7])));
}

#[test]
fn our_own_large_number_goes_beside_the_path() {
    let told = to_old_of(LARGE, |u| u.path(&[65002]));
    assert_eq!(told.value(AS_PATH), sequence2(&[TRANS, 65002]));
    assert_eq!(told.value(AS4_PATH), sequence(&[LARGE, 65002]));
}

#[test]
fn a_large_aggregator_goes_beside() {
    let value = [&LARGE.to_be_bytes()[..], &[1, 2, 3, 4]].concat();
    let told = to_old(|u| u.attr(OPT_TRANS, AGGREGATOR, &value));
    assert_eq!(told.value(AGGREGATOR), [0x5b, 0xa0, 1, 2, 3, 4]);
    assert_eq!(told.value(AS4_AGGREGATOR), value);
}

#[test]
fn a_small_aggregator_needs_nothing_beside() {
    let told = to_old(|u| u.attr(OPT_TRANS, AGGREGATOR, &[0, 0, 0xfd, 0xea, 1, 2, 3, 4]));
    assert_eq!(told.value(AGGREGATOR), [0xfd, 0xea, 1, 2, 3, 4]);
    assert!(!told.has(AS4_AGGREGATOR));
}

#[test]
fn large_numbers_survive_two_old_speakers() {
    // From an old peer and to an old peer: what was merged goes beside again.
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002)]).start();
    let mut from = roost.peer_with(0, Open::new(65001).without(65));
    let mut to = roost.peer_with(1, Open::new(65002).without(65).id(Roost::peer_id(1)));
    let route = from.route(&[PREFIX]).path2(&[65001, TRANS]).attr(OPT_TRANS, AS4_PATH, &sequence(&[LARGE]));
    from.update(&route).settle(&roost);
    let told = to.told(PREFIX);
    assert_eq!(told.value(AS_PATH), sequence2(&[65000, 65001, TRANS]));
    assert_eq!(told.value(AS4_PATH), sequence(&[65000, 65001, LARGE]));
}

#[test]
fn as4_aggregator_without_an_aggregator_is_nobodys() {
    // RFC 6793 §4.2.3
    let told = from_old(|u| u.set(OPT_TRANS, AS4_AGGREGATOR, &[LARGE.to_be_bytes(), [1, 2, 3, 4]].concat()));
    assert!(!told.has(AGGREGATOR) && !told.has(AS4_AGGREGATOR));
}

#[test]
fn an_empty_as4_path_changes_nothing() {
    // RFC 6793 §6: no segment is no number
    let told = from_old(|u| u.path2(&[65001, TRANS]).set(OPT_TRANS, AS4_PATH, &[]));
    assert_eq!(told.path(), [65001, 23456]);
}

#[test]
fn as4_path_as_long_as_the_path_takes_its_place_whole() {
    // RFC 6793 §4.2.3: also where the numbers differ; the peer's own stands in front or the route is not used
    let told = from_old(|u| u.path2(&[65001, TRANS, 8]).set(OPT_TRANS, AS4_PATH, &sequence(&[65001, LARGE, 8])));
    assert_eq!(told.path(), [65001, LARGE, 8]);
}
