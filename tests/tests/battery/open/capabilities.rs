//! The capabilities of an OPEN: RFC 5492, and what RFC 4271 §6.2 says of malformed ones.

use super::{accepted, refused};
use crate::harness::{Neighbor, Open, Setup};

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
