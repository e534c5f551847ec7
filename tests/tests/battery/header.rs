//! RFC 4271 §6.1 Message Header Error: marker, length, type; and the limits of RFC 8654.
//!
//! A header is judged when its 19 octets are there: several cases never send the body they announce.

use crate::harness::wire::{KEEPALIVE, NOTIFICATION, OPEN, ROUTE_REFRESH, UPDATE, attribute};
use crate::harness::{Open, Setup, header, keepalive, message, notification};

/// Sends octets as the first thing on a connection.
#[track_caller]
fn first(octets: &[u8], code: u8, subcode: u8, data: &[u8]) {
    let roost = Setup::external().start();
    let mut peer = roost.connect(0);
    peer.expect_open().send(octets).expect_notification(code, subcode, data);
}

/// Sends octets on an established session.
#[track_caller]
fn established(octets: &[u8], code: u8, subcode: u8, data: &[u8]) {
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    peer.send(octets).expect_notification(code, subcode, data);
}

fn broken_marker(at: usize) -> Vec<u8> {
    let mut message = Open::new(65001).encode();
    message[at] = 0xfe;
    message
}

#[test]
fn marker_broken_in_its_first_octet_is_answered_with_1_1() {
    // RFC 4271 §6.1: "Connection Not Synchronized"
    first(&broken_marker(0), 1, 1, &[]);
}

#[test]
fn marker_broken_in_its_last_octet_is_answered_with_1_1() {
    first(&broken_marker(15), 1, 1, &[]);
}

#[test]
fn marker_of_zeros_is_answered_with_1_1() {
    first(&[0; 19], 1, 1, &[]);
}

#[test]
fn marker_broken_in_a_keepalive_of_an_established_session_is_answered_with_1_1() {
    let mut message = keepalive();
    message[7] = 0;
    established(&message, 1, 1, &[]);
}

#[test]
fn marker_is_judged_before_length_and_type() {
    // RFC 4271 §6.1, in the order of its text
    let mut message = header(5, 99);
    message[3] = 0;
    first(&message, 1, 1, &[]);
}

#[test]
fn length_18_is_answered_with_1_2_and_the_length() {
    // RFC 4271 §6.1: "if the Length field of the message header is less than 19"
    first(&header(18, KEEPALIVE), 1, 2, &[0, 18]);
}

#[test]
fn length_0_is_answered_with_1_2_and_the_length() {
    established(&header(0, UPDATE), 1, 2, &[0, 0]);
}

#[test]
fn length_4097_is_answered_with_1_2_and_the_length() {
    // RFC 4271 §6.1: "or greater than 4096"; the body is not waited for
    established(&header(4097, UPDATE), 1, 2, &[0x10, 0x01]);
}

#[test]
fn length_65535_is_answered_with_1_2_and_the_length() {
    first(&header(65535, OPEN), 1, 2, &[0xff, 0xff]);
}

#[test]
fn length_28_of_an_open_is_answered_with_1_2_and_the_length() {
    first(&header(28, OPEN), 1, 2, &[0, 28]);
}

#[test]
fn length_22_of_an_update_is_answered_with_1_2_and_the_length() {
    established(&header(22, UPDATE), 1, 2, &[0, 22]);
}

#[test]
fn length_20_of_a_keepalive_is_answered_with_1_2_and_the_length() {
    established(&header(20, KEEPALIVE), 1, 2, &[0, 20]);
}

#[test]
fn length_20_of_a_notification_is_answered_with_1_2_and_the_length() {
    // RFC 4271 §6.1 asks for 1/2, §6 knows no error about a NOTIFICATION; the header comes first.
    established(&header(20, NOTIFICATION), 1, 2, &[0, 20]);
}

#[test]
fn length_of_a_refresh_mark_is_an_error_of_its_own_with_the_whole_message() {
    // RFC 7313 §5: 7/1 "Invalid Message Length", data: the complete message
    for body in [&[0, 1, 1, 1, 0][..], &[0, 1, 2]] {
        let mark = message(ROUTE_REFRESH, body);
        established(&mark, 7, 1, &mark);
    }
}

#[test]
fn length_of_a_short_route_refresh_is_answered_with_1_2_and_the_length() {
    // RFC 4271 §6.1; RFC 7313 §5 speaks of the marks alone
    established(&message(ROUTE_REFRESH, &[0, 1, 0]), 1, 2, &[0, 22]);
    established(&message(ROUTE_REFRESH, &[]), 1, 2, &[0, 19]);
}

#[test]
fn type_0_is_answered_with_1_3_and_the_type() {
    // RFC 4271 §6.1: "Bad Message Type", data: the type
    first(&message(0, &[]), 1, 3, &[0]);
}

#[test]
fn type_6_is_answered_with_1_3_and_the_type() {
    established(&message(6, &[1, 2, 3]), 1, 3, &[6]);
}

#[test]
fn type_255_is_answered_with_1_3_and_the_type() {
    established(&message(255, &[]), 1, 3, &[255]);
}

#[test]
fn length_is_judged_before_type() {
    first(&header(18, 77), 1, 2, &[0, 18]);
}

#[test]
fn a_second_message_in_the_same_segment_is_judged_too() {
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    let octets = [keepalive(), header(18, KEEPALIVE)].concat();
    peer.send(octets).expect_notification(1, 2, &[0, 18]);
}

#[test]
fn a_message_of_4096_octets_is_taken() {
    // RFC 4271 §4.1: the largest
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    let update = peer.route(&["10.1.0.0/16"]);
    let filler = attribute(0xc0, 200, &vec![7; 4096 - update.encode().len() - 4]);
    let update = update.raw(&filler).encode();
    assert_eq!(update.len(), 4096);
    peer.send(update).settle(&roost);
    assert_eq!(roost.prefixes(0), ["10.1.0.0/16"]);
}

#[test]
fn a_message_of_65535_octets_is_taken_once_both_said_extended_message() {
    // RFC 8654 §4. Roost's side says it; see `open::ours_says_what_it_can`.
    let roost = Setup::external().start();
    let mut peer = roost.peer_with(0, Open::new(65001).cap(6, &[]));
    let update = peer.route(&["10.1.0.0/16"]);
    let filler = attribute(0xc0, 200, &vec![7; 65535 - update.encode().len() - 4]);
    let update = update.raw(&filler).encode();
    assert_eq!(update.len(), 65535);
    peer.send(update).settle(&roost);
    assert_eq!(roost.prefixes(0), ["10.1.0.0/16"]);
}

#[test]
fn an_open_of_more_than_4096_octets_is_refused_with_1_2() {
    // RFC 8654 §4: OPEN and KEEPALIVE do not grow
    first(&header(4097, OPEN), 1, 2, &[0x10, 0x01]);
}

#[test]
fn a_keepalive_stays_19_octets_with_extended_message() {
    let roost = Setup::external().start();
    let mut peer = roost.peer_with(0, Open::new(65001).cap(6, &[]));
    peer.send(header(4097, KEEPALIVE)).expect_notification(1, 2, &[0x10, 0x01]);
}

#[test]
fn a_header_in_single_octets_is_a_header() {
    let roost = Setup::external().start();
    let mut peer = roost.connect(0);
    peer.expect_open();
    for octet in Open::new(65001).encode() {
        peer.send([octet]);
    }
    peer.expect_keepalive();
    for octet in keepalive() {
        peer.send([octet]);
    }
    roost.await_state(0, "established");
}

#[test]
fn octets_behind_a_notification_are_not_answered() {
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    peer.send([notification(6, 2, &[]), header(5, 99)].concat()).expect_end_without_notification();
}
