//! RFC 4271 §6.2 OPEN Message Error, and all that came after it: capabilities (RFC 5492), identifiers (RFC 6286), AS 0
//! (RFC 7607), four-octet AS numbers (RFC 6793), extended parameters (RFC 9072).

use crate::harness::told::Told;
use crate::harness::wire::{OPEN, community};
use crate::harness::{Neighbor, OUR_ID, Open, Setup, keepalive, message};

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

// ---- optional parameters

#[test]
fn an_unknown_parameter_is_answered_with_2_4() {
    // RFC 4271 §6.2
    let octets = parameters(&[(2, &usual()), (7, &[1, 2])]);
    refused(&Open::new(65001).parameters(octets.len() as u8, &octets), 2, 4, &[]);
}

#[test]
fn the_old_authentication_parameter_is_answered_with_2_4() {
    // RFC 4271 §6.2: parameter 1 of RFC 1771 is gone
    let octets = parameters(&[(1, &[0, 1, 2])]);
    refused(&Open::new(65001).parameters(octets.len() as u8, &octets), 2, 4, &[]);
}

#[test]
fn no_parameter_is_accepted() {
    accepted(&Open::bare(65001));
}

#[test]
fn an_empty_capabilities_parameter_is_accepted() {
    let octets = parameters(&[(2, &[])]);
    accepted(&Open::bare(65001).parameters(octets.len() as u8, &octets));
}

#[test]
fn a_parameter_for_each_capability_is_accepted() {
    // RFC 5492 §4: one parameter may hold one or more
    let roost = Setup::external().start();
    let open = Open::new(65001);
    let capabilities: Vec<_> =
        open.capabilities.iter().map(|(code, value)| [&[*code, value.len() as u8], &value[..]].concat()).collect();
    let list: Vec<_> = capabilities.iter().map(|octets| (2, &octets[..])).collect();
    let octets = parameters(&list);
    let mut peer = roost.peer_with(0, open.parameters(octets.len() as u8, &octets));
    peer.settle(&roost);
    assert_eq!(roost.about(0)["capabilities"].as_array().map(Vec::len), Some(4));
}

#[test]
fn parameters_shorter_than_their_length_are_answered_with_2_0() {
    let octets = parameters(&[(2, &usual())]);
    refused(&Open::new(65001).parameters(octets.len() as u8 + 1, &octets), 2, 0, &[]);
}

#[test]
fn parameters_longer_than_their_length_are_answered_with_2_0() {
    let octets = parameters(&[(2, &usual())]);
    refused(&Open::new(65001).parameters(octets.len() as u8 - 1, &octets), 2, 0, &[]);
}

#[test]
fn length_0_with_parameters_behind_it_is_answered_with_2_0() {
    refused(&Open::new(65001).parameters(0, &parameters(&[(2, &usual())])), 2, 0, &[]);
}

#[test]
fn a_parameter_that_overruns_is_answered_with_2_0() {
    refused(&Open::new(65001).parameters(4, &[2, 9, 2, 0]), 2, 0, &[]);
}

#[test]
fn a_single_octet_of_a_parameter_is_answered_with_2_0() {
    refused(&Open::new(65001).parameters(1, &[2]), 2, 0, &[]);
}

#[test]
fn a_capability_that_overruns_its_parameter_is_answered_with_2_0() {
    let octets = parameters(&[(2, &[1, 4, 0, 1, 0])]);
    refused(&Open::new(65001).parameters(octets.len() as u8, &octets), 2, 0, &[]);
}

#[test]
fn a_capability_of_one_octet_is_answered_with_2_0() {
    let octets = parameters(&[(2, &[2])]);
    refused(&Open::new(65001).parameters(octets.len() as u8, &octets), 2, 0, &[]);
}

// ---- RFC 9072

#[test]
fn extended_parameters_are_accepted() {
    // RFC 9072 §2, also where the plain form had room
    accepted(&Open::new(65001).parameters(255, &extended(&[(2, &usual())])));
}

