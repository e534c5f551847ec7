//! Confederations (RFC 5065): we are member AS 65000 of 64500, beside the members 64513 and 64514.

use crate::harness::wire::code::*;
use crate::harness::wire::{WELL_KNOWN, segment, sequence2};
use crate::harness::{Neighbor, OURS, Open, Peer, Roost, Setup, Update};

const PREFIX: &str = "10.1.0.0/16";
const OTHER: &str = "10.2.0.0/16";
const ID: u32 = 64500;
const NO_EXPORT: u32 = 0xffff_ff01;
const NO_EXPORT_SUBCONFED: u32 = 0xffff_ff03;
/// Kinds of path segments.
const SET: u8 = 1;
const SEQUENCE: u8 = 2;
const CONFED: u8 = 3;
const CONFED_SET: u8 = 4;

/// Who is who: two members, an AS outside, a peer of our own member AS.
const MEMBER: usize = 0;
const OTHER_MEMBER: usize = 1;
const OUTSIDE: usize = 2;
const INSIDE: usize = 3;

fn setup() -> Setup {
    let peers = [Neighbor::member(64513), Neighbor::member(64514), Neighbor::ebgp(65001), Neighbor::ibgp()];
    Setup::with(peers).router("confederation: { id: 64500, members: [64513, 64514] }")
}

/// Everyone established, in the order above.
fn all() -> (Roost, [Peer; 4]) {
    let roost = setup().start();
    let peers = [0, 1, 2, 3].map(|number| roost.peer(number));
    (roost, peers)
}

/// One of them announces [`PREFIX`], changed; who is told. What is sent to the sender's own kind counts too.
#[track_caller]
fn told_to(from: usize, edit: impl Fn(Update) -> Update) -> Vec<usize> {
    let (roost, mut peers) = all();
    let route = edit(peers[from].route(&[PREFIX]));
    peers[from].update(&route).settle(&roost);
    (0..4).filter(|&to| to != from && peers[to].adj_out_prefixes() == [PREFIX]).collect()
}

/// A good route of a peer is replaced by one made wrong: it is gone, others and the session stay.
#[track_caller]
fn is_withdrawn(from: usize, edit: impl Fn(Update) -> Update) {
    let (roost, mut peers) = all();
    let (good, wrong) = (peers[from].route(&[PREFIX, OTHER]), edit(peers[from].route(&[PREFIX])));
    peers[from].update(&good).update(&wrong).settle(&roost);
    assert_eq!(roost.prefixes(from), [OTHER]);
    let onlooker = if from == INSIDE { MEMBER } else { INSIDE };
    assert_eq!(peers[onlooker].adj_out_prefixes(), [OTHER]);
    assert_eq!(roost.about(from)["established_count"].as_u64(), Some(1));
}

#[test]
fn routes_of_a_member_are_told_to_everyone() {
    assert_eq!(told_to(MEMBER, |u| u), [OTHER_MEMBER, OUTSIDE, INSIDE]);
}

#[test]
fn routes_of_an_internal_peer_are_told_to_members_and_the_outside() {
    assert_eq!(told_to(INSIDE, |u| u), [MEMBER, OTHER_MEMBER, OUTSIDE]);
}

#[test]
fn no_export_stays_in_the_confederation() {
    // RFC 1997, RFC 5065 §4: the confederation's boundary, not the member's
    assert_eq!(told_to(OUTSIDE, |u| u.communities(&[NO_EXPORT])), [MEMBER, OTHER_MEMBER, INSIDE]);
    assert_eq!(told_to(MEMBER, |u| u.communities(&[NO_EXPORT])), [OTHER_MEMBER, INSIDE]);
}

#[test]
fn no_export_subconfed_stays_in_the_member_as() {
    // RFC 1997: "MUST NOT be advertised to external BGP peers (this includes peers in other members autonomous systems)"
    assert_eq!(told_to(OUTSIDE, |u| u.communities(&[NO_EXPORT_SUBCONFED])), [INSIDE]);
}

#[test]
fn our_own_block_is_told_with_our_member_as_inside_and_the_confederation_outside() {
    // RFC 5065 §4.1
    let roost = setup().blocks(&[PREFIX]).start();
    let path = |number: usize| roost.peer(number).told(PREFIX).value(AS_PATH).to_vec();
    assert_eq!(path(MEMBER), segment(CONFED, &[OURS]));
    assert_eq!(path(OUTSIDE), segment(SEQUENCE, &[ID]));
    assert!(path(INSIDE).is_empty());
}

