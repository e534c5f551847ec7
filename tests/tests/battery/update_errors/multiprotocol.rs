//! MP_REACH_NLRI and MP_UNREACH_NLRI: RFC 4760 §3, §4, §5, RFC 7606 §5, §7.11, §7.12.

use super::{FIRST, From, SECOND, THIRD, reset, scene};
use crate::harness::wire::code::*;
use crate::harness::wire::{OPT_TRANS, OPTIONAL, WELL_KNOWN, attribute, mp_reach, prefix_octets, v6};
use crate::harness::{Open, Peer, Roost, Setup, Update};

const SIX: &str = "2001:db8:1::/48";
const OTHER: &str = "2001:db8:2::/48";

/// The scene with two IPv6 prefixes more.
fn scene6() -> (Roost, Peer) {
    let (roost, mut peer) = scene(From::External);
    let route = peer.route6(&[SIX, OTHER]);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST, SECOND, THIRD, SIX, OTHER]);
    (roost, peer)
}

/// MP_REACH_NLRI of IPv6 with a next hop of this many octets.
fn hop(length: usize) -> Vec<u8> {
    mp_reach(2, 1, &vec![0x20; length], &prefix_octets(&[SIX]))
}

macro_rules! next_hop_lengths {
    ($($name:ident: $length:expr;)*) => {
        reset! {
            // RFC 7606 §7.11: the prefixes behind it cannot be found. RFC 4760 §7: Optional Attribute Error
            $($name: External, |u| u.attr(OPTIONAL, MP_REACH, &hop($length)), 9, attribute(OPTIONAL, MP_REACH, &hop($length));)*
        }
    };
}

next_hop_lengths! {
    mp_reach_with_a_next_hop_of_0_octets_resets_with_3_9: 0;
    mp_reach_with_a_next_hop_of_4_octets_for_ipv6_resets_with_3_9: 4;
    mp_reach_with_a_next_hop_of_12_octets_resets_with_3_9: 12;
    mp_reach_with_a_next_hop_of_15_octets_resets_with_3_9: 15;
    mp_reach_with_a_next_hop_of_17_octets_resets_with_3_9: 17;
    mp_reach_with_a_next_hop_of_24_octets_resets_with_3_9: 24;
    mp_reach_with_a_next_hop_of_48_octets_resets_with_3_9: 48;
}

/// MP_REACH_NLRI that stops after some octets.
fn cut(length: usize) -> Vec<u8> {
    mp_reach(2, 1, &v6("2001:db8::1"), &prefix_octets(&[SIX]))[..length].to_vec()
}

reset! {
    mp_reach_of_2_octets_resets_with_3_9: External, |u| u.attr(OPTIONAL, MP_REACH, &cut(2)), 9, attribute(OPTIONAL, MP_REACH, &cut(2));
    mp_reach_of_3_octets_resets_with_3_9: External, |u| u.attr(OPTIONAL, MP_REACH, &cut(3)), 9, attribute(OPTIONAL, MP_REACH, &cut(3));
    mp_reach_that_ends_in_its_next_hop_resets_with_3_9: External, |u| u.attr(OPTIONAL, MP_REACH, &cut(10)), 9, attribute(OPTIONAL, MP_REACH, &cut(10));
    mp_reach_without_its_reserved_octet_resets_with_3_9: External, |u| u.attr(OPTIONAL, MP_REACH, &cut(20)), 9, attribute(OPTIONAL, MP_REACH, &cut(20));
    mp_reach_with_a_prefix_cut_short_resets_with_3_9: External, |u| u.attr(OPTIONAL, MP_REACH, &cut(25)), 9, attribute(OPTIONAL, MP_REACH, &cut(25));
    mp_reach_with_a_prefix_of_129_bits_resets_with_3_9: External,
        |u| u.attr(OPTIONAL, MP_REACH, &mp_reach(2, 1, &v6("2001:db8::1"), &[&[129], &[0x20; 17][..]].concat())),
        9, attribute(OPTIONAL, MP_REACH, &mp_reach(2, 1, &v6("2001:db8::1"), &[&[129], &[0x20; 17][..]].concat()));
    mp_unreach_of_0_octets_resets_with_3_9: External, |u| u.attr(OPTIONAL, MP_UNREACH, &[]), 9, attribute(OPTIONAL, MP_UNREACH, &[]);
    mp_unreach_of_2_octets_resets_with_3_9: External, |u| u.attr(OPTIONAL, MP_UNREACH, &[0, 2]), 9, attribute(OPTIONAL, MP_UNREACH, &[0, 2]);
    mp_unreach_with_a_prefix_of_129_bits_resets_with_3_9: External, |u| u.attr(OPTIONAL, MP_UNREACH, &[0, 2, 1, 129]), 9, attribute(OPTIONAL, MP_UNREACH, &[0, 2, 1, 129]);
    mp_unreach_with_a_prefix_cut_short_resets_with_3_9: External, |u| u.attr(OPTIONAL, MP_UNREACH, &[0, 2, 1, 48, 0x20]), 9, attribute(OPTIONAL, MP_UNREACH, &[0, 2, 1, 48, 0x20]);
    // RFC 8950 was not negotiated
    mp_reach_of_ipv4_with_an_ipv6_next_hop_resets_with_3_9: External,
        |u| u.attr(OPTIONAL, MP_REACH, &mp_reach(1, 1, &v6("2001:db8::1"), &[8, 11])),
        9, attribute(OPTIONAL, MP_REACH, &mp_reach(1, 1, &v6("2001:db8::1"), &[8, 11]));
}

