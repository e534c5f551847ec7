//! The frame of an UPDATE: its three lengths, attributes that overrun, prefixes that do not fit. RFC 7606 §3, §4, §5.3

use super::{FIRST, From, SECOND, THIRD, reset, scene, withdrawn};
use crate::harness::wire::code::*;
use crate::harness::wire::{OPT_TRANS, UPDATE, WELL_KNOWN, attribute};
use crate::harness::{Neighbor, Setup, Update, message};

reset! {
    // RFC 4271 §6.3, RFC 7606 §3 b
    withdrawn_routes_length_beyond_the_message_resets_with_3_1: External, |u| u.withdrawn_length(60_000), 1, [];
    attributes_length_beyond_the_message_resets_with_3_1: External, |u| u.attrs_length(60_000), 1, [];
    // RFC 7606 §5.3: prefixes that cannot be read
    a_prefix_of_33_bits_resets_with_3_10: External, |u| u.nlri_raw(&[33, 10, 9, 0, 0, 0]), 10, [];
    a_prefix_of_255_bits_resets_with_3_10: External, |u| u.nlri_raw(&[255]), 10, [];
    a_prefix_cut_short_resets_with_3_10: External, |u| u.nlri_raw(&[24, 10, 9]), 10, [];
    a_withdrawn_prefix_of_33_bits_resets_with_3_10: External, |u| u.withdrawn_raw(&[33, 10, 9, 0, 0, 0]), 10, [];
    a_withdrawn_prefix_cut_short_resets_with_3_10: External, |u| u.withdrawn_raw(&[24, 10]), 10, [];
    // RFC 7606 §3 j: prefixes that cannot be found cannot be withdrawn, whatever else is wrong
    a_bad_origin_and_a_bad_prefix_reset_with_3_10: External, |u| u.origin(9).nlri_raw(&[99]), 10, [];
}

#[test]
fn attributes_length_one_short_shifts_the_prefixes_and_resets() {
    let (_roost, mut peer) = scene(From::External);
    let wrong = peer.route(&[FIRST]);
    let octets = wrong.encode();
    let length = u16::from_be_bytes([octets[21], octets[22]]);
    // The last octet of NEXT_HOP, 10, becomes the length of a prefix, and in the end an octet is missing.
    peer.update(&wrong.attrs_length(length - 1)).expect_notification(3, 10, &[]);
}

withdrawn! {
    // RFC 7606 §4
    the_last_attribute_overruns: External, |u| u.raw(&[OPT_TRANS, COMMUNITIES, 8, 0, 0, 0, 1]);
    the_last_attribute_overruns_by_far_in_extended_form: External, |u| u.raw(&[0xd0, COMMUNITIES, 0xff, 0xff, 0, 0, 0, 1]);
    an_unknown_attribute_overruns: External, |u| u.raw(&[OPT_TRANS, 200, 255, 1]);
    one_octet_behind_the_last_attribute: External, |u| u.raw(&[OPT_TRANS]);
    two_octets_behind_the_last_attribute: External, |u| u.raw(&[OPT_TRANS, COMMUNITIES]);
    an_extended_length_cut_short: External, |u| u.raw(&[0xd0, COMMUNITIES, 0]);
    an_attribute_that_swallows_the_next: External, |u| u.without(NEXT_HOP).raw(&[OPT_TRANS, COMMUNITIES, 9, 0, 0, 0, 1, WELL_KNOWN, NEXT_HOP, 4, 192, 0, 2, 1]);
    origin_overruns: External, |u| u.without(ORIGIN).raw(&[WELL_KNOWN, ORIGIN, 200, 0]);
}

// ---- no prefixes

#[test]
fn an_update_of_nothing_is_an_end_of_rib() {
    // RFC 4724 §2
    let (roost, mut peer) = scene(From::External);
    peer.send(message(UPDATE, &[0; 4])).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST, SECOND, THIRD]);
    roost.await_complete(0, 1);
}

#[test]
fn good_attributes_without_prefixes_change_nothing() {
    let (roost, mut peer) = scene(From::External);
    let nothing = peer.route(&[]).med(77);
    peer.update(&nothing).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST, SECOND, THIRD]);
    assert_eq!(roost.about(0)["update_faults"].as_u64(), Some(0));
}

