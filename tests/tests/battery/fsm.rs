//! RFC 4271 §8: which message has its place where (RFC 6608), which of two connections stays (§6.8), what the timers do,
//! and how a session ends.

use std::time::{Duration, Instant};

use crate::harness::wire::{KEEPALIVE, OPEN, ROUTE_REFRESH, UPDATE};
use crate::harness::{Event, Neighbor, OUR_ID, Open, Roost, Setup, keepalive, message, notification, refresh};

// ---- a message out of place: RFC 6608 §3, data: its type (§4)

/// Roost has said its OPEN and waits for ours.
/// RFC 4271 §6.6, RFC 6608 §3, §4
#[track_caller]
fn in_open_sent(octets: &[u8], data: &[u8]) {
    let roost = Setup::external().start();
    roost.connect(0).expect_open().send(octets).expect_notification(5, 1, data);
}

/// Both OPENs are said; roost waits for our KEEPALIVE.
#[track_caller]
fn in_open_confirm(octets: &[u8], data: &[u8]) {
    let roost = Setup::external().start();
    let mut peer = roost.connect(0);
    peer.expect_open().say(&Open::new(65001)).expect_keepalive();
    peer.send(octets).expect_notification(5, 2, data);
}

#[test]
fn keepalive_in_open_sent_is_answered_with_5_1() {
    in_open_sent(&keepalive(), &[KEEPALIVE]);
}

#[test]
fn update_in_open_sent_is_answered_with_5_1() {
    in_open_sent(&message(UPDATE, &[0; 4]), &[UPDATE]);
}

#[test]
fn route_refresh_in_open_sent_is_answered_with_5_1() {
    in_open_sent(&refresh(1, 0, 1), &[ROUTE_REFRESH]);
}

#[test]
fn a_malformed_update_in_open_sent_is_judged_by_its_place() {
    in_open_sent(&message(UPDATE, &[0xff; 10]), &[UPDATE]);
}

#[test]
fn update_in_open_confirm_is_answered_with_5_2() {
    in_open_confirm(&message(UPDATE, &[0; 4]), &[UPDATE]);
}

#[test]
fn route_refresh_in_open_confirm_is_answered_with_5_2() {
    in_open_confirm(&refresh(1, 0, 1), &[ROUTE_REFRESH]);
}

#[test]
fn a_second_open_in_open_confirm_is_answered_with_5_2() {
    in_open_confirm(&Open::new(65001).encode(), &[OPEN]);
}

#[test]
fn an_open_in_established_is_answered_with_5_3() {
    let roost = Setup::external().start();
    roost.peer(0).say(&Open::new(65001)).expect_notification(5, 3, &[OPEN]);
}

#[test]
fn a_malformed_open_in_established_is_judged_by_its_place() {
    let roost = Setup::external().start();
    roost.peer(0).say(&Open::bare(0).version(9)).expect_notification(5, 3, &[OPEN]);
}

// ---- NOTIFICATION: ends every state, and is never answered

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

// ---- hold timer and keepalives

/// Waits for the end by the hold timer, and says how long that took.
#[track_caller]
fn hold_timer_ends(mut peer: crate::harness::Peer, since: Instant) {
    peer.expect_notification(4, 0, &[]);
    let took = since.elapsed();
    assert!((Duration::from_millis(2900)..Duration::from_millis(5500)).contains(&took), "{took:?} instead of 3 s");
}

#[test]
fn a_silent_peer_is_left_after_the_negotiated_hold_time() {
    // RFC 4271 §6.5: 4/0
    let roost = Setup::external().start();
    let peer = roost.peer_with(0, Open::new(65001).hold(3));
    hold_timer_ends(peer, Instant::now());
}

#[test]
fn our_hold_time_counts_when_it_is_the_smaller_one() {
    let roost = Setup::with([Neighbor::ebgp(65001).with("hold_time: 3s")]).start();
    let peer = roost.peer_with(0, Open::new(65001).hold(90));
    hold_timer_ends(peer, Instant::now());
}

