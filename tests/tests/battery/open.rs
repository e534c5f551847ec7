//! RFC 4271 §6.2 OPEN Message Error, and what came after it: identifiers (RFC 6286), AS 0 (RFC 7607), four-octet AS
//! numbers (RFC 6793); with its parameters, its capabilities and roost's own OPEN next door.

use crate::harness::told::Told;
use crate::harness::wire::{OPEN, community};
use crate::harness::{Neighbor, OUR_ID, Open, Setup, keepalive, message};

mod capabilities;
mod ours;
mod parameters;

/// Sends an OPEN as AS 65001, which roost expects.
#[track_caller]
fn refused(open: &Open, code: u8, subcode: u8, data: &[u8]) {
    refused_by(Setup::external(), open, code, subcode, data);
}

#[track_caller]
fn refused_by(setup: Setup, open: &Open, code: u8, subcode: u8, data: &[u8]) {
    let roost = setup.start();
    let mut peer = roost.connect(0);
    peer.expect_open().say(open).expect_notification(code, subcode, data);
}

#[track_caller]
fn accepted(open: &Open) {
    accepted_by(Setup::external(), open);
}

#[track_caller]
fn accepted_by(setup: Setup, open: &Open) {
    let roost = setup.start();
    roost.peer_with(0, open.clone()).settle(&roost);
}

/// Parameters in the plain form.
fn parameters(list: &[(u8, &[u8])]) -> Vec<u8> {
    list.iter().flat_map(|(kind, value)| [&[*kind, value.len() as u8], *value].concat()).collect()
}

/// Parameters in the form of RFC 9072.
fn extended(list: &[(u8, &[u8])]) -> Vec<u8> {
    let one = |(kind, value): &(u8, &[u8])| [&[*kind], &(value.len() as u16).to_be_bytes()[..], value].concat();
    let all: Vec<u8> = list.iter().flat_map(one).collect();
    [&[255], &(all.len() as u16).to_be_bytes()[..], &all].concat()
}

fn usual() -> Vec<u8> {
    Open::new(65001).capability_octets()
}

// ---- version

#[test]
fn version_5_is_answered_with_2_1_and_the_largest_version() {
    // RFC 4271 §6.2: data is the largest version supported, two octets
    refused(&Open::new(65001).version(5), 2, 1, &[0, 4]);
}

#[test]
fn version_3_is_answered_with_2_1_and_the_smallest_version() {
    refused(&Open::new(65001).version(3), 2, 1, &[0, 4]);
}

#[test]
fn version_0_is_answered_with_2_1() {
    refused(&Open::new(65001).version(0), 2, 1, &[0, 4]);
}

#[test]
fn version_is_judged_before_everything_else() {
    refused(&Open::new(0).version(9).hold(1).id([0; 4]).parameters(200, &[1]), 2, 1, &[0, 4]);
}

// ---- AS

#[test]
fn another_as_is_answered_with_2_2() {
    refused(&Open::new(65002), 2, 2, &[]);
}

#[test]
fn as_0_is_answered_with_2_2() {
    // RFC 7607 §2
    refused(&Open::bare(0), 2, 2, &[]);
}

#[test]
fn as_0_in_the_capability_is_answered_with_2_2() {
    refused(&Open::new(65001).without(65).cap(65, &[0; 4]), 2, 2, &[]);
}

#[test]
fn as_0_in_the_field_beside_a_right_capability_is_answered_with_2_2() {
    refused(&Open::new(65001).field(0), 2, 2, &[]);
}

#[test]
fn as_trans_without_the_capability_is_answered_with_2_2() {
    // RFC 6793 §9: AS_TRANS is nobody's number
    refused(&Open::bare(23456), 2, 2, &[]);
}

#[test]
fn as_trans_in_the_capability_is_answered_with_2_2() {
    refused(&Open::new(23456), 2, 2, &[]);
}

#[test]
fn field_and_capability_of_different_as_are_answered_with_2_2() {
    refused(&Open::new(65001).field(65002), 2, 2, &[]);
}

#[test]
fn as_trans_in_the_field_beside_a_small_as_is_accepted() {
    // RFC 6793 §4.1
    accepted(&Open::new(65001).field(23456));
}

#[test]
fn a_large_as_with_as_trans_in_the_field_is_accepted() {
    accepted_by(Setup::with([Neighbor::ebgp(4_200_000_001)]), &Open::new(4_200_000_001));
}

#[test]
fn a_large_as_without_the_capability_is_answered_with_2_2() {
    refused_by(Setup::with([Neighbor::ebgp(4_200_000_001)]), &Open::bare(4_200_000_001), 2, 2, &[]);
}

#[test]
fn our_own_as_from_an_external_peer_is_answered_with_2_2() {
    refused(&Open::new(65000), 2, 2, &[]);
}

// ---- identifier

#[test]
fn identifier_0_is_answered_with_2_3() {
    // RFC 6286 §2.2
    refused(&Open::new(65001).id([0; 4]), 2, 3, &[]);
}

#[test]
fn our_identifier_from_an_internal_peer_is_answered_with_2_3() {
    refused_by(Setup::with([Neighbor::ibgp()]), &Open::new(65000).id(OUR_ID), 2, 3, &[]);
}

#[test]
fn our_identifier_from_an_external_peer_is_accepted() {
    // RFC 6286 §2.2: unique within an AS only
    accepted(&Open::new(65001).id(OUR_ID));
}