#[test]
fn mp_reach_that_overruns_resets() {
    // RFC 7606 §3 j, §4: its prefixes cannot be found
    let (_roost, mut peer) = scene(From::External);
    let wrong = peer.route(&[FIRST]).raw(&[OPTIONAL, MP_REACH, 200, 0, 2, 1]);
    let data = [OPTIONAL, MP_REACH, 200, 0, 2, 1];
    peer.update(&wrong).expect_notification(3, 9, &data);
}

/// A good IPv6 route for [`SIX`], made wrong; it is withdrawn, and everything else stays.
#[track_caller]
fn six_is_withdrawn(edit: fn(Update) -> Update) {
    let (roost, mut peer) = scene6();
    let wrong = edit(peer.route6(&[SIX]).med(9));
    peer.update(&wrong).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST, SECOND, THIRD, OTHER], "{}", roost.about(0)["last_fault"]);
}

#[test]
fn mp_reach_with_the_transitive_bit_withdraws_its_prefixes() {
    // RFC 7606 §3 c
    six_is_withdrawn(|u| u.set(OPT_TRANS, MP_REACH, &mp_reach(2, 1, &v6("2001:db8::1"), &prefix_octets(&[SIX]))));
}

#[test]
fn mp_reach_without_the_optional_bit_withdraws_its_prefixes() {
    six_is_withdrawn(|u| u.set(WELL_KNOWN, MP_REACH, &mp_reach(2, 1, &v6("2001:db8::1"), &prefix_octets(&[SIX]))));
}

#[test]
fn a_bad_origin_withdraws_prefixes_of_mp_reach() {
    six_is_withdrawn(|u| u.origin(9));
}

#[test]
fn a_missing_as_path_withdraws_prefixes_of_mp_reach() {
    six_is_withdrawn(|u| u.without(AS_PATH));
}

#[test]
fn an_attribute_that_overruns_behind_mp_reach_withdraws_its_prefixes() {
    six_is_withdrawn(|u| u.raw(&[OPT_TRANS, COMMUNITIES, 200, 1]));
}

#[test]
fn a_missing_origin_withdraws_prefixes_of_both_families() {
    let (roost, mut peer) = scene6();
    let wrong = peer.route(&[FIRST]).without(ORIGIN).reach6(&v6("2001:db8::1"), &[SIX]);
    peer.update(&wrong).settle(&roost);
    assert_eq!(roost.prefixes(0), [SECOND, THIRD, OTHER]);
}

#[test]
fn mp_unreach_with_wrong_flags_still_withdraws() {
    // RFC 7606 §3 c: treat-as-withdraw of what is a withdrawal
    let (roost, mut peer) = scene6();
    let octets = [&[0, 2, 1], &prefix_octets(&[SIX])[..]].concat();
    peer.update(&Update::new().attr(OPT_TRANS, MP_UNREACH, &octets)).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST, SECOND, THIRD, OTHER]);
}

// ---- no errors

