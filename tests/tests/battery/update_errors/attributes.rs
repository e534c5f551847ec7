//! Every attribute: flags, lengths, values, missing, twice, unknown. RFC 7606 §3, §7

use super::{FIRST, From, SECOND, discarded, reset, scene, withdrawn};
use crate::harness::wire::code::*;
use crate::harness::wire::{OPT_TRANS, OPTIONAL, WELL_KNOWN, attribute, segment, sequence, sequence2, v4};
use crate::harness::{Neighbor, Setup, Told};

/// Nothing of this attribute reached the onlooker.
fn without(told: &Told, code: u8) {
    assert!(!told.has(code), "attribute {code} is passed on: {told:?}");
}

// ---- RFC 7606 §3 c: Optional and Transitive bits

withdrawn! {
    origin_with_the_optional_bit_withdraws: External, |u| u.set(OPT_TRANS, ORIGIN, &[0]);
    origin_without_the_transitive_bit_withdraws: External, |u| u.set(0, ORIGIN, &[0]);
    as_path_with_the_optional_bit_withdraws: External, |u| u.set(OPT_TRANS, AS_PATH, &sequence(&[65001]));
    as_path_without_the_transitive_bit_withdraws: External, |u| u.set(0, AS_PATH, &sequence(&[65001]));
    next_hop_with_the_optional_bit_withdraws: External, |u| u.set(OPT_TRANS, NEXT_HOP, &v4("192.0.2.1"));
    next_hop_without_the_transitive_bit_withdraws: External, |u| u.set(0, NEXT_HOP, &v4("192.0.2.1"));
    med_as_well_known_withdraws: External, |u| u.set(WELL_KNOWN, MED, &[0; 4]);
    med_as_transitive_withdraws: External, |u| u.set(OPT_TRANS, MED, &[0; 4]);
    local_pref_as_optional_withdraws: Internal, |u| u.set(OPTIONAL, LOCAL_PREF, &[0; 4]);
    local_pref_as_optional_transitive_withdraws: Internal, |u| u.set(OPT_TRANS, LOCAL_PREF, &[0; 4]);
    atomic_aggregate_as_optional_withdraws: External, |u| u.set(OPTIONAL, ATOMIC_AGGREGATE, &[]);
    aggregator_as_well_known_withdraws: External, |u| u.set(WELL_KNOWN, AGGREGATOR, &[0, 0, 0xfd, 0xe9, 1, 1, 1, 1]);
    aggregator_as_non_transitive_withdraws: External, |u| u.set(OPTIONAL, AGGREGATOR, &[0, 0, 0xfd, 0xe9, 1, 1, 1, 1]);
    communities_as_well_known_withdraws: External, |u| u.set(WELL_KNOWN, COMMUNITIES, &[0; 4]);
    communities_as_non_transitive_withdraws: External, |u| u.set(OPTIONAL, COMMUNITIES, &[0; 4]);
    originator_id_as_transitive_withdraws: Internal, |u| u.set(OPT_TRANS, ORIGINATOR_ID, &[1, 1, 1, 1]);
    originator_id_as_well_known_withdraws: Internal, |u| u.set(WELL_KNOWN, ORIGINATOR_ID, &[1, 1, 1, 1]);
    cluster_list_as_transitive_withdraws: Internal, |u| u.set(OPT_TRANS, CLUSTER_LIST, &[1, 1, 1, 1]);
    extended_communities_as_non_transitive_withdraws: External, |u| u.set(OPTIONAL, EXT_COMMUNITIES, &[0; 8]);
    ipv6_extended_communities_as_well_known_withdraws: External, |u| u.set(WELL_KNOWN, IPV6_EXT_COMMUNITIES, &[0; 20]);
    large_communities_as_non_transitive_withdraws: External, |u| u.set(OPTIONAL, LARGE_COMMUNITIES, &[0; 12]);
    otc_as_non_transitive_withdraws: External, |u| u.set(OPTIONAL, OTC, &[0, 0, 0xfd, 0xe9]);
}