#[test]
fn a_bad_attribute_without_prefixes_resets() {
    // RFC 7606 §5.2: where are the prefixes the attributes belong to?
    let (_roost, mut peer) = scene(From::External);
    let wrong = peer.route(&[]).origin(9);
    peer.update(&wrong).expect_notification(3, 6, &attribute(WELL_KNOWN, ORIGIN, &[9]));
}

#[test]
fn a_bad_attribute_beside_withdrawals_alone_resets() {
    let (_roost, mut peer) = scene(From::External);
    let wrong = peer.route(&[]).origin(9).withdraw(&[THIRD]);
    peer.update(&wrong).expect_notification(3, 6, &attribute(WELL_KNOWN, ORIGIN, &[9]));
}

#[test]
fn a_discarded_attribute_without_prefixes_costs_nothing() {
    let (roost, mut peer) = scene(From::External);
    let wrong = peer.route(&[]).set(WELL_KNOWN, ATOMIC_AGGREGATE, &[1]);
    peer.update(&wrong).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST, SECOND, THIRD]);
}

// ---- withdrawals

#[test]
fn a_withdrawal_of_what_was_never_announced_changes_nothing() {
    let (roost, mut peer) = scene(From::External);
    peer.update(&Update::new().withdraw(&["172.16.0.0/12", "0.0.0.0/0"])).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST, SECOND, THIRD]);
}

#[test]
fn a_withdrawal_names_the_length_too() {
    let (roost, mut peer) = scene(From::External);
    peer.update(&Update::new().withdraw(&["10.1.0.0/17", "10.0.0.0/8"])).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST, SECOND, THIRD]);
}

#[test]
fn a_prefix_in_both_lists_is_announced() {
    // RFC 4271 §4.3: such an UPDATE is treated as if the withdrawn routes did not contain the prefix
    let (roost, mut peer) = scene(From::External);
    let both = peer.route(&[FIRST]).med(42).withdraw(&[FIRST]);
    peer.update(&both).settle(&roost);
    assert_eq!(roost.row(0, FIRST).med, Some(42));
}

#[test]
fn a_withdrawal_reaches_only_the_peers_own_route() {
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002)]).start();
    let (mut a, mut b) = (roost.peer(0), roost.peer(1));
    let (of_a, of_b) = (a.route(&[FIRST]), b.route(&[FIRST]));
    a.update(&of_a).settle(&roost);
    b.update(&of_b).update(&Update::new().withdraw(&[FIRST])).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST]);
    assert_eq!(roost.table().len(), 1);
}

// ---- prefixes in odd form

// RFC 4271 §4.3: "the value of trailing bits is irrelevant"

#[test]
fn bits_behind_a_prefix_make_no_other_prefix() {
    let (roost, mut peer) = scene(From::External);
    let odd = peer.route(&[]).med(1).nlri_raw(&[9, 172, 0xff]);
    let plain = peer.route(&["172.128.0.0/9"]).med(2);
    peer.update(&odd).update(&plain).settle(&roost);
    assert_eq!(roost.row(0, "172.128.0.0/9").med, Some(2));
}

#[test]
fn bits_behind_a_withdrawn_prefix_are_ignored() {
    let (roost, mut peer) = scene(From::External);
    let route = peer.route(&["172.128.0.0/9"]);
    peer.update(&route).update(&Update::new().withdrawn_raw(&[9, 172, 0xff])).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST, SECOND, THIRD]);
}

#[test]
fn the_default_route_is_a_route() {
    let (roost, mut peer) = scene(From::External);
    let route = peer.route(&["0.0.0.0/0"]);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), ["0.0.0.0/0", FIRST, SECOND, THIRD]);
}

#[test]
fn a_prefix_twice_in_one_message_is_one_route() {
    let (roost, mut peer) = scene(From::External);
    let route = peer.route(&["172.16.0.0/12", "172.16.0.0/12"]);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.row(0, "172.16.0.0/12").prefix, "172.16.0.0/12");
}

#[test]
fn eight_hundred_prefixes_in_one_message_are_taken() {
    let (roost, mut peer) = scene(From::External);
    let prefixes: Vec<String> = (0..800).map(|n| format!("172.{}.{}.0/24", 16 + n / 256, n % 256)).collect();
    let route = peer.route(&prefixes.iter().map(String::as_str).collect::<Vec<_>>());
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0).len(), 803);
}