#[test]
fn a_members_sequence_grows_by_us_from_member_to_member() {
    // RFC 5065 §4.1 b 1: in front of the first segment, which is an AS_CONFED_SEQUENCE already
    let (roost, mut peers) = all();
    let route = peers[MEMBER].route(&[PREFIX]).segments(&[(CONFED, &[64513, 64600]), (SEQUENCE, &[9, 8])]);
    peers[MEMBER].update(&route).settle(&roost);
    let path = [segment(CONFED, &[OURS, 64513, 64600]), segment(SEQUENCE, &[9, 8])].concat();
    assert_eq!(peers[OTHER_MEMBER].told(PREFIX).value(AS_PATH), path);
    let as_it_came = [segment(CONFED, &[64513, 64600]), segment(SEQUENCE, &[9, 8])].concat();
    assert_eq!(peers[INSIDE].told(PREFIX).value(AS_PATH), as_it_came);
}

#[test]
fn a_full_sequence_gets_another_one_in_front() {
    // RFC 5065 §4.1 b 1, RFC 4271 §5.1.2: at most 255 numbers in a segment
    let (roost, mut peers) = all();
    let full: Vec<u32> = [64513].into_iter().chain(1000..1254).collect();
    let route = peers[MEMBER].route(&[PREFIX]).confederation(&full);
    peers[MEMBER].update(&route).settle(&roost);
    let path = [segment(CONFED, &[OURS]), segment(CONFED, &full)].concat();
    assert_eq!(peers[OTHER_MEMBER].told(PREFIX).value(AS_PATH), path);
}

#[test]
fn every_confederation_segment_in_front_is_gone_outside() {
    // RFC 5065 §4.1 c
    let (roost, mut peers) = all();
    let route = peers[MEMBER].route(&[PREFIX]);
    let route = route.segments(&[(CONFED, &[64513, 64600]), (CONFED, &[64601]), (SEQUENCE, &[9, 8])]);
    peers[MEMBER].update(&route.local_pref(300).med(4)).settle(&roost);
    let told = peers[OUTSIDE].told(PREFIX);
    assert_eq!(told.path(), [ID, 9, 8]);
    assert!(!told.has(LOCAL_PREF) && !told.has(MED));
    assert_eq!(told.next_hop, roost.net().roost().octets());
}

#[test]
fn local_pref_med_and_next_hop_pass_from_member_to_member() {
    // RFC 5065 §5.1
    let (roost, mut peers) = all();
    let route = peers[MEMBER].route(&[PREFIX]).local_pref(333).med(44);
    peers[MEMBER].update(&route).settle(&roost);
    for to in [OTHER_MEMBER, INSIDE] {
        let told = peers[to].told(PREFIX);
        assert_eq!((told.number(LOCAL_PREF), told.number(MED)), (333, 44));
        assert_eq!(told.next_hop, [192, 0, 2, 10]);
    }
}

#[test]
fn marks_of_reflection_stay_in_the_member_as() {
    // RFC 4456 §8: their identifiers are of this member AS
    let peers = [Neighbor::client(), Neighbor::member(64513)];
    let roost = Setup::with(peers).router("confederation: { id: 64500, members: [64513] }").start();
    let (mut client, mut member) = (roost.peer(0), roost.peer(1));
    let route = client.route(&[PREFIX]).originator([9, 9, 9, 9]).clusters(&[[8, 8, 8, 8]]);
    client.update(&route).settle(&roost);
    let told = member.told(PREFIX);
    assert!(!told.has(ORIGINATOR_ID) && !told.has(CLUSTER_LIST));
}

#[test]
fn to_a_two_octet_member_only_the_outside_part_goes_beside_the_path() {
    // RFC 6793 §4.2.2: AS4_PATH has no confederation segments
    let roost = setup().start();
    let mut from = roost.peer(MEMBER);
    let mut old = roost.peer_with(OTHER_MEMBER, Open::new(64514).without(65).id(Roost::peer_id(1)));
    let route = from.route(&[PREFIX]).segments(&[(CONFED, &[64513, 70_000]), (SEQUENCE, &[70_001, 9])]);
    from.update(&route).settle(&roost);
    let told = old.told(PREFIX);
    let path = [&[CONFED, 3, 0xfd, 0xe8, 0xfc, 0x01, 0x5b, 0xa0][..], &sequence2(&[23456, 9])].concat();
    assert_eq!(told.value(AS_PATH), path);
    assert_eq!(told.value(AS4_PATH), segment(SEQUENCE, &[70_001, 9]));
}

