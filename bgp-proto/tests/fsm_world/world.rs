//! The world itself: an agenda of deliveries in virtual time, connections with two ends, and a driver for each peer.
//!
//! It is strict where a driver has to be: a `Close` leaves after the bytes before it, bytes for an end that is closed
//! are answered by a reset, and after every `handle_timeout` the next timeout must lie ahead.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bgp_proto::fsm::{
    Command, ConnId, ConnectError, IoAction, IoInput, Negotiated, Peer, PeerConfig, PeerEvent, State,
};
use bytes::{Bytes, BytesMut};

/// SplitMix64.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(1))
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    A,
    B,
}

impl Side {
    fn other(self) -> Self {
        if self == Self::A { Self::B } else { Self::A }
    }
}

pub struct Network {
    pub max_delay_ms: u64,
    pub max_chunk: usize,
}

/// What travels. `to` is where it arrives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Packet {
    Syn,
    SynAck,
    Refused,
    Data(Vec<u8>),
    Fin,
    Reset,
}

/// When, a tie-breaker, the connection, the side it arrives at, and what.
type Delivery = (Instant, u64, usize, usize, Packet);

struct Conn {
    dialler: Side,
    ends: [Option<ConnId>; 2],
    connected: bool,
    cut: bool,
    buffers: [BytesMut; 2],
    /// Nothing arrives at an end before this: a stream has an order.
    not_before: [Instant; 2],
}

struct Host {
    config: PeerConfig,
    peer: Option<Peer>,
    accepted: u32,
    starts: u64,
    events: Vec<PeerEvent>,
}

pub struct World {
    seed: u64,
    rng: Rng,
    network: Network,
    base: Instant,
    now: Instant,
    order: u64,
    agenda: BinaryHeap<Reverse<Delivery>>,
    held: Vec<(usize, usize, Packet)>,
    refusing: bool,
    silent: bool,
    conns: Vec<Conn>,
    hosts: [Host; 2],
    trace: String,
}

fn addr(side: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, side as u8 + 1], 179))
}

impl World {
    pub fn new(seed: u64, network: Network, a: PeerConfig, b: PeerConfig) -> Self {
        let base = Instant::now();
        let host = |config| Host { config, peer: None, accepted: 0, starts: 0, events: Vec::new() };
        Self {
            seed,
            rng: Rng::new(!seed),
            network,
            base,
            now: base,
            order: 0,
            agenda: BinaryHeap::new(),
            held: Vec::new(),
            refusing: false,
            silent: false,
            conns: Vec::new(),
            hosts: [host(a), host(b)],
            trace: String::new(),
        }
    }

    // ---- what tests do

    /// Starts the program on a side, or tells the running one to start.
    pub fn start(&mut self, side: Side) {
        let host = &mut self.hosts[side as usize];
        if host.peer.is_none() {
            host.starts += 1;
            host.peer = Some(Peer::new(host.config.clone(), self.seed * 1_000 + host.starts * 2 + side as u64));
        }
        self.command(side, Command::Start);
    }

    pub fn command(&mut self, side: Side, command: Command) {
        self.input(side as usize, &format!("{command:?}"), |peer, now| peer.command(now, command));
    }

    /// The program dies; its kernel closes its connections.
    pub fn restart(&mut self, side: Side) {
        self.log(&format!("{side:?} restarts"));
        if self.hosts[side as usize].peer.take().is_none() {
            return;
        }
        for index in 0..self.conns.len() {
            if self.conns[index].ends[side as usize].take().is_some() {
                self.send(index, side.other() as usize, Packet::Reset);
            }
        }
        self.hosts[side as usize].events.push(PeerEvent::StateChanged(State::Idle));
        self.hosts[side as usize].events.retain(|event| !matches!(event, PeerEvent::Up(_) | PeerEvent::Down(_)));
        self.start(side);
    }

