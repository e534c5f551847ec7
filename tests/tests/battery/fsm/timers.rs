//! The hold timer and the keepalives: RFC 4271 §4.4, §8 and §10.

use std::time::{Duration, Instant};

use crate::harness::wire::{KEEPALIVE, NOTIFICATION};
use crate::harness::{Event, Neighbor, Open, PATIENCE, Setup, keepalive};

/// The shortest hold time there is.
const HOLD: Duration = Duration::from_secs(3);

/// Waits for the end by the hold timer. `since` is before roost was told anything, so it ends three seconds later at the
/// earliest; it may be late on a busy machine, but not by as much as the 90 s of the other end.
#[track_caller]
fn hold_timer_ends(mut peer: crate::harness::Peer, since: Instant) {
    peer.expect_notification(4, 0, &[]);
    let took = since.elapsed();
    assert!((HOLD..PATIENCE).contains(&took), "{took:?} instead of 3 s");
}

#[test]
fn a_silent_peer_is_left_after_the_negotiated_hold_time() {
    // RFC 4271 §6.5: 4/0
    let roost = Setup::external().start();
    let start = Instant::now();
    hold_timer_ends(roost.peer_with(0, Open::new(65001).hold(3)), start);
}

#[test]
fn our_hold_time_counts_when_it_is_the_smaller_one() {
    let roost = Setup::with([Neighbor::ebgp(65001).with("hold_time: 3s")]).start();
    let start = Instant::now();
    hold_timer_ends(roost.peer_with(0, Open::new(65001).hold(90)), start);
}

#[test]
fn the_negotiated_hold_time_counts_from_open_confirm_on() {
    // RFC 4271 §8.2.2, OpenSent: sets the HoldTimer according to the negotiated value
    let roost = Setup::external().start();
    let mut peer = roost.connect(0);
    let start = Instant::now();
    peer.expect_open().say(&Open::new(65001).hold(3)).expect_keepalive();
    hold_timer_ends(peer, start);
}

#[test]
fn an_unfinished_message_does_not_restart_the_hold_timer() {
    // RFC 4271 §4.4, §8.2.2: KEEPALIVE or UPDATE messages do, octets do not
    let roost = Setup::external().start();
    let mut peer = roost.peer_with(0, Open::new(65001).hold(3));
    peer.await_end_of_rib(1);
    let start = Instant::now();
    peer.send(keepalive());
    let update = peer.route(&["10.1.0.0/16"]).attr(0xc0, 200, &[0; 3000]).encode();
    // The pieces are the case's clock: one each 100 ms, so that it takes half a minute until none is left.
    for part in update.chunks(10) {
        match peer.next(Duration::from_millis(100)) {
            Event::Silence | Event::Message(KEEPALIVE, _) => _ = peer.send(part),
            Event::Message(NOTIFICATION, body) => {
                assert_eq!(body, [4, 0]);
                assert!(start.elapsed() >= HOLD, "{:?}", start.elapsed());
                return;
            }
            other => panic!("{other:02x?}"),
        }
    }
    panic!("the session has lived on pieces of a message for {:?}", start.elapsed());
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
    // RFC 4271 §4.4: a third; §10: 75 % to 100 % of it. When roost has sent one is not seen here exactly: none may come
    // earlier than so many intervals from before the session, and each must come before we would give roost up.
    let roost = Setup::external().start();
    let start = Instant::now();
    let mut peer = roost.peer_with(0, Open::new(65001).hold(3));
    peer.await_end_of_rib(1);
    let mut last = Instant::now();
    for number in 1..=4 {
        peer.expect_keepalive();
        let now = Instant::now();
        assert!(now - start >= number * Duration::from_millis(750), "number {number} after {:?}", now - start);
        assert!(now - last < HOLD, "{:?} without a word", now - last);
        last = now;
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
