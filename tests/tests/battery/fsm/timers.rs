//! The hold timer and the keepalives: RFC 4271 §4.4, §8 and §10.

use std::time::{Duration, Instant};

use crate::harness::wire::KEEPALIVE;
use crate::harness::{Event, Neighbor, Open, Setup, keepalive};

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