discarded! {
    // RFC 7606 §3 c speaks of two bits; RFC 4271 §4.3: the lower four are ignored.
    the_partial_bit_of_a_well_known_attribute_is_ignored: External, |u| u.set(0x60, ORIGIN, &[0]), |_| {};
    the_lower_bits_of_flags_are_ignored: External, |u| u.set(0x4f & !0x10, ORIGIN, &[0]), |_| {};
    an_extended_length_is_fine_for_a_short_attribute: External, |u| u.set(0x50, ORIGIN, &[0]), |_| {};
    the_partial_bit_of_a_med_is_ignored: External, |u| u.set(0xa0, MED, &[0, 0, 0, 5]), |told| {
        assert_eq!(told.number(MED), 5);
    };
}

// ---- lengths and values

withdrawn! {
    // RFC 7606 §7.1
    origin_of_0_octets_withdraws: External, |u| u.set(WELL_KNOWN, ORIGIN, &[]);
    origin_of_2_octets_withdraws: External, |u| u.set(WELL_KNOWN, ORIGIN, &[0, 0]);
    origin_3_withdraws: External, |u| u.origin(3);
    origin_255_withdraws: External, |u| u.origin(255);
    // RFC 7606 §7.2
    as_path_of_1_octet_withdraws: External, |u| u.set(WELL_KNOWN, AS_PATH, &[2]);
    as_path_with_one_octet_too_many_withdraws: External, |u| u.set(WELL_KNOWN, AS_PATH, &[&sequence(&[65001])[..], &[0]].concat());
    as_path_segment_of_type_0_withdraws: External, |u| u.set(WELL_KNOWN, AS_PATH, &segment(0, &[65001]));
    as_path_segment_of_type_5_withdraws: External, |u| u.set(WELL_KNOWN, AS_PATH, &segment(5, &[65001]));
    as_path_segment_that_overruns_withdraws: External, |u| u.set(WELL_KNOWN, AS_PATH, &[2, 2, 0, 0, 0xfd, 0xe9]);
    as_path_segment_of_no_as_withdraws: External, |u| u.set(WELL_KNOWN, AS_PATH, &[2, 0]);
    as_path_empty_segment_behind_a_good_one_withdraws: External, |u| u.set(WELL_KNOWN, AS_PATH, &[&sequence(&[65001])[..], &[2, 0]].concat());
    as_path_of_two_octet_numbers_in_a_four_octet_session_withdraws: External, |u| u.set(WELL_KNOWN, AS_PATH, &sequence2(&[65001]));
    as_path_of_four_octet_numbers_in_a_two_octet_session_withdraws: TwoOctet, |u| u.set(WELL_KNOWN, AS_PATH, &sequence(&[65001]));
    // RFC 5065 §5
    as_path_with_a_confederation_sequence_from_outside_withdraws: External, |u| u.set(WELL_KNOWN, AS_PATH, &[segment(3, &[65001]), sequence(&[65001])].concat());
    as_path_with_a_confederation_set_from_outside_withdraws: External, |u| u.set(WELL_KNOWN, AS_PATH, &segment(4, &[65001]));
    // RFC 7607 §2
    as_path_with_as_0_withdraws: External, |u| u.path(&[65001, 0, 65002]);
    as_path_with_as_0_in_a_set_withdraws: External, |u| u.set(WELL_KNOWN, AS_PATH, &[sequence(&[65001]), segment(1, &[0])].concat());
    as_path_with_as_0_of_two_octets_withdraws: TwoOctet, |u| u.path2(&[65001, 0]);
    // RFC 7606 §7.3
    next_hop_of_0_octets_withdraws: External, |u| u.set(WELL_KNOWN, NEXT_HOP, &[]);
    next_hop_of_3_octets_withdraws: External, |u| u.set(WELL_KNOWN, NEXT_HOP, &[192, 0, 2]);
    next_hop_of_5_octets_withdraws: External, |u| u.set(WELL_KNOWN, NEXT_HOP, &[192, 0, 2, 1, 0]);
    next_hop_of_16_octets_withdraws: External, |u| u.set(WELL_KNOWN, NEXT_HOP, &[0x20; 16]);
    // RFC 7606 §7.4
    med_of_0_octets_withdraws: External, |u| u.set(OPTIONAL, MED, &[]);
    med_of_3_octets_withdraws: External, |u| u.set(OPTIONAL, MED, &[0; 3]);
    med_of_5_octets_withdraws: External, |u| u.set(OPTIONAL, MED, &[0; 5]);
    // RFC 7606 §7.5
    local_pref_of_0_octets_withdraws: Internal, |u| u.set(WELL_KNOWN, LOCAL_PREF, &[]);
    local_pref_of_3_octets_withdraws: Internal, |u| u.set(WELL_KNOWN, LOCAL_PREF, &[0; 3]);
    local_pref_of_5_octets_withdraws: Internal, |u| u.set(WELL_KNOWN, LOCAL_PREF, &[0; 5]);
    // RFC 7606 §7.8
    communities_of_0_octets_withdraws: External, |u| u.set(OPT_TRANS, COMMUNITIES, &[]);
    communities_of_3_octets_withdraws: External, |u| u.set(OPT_TRANS, COMMUNITIES, &[0; 3]);
    communities_of_5_octets_withdraws: External, |u| u.set(OPT_TRANS, COMMUNITIES, &[0; 5]);
    // RFC 7606 §7.9
    originator_id_of_0_octets_withdraws: Internal, |u| u.set(OPTIONAL, ORIGINATOR_ID, &[]);
    originator_id_of_3_octets_withdraws: Internal, |u| u.set(OPTIONAL, ORIGINATOR_ID, &[1; 3]);
    originator_id_of_5_octets_withdraws: Internal, |u| u.set(OPTIONAL, ORIGINATOR_ID, &[1; 5]);
    // RFC 7606 §7.10
    cluster_list_of_0_octets_withdraws: Internal, |u| u.set(OPTIONAL, CLUSTER_LIST, &[]);
    cluster_list_of_3_octets_withdraws: Internal, |u| u.set(OPTIONAL, CLUSTER_LIST, &[1; 3]);
    cluster_list_of_6_octets_withdraws: Internal, |u| u.set(OPTIONAL, CLUSTER_LIST, &[1; 6]);
    // RFC 7606 §7.14
    extended_communities_of_0_octets_withdraws: External, |u| u.set(OPT_TRANS, EXT_COMMUNITIES, &[]);
    extended_communities_of_7_octets_withdraws: External, |u| u.set(OPT_TRANS, EXT_COMMUNITIES, &[0; 7]);
    extended_communities_of_12_octets_withdraws: External, |u| u.set(OPT_TRANS, EXT_COMMUNITIES, &[0; 12]);
    // RFC 7606 §7.15
    ipv6_extended_communities_of_0_octets_withdraws: External, |u| u.set(OPT_TRANS, IPV6_EXT_COMMUNITIES, &[]);
    ipv6_extended_communities_of_19_octets_withdraws: External, |u| u.set(OPT_TRANS, IPV6_EXT_COMMUNITIES, &[0; 19]);
    // RFC 8092 §5
    large_communities_of_0_octets_withdraws: External, |u| u.set(OPT_TRANS, LARGE_COMMUNITIES, &[]);
    large_communities_of_11_octets_withdraws: External, |u| u.set(OPT_TRANS, LARGE_COMMUNITIES, &[0; 11]);
    large_communities_of_16_octets_withdraws: External, |u| u.set(OPT_TRANS, LARGE_COMMUNITIES, &[0; 16]);
    // RFC 9234 §5
    otc_of_3_octets_withdraws: External, |u| u.set(OPT_TRANS, OTC, &[0; 3]);
    otc_of_8_octets_withdraws: External, |u| u.set(OPT_TRANS, OTC, &[0; 8]);
}