#[test]
fn the_negotiated_hold_time_counts_from_open_confirm_on() {
    // RFC 4271 §8.2.2, OpenSent: sets the HoldTimer according to the negotiated value
    let roost = Setup::external().start();
    let mut peer = roost.connect(0);
    peer.expect_open().say(&Open::new(65001).hold(3)).expect_keepalive();
    hold_timer_ends(peer, Instant::now());
}

#[test]
fn an_unfinished_message_does_not_restart_the_hold_timer() {
    // RFC 4271 §4.4, §8.2.2: KEEPALIVE or UPDATE messages do, octets do not
    let roost = Setup::external().start();
    let mut peer = roost.peer_with(0, Open::new(65001).hold(3));
    peer.await_end_of_rib(1);
    peer.send(keepalive());
    let start = Instant::now();
    let update = peer.route(&["10.1.0.0/16"]).attr(0xc0, 200, &[0; 3000]).encode();
    let mut parts = update.chunks(100);
    loop {
        // The pieces are the case's clock: one each 100 ms, and the whole message would take longer than the hold time.
        match peer.next(Duration::from_millis(110)) {
            Event::Silence | Event::Message(KEEPALIVE, _) => {}
            Event::Message(3, body) => {
                assert_eq!(body, [4, 0]);
                break;
            }
            other => panic!("{other:02x?}"),
        }
        if start.elapsed() < Duration::from_millis(3200)
            && let Some(part) = parts.next()
        {
            peer.send(part);
        }
        assert!(start.elapsed() < Duration::from_millis(5500), "no NOTIFICATION");
    }
    assert!(start.elapsed() > Duration::from_millis(2900));
}

#[test]
fn updates_alone_keep_a_session() {
    // RFC 4271 §8.2.2, event 27: restarts its HoldTimer
    let roost = Setup::external().start();
    let mut peer = roost.peer_with(0, Open::new(65001).hold(3));
    peer.await_end_of_rib(1);
    let end = Instant::now() + Duration::from_millis(4500);
    while Instant::now() < end {
        let route = peer.route(&["10.1.0.0/16"]);
        peer.update(&route).expect_silence(Duration::from_millis(700));
    }
    peer.settle(&roost);
}

#[test]
fn keepalives_come_at_a_third_of_the_hold_time_with_jitter() {
    // RFC 4271 §4.4: a third; §10: 75 % to 100 % of it
    let roost = Setup::external().start();
    let mut peer = roost.peer_with(0, Open::new(65001).hold(3));
    peer.await_end_of_rib(1);
    let mut last = None;
    for _ in 0..3 {
        peer.expect_keepalive();
        let now = Instant::now();
        if let Some(last) = last.replace(now) {
            let gap: Duration = now - last;
            assert!((Duration::from_millis(700)..Duration::from_millis(2000)).contains(&gap), "{gap:?}");
        }
        peer.send(keepalive());
    }
}

#[test]
fn a_session_without_hold_time_outlives_silence() {
    // RFC 4271 §4.2: zero means no timer; 4 s is more than the smallest other value
    let roost = Setup::external().start();
    let mut peer = roost.peer_with(0, Open::new(65001).hold(0));
    peer.await_end_of_rib(1);
    match peer.next(Duration::from_secs(4)) {
        Event::Silence => {}
        other => panic!("neither KEEPALIVEs nor an end are due: {other:02x?}"),
    }
    peer.settle(&roost);
}

#[test]
fn an_unfinished_open_ends_with_4_0() {
    // RFC 4271 §8.2.2, OpenSent, event 10: the large hold timer, here one that can be waited for
    let roost = Setup::external().router("limits: { open_timeout: 1s }").start();
    let open = Open::new(65001).encode();
    for sent in [0, 1, 19, open.len() - 1] {
        let start = Instant::now();
        let mut peer = roost.connect_until_open(0);
        peer.send(&open[..sent]).expect_notification(4, 0, &[]);
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(900), "{sent} octets: {took:?}");
    }
    let mut peer = roost.connect_until_open(0);
    peer.say(&Open::new(65001)).expect_keepalive();
}

// ---- two connections at once: RFC 4271 §6.8