#[test]
fn extended_parameters_of_over_255_octets_are_accepted() {
    let unknown = [&[200, 250], &[9; 250][..]].concat();
    let octets = extended(&[(2, &usual()), (2, &unknown), (2, &unknown)]);
    assert!(octets.len() > 500);
    accepted(&Open::new(65001).parameters(255, &octets));
}

#[test]
fn extended_parameters_are_known_by_their_type_whatever_the_length_says() {
    // RFC 9072 §2: the length octet "SHOULD be 255" and is ignored
    accepted(&Open::new(65001).parameters(17, &extended(&[(2, &usual())])));
}

#[test]
fn an_extended_length_beyond_the_message_is_answered_with_2_0() {
    let mut octets = extended(&[(2, &usual())]);
    octets[2] += 1;
    refused(&Open::new(65001).parameters(255, &octets), 2, 0, &[]);
}

#[test]
fn an_extended_parameter_that_overruns_is_answered_with_2_0() {
    refused(&Open::new(65001).parameters(255, &[255, 0, 4, 2, 0, 9, 0]), 2, 0, &[]);
}

#[test]
fn an_unknown_extended_parameter_is_answered_with_2_4() {
    refused(&Open::new(65001).parameters(255, &extended(&[(33, &[1])])), 2, 4, &[]);
}

#[test]
fn an_extended_header_cut_short_is_answered_with_2_0() {
    refused(&Open::new(65001).parameters(255, &[255, 0]), 2, 0, &[]);
}

#[test]
fn an_extended_length_of_0_is_no_parameter() {
    accepted(&Open::bare(65001).parameters(255, &[255, 0, 0]));
}

#[test]
fn type_255_behind_another_parameter_is_an_unknown_one() {
    // RFC 9072 §2: the extended form is known by the first type; RFC 4271 §6.2
    refused(&Open::new(65001).parameters(6, &[2, 0, 255, 0, 0, 0]), 2, 4, &[]);
}

// ---- capabilities

#[test]
fn an_unknown_capability_is_ignored() {
    // RFC 5492 §3
    accepted(&Open::new(65001).cap(199, &[1, 2, 3]).cap(239, &[]));
}

#[test]
fn junk_in_capabilities_that_only_inform_costs_no_session() {
    // Host name (73) and software version (75): nothing hangs on what they say.
    for (code, value) in
        [(73, &[][..]), (73, &[30, b'a']), (73, &[1, b'a', 9]), (75, &[]), (75, &[30, 0xff]), (75, &[0])]
    {
        accepted(&Open::new(65001).cap(code, value));
    }
}

#[test]
fn the_reserved_octet_of_a_family_is_ignored() {
    // RFC 4760 §8: "should be ignored"
    accepted(&Open::new(65001).without(1).cap(1, &[0, 1, 0xff, 1]));
}

#[test]
fn a_capability_twice_counts_once() {
    // RFC 5492 §4
    accepted(&Open::new(65001).family(1, 1).cap(2, &[]).cap(65, &65001_u32.to_be_bytes()));
}

#[test]
fn the_old_route_refresh_capability_is_ignored() {
    accepted(&Open::new(65001).cap(128, &[]));
}

#[test]
fn families_we_do_not_know_are_ignored() {
    // RFC 4760 §8
    accepted(&Open::new(65001).family(25, 65).family(1, 128).family(16388, 71));
}

#[test]
fn no_family_in_common_is_answered_with_2_7_and_what_is_required() {
    // RFC 5492 §3, §5: data: the capabilities that are missed
    refused(&Open::new(65001).without(1).family(2, 1), 2, 7, &[1, 4, 0, 1, 0, 1]);
}

#[test]
fn without_a_family_ipv4_is_meant() {
    // RFC 4760 §8
    accepted(&Open::new(65001).without(1));
}

macro_rules! malformed_capability {
    ($($name:ident: $code:expr, $value:expr;)*) => {
        $(#[test]
        fn $name() {
            // RFC 4271 §6.2: a parameter that is recognized but malformed: subcode 0
            refused(&Open::new(65001).without($code).cap($code, &$value), 2, 0, &[]);
        })*
    };
}

