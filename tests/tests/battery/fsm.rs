//! RFC 4271 §8: which message has its place where (RFC 6608), and how a session ends; with its timers, NOTIFICATIONs and
//! collisions next door.

use crate::harness::wire::{KEEPALIVE, OPEN, ROUTE_REFRESH, UPDATE};
use crate::harness::{Neighbor, Open, Setup, keepalive, message, notification, refresh};

mod collision;
mod notification;
mod timers;

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
