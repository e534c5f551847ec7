//! Single properties of a peer that neither the table nor the world shows by itself.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::{Duration, Instant};

use bgp_proto::fsm::{
    Command, ConnId, ConnectError, DownReason, GrConfig, IoAction, IoInput, MAX_QUEUED_EVENTS, Peer, PeerConfig,
    PeerEvent, State, local_open,
};
use bgp_proto::message::{
    Capability, Codec, Message, Notification, RefreshKind, RouteRefresh, cease, end_of_rib, split_frame,
};
use bgp_proto::{Asn, Family, FamilySet, RouterId};
use bytes::{Bytes, BytesMut};

#[path = "fsm_peer/timers.rs"]
mod timers;

const OUT: ConnId = ConnId(0);
const STRAY: ConnId = ConnId::accepted(1);

fn config() -> PeerConfig {
    PeerConfig::new(Asn(65001), RouterId(1), Asn(65002))
}

fn theirs() -> PeerConfig {
    PeerConfig::new(Asn(65002), RouterId(2), Asn(65001))
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn connected(peer: &mut Peer, now: Instant, conn: ConnId) {
    let (local, remote) = ("192.0.2.1:40000".parse().unwrap(), "192.0.2.2:179".parse().unwrap());
    peer.handle_io(now, IoInput::Connected { conn, local, remote });
}

fn accepted(peer: &mut Peer, now: Instant, conn: ConnId) {
    let (local, remote) = ("192.0.2.1:179".parse().unwrap(), "192.0.2.2:40000".parse().unwrap());
    peer.handle_io(now, IoInput::Accepted { conn, local, remote });
}

fn receive(peer: &mut Peer, now: Instant, conn: ConnId, message: &Message) {
    peer.handle_bytes(now, conn, &mut BytesMut::from(&message.encode(&Codec::INITIAL)[..]));
}

fn establish(now: Instant, ours: PeerConfig, theirs: &PeerConfig) -> Peer {
    let mut peer = Peer::new(ours, 42);
    peer.command(now, Command::Start);
    connected(&mut peer, now, OUT);
    receive(&mut peer, now, OUT, &Message::Open(local_open(theirs)));
    receive(&mut peer, now, OUT, &Message::Keepalive);
    assert_eq!(peer.state(), State::Established);
    drain(&mut peer);
    peer
}

fn drain(peer: &mut Peer) -> (Vec<Message>, Vec<IoAction>, Vec<PeerEvent>) {
    let sent = std::iter::from_fn(|| peer.poll_transmit()).map(|(_, bytes)| decode(bytes)).collect();
    let actions = std::iter::from_fn(|| peer.poll_io()).collect();
    (sent, actions, std::iter::from_fn(|| peer.poll_event()).collect())
}

fn decode(bytes: Bytes) -> Message {
    let frame = split_frame(&mut BytesMut::from(&bytes[..]), 4096).unwrap().unwrap();
    Message::decode(&frame, &Codec::INITIAL).unwrap()
}

#[test]
fn a_full_event_queue_leaves_the_bytes_where_they_are() {
    let now = Instant::now();
    let mut peer = establish(now, config(), &theirs());
    let mut buffer = BytesMut::new();
    for _ in 0..300 {
        buffer.extend_from_slice(&end_of_rib(Family::IPV4_UNICAST));
    }
    let (mut updates, mut rounds, len) = (0, 0, buffer.len());
    while !buffer.is_empty() {
        peer.handle_bytes(now, OUT, &mut buffer);
        if rounds == 0 {
            assert_eq!(buffer.len(), len - MAX_QUEUED_EVENTS * 23);
            let before = buffer.clone();
            peer.handle_bytes(now, OUT, &mut buffer);
            assert_eq!(buffer, before, "nothing is taken while nobody polls");
        }
        updates += drain(&mut peer).2.len();
        rounds += 1;
    }
    assert_eq!((updates, rounds), (300, 3));
    assert_eq!(peer.counters().received.update, 300);
}

#[test]
fn a_notification_is_queued_before_the_close_behind_it() {
    let now = Instant::now();
    let mut peer = establish(now, config(), &theirs());
    peer.handle_bytes(now, OUT, &mut BytesMut::from(&[0; 19][..]));
    let (sent, actions, events) = drain(&mut peer);
    assert!(matches!(&sent[..], [Message::Notification(n)] if (n.code.0, n.subcode) == (1, 1)), "{sent:?}");
    assert_eq!(actions, [IoAction::Close(OUT)]);
    let [PeerEvent::Down(reason), PeerEvent::StateChanged(State::Idle)] = &events[..] else { panic!("{events:?}") };
    assert!(reason.to_string().starts_with("bad message from the peer: offset 0: "), "{reason}");
    assert_eq!(peer.counters().message_errors, 1);
    let mut rest = BytesMut::from(&b"bytes that come later"[..]);
    peer.handle_bytes(now, OUT, &mut rest);
    assert!(rest.is_empty(), "the bytes of a connection that is gone are dropped");
}

#[test]
fn mistakes_cost_time_that_doubles_and_a_good_session_makes_up_for_them() {
    // RFC 4271 §8.1.1 (IdleHoldTime, DampPeerOscillations)
    let mut now = Instant::now();
    let mut peer = Peer::new(config(), 9);
    peer.command(now, Command::Start);
    for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
        let conn = dial(&mut peer);
        connected(&mut peer, now, conn);
        receive(&mut peer, now, conn, &Message::Keepalive);
        assert_eq!(peer.state(), State::Idle);
        // The peer is not let in either.
        accepted(&mut peer, now, STRAY);
        assert!(drain(&mut peer).1.contains(&IoAction::Close(STRAY)));
        let pause = peer.poll_timeout().unwrap() - now;
        assert_eq!(Some(now + pause), peer.next_attempt());
        assert!(pause >= seconds(expected) * 3 / 4 && pause <= seconds(expected), "{pause:?}, not about {expected} s");
        now += pause;
        peer.handle_timeout(now);
        assert_eq!(peer.state(), State::Connect);
    }
    let conn = dial(&mut peer);
    connected(&mut peer, now, conn);
    receive(&mut peer, now, conn, &Message::Open(local_open(&theirs())));
    receive(&mut peer, now, conn, &Message::Keepalive);
    now += seconds(60);
    receive(&mut peer, now, conn, &Message::Open(local_open(&theirs())));
    assert!(peer.poll_timeout().unwrap() - now <= seconds(1));

    let mut undamped = Peer::new(PeerConfig { damp_peer_oscillations: false, ..config() }, 9);
    undamped.command(now, Command::Start);
    connected(&mut undamped, now, OUT);
    receive(&mut undamped, now, OUT, &Message::Keepalive);
    assert_eq!(undamped.state(), State::Active);
    accepted(&mut undamped, now, STRAY);
    assert_eq!(undamped.state(), State::OpenSent);
}