discarded! {
    // RFC 7606 §7.6
    atomic_aggregate_of_1_octet_is_discarded: External, |u| u.set(WELL_KNOWN, ATOMIC_AGGREGATE, &[0]), |told| without(told, ATOMIC_AGGREGATE);
    // RFC 7606 §7.7
    aggregator_of_6_octets_in_a_four_octet_session_is_discarded: External, |u| u.set(OPT_TRANS, AGGREGATOR, &[0xfd, 0xe9, 1, 1, 1, 1]), |told| without(told, AGGREGATOR);
    aggregator_of_8_octets_in_a_two_octet_session_is_discarded: TwoOctet, |u| u.set(OPT_TRANS, AGGREGATOR, &[0, 0, 0xfd, 0xe9, 1, 1, 1, 1]), |told| without(told, AGGREGATOR);
    aggregator_of_0_octets_is_discarded: External, |u| u.set(OPT_TRANS, AGGREGATOR, &[]), |told| without(told, AGGREGATOR);
    aggregator_of_9_octets_is_discarded: External, |u| u.set(OPT_TRANS, AGGREGATOR, &[1; 9]), |told| without(told, AGGREGATOR);
    // RFC 7607 §2
    aggregator_of_as_0_is_discarded: External, |u| u.set(OPT_TRANS, AGGREGATOR, &[0, 0, 0, 0, 1, 1, 1, 1]), |told| without(told, AGGREGATOR);
    // RFC 7606 §7.5, §7.9, §7.10: from an external peer unread, whatever is in it
    local_pref_from_an_external_peer_is_discarded: External, |u| u.local_pref(999), |told| assert_eq!(told.number(LOCAL_PREF), 100);
    a_malformed_local_pref_from_an_external_peer_is_discarded: External, |u| u.set(OPTIONAL, LOCAL_PREF, &[1, 2]), |told| assert_eq!(told.number(LOCAL_PREF), 100);
    originator_id_from_an_external_peer_is_discarded: External, |u| u.originator([9, 9, 9, 9]), |told| without(told, ORIGINATOR_ID);
    a_malformed_originator_id_from_an_external_peer_is_discarded: External, |u| u.set(OPTIONAL, ORIGINATOR_ID, &[1]), |told| without(told, ORIGINATOR_ID);
    cluster_list_from_an_external_peer_is_discarded: External, |u| u.clusters(&[[10, 0, 0, 1]]), |told| without(told, CLUSTER_LIST);
    a_malformed_cluster_list_from_an_external_peer_is_discarded: External, |u| u.set(OPTIONAL, CLUSTER_LIST, &[1]), |told| without(told, CLUSTER_LIST);
    // RFC 6793 §6
    as4_path_from_a_four_octet_peer_is_discarded: External, |u| u.set(OPT_TRANS, AS4_PATH, &sequence(&[4_200_000_000])), |told| {
        without(told, AS4_PATH);
        assert_eq!(told.path(), [65001]);
    };
    as4_aggregator_from_a_four_octet_peer_is_discarded: External, |u| u.set(OPT_TRANS, AS4_AGGREGATOR, &[1; 8]), |told| without(told, AS4_AGGREGATOR);
    as4_path_of_5_octets_is_discarded: TwoOctet, |u| u.set(OPT_TRANS, AS4_PATH, &[2, 1, 0, 0, 1]), |told| assert_eq!(told.path(), [65001]);
    as4_path_with_an_empty_segment_is_discarded: TwoOctet, |u| u.set(OPT_TRANS, AS4_PATH, &[2, 0, 2, 1, 0, 0, 0, 9]), |told| assert_eq!(told.path(), [65001]);
    as4_path_with_an_unknown_segment_is_discarded: TwoOctet, |u| u.set(OPT_TRANS, AS4_PATH, &segment(9, &[7])), |told| assert_eq!(told.path(), [65001]);
    as4_path_with_as_0_is_discarded: TwoOctet, |u| u.set(OPT_TRANS, AS4_PATH, &sequence(&[0])), |told| assert_eq!(told.path(), [65001]);
    as4_aggregator_of_6_octets_is_discarded: TwoOctet, |u| u.set(OPT_TRANS, AGGREGATOR, &[0x5b, 0xa0, 1, 1, 1, 1]).set(OPT_TRANS, AS4_AGGREGATOR, &[1; 6]), |told| {
        assert_eq!(told.value(AGGREGATOR), [0, 0, 0x5b, 0xa0, 1, 1, 1, 1]);
    };
}

