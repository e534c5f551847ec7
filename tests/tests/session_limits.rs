//! What a session may cost, on the wire: a raw peer against the built binary.
//!
//! The words are those of the battery, whose cases stand in `battery/`.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "battery/harness/mod.rs"]
mod harness;

use std::time::{Duration, Instant};

use harness::{Event, Neighbor, Peer, Roost, Setup, keepalive};

/// `count` host routes from 10.x on, 700 a message, as octets.
fn flood(peer: &Peer, from: u32, count: u32) -> Vec<u8> {
    let all: Vec<u32> = (from..from + count).collect();
    let message = |part: &[u32]| {
        let nlri: Vec<u8> =
            part.iter().flat_map(|n| [[32].as_slice(), &(0x0a00_0000 + n).to_be_bytes()].concat()).collect();
        peer.route(&[]).nlri_raw(&nlri).encode()
    };
    all.chunks(700).flat_map(message).collect()
}

/// Sends a KEEPALIVE every half second for as long as it lives.
struct Heart(Option<std::thread::JoinHandle<()>>, std::sync::mpsc::Sender<()>);

impl Heart {
    fn of(peer: &Peer) -> Self {
        let stream = peer.stream().try_clone().unwrap();
        let (stop, stopped) = std::sync::mpsc::channel();
        let beat = move || {
            while stopped.recv_timeout(Duration::from_millis(500)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let _ = std::io::Write::write_all(&mut &stream, &keepalive());
            }
        };
        Self(Some(std::thread::spawn(beat)), stop)
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        let _ = self.1.send(());
        let _ = self.0.take().map(std::thread::JoinHandle::join);
    }
}

fn received(roost: &Roost, number: usize) -> u64 {
    roost.about(number)["received"].as_u64().unwrap()
}

#[test]
fn a_million_prefixes_over_the_limit_end_one_session_and_touch_no_other() {
    // RFC 4271 §6.7, RFC 4486 §4
    let limited = Neighbor::ebgp(65001).with("max_prefix: { ipv4: 1000, restart_after: 2s }");
    let roost = Setup::with([limited, Neighbor::ebgp(65002).with("hold_time: 3s")]).start();
    let mut innocent = roost.peer(1);
    innocent.update(&innocent.route(&["192.168.7.0/24"]));
    innocent.settle(&roost);
    let _heart = Heart::of(&innocent);
    let mut peer = roost.peer(0);
    let before = roost.memory();

    peer.send(flood(&peer, 0, 800));
    peer.settle(&roost);
    roost.await_limit(0, "near");
    assert_eq!(roost.about(0)["limits"][0]["count"], 801);
    assert_eq!(roost.log().matches("announces 750 prefixes or more").count(), 1);

    // The flood is written by a thread: roost may close while it is under way.
    let stream = peer.stream().try_clone().unwrap();
    let octets = flood(&peer, 1000, 1_000_000);
    let writer = std::thread::spawn(move || drop(std::io::Write::write_all(&mut &stream, &octets)));
    let told = peer.await_notification();
    let ended = Instant::now();
    assert_eq!(told, (6, 1, vec![0, 1, 1, 0, 0, 3, 0xe8]));
    peer.reset();
    writer.join().unwrap();
    roost.await_state(0, "idle");
    let about = roost.about(0);
    assert_eq!(about["limits"][0]["state"], "exceeded", "{about}");
    assert!(about["reason"].as_str().unwrap().contains("more than 1000 prefixes"), "{about}");
    assert!(roost.memory() < before + (16 << 20), "{} -> {} octets", before, roost.memory());
    // The session is shown as ended before its NOTIFICATION goes out; the RIB hears of it after that.
    harness_until("no route of the ended session", || received(&roost, 0) == 0);

    // The other session has kept its route and its keepalives of a hold time of three seconds.
    assert_eq!(roost.prefixes(1), ["192.168.7.0/24"]);
    let until = Instant::now() + Duration::from_secs(4);
    let mut heard = 0;
    while Instant::now() < until {
        match innocent.next(Duration::from_secs(1)) {
            Event::Message(4, _) => heard += 1,
            Event::Message(..) | Event::Silence => {}
            Event::Closed => panic!("the innocent session ended:\n{}", roost.log()),
        }
    }
    assert!(heard >= 3, "{heard} keepalives");

    // It is let in again when the time is over.
    let back = roost.peer(0);
    assert!(ended.elapsed() >= Duration::from_secs(2));
    drop(back);
}

#[test]
fn a_peer_that_was_disabled_by_its_limit_stays_out() {
    let roost = Setup::with([Neighbor::ebgp(65001).with("max_prefix: { limit: 5, action: disable }")]).start();
    let mut peer = roost.peer(0);
    peer.send(flood(&peer, 0, 6));
    assert_eq!(peer.await_notification(), (6, 1, vec![0, 1, 1, 0, 0, 0, 5]));
    roost.await_state(0, "idle");
    // RFC 4486 §4: Connection Rejected.
    let mut again = roost.connect(0);
    again.expect_notification(6, 5, &[]);
}

#[test]
fn a_peer_held_at_its_limit_keeps_its_session_and_its_first_prefixes() {
    let roost = Setup::with([Neighbor::ebgp(65001).with("max_prefix: { limit: 5, action: block }")]).start();
    let mut peer = roost.peer(0);
    peer.send(flood(&peer, 0, 700));
    roost.await_state(0, "established");
    harness_until("five prefixes", || received(&roost, 0) == 5 && roost.about(0)["limits"][0]["state"] == "exceeded");
    peer.send(keepalive());
    assert_eq!(roost.about(0)["state"], "established");
}

fn harness_until(what: &str, mut holds: impl FnMut() -> bool) {
    roost_tests::until(what, harness::PATIENCE, || if holds() { Ok(()) } else { Err("not yet".to_owned()) });
}

trait AwaitNotification {
    fn await_notification(&mut self) -> (u8, u8, Vec<u8>);
}

impl AwaitNotification for Peer {
    /// The next NOTIFICATION, whatever comes before.
    #[track_caller]
    fn await_notification(&mut self) -> (u8, u8, Vec<u8>) {
        let deadline = Instant::now() + harness::PATIENCE;
        loop {
            match self.next(deadline.saturating_duration_since(Instant::now())) {
                Event::Message(3, body) => return (body[0], body[1], body[2..].to_vec()),
                Event::Message(..) => {}
                other => panic!("expected a NOTIFICATION, got {other:?}"),
            }
        }
    }
}