malformed_capability! {
    multiprotocol_of_3_octets_is_answered_with_2_0: 1, [0, 1, 0];
    multiprotocol_of_5_octets_is_answered_with_2_0: 1, [0, 1, 0, 1, 0];
    multiprotocol_of_0_octets_is_answered_with_2_0: 1, [];
    four_octet_as_of_2_octets_is_answered_with_2_0: 65, [0xfd, 0xe9];
    four_octet_as_of_5_octets_is_answered_with_2_0: 65, [0, 0, 0xfd, 0xe9, 0];
    route_refresh_of_1_octet_is_answered_with_2_0: 2, [0];
    enhanced_refresh_of_1_octet_is_answered_with_2_0: 70, [0];
    extended_message_of_1_octet_is_answered_with_2_0: 6, [1];
    add_path_of_3_octets_is_answered_with_2_0: 69, [0, 1, 1];
    graceful_restart_of_1_octet_is_answered_with_2_0: 64, [0];
    graceful_restart_of_5_octets_is_answered_with_2_0: 64, [0, 120, 0, 1, 1];
    role_of_2_octets_is_answered_with_2_0: 9, [0, 0];
    extended_next_hop_of_5_octets_is_answered_with_2_0: 5, [0, 1, 0, 1, 0];
    long_lived_graceful_restart_of_6_octets_is_answered_with_2_0: 71, [0, 1, 1, 0, 0, 1];
}

#[test]
fn an_add_path_direction_of_4_is_ignored() {
    // RFC 7911 §4: any other value SHOULD be ignored
    let roost = Setup::with([Neighbor::ebgp(65001).with("add_path: { receive: true }")]).start();
    let mut peer = roost.peer_with(0, Open::new(65001).cap(69, &[0, 1, 1, 4]));
    // No path ids, then.
    peer.settle(&roost);
}

// ---- roost's own OPEN

#[test]
fn ours_says_what_it_can() {
    let roost = Setup::with([Neighbor::ebgp(65001).both()]).start();
    let mut peer = roost.connect(0);
    peer.expect_open();
    let open = peer.open.clone();
    assert_eq!(open[..9], [4, 0xfd, 0xe8, 0, 90, 10, 0, 0, 1], "version, AS, hold time, identifier");
    let capabilities = crate::harness::capabilities(&open);
    let has = |code: u8, value: &[u8]| {
        assert!(capabilities.contains(&(code, value.to_vec())), "no capability {code} {value:?}: {capabilities:?}");
    };
    has(1, &[0, 1, 0, 1]); // RFC 4760
    has(1, &[0, 2, 0, 1]);
    has(2, &[]); // RFC 2918 §2
    has(6, &[]); // RFC 8654 §3
    has(70, &[]); // RFC 7313 §3.1
    has(65, &[0, 0, 0xfd, 0xe8]); // RFC 6793 §3
    let restart = capabilities.iter().find(|(code, _)| *code == 64).map(|(_, value)| value.clone());
    let restart = restart.expect("RFC 4724");
    assert_eq!(restart[0] & 0x40, 0x40, "the N bit"); // RFC 8538 §2
    assert_eq!(u16::from_be_bytes([restart[0] & 0x0f, restart[1]]), 120, "restart time");
}

#[test]
fn ours_has_as_trans_in_the_field_when_our_as_is_large() {
    // RFC 6793 §4.1
    let roost = Setup::external().asn(4_200_000_000).start();
    let mut peer = roost.connect(0);
    peer.expect_open();
    assert_eq!(peer.open[1..3], 23456_u16.to_be_bytes());
    assert!(crate::harness::capabilities(&peer.open).contains(&(65, 4_200_000_000_u32.to_be_bytes().to_vec())));
}

#[test]
fn ours_has_the_configured_hold_time() {
    let roost = Setup::with([Neighbor::ebgp(65001).with("hold_time: 0")]).start();
    let mut peer = roost.connect(0);
    peer.expect_open();
    assert_eq!(peer.open[3..5], [0, 0]);
}

#[test]
fn ours_comes_before_the_peers() {
    // RFC 4271 §8.2.2: both send at once, nobody waits for the other's
    let roost = Setup::external().start();
    roost.connect(0).expect_open();
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