fn dial(peer: &mut Peer) -> ConnId {
    let connect = drain(peer).1.into_iter().find_map(|action| match action {
        IoAction::Connect(conn) => Some(conn),
        _ => None,
    });
    connect.unwrap()
}

#[test]
fn a_second_connection_cannot_hurt_an_established_session() {
    let mut now = Instant::now();
    let mut peer = establish(now, config(), &theirs());
    let wrong_as = Message::Open(local_open(&PeerConfig { local_asn: Asn(7), ..theirs() }));
    let good = Message::Open(local_open(&theirs()));
    for (n, bytes) in [
        vec![0; 19],
        wrong_as.encode(&Codec::INITIAL).to_vec(),
        good.encode(&Codec::INITIAL).to_vec(),
        Message::Keepalive.encode(&Codec::INITIAL).to_vec(),
        vec![],
    ]
    .into_iter()
    .cycle()
    .take(500)
    .enumerate()
    {
        let conn = ConnId::accepted(n as u32);
        accepted(&mut peer, now, conn);
        peer.handle_bytes(now, conn, &mut BytesMut::from(&bytes[..]));
        receive(&mut peer, now, OUT, &Message::Keepalive);
        let (_, _, events) = drain(&mut peer);
        assert!(events.iter().all(|event| matches!(event, PeerEvent::AttemptFailed(_))), "{events:?}");
        assert_eq!(peer.established_conn(), Some(OUT));
        now += seconds(1);
    }
    assert_eq!(peer.last_down(), &DownReason::NeverTried, "the reason is about the session, not about strays");
}

