//! A stream of numbered UDP packets between two namespaces, and which of them never arrived.
//!
//! Each packet is sent without a connected socket, so the kernel looks its route up anew each time: a route that is away
//! for a millisecond is seen. Packets go round the flows (source ports), so that each leg of a multipath route has its
//! share. A packet is lost when it has not arrived long after the last one was sent; being late is no loss, for a machine
//! that builds something beside the test makes everything late.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::netns::Netns;
use crate::wait::{PATIENCE, until};

/// Time between two packets.
const PACE: Duration = Duration::from_millis(1);
/// After this much silence since the last packet was sent, what is missing is lost: more than the kernel keeps a packet
/// for a neighbour that does not answer (three requests, a second apart).
const SILENCE: Duration = Duration::from_secs(4);
/// So often the receiver looks whether it may end.
const LOOK: Duration = Duration::from_millis(50);
/// What waits in the socket while the receiving thread is not let run: some thousands of packets.
const BUFFER: usize = 4 << 20;
/// Packets of a stream, at least: one that has hardly begun proves nothing.
const ENOUGH: usize = 300;
/// Lost packets that a failure names.
const NAMED: usize = 20;

/// A packet on its way.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Instant,
    /// The sending system call refused it: no route, a blackhole.
    error: Option<i32>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// The last packet is sent.
    ended: AtomicBool,
    /// Packets sent so far.
    count: AtomicUsize,
    /// The numbers of those that have arrived.
    arrived: Mutex<HashSet<usize>>,
}

/// A running stream. Dropping it ends it without judging.
#[derive(Debug)]
pub struct Stream {
    name: String,
    flows: usize,
    shared: Arc<Shared>,
    sender: Option<JoinHandle<Vec<Sent>>>,
    receiver: Option<JoinHandle<()>>,
    /// The first packet that counts: those before made neighbours known.
    first: usize,
}

/// A packet that never arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Its number.
    pub number: usize,
    /// Its flow.
    pub flow: usize,
    /// When it was sent.
    pub at: Instant,
    /// What the sending system call said, if that already refused it.
    pub error: Option<i32>,
}

/// What became of a stream.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Which stream: `n1 → n2 10.65.2.5`.
    pub name: String,
    /// Packets that count.
    pub sent: usize,
    /// Those that never arrived, in order.
    pub lost: Vec<Lost>,
    /// When the first that counts was sent.
    pub began: Instant,
}

impl Stream {
    /// A packet each millisecond from one namespace to an address of another one, round `flows` flows. Returns when a
    /// packet of each has arrived; from then on they count.
    ///
    /// # Panics
    /// When none arrives.
    #[track_caller]
    pub fn start(from: &Netns, to: &Netns, address: IpAddr, flows: usize) -> Stream {
        let name = format!("{} → {} {address}", from.name(), to.name());
        let any = SocketAddr::new(unspecified(address), 0);
        let inside = |ns: &Netns, bind: SocketAddr| {
            ns.enter(|| UdpSocket::bind(bind)).unwrap_or_else(|error| panic!("{name}: cannot bind {bind}: {error}"))
        };
        let receiver = inside(to, SocketAddr::new(address, 0));
        let prepared = socket2::SockRef::from(&receiver).set_recv_buffer_size(BUFFER);
        prepared.and_then(|()| receiver.set_read_timeout(Some(LOOK))).expect("a socket takes its options");
        let target = receiver.local_addr().expect("a bound socket has an address");
        let senders: Vec<UdpSocket> = (0..flows).map(|_| inside(from, any)).collect();

        let shared = Arc::new(Shared::default());
        let (sending, receiving) = (Arc::clone(&shared), Arc::clone(&shared));
        let mut stream = Stream {
            name,
            flows,
            shared,
            sender: Some(std::thread::spawn(move || send(&senders, target, &sending))),
            receiver: Some(std::thread::spawn(move || receive(&receiver, &receiving))),
            first: 0,
        };
        until(&format!("a packet of each flow of {}", stream.name), PATIENCE, || {
            let arrived = stream.shared.arrived.lock().expect("no holder panics");
            let heard: HashSet<usize> = arrived.iter().map(|number| number % flows).collect();
            match flows - heard.len() {
                0 => Ok(()),
                missing => Err(format!("{missing} of {flows} flows have none")),
            }
        });
        stream.first = stream.shared.count.load(Ordering::Acquire);
        stream
    }

