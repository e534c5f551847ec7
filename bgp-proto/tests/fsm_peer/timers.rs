//! What a peer does when time passes.

use super::*;

#[test]
fn the_hold_timer_does_not_blame_the_peer_for_what_we_have_not_read() {
    let start = Instant::now();
    let mut peer = establish(start, config(), &theirs());
    let mut buffer = BytesMut::new();
    for _ in 0..MAX_QUEUED_EVENTS + 1 {
        buffer.extend_from_slice(&end_of_rib(Family::IPV4_UNICAST));
    }
    peer.handle_bytes(start, OUT, &mut buffer);
    assert_eq!(buffer.len(), 23, "one message waits");
    let late = start + seconds(91);
    peer.handle_timeout(late);
    assert_eq!(peer.state(), State::Established);
    assert!(peer.poll_timeout().unwrap() > late);
    // But a driver that never comes back to the bytes does not keep the session for ever.
    peer.handle_timeout(late + seconds(31));
    assert_eq!(peer.last_down(), &DownReason::HoldTimerExpired(seconds(90)));
}

#[test]
fn keepalives_come_between_three_quarters_and_all_of_the_interval() {
    // RFC 4271 §10
    let mut now = Instant::now();
    let mut peer = establish(now, PeerConfig { hold_time: 0xffff, ..config() }, &theirs());
    let mut intervals = Vec::new();
    let mut last = now;
    for _ in 0..200 {
        receive(&mut peer, now, OUT, &Message::Keepalive);
        now = peer.poll_timeout().unwrap();
        peer.handle_timeout(now);
        if drain(&mut peer).0 == [Message::Keepalive] {
            intervals.push(now - last);
            last = now;
        }
    }
    assert!(intervals.len() > 190);
    // The smaller hold time, 90, counts: 30 s, shortened by up to a quarter.
    assert!(intervals.iter().all(|i| *i >= Duration::from_millis(22_500) && *i <= seconds(30)), "{intervals:?}");
    assert!(intervals.iter().any(|i| *i < seconds(24)) && intervals.iter().any(|i| *i > seconds(29)));
}

#[test]
fn the_hold_timer_is_restarted_by_keepalives_and_updates_only() {
    // RFC 4271 §4.4, §8.2.2
    let start = Instant::now();
    let refresh = RouteRefresh { family: Family::IPV4_UNICAST, kind: RefreshKind::Request };
    let rows = [
        ("KEEPALIVE", Message::Keepalive.encode(&Codec::INITIAL), true),
        ("UPDATE", end_of_rib(Family::IPV4_UNICAST), true),
        ("ROUTE-REFRESH", Message::RouteRefresh(refresh).encode(&Codec::INITIAL), false),
        ("an unfinished message", Bytes::from_static(&[0xff; 16]), false),
    ];
    for (name, bytes, restarts) in rows {
        let mut peer = Peer::new(config(), 1);
        peer.command(start, Command::Start);
        connected(&mut peer, start, OUT);
        receive(&mut peer, start, OUT, &Message::Open(local_open(&theirs())));
        // So does the KEEPALIVE that establishes the session.
        let up = start + seconds(80);
        receive(&mut peer, up, OUT, &Message::Keepalive);
        peer.handle_timeout(up + seconds(80));
        assert_eq!(peer.state(), State::Established, "{name}");
        peer.handle_bytes(up + seconds(80), OUT, &mut BytesMut::from(&bytes[..]));
        peer.handle_timeout(up + seconds(90));
        assert_eq!(peer.state() == State::Established, restarts, "{name}");
        peer.handle_timeout(up + seconds(170));
        assert_eq!(peer.last_down(), &DownReason::HoldTimerExpired(seconds(90)), "{name}");
    }
}

#[test]
fn updates_that_are_sent_take_the_place_of_keepalives() {
    // RFC 4271 §8.2.2: each UPDATE sent restarts the keepalive timer.
    let mut now = Instant::now();
    let mut peer = establish(now, config(), &theirs());
    for _ in 0..60 {
        now += seconds(10);
        receive(&mut peer, now, OUT, &Message::Keepalive);
        peer.handle_timeout(now);
        peer.sent(now, OUT, 4096);
    }
    assert_eq!(drain(&mut peer).0, []);
}