// ---- missing: RFC 7606 §3 d

withdrawn! {
    without_origin_withdraws: External, |u| u.without(ORIGIN);
    without_as_path_withdraws: External, |u| u.without(AS_PATH);
    without_next_hop_withdraws: External, |u| u.without(NEXT_HOP);
}

discarded! {
    // RFC 4271 §5: LOCAL_PREF is discretionary
    without_local_pref_an_internal_route_counts_as_100: Internal, |u| u.without(LOCAL_PREF), |told| assert_eq!(told.number(LOCAL_PREF), 100);
    an_empty_as_path_from_an_internal_peer_is_fine: Internal, |u| u, |told| assert!(told.value(AS_PATH).is_empty());
}

#[test]
fn without_any_attribute_prefixes_are_withdrawn() {
    let (roost, mut peer) = scene(From::External);
    peer.update(&crate::harness::Update::new().announce(&[FIRST])).settle(&roost);
    assert_eq!(roost.prefixes(0), [SECOND, super::THIRD]);
}

// ---- twice: RFC 7606 §3 g

discarded! {
    a_second_origin_is_discarded: External, |u| u.origin(1).attr(WELL_KNOWN, ORIGIN, &[2]), |told| assert_eq!(told.value(ORIGIN), [1]);
    a_second_origin_is_discarded_though_malformed: External, |u| u.origin(1).attr(OPTIONAL, ORIGIN, &[2, 7]), |told| assert_eq!(told.value(ORIGIN), [1]);
    a_second_as_path_is_discarded: External, |u| u.attr(WELL_KNOWN, AS_PATH, &sequence(&[65001, 65002])), |told| assert_eq!(told.path(), [65001]);
    a_second_next_hop_is_discarded: External, |u| u.attr(WELL_KNOWN, NEXT_HOP, &v4("192.0.2.200")), |told| assert_eq!(told.next_hop, v4("192.0.2.10"));
    a_second_med_is_discarded: External, |u| u.med(4).attr(OPTIONAL, MED, &[0, 0, 0, 8]), |told| assert_eq!(told.number(MED), 4);
    a_second_communities_is_discarded: External, |u| u.communities(&[1]).attr(OPT_TRANS, COMMUNITIES, &[0, 0, 0, 2]), |told| assert_eq!(told.number(COMMUNITIES), 1);
    a_second_unknown_attribute_is_discarded: External, |u| u.attr(OPT_TRANS, 200, &[1]).attr(OPT_TRANS, 200, &[2]), |told| assert_eq!(told.value(200), [1]);
}