    /// Ends it when enough packets count; says what was lost once nothing more can arrive.
    #[track_caller]
    pub fn end(mut self) -> Outcome {
        until(&format!("{ENOUGH} packets of {}", self.name), PATIENCE, || {
            let sent = self.shared.count.load(Ordering::Acquire) - self.first;
            if sent >= ENOUGH { Ok(()) } else { Err(format!("{sent} were sent")) }
        });
        self.shared.stop.store(true, Ordering::Release);
        let sent = self.sender.take().expect("ended once").join().expect("the sender does not panic");
        self.receiver.take().expect("ended once").join().expect("the receiver does not panic");
        let arrived = self.shared.arrived.lock().expect("no holder panics");
        let counted = sent.iter().enumerate().skip(self.first);
        let missing = counted.filter(|(number, _)| !arrived.contains(number));
        let lost = missing.map(|(number, sent)| {
            let flow = number % self.flows;
            Lost { number, flow, at: sent.at, error: sent.error }
        });
        let lost: Vec<Lost> = lost.collect();
        let began = sent.get(self.first).map_or_else(Instant::now, |sent| sent.at);
        Outcome { name: self.name.clone(), sent: sent.len() - self.first, lost, began }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
    }
}

impl Outcome {
    /// The lost packets in words: when each was sent, counted from `zero`, and what the kernel said of it.
    pub fn text(&self, zero: Instant) -> String {
        let mut out = format!("{}: {} of {} packets lost\n", self.name, self.lost.len(), self.sent);
        for lost in self.lost.iter().take(NAMED) {
            let at = match lost.at.checked_duration_since(zero) {
                Some(after) => format!("+{:.4} s", after.as_secs_f64()),
                None => format!("-{:.4} s", (zero - lost.at).as_secs_f64()),
            };
            let error = lost.error.map(|error| format!(": {}", io::Error::from_raw_os_error(error)));
            out += &format!("    #{} of flow {} sent at {at}{}\n", lost.number, lost.flow, error.unwrap_or_default());
        }
        out
    }
}

/// Sends until told to stop. What the kernel refuses is sent, too: and lost.
fn send(sockets: &[UdpSocket], target: SocketAddr, shared: &Shared) -> Vec<Sent> {
    let mut sent = Vec::new();
    for (number, socket) in (0_u64..).zip(sockets.iter().cycle()) {
        if shared.stop.load(Ordering::Acquire) {
            break;
        }
        let at = Instant::now();
        let error = socket.send_to(&number.to_be_bytes(), target).err().map(|error| error.raw_os_error().unwrap_or(0));
        sent.push(Sent { at, error });
        shared.count.store(sent.len(), Ordering::Release);
        std::thread::sleep(PACE);
    }
    shared.ended.store(true, Ordering::Release);
    sent
}

/// Receives until the sender has ended and everything is there, or nothing came for [`SILENCE`].
fn receive(socket: &UdpSocket, shared: &Shared) {
    let mut buffer = [0; 16];
    let mut quiet_since = Instant::now();
    loop {
        let received = socket.recv(&mut buffer);
        let ended = shared.ended.load(Ordering::Acquire);
        if received.is_ok() || !ended {
            quiet_since = Instant::now();
        }
        let mut arrived = shared.arrived.lock().expect("no holder panics");
        if let (Ok(8), Ok(number)) = (received, buffer[..8].try_into().map(u64::from_be_bytes)) {
            arrived.insert(usize::try_from(number).expect("labs run on machines of 64 bits"));
        }
        let complete = arrived.len() == shared.count.load(Ordering::Acquire);
        if ended && (complete || quiet_since.elapsed() > SILENCE) {
            return;
        }
    }
}

fn unspecified(address: IpAddr) -> IpAddr {
    if address.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0_u16; 8]) }
}