#[test]
fn a_stop_is_a_hard_reset_where_notifications_keep_routes() {
    // RFC 8538 §3, §4.1
    let graceful = GrConfig { time: 120, restarted: false, forwarding_preserved: FamilySet::ALL, notification: true };
    let with = |config| PeerConfig { graceful_restart: Some(graceful), ..config };
    let now = Instant::now();
    let shutdown = Notification::cease(cease::ADMINISTRATIVE_SHUTDOWN, Some("upgrade"));

    let mut peer = establish(now, with(config()), &with(theirs()));
    peer.command(now, Command::Stop(Some(shutdown.clone())));
    let [Message::Notification(sent)] = &drain(&mut peer).0[..] else { panic!("no NOTIFICATION") };
    assert_eq!((sent.code.0, sent.subcode), (6, cease::HARD_RESET));
    assert_eq!((sent.data[..2].to_vec(), sent.data.slice(2..)), (vec![6, 2], shutdown.data.clone()));

    let mut peer = establish(now, with(config()), &with(theirs()));
    let reset = Notification::cease(cease::ADMINISTRATIVE_RESET, None);
    peer.command(now, Command::Reset(reset.clone()));
    assert_eq!(drain(&mut peer).0, [Message::Notification(reset)], "a reset keeps the routes");

    let mut peer = establish(now, with(config()), &theirs());
    peer.command(now, Command::Stop(Some(shutdown.clone())));
    assert_eq!(drain(&mut peer).0, [Message::Notification(shutdown)]);

    let mut peer = establish(now, with(config()), &with(theirs()));
    peer.command(now, Command::Stop(None));
    assert_eq!(drain(&mut peer).0, [], "just closed: the peer keeps our routes");
}

#[test]
fn a_peer_with_too_many_prefixes_is_told_which_and_refused_for_the_pause() {
    // RFC 4271 §6.7, RFC 4486 §4
    let graceful = GrConfig { time: 120, restarted: false, forwarding_preserved: FamilySet::ALL, notification: true };
    let with = |config| PeerConfig { graceful_restart: Some(graceful), ..config };
    let start = Instant::now();
    let (family, limit) = (Family::IPV6_UNICAST, 70_000);
    let data = [0, 2, 1, 0, 1, 0x11, 0x70];
    let end = |peer: &mut Peer, pause| {
        peer.command(start, Command::TooManyPrefixes { family, limit, pause });
        let [Message::Notification(sent)] = &drain(peer).0[..] else { panic!("no NOTIFICATION") };
        assert_eq!(peer.last_down(), &DownReason::TooManyPrefixes { family, limit, pause });
        assert_eq!(peer.state(), State::Idle);
        sent.clone()
    };
    let mut peer = establish(start, config(), &theirs());
    let sent = end(&mut peer, Some(seconds(300)));
    assert_eq!((sent.code.0, sent.subcode, &sent.data[..]), (6, cease::MAX_PREFIXES, &data[..]));
    for (after, state) in [(1, State::Idle), (299, State::Idle), (300, State::Connect)] {
        peer.handle_timeout(start + seconds(after));
        assert_eq!(peer.state(), state, "after {after} s");
    }
    // Without a pause nothing but a start brings it back.
    let mut peer = establish(start, config(), &theirs());
    end(&mut peer, None);
    peer.handle_timeout(start + seconds(100_000));
    assert_eq!((peer.state(), peer.poll_timeout()), (State::Idle, None));
    peer.command(start, Command::Start);
    assert_eq!(peer.state(), State::Connect);
    // RFC 8538 §4: the peer would keep our routes otherwise.
    let mut peer = establish(start, with(config()), &with(theirs()));
    let sent = end(&mut peer, None);
    assert_eq!((sent.subcode, &sent.data[..2], &sent.data[2..]), (cease::HARD_RESET, &[6, 1][..], &data[..]));
}