reset! {
    a_second_mp_reach_resets_with_3_1: External, |u| {
        let reach = crate::harness::wire::mp_reach(2, 1, &[0x20; 16], &[8, 0x20]);
        u.attr(OPTIONAL, MP_REACH, &reach).attr(OPTIONAL, MP_REACH, &reach)
    }, 1, [];
    a_second_mp_unreach_resets_with_3_1: External, |u| u.attr(OPTIONAL, MP_UNREACH, &[0, 2, 1]).attr(OPTIONAL, MP_UNREACH, &[0, 2, 1]), 1, [];
}

// ---- unknown: RFC 4271 §6.3, §5

reset! {
    an_unknown_well_known_attribute_resets_with_3_2_and_the_attribute: External, |u| u.attr(WELL_KNOWN, 200, &[1, 2]), 2, attribute(WELL_KNOWN, 200, &[1, 2]);
    an_unknown_attribute_without_flags_resets_with_3_2_and_the_attribute: External, |u| u.attr(0, 99, &[]), 2, attribute(0, 99, &[]);
}

discarded! {
    an_unknown_transitive_attribute_is_passed_on_with_the_partial_bit: External, |u| u.attr(OPT_TRANS, 200, &[1, 2, 3]), |told| {
        assert_eq!(told.attrs[&200], (0xe0, vec![1, 2, 3]));
    };
    an_unknown_transitive_attribute_keeps_its_partial_bit: External, |u| u.attr(0xe0, 201, &[]), |told| {
        assert_eq!(told.attrs[&201], (0xe0, vec![]));
    };
    an_unknown_non_transitive_attribute_is_dropped: External, |u| u.attr(OPTIONAL, 202, &[1]), |told| without(told, 202);
    junk_in_unknown_transitive_attributes_is_carried_untouched: External, |u| u.attr(OPT_TRANS, 40, &[0xff; 7]).attr(OPT_TRANS, 128, &[1]).attr(OPT_TRANS, 255, &[0; 300]), |told| {
        assert_eq!(told.value(40), [0xff; 7]);
        assert_eq!(told.value(128), [1]);
        assert_eq!(told.value(255), [0; 300]);
    };
}

