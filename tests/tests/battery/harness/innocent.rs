//! A peer that does nothing wrong, in a thread of its own: what others do must not be felt here.
//!
//! Its hold time is the shortest there is, three seconds. It sends a KEEPALIVE each half second and reads at once, so
//! roost loses it only if roost itself is late, and it is the judge of roost's own hold time: three seconds without a
//! word are the end.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::wire::{NOTIFICATION, UPDATE, code};
use super::{Event, OURS, Open, PATIENCE, Peer, Roost, Told, Update, keepalive};

const HOLD: Duration = Duration::from_secs(3);
const BEAT: Duration = Duration::from_millis(500);

/// The session and its thread.
#[derive(Debug)]
pub struct Innocent {
    number: usize,
    /// A route of the peer's without a prefix.
    plain: Update,
    updates: Receiver<Told>,
    /// What is to be written, by the thread that writes the KEEPALIVEs.
    outbox: Sender<Vec<u8>>,
    stream: TcpStream,
    thread: Option<JoinHandle<String>>,
}

impl Innocent {
    /// Peer `number`, one roost reflects for, established.
    #[track_caller]
    pub fn of(roost: &Roost, number: usize) -> Self {
        let open = Open::new(OURS).hold(HOLD.as_secs() as u16).id(Roost::peer_id(number));
        let peer = roost.peer_with(number, open);
        let (sender, updates) = channel();
        let (outbox, orders) = channel();
        let (plain, stream) = (peer.route(&[]), peer.stream().try_clone().expect("a socket can be shared"));
        let thread = Some(std::thread::spawn(move || live(peer, &sender, &orders)));
        Self { number, plain, updates, outbox, stream, thread }
    }

    /// Announces `prefix` with a MED.
    pub fn announce(&self, prefix: &str, med: u32) {
        // A thread that has ended is asked why when something is awaited.
        let _ = self.outbox.send(self.plain.clone().med(med).announce(&[prefix]).encode());
    }

    /// The next UPDATE; fails when the session has ended, or when nothing comes.
    #[track_caller]
    pub fn expect_update(&mut self) -> Told {
        match self.updates.recv_timeout(PATIENCE) {
            Ok(told) => told,
            Err(RecvTimeoutError::Timeout) => panic!("innocent {}: no UPDATE in {PATIENCE:?}", self.number),
            Err(RecvTimeoutError::Disconnected) => {
                let why = self.thread.take().map(JoinHandle::join);
                panic!("innocent {}: {why:?}", self.number)
            }
        }
    }

    /// It has the session it began with, and hears within seconds what `other` announces.
    #[track_caller]
    pub fn hears(&mut self, roost: &Roost, other: &Self, med: u32) {
        let start = Instant::now();
        let prefix = format!("192.168.{}.0/24", other.number);
        other.announce(&prefix, med);
        loop {
            let told = self.expect_update();
            if told.announces(&prefix) && told.number(code::MED) == med {
                break;
            }
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        for number in [self.number, other.number] {
            let about = roost.about(number);
            assert_eq!((&about["state"], &about["established_count"]), (&"established".into(), &1.into()), "{about}");
        }
        // Not the whole table: it may have a hundred thousand rows, and the memory is measured.
        let rows = roost.page(&format!("/v1/routes?prefix={}", prefix.replace('/', "%2F")));
        assert_eq!((&rows[0]["from"], &rows[0]["best"]), (&roost.name(other.number).into(), &true.into()), "{rows}");
    }
}

impl Drop for Innocent {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Lives until the session ends, and says how it did.
fn live(mut peer: Peer, updates: &Sender<Told>, orders: &Receiver<Vec<u8>>) -> String {
    let (mut heard, mut beaten) = (Instant::now(), Instant::now());
    loop {
        if beaten.elapsed() >= BEAT {
            beaten = Instant::now();
            peer.send(keepalive());
        }
        while let Ok(octets) = orders.try_recv() {
            peer.send(octets);
        }
        match peer.next(Duration::from_millis(50)) {
            Event::Message(UPDATE, body) => {
                heard = Instant::now();
                // Nobody may be interested.
                let _ = updates.send(Told::read(&body, false));
            }
            Event::Message(NOTIFICATION, body) => return format!("roost ended the session: {body:02x?}"),
            Event::Message(..) => heard = Instant::now(),
            Event::Closed => return "roost closed the connection".to_owned(),
            Event::Silence if heard.elapsed() > HOLD => return format!("roost was silent for {:?}", heard.elapsed()),
            Event::Silence => {}
        }
    }
}