// ---- errors: RFC 5065 §5

#[test]
fn an_ordinary_sequence_first_from_a_member_withdraws() {
    is_withdrawn(MEMBER, |u| u.path(&[64513, 9]));
}

#[test]
fn an_empty_path_from_a_member_withdraws() {
    is_withdrawn(MEMBER, |u| u.segments(&[]));
}

#[test]
fn a_confederation_sequence_of_no_as_from_a_member_withdraws() {
    // RFC 7606 §7.2
    is_withdrawn(MEMBER, |u| u.segments(&[(CONFED, &[])]));
}

#[test]
fn a_sequence_that_begins_with_another_member_withdraws() {
    // RFC 4271 §6.3: the leftmost AS is the peer's
    is_withdrawn(MEMBER, |u| u.confederation(&[64514, 64513]));
}

#[test]
fn a_confederation_set_first_from_a_member_withdraws() {
    // RFC 9774 §3, and not a sequence anyway
    is_withdrawn(MEMBER, |u| u.segments(&[(CONFED_SET, &[64513])]));
}

#[test]
fn a_confederation_set_behind_the_sequence_withdraws() {
    // RFC 9774 §3
    is_withdrawn(MEMBER, |u| u.segments(&[(CONFED, &[64513]), (CONFED_SET, &[64600, 64601])]));
}

#[test]
fn a_confederation_sequence_first_from_outside_withdraws() {
    is_withdrawn(OUTSIDE, |u| u.segments(&[(CONFED, &[65001]), (SEQUENCE, &[65001])]));
}

#[test]
fn a_confederation_sequence_anywhere_from_outside_withdraws() {
    is_withdrawn(OUTSIDE, |u| u.segments(&[(SEQUENCE, &[65001]), (CONFED, &[64513])]));
}

#[test]
fn a_confederation_sequence_from_an_internal_peer_is_a_path() {
    let (roost, mut peers) = all();
    let route = peers[INSIDE].route(&[PREFIX]).segments(&[(CONFED, &[64514]), (SEQUENCE, &[9])]);
    peers[INSIDE].update(&route).settle(&roost);
    let path = [segment(CONFED, &[OURS, 64514]), segment(SEQUENCE, &[9])].concat();
    assert_eq!(peers[MEMBER].told(PREFIX).value(AS_PATH), path);
    assert_eq!(peers[OUTSIDE].told(PREFIX).path(), [ID, 9]);
}

// ---- loops

#[test]
fn our_member_as_in_the_sequence_is_a_loop() {
    // RFC 5065 §4
    is_withdrawn(MEMBER, |u| u.confederation(&[64513, OURS]));
}

#[test]
fn our_confederation_in_a_path_from_outside_is_a_loop() {
    // RFC 5065 §4, RFC 4271 §9.1.2
    is_withdrawn(OUTSIDE, |u| u.path(&[65001, ID, 9]));
}

#[test]
fn our_confederation_in_a_path_from_a_member_is_a_loop() {
    is_withdrawn(MEMBER, |u| u.segments(&[(CONFED, &[64513]), (SEQUENCE, &[9, ID])]));
}

#[test]
fn our_confederation_in_a_path_from_an_internal_peer_is_a_loop() {
    is_withdrawn(INSIDE, |u| u.path(&[ID]));
}

#[test]
fn a_set_of_outsiders_is_carried_where_sets_are_taken_and_its_confederation_part_is_not() {
    // RFC 5065 §4.1 c, RFC 9774 §3
    let old = |neighbor: Neighbor| neighbor.with("accept_as_set: true");
    let peers = [old(Neighbor::member(64513)), old(Neighbor::ebgp(65001))];
    let roost = Setup::with(peers).router("confederation: { id: 64500, members: [64513] }").start();
    let (mut member, mut outside) = (roost.peer(0), roost.peer(1));
    let route = member.route(&[PREFIX]);
    let route = route.segments(&[(CONFED, &[64513]), (CONFED_SET, &[64600, 64601]), (SEQUENCE, &[9]), (SET, &[7, 8])]);
    member.update(&route).settle(&roost);
    let path = [segment(SEQUENCE, &[ID, 9]), segment(SET, &[7, 8])].concat();
    assert_eq!(outside.told(PREFIX).value(AS_PATH), path);
}