/// A roost that dials its peer, the connection it made, and one we made; OPENs of roost are read on both.
fn two_connections(neighbor: Neighbor) -> (Roost, crate::harness::Peer, crate::harness::Peer) {
    // Nobody listens at first: the first attempt comes when all is ready.
    let roost = Setup::with([neighbor.dialled()]).start();
    let listener = roost.listen(0);
    let mut theirs = roost.accept(0, &listener);
    theirs.expect_open();
    let mut ours = roost.connect(0);
    ours.expect_open();
    (roost, theirs, ours)
}

const HIGHER: [u8; 4] = [10, 0, 0, 2];
const LOWER: [u8; 4] = [10, 0, 0, 0];

/// OPENs on both connections in an order; which one stays follows from the identifiers.
#[track_caller]
fn collide(neighbor: Neighbor, id: [u8; 4], roosts_first: bool, roosts_stays: bool) {
    let open = Open::new(neighbor.asn).id(id);
    let (roost, mut theirs, mut ours) = two_connections(neighbor);
    if roosts_first {
        theirs.say(&open).expect_keepalive();
        ours.say(&open);
    } else {
        ours.say(&open).expect_keepalive();
        theirs.say(&open);
    }
    let (mut stays, mut goes) = if roosts_stays { (theirs, ours) } else { (ours, theirs) };
    goes.expect_notification(6, 7, &[]); // RFC 4486 §4
    if roosts_first != roosts_stays {
        stays.expect_keepalive();
    }
    stays.send(keepalive());
    roost.await_state(0, "established");
    stays.settle(&roost);
}

#[test]
fn collision_the_peers_connection_stays_when_its_identifier_is_higher_and_its_open_comes_last() {
    // RFC 4271 §6.8, §8.2.1: each connection has a state of its own until both OPENs are there
    collide(Neighbor::ebgp(65001), HIGHER, true, false);
}

#[test]
fn collision_the_peers_connection_stays_when_its_identifier_is_higher_and_its_open_comes_first() {
    collide(Neighbor::ebgp(65001), HIGHER, false, false);
}

#[test]
fn collision_our_connection_stays_when_our_identifier_is_higher_and_its_open_comes_first() {
    collide(Neighbor::ebgp(65001), LOWER, true, true);
}

#[test]
fn collision_our_connection_stays_when_our_identifier_is_higher_and_its_open_comes_last() {
    collide(Neighbor::ebgp(65001), LOWER, false, true);
}

#[test]
fn collision_identifiers_compare_as_unsigned_numbers() {
    // RFC 4271 §6.8: "as (4-octet) unsigned integers"
    collide(Neighbor::ebgp(65001), [200, 0, 0, 0], true, false);
}

#[test]
fn collision_with_equal_identifiers_the_higher_as_wins() {
    // RFC 6286 §2.3
    collide(Neighbor::ebgp(65001), OUR_ID, true, false);
}

#[test]
fn collision_with_equal_identifiers_the_lower_as_loses() {
    collide(Neighbor::ebgp(64999), OUR_ID, true, true);
}

/// An established session, and another connection with a good OPEN.
#[track_caller]
fn established_wins(id: [u8; 4]) {
    let roost = Setup::external().start();
    let mut first = roost.peer_with(0, Open::new(65001).id(id));
    let mut second = roost.connect(0);
    second.expect_open().say(&Open::new(65001).id(id)).expect_notification(6, 7, &[]);
    first.settle(&roost);
}

#[test]
fn collision_an_established_session_stays_though_the_identifier_is_higher() {
    // RFC 4271 §6.8: "unless allowed via configuration, a connection collision with an existing BGP connection that is
    // in the Established state causes closing of the newly created connection"
    established_wins(HIGHER);
}

#[test]
fn collision_an_established_session_stays_though_the_identifier_is_lower() {
    established_wins(LOWER);
}

#[test]
fn collision_a_connection_still_without_open_goes_when_the_other_is_established() {
    let (roost, mut theirs, mut ours) = two_connections(Neighbor::ebgp(65001));
    ours.say(&Open::new(65001).id(HIGHER)).expect_keepalive();
    ours.send(keepalive());
    theirs.expect_notification(6, 7, &[]);
    ours.settle(&roost);
}

