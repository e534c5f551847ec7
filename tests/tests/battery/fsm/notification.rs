//! A NOTIFICATION ends every state, and is never answered; its text is shown (RFC 9003).

use crate::harness::{Open, Setup, notification};

#[test]
fn a_notification_in_open_sent_is_not_answered() {
    // RFC 4271 §6: no error about a NOTIFICATION
    let roost = Setup::external().start();
    roost.connect(0).expect_open().send(notification(6, 5, &[])).expect_end();
}

#[test]
fn a_notification_in_open_confirm_is_not_answered() {
    let roost = Setup::external().start();
    let mut peer = roost.connect(0);
    peer.expect_open().say(&Open::new(65001)).expect_keepalive();
    peer.send(notification(2, 6, &[])).expect_end();
}

#[test]
fn a_notification_in_established_is_not_answered_and_takes_the_routes() {
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    let route = peer.route(&["10.1.0.0/16"]);
    peer.update(&route).settle(&roost).send(notification(6, 4, &[])).expect_end_without_notification();
    roost.await_table("no route of the peer", |table| table.is_empty().then_some(()));
}

#[test]
fn a_notification_of_an_unknown_code_is_not_answered() {
    // RFC 4271 §6.4
    let roost = Setup::external().start();
    roost.peer(0).send(notification(99, 77, &[1, 2, 3])).expect_end_without_notification();
}

#[test]
fn a_notification_of_an_unknown_subcode_is_not_answered() {
    let roost = Setup::external().start();
    roost.peer(0).send(notification(3, 200, &[9; 300])).expect_end_without_notification();
}

/// The reason shown after the peer said this.
#[track_caller]
fn reason_after(octets: Vec<u8>) -> String {
    let roost = Setup::external().start();
    roost.peer(0).send(octets).expect_end_without_notification();
    roost.await_state(0, "active");
    roost.about(0)["reason"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_shutdown_text_is_shown() {
    // RFC 9003 §2
    let reason = reason_after(notification(6, 2, b"\x12maintenance till 6"));
    assert!(reason.contains("maintenance till 6"), "{reason}");
}

#[test]
fn a_shutdown_text_is_remembered_when_later_attempts_fail() {
    // RFC 9003 §2: "to communicate to the other party why": the other party looks hours later
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    peer.send(notification(6, 2, b"\x12maintenance till 6"));
    roost.await_reason(0, "maintenance till 6");
    let mut again = roost.connect(0);
    again.send(notification(6, 5, &[]));
    roost.await_reason(0, "Connection Rejected");
    assert_eq!(roost.about(0)["shutdown_text"], "maintenance till 6");
    assert!(roost.about(0)["shutdown_text_age"].is_u64());
}

#[test]
fn a_reset_text_is_shown() {
    let reason = reason_after(notification(6, 4, b"\x04back"));
    assert!(reason.contains("back"), "{reason}");
}

#[test]
fn a_shutdown_text_shorter_than_its_length_is_shown_as_far_as_it_goes() {
    // RFC 9003 §4
    let reason = reason_after(notification(6, 2, b"\xffshort"));
    assert!(reason.contains("short"), "{reason}");
}

#[test]
fn a_shutdown_text_that_is_no_utf8_is_shown_with_marks() {
    // RFC 9003 §4: "MUST be handled"; here: replaced
    let reason = reason_after(notification(6, 2, b"\x05\xc3\x28ab\xff"));
    assert!(reason.contains("ab") && reason.contains('\u{fffd}'), "{reason}");
}

#[test]
fn a_shutdown_text_of_255_octets_is_shown() {
    let text = "x".repeat(255);
    let reason = reason_after(notification(6, 2, &[&[255], text.as_bytes()].concat()));
    assert!(reason.contains(&text), "{reason}");
}

#[test]
fn a_shutdown_text_of_no_octets_is_none() {
    let reason = reason_after(notification(6, 2, &[0]));
    assert!(reason.contains("Administrative Shutdown") && !reason.contains("\"\""), "{reason}");
}

#[test]
fn a_shutdown_text_cannot_forge_lines() {
    let reason = reason_after(notification(6, 2, b"\x06a\nb\x1b[0"));
    assert!(!reason.contains('\n') && !reason.contains('\u{1b}'), "{reason:?}");
}

#[test]
fn a_hard_reset_shows_what_it_stands_for() {
    // RFC 8538 §3.1
    let reason = reason_after(notification(6, 9, b"\x06\x02\x03bye"));
    assert!(reason.contains("Hard Reset") && reason.contains("bye"), "{reason}");
}