// ---- OPEN

#[test]
fn a_member_that_says_the_confederations_as_is_refused_with_2_2() {
    let roost = setup().start();
    let mut peer = roost.connect(MEMBER);
    peer.expect_open().say(&Open::new(ID)).expect_notification(2, 2, &[]);
}

#[test]
fn to_members_we_are_our_member_as_and_to_others_the_confederation() {
    // RFC 5065 §4
    let (_roost, peers) = all();
    let my_as = |peer: &Peer| u32::from(u16::from_be_bytes([peer.open[1], peer.open[2]]));
    assert_eq!(peers.each_ref().map(my_as), [OURS, OURS, ID, OURS]);
}

// ---- decision: RFC 5065 §5.3

/// Two peers of a roost offer the prefix; the number of the one that wins.
#[track_caller]
fn winner(first: (usize, &dyn Fn(Update) -> Update), second: (usize, &dyn Fn(Update) -> Update)) -> usize {
    let (roost, mut peers) = all();
    for (number, edit) in [first, second] {
        let route = edit(peers[number].route(&[PREFIX]).local_pref(100));
        peers[number].update(&route).settle(&roost);
    }
    let best = [first.0, second.0].map(|number| roost.row(number, PREFIX).best);
    assert_ne!(best[0], best[1], "one is best");
    if best[0] { first.0 } else { second.0 }
}

#[test]
fn members_do_not_count_in_the_length_of_a_path() {
    // RFC 5065 §5.3: "AS_CONFED_SEQUENCE … SHOULD NOT be counted"
    let long = |u: Update| u.segments(&[(CONFED, &[64513, 64600, 64601, 64602]), (SEQUENCE, &[9])]);
    let short = |u: Update| u.segments(&[(CONFED, &[64514]), (SEQUENCE, &[9, 8])]);
    assert_eq!(winner((MEMBER, &long), (OTHER_MEMBER, &short)), MEMBER);
}

#[test]
fn a_route_from_outside_wins_over_a_members() {
    // RFC 5065 §5.3: a member's route is internal in this comparison
    let member = |u: Update| u.segments(&[(CONFED, &[64513]), (SEQUENCE, &[9])]);
    let outside = |u: Update| u.path(&[65001]);
    assert_eq!(winner((MEMBER, &member), (OUTSIDE, &outside)), OUTSIDE);
}

#[test]
fn med_compares_between_routes_of_one_as_outside_whichever_member_told_them() {
    // RFC 5065 §5.3, RFC 4271 §9.1.2.2 c: the neighbouring AS is the first outside of the confederation
    let worse = |u: Update| u.segments(&[(CONFED, &[64513]), (SEQUENCE, &[9])]).med(20);
    let better = |u: Update| u.segments(&[(CONFED, &[64514]), (SEQUENCE, &[9])]).med(10);
    assert_eq!(winner((MEMBER, &worse), (OTHER_MEMBER, &better)), OTHER_MEMBER);
}

#[test]
fn segments_of_a_confederation_withdraw_from_an_internal_peer_too_where_there_is_none() {
    // RFC 5065 §5: the neighbour is not in the same confederation
    for wrong in [[segment(CONFED, &[64513]), segment(SEQUENCE, &[65001])].concat(), segment(CONFED_SET, &[64513])] {
        let roost = Setup::with([Neighbor::ibgp(), Neighbor::ebgp(65002)]).start();
        let (mut peer, mut onlooker) = (roost.peer(0), roost.peer(1));
        let good = peer.route(&[PREFIX, OTHER]);
        let bad = peer.route(&[PREFIX]).set(WELL_KNOWN, AS_PATH, &wrong);
        peer.update(&good).update(&bad).settle(&roost);
        assert_eq!(roost.prefixes(0), [OTHER]);
        assert_eq!(onlooker.adj_out_prefixes(), [OTHER]);
        assert_eq!(roost.about(0)["established_count"].as_u64(), Some(1));
    }
}