#[test]
fn the_next_open_tells_the_restart_state_of_that_moment() {
    // RFC 4724 §3: R and F must be true.
    let now = Instant::now();
    let graceful = GrConfig { time: 120, restarted: true, forwarding_preserved: FamilySet::ALL, notification: false };
    let mut peer = Peer::new(PeerConfig { graceful_restart: Some(graceful), ..config() }, 1);
    peer.command(now, Command::Start);
    peer.set_restart_state(false, FamilySet::EMPTY);
    connected(&mut peer, now, OUT);
    let [Message::Open(open)] = &drain(&mut peer).0[..] else { panic!("no OPEN") };
    let graceful = open.capabilities.iter().find_map(|capability| match capability {
        Capability::GracefulRestart(graceful) => Some(graceful),
        _ => None,
    });
    let graceful = graceful.unwrap();
    assert!(!graceful.restarted && graceful.families.iter().all(|family| !family.forwarding_preserved));
}

#[test]
fn counters_count() {
    let now = Instant::now();
    let mut peer = establish(now, config(), &theirs());
    peer.handle_bytes(now, OUT, &mut BytesMut::from(&end_of_rib(Family::IPV4_UNICAST)[..]));
    peer.count_updates_sent(3);
    peer.sent(now, OUT, 100);
    let counters = *peer.counters();
    assert_eq!((counters.received.open, counters.received.keepalive, counters.received.update), (1, 1, 1));
    assert_eq!((counters.sent.open, counters.sent.keepalive, counters.sent.update), (1, 1, 3));
    assert_eq!((counters.dialled, counters.established, counters.lost), (1, 1, 0));
    assert_eq!((counters.established_since, counters.bytes_sent), (Some(now), 100));
    let later = now + seconds(5);
    peer.handle_io(later, IoInput::Closed { conn: OUT, error: None });
    assert_eq!((peer.counters().lost, peer.counters().established_since), (1, None));
    assert_eq!(peer.counters().last_lost, Some(later));
}

#[test]
fn marks_of_a_repeated_dump_count_only_where_they_mean_something() {
    // RFC 7313 §4, §4.2, §5
    let now = Instant::now();
    let restart = GrConfig { time: 120, restarted: false, forwarding_preserved: FamilySet::ALL, notification: true };
    let graceful = |config| PeerConfig { graceful_restart: Some(restart), ..config };
    let plain = PeerConfig { graceful_restart: None, ..config() };
    let without = PeerConfig { route_refresh: false, graceful_restart: None, ..theirs() };
    let with = PeerConfig { graceful_restart: None, ..theirs() };
    let (begin, end, unknown) = (RefreshKind::Begin, RefreshKind::End, RefreshKind::Unknown(7));
    // What the peer said in its OPEN, whether its End-of-RIB came, what it sends, how much of that is told.
    for (ours, theirs, ended, sent, told) in [
        (plain.clone(), with.clone(), false, vec![begin, end], 2),
        (plain.clone(), with.clone(), false, vec![begin, begin, end], 3),
        (plain.clone(), with.clone(), false, vec![end], 0),
        (plain.clone(), with.clone(), false, vec![begin, end, end], 2),
        (plain.clone(), with, false, vec![unknown], 0),
        (plain, without, false, vec![begin, end], 0),
        (graceful(config()), graceful(theirs()), false, vec![begin, end], 0),
        (graceful(config()), graceful(theirs()), true, vec![begin, end], 2),
    ] {
        let mut peer = establish(now, ours, &theirs);
        if ended {
            peer.handle_bytes(now, OUT, &mut BytesMut::from(&end_of_rib(Family::IPV4_UNICAST)[..]));
            drain(&mut peer);
        }
        for &kind in &sent {
            let refresh = RouteRefresh { family: Family::IPV4_UNICAST, kind };
            receive(&mut peer, now, OUT, &Message::RouteRefresh(refresh));
        }
        let (_, _, events) = drain(&mut peer);
        assert_eq!(events.len(), told, "{sent:?}, End-of-RIB {ended}: {events:?}");
        assert_eq!(peer.state(), State::Established);
    }
}