#[test]
fn the_send_hold_timer_runs_only_while_nothing_is_taken() {
    // RFC 9687 §3, §3.3: 8 minutes, or twice the hold time
    for (hold, configured, expected) in
        [(90, None, Some(480)), (1_000, None, Some(2_000)), (90, Some(100), Some(100)), (90, Some(0), None)]
    {
        let start = Instant::now();
        let hold_time = |config| PeerConfig { hold_time: hold, send_hold: configured.map(seconds), ..config };
        let mut peer = establish(start, hold_time(config()), &hold_time(theirs()));
        let time = seconds(expected.unwrap_or(5_000));
        // The first `blocked` comes 10 s after the beginning, and starts the timer.
        stay_blocked(&mut peer, start, time);
        assert_eq!(peer.state(), State::Established, "hold {hold}");
        peer.sent(start + time, OUT, 1);
        stay_blocked(&mut peer, start + time, time);
        assert_eq!(peer.state(), State::Established, "hold {hold}: one octet that is taken starts it anew");
        stay_blocked(&mut peer, start + time * 2, seconds(20));
        match expected {
            None => assert_eq!(peer.state(), State::Established),
            Some(time) => {
                assert_eq!(peer.last_down(), &DownReason::SendHoldTimerExpired(seconds(time)));
                // Nothing can be written to it, so nothing is left to write.
                let (sent, actions, _) = drain(&mut peer);
                assert_eq!((sent, actions.first()), (vec![], Some(&IoAction::Abort(OUT))));
            }
        }
    }
}

/// The peer's KEEPALIVEs come, but it takes nothing.
fn stay_blocked(peer: &mut Peer, from: Instant, time: Duration) {
    for step in 1..=time.as_secs() / 10 {
        let now = from + seconds(step * 10);
        receive(peer, now, OUT, &Message::Keepalive);
        peer.blocked(now, OUT);
        peer.handle_timeout(now);
    }
}

#[test]
fn dialling_is_paced_by_the_connect_retry_time() {
    let mut now = Instant::now();
    let start = now;
    let mut peer = Peer::new(config(), 3);
    peer.command(now, Command::Start);
    let mut dialled = Vec::new();
    while now < start + seconds(600) {
        for action in drain(&mut peer).1 {
            if let IoAction::Connect(conn) = action {
                dialled.push(now);
                peer.handle_io(now, IoInput::ConnectFailed { conn, reason: ConnectError::Refused });
            }
        }
        now = peer.poll_timeout().unwrap();
        peer.handle_timeout(now);
    }
    let gaps: Vec<_> = dialled.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap >= Duration::from_millis(3_750) && *gap <= seconds(5)), "{gaps:?}");
    assert_eq!(peer.last_down(), &DownReason::Refused);
    assert_eq!(peer.counters().failed, peer.counters().dialled - u64::from(peer.state() == State::Connect));
}

#[test]
fn a_driver_that_never_polls_finds_one_keepalive() {
    let mut now = Instant::now();
    let hold = |config| PeerConfig { hold_time: 0xffff, keepalive: Some(1), ..config };
    let mut peer = establish(now, hold(config()), &hold(theirs()));
    for _ in 0..10_000 {
        now += seconds(1);
        peer.handle_timeout(now);
    }
    assert_eq!(drain(&mut peer).0, [Message::Keepalive]);
}

#[test]
fn one_connection_can_be_given_less_time_for_its_open() {
    // RFC 4271 §8.2.2: the hold timer of OpenSent.
    let now = Instant::now();
    let mut peer = Peer::new(config(), 42);
    peer.command(now, Command::Start);
    accepted(&mut peer, now, STRAY);
    peer.limit_open(now, STRAY, seconds(15));
    drain(&mut peer);
    peer.handle_timeout(now + seconds(14));
    assert_eq!((peer.state(), peer.is_confirmed(STRAY)), (State::OpenSent, false));
    drain(&mut peer);
    peer.handle_timeout(now + seconds(15));
    let (sent, actions, events) = drain(&mut peer);
    assert!(
        matches!(&sent[..], [Message::Notification(told)] if *told == Notification::hold_timer_expired()),
        "{sent:?}"
    );
    assert!(actions.contains(&IoAction::Close(STRAY)));
    assert!(events.contains(&PeerEvent::AttemptFailed(DownReason::NoOpen(seconds(15)))), "{events:?}");
    // A session that stands is none of its business.
    let mut peer = establish(now, config(), &theirs());
    assert!(peer.is_confirmed(OUT));
    peer.limit_open(now, OUT, seconds(1));
    peer.handle_timeout(now + seconds(2));
    assert_eq!(peer.state(), State::Established);
}