    /// The whole host dies, and nobody says goodbye.
    pub fn vanish(&mut self, side: Side) {
        self.log(&format!("{side:?} vanishes"));
        let host = &mut self.hosts[side as usize];
        host.peer = None;
        host.events.clear();
        for conn in &mut self.conns {
            conn.ends[side as usize] = None;
        }
    }

    /// Every connection is reset now.
    pub fn cut(&mut self) {
        self.log("cut");
        for index in 0..self.conns.len() {
            self.conns[index].cut = true;
            for side in 0..2 {
                self.reset(index, side);
            }
        }
    }

    pub fn refuse(&mut self, refusing: bool) {
        self.refusing = refusing;
    }

    /// Packets do not arrive until it is over; then TCP has repeated them.
    pub fn blackhole(&mut self, silent: bool) {
        self.silent = silent;
        if !silent {
            for (conn, to, packet) in std::mem::take(&mut self.held) {
                self.send(conn, to, packet);
            }
        }
    }

    /// Bytes of an UPDATE, as the driver writes them.
    pub fn write(&mut self, side: Side, bytes: Bytes) {
        let conn = self.peer(side).established_conn().unwrap();
        self.transmit(side as usize, conn, bytes);
    }

    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.next().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = end;
    }

    pub fn run_steps(&mut self, steps: usize) {
        for _ in 0..steps {
            if self.next().is_some() {
                self.step();
            }
        }
    }

    pub fn peer(&self, side: Side) -> &Peer {
        self.hosts[side as usize].peer.as_ref().unwrap()
    }

    pub fn events(&self, side: Side) -> &[PeerEvent] {
        &self.hosts[side as usize].events
    }

    pub fn downs(&self) -> usize {
        self.hosts.iter().flat_map(|host| &host.events).filter(|event| matches!(event, PeerEvent::Down(_))).count()
    }

    pub fn trace(&self) -> &str {
        &self.trace
    }

    /// The last lines of the trace, with the seed.
    pub fn tail(&self) -> String {
        let lines: Vec<_> = self.trace.lines().collect();
        let from = lines.len().saturating_sub(120);
        format!("seed {}\n{}", self.seed, lines[from..].join("\n"))
    }

    /// Both ends are Established over the same, only connection, and agree.
    pub fn assert_established(&self) {
        for side in [Side::A, Side::B] {
            assert_eq!(self.peer(side).state(), State::Established, "{side:?}\n{}", self.tail());
            let mut up = false;
            for event in self.events(side) {
                match event {
                    PeerEvent::Up(_) => assert!(!std::mem::replace(&mut up, true), "two Ups\n{}", self.tail()),
                    PeerEvent::Down(_) => {
                        assert!(std::mem::replace(&mut up, false), "Down without Up\n{}", self.tail())
                    }
                    PeerEvent::Update(_) | PeerEvent::RouteRefresh(_) => {
                        assert!(up, "routes without a session\n{}", self.tail());
                    }
                    PeerEvent::StateChanged(_) | PeerEvent::AttemptFailed(_) => {}
                }
            }
            assert!(up, "Established without Up\n{}", self.tail());
        }
        let open: Vec<_> = self.conns.iter().filter(|conn| conn.ends.iter().any(Option::is_some)).collect();
        assert_eq!(
            open.len(),
            1,
            "connections: {:?}\n{}",
            open.iter().map(|c| c.ends).collect::<Vec<_>>(),
            self.tail()
        );
        assert_eq!(
            open[0].ends,
            [self.peer(Side::A), self.peer(Side::B)].map(Peer::established_conn),
            "{}",
            self.tail()
        );
        let [a, b] = [Side::A, Side::B].map(|side| self.peer(side).negotiated().unwrap());
        assert_agreed(a, b);
        assert_agreed(b, a);
    }

    // ---- how it works

    fn next(&self) -> Option<Instant> {
        let timers = self.hosts.iter().filter_map(|host| host.peer.as_ref()?.poll_timeout());
        timers.chain(self.agenda.peek().map(|Reverse((at, ..))| *at)).min()
    }

    fn step(&mut self) {
        let Some(at) = self.next() else { return };
        self.now = self.now.max(at);
        if let Some(Reverse((due, ..))) = self.agenda.peek()
            && *due <= self.now
        {
            let Some(Reverse((_, _, conn, to, packet))) = self.agenda.pop() else { return };
            return self.arrive(conn, to, packet);
        }
        for side in 0..2 {
            let timeout = self.hosts[side].peer.as_ref().and_then(Peer::poll_timeout);
            if timeout.is_some_and(|at| at <= self.now) {
                self.input(side, "timeout", |peer, now| {
                    peer.handle_timeout(now);
                    let next = peer.poll_timeout();
                    assert!(next.is_none_or(|at| at > now), "a timer stays in the past: {next:?} at {now:?}");
                });
            }
        }
    }

    fn send(&mut self, conn: usize, to: usize, packet: Packet) {
        let delay = Duration::from_micros(1 + self.rng.below(self.network.max_delay_ms * 1_000));
        let at = (self.now + delay).max(self.conns[conn].not_before[to]);
        self.conns[conn].not_before[to] = at;
        self.order += 1;
        self.agenda.push(Reverse((at, self.order, conn, to, packet)));
    }

    fn transmit(&mut self, side: usize, conn: ConnId, bytes: Bytes) {
        let len = bytes.len();
        let now = self.now;
        if let Some(index) = self.find(side, conn) {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let chunk = 1 + self.rng.below(self.network.max_chunk as u64) as usize;
                let (head, tail) = rest.split_at(chunk.min(rest.len()));
                self.send(index, 1 - side, Packet::Data(head.to_vec()));
                rest = tail;
            }
        }
        self.hosts[side].peer.as_mut().unwrap().sent(now, conn, len);
    }

    fn find(&self, side: usize, conn: ConnId) -> Option<usize> {
        self.conns.iter().position(|c| c.ends[side] == Some(conn))
    }

    fn arrive(&mut self, index: usize, to: usize, packet: Packet) {
        if self.silent {
            return self.held.push((index, to, packet));
        }
        if self.conns[index].cut {
            return;
        }
        let end = self.conns[index].ends[to];
        match packet {
            Packet::Syn if self.refusing || self.hosts[to].peer.is_none() => self.send(index, 1 - to, Packet::Refused),
            Packet::Syn => {
                let conn = ConnId::accepted(self.hosts[to].accepted);
                self.hosts[to].accepted += 1;
                self.conns[index].ends[to] = Some(conn);
                self.send(index, 1 - to, Packet::SynAck);
                let input = IoInput::Accepted { conn, local: addr(to), remote: addr(1 - to) };
                self.io(to, input);
            }
            Packet::SynAck => {
                let Some(conn) = end else { return self.send(index, 1 - to, Packet::Reset) };
                self.conns[index].connected = true;
                self.io(to, IoInput::Connected { conn, local: addr(to), remote: addr(1 - to) });
            }
            Packet::Refused => {
                if let Some(conn) = self.conns[index].ends[to].take() {
                    self.io(to, IoInput::ConnectFailed { conn, reason: ConnectError::Refused });
                }
            }
            Packet::Data(bytes) => {
                let Some(conn) = end else { return self.send(index, 1 - to, Packet::Reset) };
                let mut buffer = std::mem::take(&mut self.conns[index].buffers[to]);
                buffer.extend_from_slice(&bytes);
                loop {
                    let before = buffer.len();
                    let label = format!("{conn} {before} octets");
                    self.input(to, &label, |peer, now| peer.handle_bytes(now, conn, &mut buffer));
                    if buffer.len() == before || buffer.is_empty() {
                        break;
                    }
                }
                self.conns[index].buffers[to] = buffer;
            }
            Packet::Fin => {
                if let Some(conn) = self.conns[index].ends[to].take() {
                    self.io(to, IoInput::Closed { conn, error: None });
                }
            }
            Packet::Reset => self.reset(index, to),
        }
    }

    fn reset(&mut self, index: usize, side: usize) {
        let conn = &mut self.conns[index];
        let dialling = !conn.connected && conn.dialler as usize == side;
        let Some(id) = conn.ends[side].take() else { return };
        let input = if dialling {
            IoInput::ConnectFailed { conn: id, reason: ConnectError::Other("connection reset".into()) }
        } else {
            IoInput::Closed { conn: id, error: Some("connection reset by peer".into()) }
        };
        self.io(side, input);
    }

    fn io(&mut self, side: usize, input: IoInput) {
        self.input(side, &format!("{input:?}"), |peer, now| peer.handle_io(now, input));
    }

    fn input(&mut self, side: usize, what: &str, act: impl FnOnce(&mut Peer, Instant)) {
        let now = self.now;
        let Some(peer) = self.hosts[side].peer.as_mut() else { return };
        act(peer, now);
        self.log(&format!("{} < {what}", ["A", "B"][side]));
        self.drive(side);
    }

    /// What a driver does after every input.
    fn drive(&mut self, side: usize) {
        let name = ["A", "B"][side];
        while let Some((conn, bytes)) = self.hosts[side].peer.as_mut().and_then(Peer::poll_transmit) {
            self.log(&format!("{name} > {conn} type {}", bytes[18]));
            self.transmit(side, conn, bytes);
        }
        while let Some(action) = self.hosts[side].peer.as_mut().and_then(Peer::poll_io) {
            self.log(&format!("{name} > {action:?}"));
            self.act(side, action);
        }
        while let Some(event) = self.hosts[side].peer.as_mut().and_then(Peer::poll_event) {
            if !matches!(event, PeerEvent::Up(_)) {
                self.log(&format!("{name} ! {event:?}"));
            }
            self.hosts[side].events.push(event);
        }
        let open = self.conns.iter().filter(|conn| conn.ends[side].is_some()).count();
        assert!(open <= 3, "{name} has {open} connections\n{}", self.tail());
        if let Some(established) = self.hosts[side].peer.as_ref().and_then(Peer::established_conn) {
            assert!(self.find(side, established).is_some(), "{name}: no connection under the session\n{}", self.tail());
        }
    }

    fn act(&mut self, side: usize, action: IoAction) {
        match action {
            IoAction::Connect(conn) => {
                let mut ends = [None; 2];
                ends[side] = Some(conn);
                self.conns.push(Conn {
                    dialler: if side == 0 { Side::A } else { Side::B },
                    ends,
                    connected: false,
                    cut: false,
                    buffers: [BytesMut::new(), BytesMut::new()],
                    not_before: [self.now; 2],
                });
                self.send(self.conns.len() - 1, 1 - side, Packet::Syn);
            }
            IoAction::Close(conn) | IoAction::Abort(conn) => {
                let Some(index) = self.find(side, conn) else { return };
                self.conns[index].ends[side] = None;
                let orderly = matches!(action, IoAction::Close(_));
                if self.conns[index].ends[1 - side].is_some() {
                    self.send(index, 1 - side, if orderly { Packet::Fin } else { Packet::Reset });
                }
            }
        }
    }

    fn log(&mut self, line: &str) {
        let at = self.now.duration_since(self.base);
        writeln!(self.trace, "{:10.3} {line}", at.as_secs_f64()).unwrap();
    }
}

fn assert_agreed(a: &Negotiated, b: &Negotiated) {
    assert_eq!((a.local_asn, a.local_id), (b.peer_asn, b.peer_id));
    assert_eq!((a.hold_time, a.external), (b.hold_time, b.external));
    assert_eq!(a.codec.families, b.codec.families);
    assert_eq!(a.codec.add_path_rx, b.codec.add_path_tx);
    assert_eq!(a.codec.four_octet_as, b.codec.four_octet_as);
    assert_eq!(a.codec.extended_message, b.codec.extended_message);
    assert_eq!(a.graceful_notification, b.graceful_notification);
    assert_eq!(a.peer_graceful_restart.is_some(), b.peer_graceful_restart.is_some());
    assert_ne!(a.direction, b.direction);
}