#[test]
fn a_multicast_identifier_is_accepted() {
    // RFC 6286 §2.1: any four octets but zero
    accepted(&Open::new(65001).id([224, 0, 0, 5]));
}

#[test]
fn an_identifier_of_all_ones_is_accepted() {
    accepted(&Open::new(65001).id([255; 4]));
}

#[test]
fn the_as_is_judged_before_the_identifier() {
    refused(&Open::new(65009).id([0; 4]).hold(1), 2, 2, &[]);
}

// ---- hold time

#[test]
fn hold_time_1_is_answered_with_2_6() {
    // RFC 4271 §6.2
    refused(&Open::new(65001).hold(1), 2, 6, &[]);
}

#[test]
fn hold_time_2_is_answered_with_2_6() {
    refused(&Open::new(65001).hold(2), 2, 6, &[]);
}

#[test]
fn hold_time_0_is_accepted_and_means_none() {
    let roost = Setup::external().start();
    let _peer = roost.peer_with(0, Open::new(65001).hold(0));
    assert_eq!((roost.about(0)["hold_time"].as_u64(), roost.about(0)["keepalive"].as_u64()), (Some(0), Some(0)));
}

#[test]
fn hold_time_3_is_accepted_and_the_smaller_rules() {
    let roost = Setup::external().start();
    let _peer = roost.peer_with(0, Open::new(65001).hold(3));
    assert_eq!((roost.about(0)["hold_time"].as_u64(), roost.about(0)["keepalive"].as_u64()), (Some(3), Some(1)));
}

#[test]
fn hold_time_65535_is_accepted_and_ours_rules() {
    let roost = Setup::external().start();
    let _peer = roost.peer_with(0, Open::new(65001).hold(65535));
    assert_eq!(roost.about(0)["hold_time"].as_u64(), Some(90));
}

// ---- after a refusal

#[test]
fn a_good_open_is_accepted_after_a_refused_one() {
    let roost = Setup::external().start();
    roost.connect(0).expect_open().say(&Open::new(65002)).expect_notification(2, 2, &[]);
    let open = Open::new(65001);
    // The peer is refused for the short time roost stays in Idle (RFC 4271 §8.1.1 DampPeerOscillations).
    let mut peer = roost.connect_until_open(0);
    peer.say(&open).expect_keepalive();
    peer.send(keepalive());
    roost.await_state(0, "established");
}

#[test]
fn a_refusal_is_shown_with_its_reason() {
    let roost = Setup::external().start();
    roost.connect(0).expect_open().say(&Open::new(65002)).expect_notification(2, 2, &[]);
    roost.await_reason(0, "expected AS 65001, peer says AS 65002");
}

#[test]
fn an_open_with_the_smallest_length_is_read() {
    let open = Open::bare(65001).encode();
    assert_eq!(open.len(), 29);
    accepted(&Open::bare(65001));
}

#[test]
fn an_open_of_4096_octets_is_read() {
    // RFC 4271 §4.1 and RFC 9072: as long as an OPEN can be
    let roost = Setup::external().start();
    let mut peer = roost.connect(0);
    peer.expect_open();
    let mut capabilities = usual();
    let room = 4096 - 29 - 3 - 3 - capabilities.len();
    for _ in 0..room / 257 {
        capabilities.extend([&[201, 255], &[1; 255][..]].concat());
    }
    let rest = room % 257;
    capabilities.extend([&[201, rest as u8 - 2], &vec![1; rest - 2][..]].concat());
    let open = Open::new(65001).parameters(255, &extended(&[(2, &capabilities)]));
    assert_eq!(open.encode().len(), 4096);
    peer.say(&open).expect_keepalive();
}

#[test]
fn a_second_families_session_carries_both() {
    let roost = Setup::with([Neighbor::ebgp(65001).both(), Neighbor::ebgp(65002).both()]).start();
    let mut a = roost.peer_with(0, Open::new(65001).ipv6());
    let mut b = roost.peer_with(1, Open::new(65002).ipv6().id([10, 0, 0, 11]));
    let route = a.route(&["10.1.0.0/16"]).communities(&[community(1)]);
    a.update(&route);
    let route = a.route6(&["2001:db8:1::/48"]);
    a.update(&route);
    let (mut v4, mut v6) = (false, false);
    while !(v4 && v6) {
        let told: Told = b.expect_update();
        v4 |= told.announces("10.1.0.0/16");
        v6 |= told.announces("2001:db8:1::/48");
    }
}

#[test]
fn an_open_and_a_keepalive_in_one_segment_establish() {
    let roost = Setup::external().start();
    let mut peer = roost.connect(0);
    peer.send([Open::new(65001).encode(), keepalive()].concat());
    peer.expect_open().expect_keepalive();
    roost.await_state(0, "established");
}

#[test]
fn an_open_before_ours_is_read_is_no_error() {
    let roost = Setup::external().start();
    let mut peer = roost.connect(0);
    peer.say(&Open::new(65001)).expect_open().expect_keepalive();
}

#[test]
fn an_open_with_octets_behind_its_parameters_is_answered_with_2_0() {
    let mut body = Open::bare(65001).encode()[19..].to_vec();
    body.push(0);
    let roost = Setup::external().start();
    let mut peer = roost.connect(0);
    peer.expect_open().send(message(OPEN, &body)).expect_notification(2, 0, &[]);
}