#[test]
fn both_families_in_one_message_are_taken() {
    // RFC 7606 §5.1: a speaker must be prepared for it
    let (roost, mut peer) = scene(From::External);
    let route = peer.route(&["172.16.0.0/12"]).reach6(&v6("2001:db8::1"), &[SIX]);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.row(0, "172.16.0.0/12").next_hop.as_deref(), Some("192.0.2.10"));
    assert_eq!(roost.row(0, SIX).next_hop.as_deref(), Some("2001:db8::1"));
}

#[test]
fn withdrawals_and_announcements_of_both_families_in_one_message_are_taken() {
    let (roost, mut peer) = scene6();
    let route = peer.route(&["172.16.0.0/12"]).withdraw(&[FIRST]).reach6(&v6("2001:db8::1"), &["2001:db8:9::/48"]);
    peer.update(&route.unreach6(&[SIX])).settle(&roost);
    assert_eq!(roost.prefixes(0), [SECOND, THIRD, "172.16.0.0/12", OTHER, "2001:db8:9::/48"]);
}

#[test]
fn mp_reach_may_stand_anywhere_among_the_attributes() {
    let (roost, mut peer) = scene(From::External);
    let reach = mp_reach(2, 1, &v6("2001:db8::1"), &prefix_octets(&[SIX]));
    let first = peer.route(&[]).without(NEXT_HOP).attr_first(OPTIONAL, MP_REACH, &reach);
    let last = peer.route(&[]).without(NEXT_HOP).med(1).attr(
        OPTIONAL,
        MP_REACH,
        &mp_reach(2, 1, &v6("2001:db8::1"), &prefix_octets(&[OTHER])),
    );
    peer.update(&first).update(&last).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST, SECOND, THIRD, SIX, OTHER]);
}

#[test]
fn a_bad_next_hop_attribute_beside_mp_reach_alone_is_ignored() {
    // RFC 4760 §3: NEXT_HOP "SHOULD be ignored" when the message has no NLRI of its own
    let (roost, mut peer) = scene(From::External);
    let route = peer.route6(&[SIX]).attr(WELL_KNOWN, NEXT_HOP, &[1]);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST, SECOND, THIRD, SIX]);
}

#[test]
fn a_next_hop_of_two_addresses_is_global_and_link_local() {
    // RFC 2545 §3
    let (roost, mut peer) = scene(From::External);
    let both = [v6("2001:db8::7"), v6("fe80::7")].concat();
    let route = peer.route(&[]).without(NEXT_HOP).reach6(&both, &[SIX]);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.row(0, SIX).next_hop.as_deref(), Some("2001:db8::7"));
}

#[test]
fn a_second_next_hop_that_is_not_link_local_is_left_alone() {
    // RFC 2545 §3: only the first is for everyone
    let (roost, mut peer) = scene(From::External);
    let both = [v6("2001:db8::7"), v6("2001:db8::8")].concat();
    let route = peer.route(&[]).without(NEXT_HOP).reach6(&both, &[SIX]);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.row(0, SIX).next_hop.as_deref(), Some("2001:db8::7"));
}

#[test]
fn mp_reach_without_prefixes_changes_nothing() {
    let (roost, mut peer) = scene6();
    let nothing = mp_reach(2, 1, &v6("2001:db8::1"), &[]);
    let route = peer.route(&[]).without(NEXT_HOP).attr(OPTIONAL, MP_REACH, &nothing);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST, SECOND, THIRD, SIX, OTHER]);
    assert_eq!(roost.about(0)["update_faults"].as_u64(), Some(0));
}

#[test]
fn a_bad_origin_withdraws_what_every_field_of_the_message_names() {
    // RFC 7606 §2, §5.1: NLRI, MP_REACH_NLRI, withdrawn routes and MP_UNREACH_NLRI
    let (roost, mut peer) = scene6();
    let wrong = peer.route(&[FIRST]).reach6(&v6("2001:db8::1"), &[SIX]).origin(9);
    peer.update(&wrong.withdraw(&[SECOND]).unreach6(&[OTHER])).settle(&roost);
    assert_eq!(roost.prefixes(0), [THIRD]);
}

#[test]
fn ipv4_in_mp_reach_is_ipv4() {
    let (roost, mut peer) = scene(From::External);
    let reach = mp_reach(1, 1, &[192, 0, 2, 77], &prefix_octets(&["172.16.0.0/12"]));
    let route = peer.route(&[]).without(NEXT_HOP).attr(OPTIONAL, MP_REACH, &reach);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.row(0, "172.16.0.0/12").next_hop.as_deref(), Some("192.0.2.77"));
}