#[test]
fn collision_a_bad_open_on_one_connection_leaves_the_other_alone() {
    let (roost, mut theirs, mut ours) = two_connections(Neighbor::ebgp(65001));
    ours.say(&Open::new(65001).id(HIGHER)).expect_keepalive();
    theirs.say(&Open::new(65007)).expect_notification(2, 2, &[]);
    ours.send(keepalive());
    roost.await_state(0, "established");
    ours.settle(&roost);
}

#[test]
fn collision_a_closed_connection_leaves_the_other_alone() {
    let (roost, theirs, mut ours) = two_connections(Neighbor::ebgp(65001));
    ours.say(&Open::new(65001).id(HIGHER)).expect_keepalive();
    theirs.reset();
    ours.send(keepalive());
    roost.await_state(0, "established");
    ours.settle(&roost);
}

#[test]
fn a_peer_that_connects_again_before_its_open_is_served_on_the_new_connection() {
    let roost = Setup::external().start();
    let mut first = roost.connect(0);
    first.expect_open();
    let mut second = roost.peer(0);
    first.expect_notification(6, 7, &[]);
    second.settle(&roost);
}

// ---- ends without a word, and beginnings again

#[test]
fn a_peer_that_closes_in_open_sent_may_come_back_at_once() {
    let roost = Setup::external().start();
    let mut first = roost.connect(0);
    first.expect_open().finish();
    first.expect_end();
    roost.peer(0).settle(&roost);
}

#[test]
fn a_peer_that_closes_in_open_confirm_may_come_back() {
    let roost = Setup::external().start();
    let mut first = roost.connect(0);
    first.expect_open().say(&Open::new(65001)).expect_keepalive();
    first.reset();
    let mut peer = roost.connect_until_open(0);
    peer.say(&Open::new(65001)).expect_keepalive();
    peer.send(keepalive()).settle(&roost);
}

#[test]
fn a_peer_that_closes_its_half_in_established_is_gone_with_its_routes() {
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    let route = peer.route(&["10.1.0.0/16"]);
    peer.update(&route).settle(&roost).finish();
    roost.await_table("no route of the peer", |table| table.is_empty().then_some(()));
    peer.expect_end_without_notification();
}

#[test]
fn a_reset_connection_takes_the_routes_and_the_peer_may_come_back() {
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    let route = peer.route(&["10.1.0.0/16"]);
    peer.update(&route).settle(&roost);
    peer.reset();
    roost.await_table("no route of the peer", |table| table.is_empty().then_some(()));
    let mut peer = roost.connect_until_open(0);
    peer.say(&Open::new(65001)).expect_keepalive();
    peer.send(keepalive()).settle(&roost);
}

#[test]
fn an_update_right_before_the_end_is_withdrawn_with_the_rest() {
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002)]).start();
    let (mut peer, mut other) = (roost.peer(0), roost.peer(1));
    let route = peer.route(&["10.1.0.0/16"]);
    peer.update(&route).settle(&roost);
    other.await_route("10.1.0.0/16");
    let route = peer.route(&["10.2.0.0/16"]);
    peer.update(&route).send(notification(6, 3, &[])).expect_end_without_notification();
    roost.await_table("no route of the peer", |table| table.is_empty().then_some(()));
    assert_eq!(other.adj_out_prefixes(), [""; 0]);
}

#[test]
fn an_active_roost_dials_again_after_it_was_refused() {
    let roost = Setup::with([Neighbor::ebgp(65001).dialled()]).start();
    let listener = roost.listen(0);
    let mut first = roost.accept(0, &listener);
    first.expect_open();
    first.reset();
    let mut second = roost.accept(0, &listener);
    second.establish(&Open::new(65001));
    roost.await_state(0, "established");
}

#[test]
fn an_error_on_a_connection_we_made_is_answered_as_on_one_we_took() {
    let roost = Setup::with([Neighbor::ebgp(65001).dialled()]).start();
    let listener = roost.listen(0);
    let mut peer = roost.accept(0, &listener);
    peer.expect_open().say(&Open::new(65001).hold(2)).expect_notification(2, 6, &[]);
}

#[test]
fn a_stranger_is_closed_without_a_word() {
    let roost = Setup::external().start();
    let mut stranger = roost.stranger(0);
    stranger.expect_end();
    assert!(roost.peer(0).settle(&roost).number == 0);
}