// ---- several errors: RFC 7606 §3 h

withdrawn! {
    of_discard_and_withdraw_the_withdrawal_rules: External, |u| u.set(WELL_KNOWN, ATOMIC_AGGREGATE, &[0]).origin(7);
    of_withdraw_and_discard_the_withdrawal_rules: External, |u| u.origin(7).set(OPT_TRANS, AGGREGATOR, &[0]);
}

reset! {
    of_withdraw_and_reset_the_reset_rules: External, |u| u.origin(7).attr(WELL_KNOWN, 200, &[1]), 2, attribute(WELL_KNOWN, 200, &[1]);
}

// ---- on the wire

#[test]
fn a_treat_as_withdraw_is_told_to_others_as_a_withdrawal() {
    // RFC 7606 §2
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002)]).start();
    let (mut peer, mut other) = (roost.peer(0), roost.peer(1));
    let route = peer.route(&[FIRST, SECOND]);
    peer.update(&route);
    other.await_route(SECOND);
    let wrong = peer.route(&[FIRST]).origin(9);
    peer.update(&wrong);
    let told = other.await_withdrawal(FIRST);
    assert_eq!((told.withdrawn.len(), told.announced.len()), (1, 0));
    assert_eq!(other.adj_out_prefixes(), [SECOND]);
}

#[test]
fn a_prefix_withdrawn_for_an_error_comes_back_with_a_good_message() {
    let (roost, mut peer) = scene(From::External);
    let good = peer.route(&[FIRST]);
    let wrong = good.clone().origin(9);
    peer.update(&wrong).update(&good).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST, SECOND, super::THIRD]);
}

#[test]
fn a_good_message_is_not_mistaken_for_the_wrong_one_before_it() {
    // The same attributes again, and one octet else: nothing of the first may be remembered for the second.
    let (roost, mut peer) = scene(From::External);
    let good = peer.route(&[FIRST]).med(5);
    for _ in 0..3 {
        let wrong = good.clone().set(OPTIONAL, MED, &[0; 3]);
        peer.update(&good).update(&wrong).update(&good);
    }
    peer.settle(&roost);
    assert_eq!(roost.row(0, FIRST).med, Some(5));
    assert_eq!(roost.about(0)["update_faults"].as_u64(), Some(3));
}

#[test]
fn the_last_fault_is_shown_in_words() {
    let (roost, mut peer) = scene(From::External);
    let wrong = peer.route(&[FIRST]).origin(9);
    peer.update(&wrong).settle(&roost);
    let fault = roost.about(0)["last_fault"].as_str().unwrap_or_default().to_owned();
    assert!(fault.contains("ORIGIN") && fault.contains('9'), "{fault}");
}