#[test]
fn ipv4_in_mp_unreach_withdraws_what_nlri_announced() {
    let (roost, mut peer) = scene(From::External);
    let octets = [&[0, 1, 1], &prefix_octets(&[FIRST])[..]].concat();
    peer.update(&Update::new().attr(OPTIONAL, MP_UNREACH, &octets)).settle(&roost);
    assert_eq!(roost.prefixes(0), [SECOND, THIRD]);
}

#[test]
fn the_reserved_octet_of_mp_reach_is_ignored() {
    // RFC 4760 §3
    let (roost, mut peer) = scene(From::External);
    let mut reach = mp_reach(2, 1, &v6("2001:db8::1"), &prefix_octets(&[SIX]));
    reach[20] = 0xff;
    let route = peer.route(&[]).without(NEXT_HOP).attr(OPTIONAL, MP_REACH, &reach);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST, SECOND, THIRD, SIX]);
}

#[test]
fn an_ipv6_prefix_in_both_attributes_is_announced_whichever_stands_first() {
    // RFC 4271 §4.3: as in the fields of IPv4
    for reach_first in [true, false] {
        let (roost, mut peer) = scene6();
        let octets = [&[0, 2, 1], &prefix_octets(&[SIX])[..]].concat();
        let route = peer.route6(&[SIX]).med(42);
        let both = match reach_first {
            true => route.attr(OPTIONAL, MP_UNREACH, &octets),
            false => route.attr_first(OPTIONAL, MP_UNREACH, &octets),
        };
        peer.update(&both).settle(&roost);
        assert_eq!(roost.row(0, SIX).med, Some(42));
    }
}

#[test]
fn an_ipv4_prefix_withdrawn_in_its_field_and_announced_in_mp_reach_is_announced() {
    // RFC 4271 §4.3, RFC 4760 §3
    let (roost, mut peer) = scene(From::External);
    let reach = mp_reach(1, 1, &[192, 0, 2, 77], &prefix_octets(&[FIRST]));
    let both = peer.route(&[]).without(NEXT_HOP).attr(OPTIONAL, MP_REACH, &reach).withdraw(&[FIRST]);
    peer.update(&both).settle(&roost);
    assert_eq!(roost.row(0, FIRST).next_hop.as_deref(), Some("192.0.2.77"));
}

// ---- families the session does not carry: ignored, and the session stays

/// A session of IPv4 alone, with a family in MP_REACH_NLRI or MP_UNREACH_NLRI it did not ask for.
#[track_caller]
fn ignored(attr: u8, value: &[u8]) {
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    let route = peer.route(&[FIRST]).attr(OPTIONAL, attr, value);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST]);
    assert_eq!(roost.table().len(), 1);
}

#[test]
fn ipv6_that_was_not_negotiated_is_ignored() {
    ignored(MP_REACH, &hop(16));
}

#[test]
fn ipv6_withdrawals_that_were_not_negotiated_are_ignored() {
    ignored(MP_UNREACH, &[&[0, 2, 1], &prefix_octets(&[SIX])[..]].concat());
}

#[test]
fn an_unknown_family_is_ignored() {
    ignored(MP_REACH, &mp_reach(25, 65, &[0; 4], &[0xff; 30]));
}

#[test]
fn a_family_of_an_unknown_safi_is_ignored_with_all_its_junk() {
    ignored(MP_REACH, &mp_reach(1, 200, &[0; 3], &[0xff; 9]));
}

#[test]
fn an_unknown_familys_withdrawals_are_ignored() {
    ignored(MP_UNREACH, &[0x40, 4, 71, 0xff, 0xff, 0xff]);
}

#[test]
fn ipv4_on_a_session_of_ipv6_alone_is_ignored() {
    let (roost, mut peer) = {
        let roost = Setup::with([From::External.neighbor()]).start();
        let peer = roost.peer_with(0, Open::new(65001).without(1).ipv6());
        (roost, peer)
    };
    let (four, six) = (peer.route(&[FIRST]), peer.route6(&[SIX]));
    peer.update(&four).update(&six);
    roost.await_table("the IPv6 prefix", |table| table.iter().any(|row| row.prefix == SIX).then_some(()));
    assert_eq!(roost.prefixes(0), [SIX]);
}
