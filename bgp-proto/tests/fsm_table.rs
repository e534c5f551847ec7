//! Every state × every input: what the peer does, as a table people can read.
//!
//! The table is the snapshot beside this file. A line is an input, the state after it, and everything that came out, in
//! the order in which a driver polls it. It was read cell by cell against RFC 4271 §8.2.2; the lines where we knowingly
//! differ carry a number, and [`NOTES`] says why. A change of the table is a change of behaviour: read it before accepting.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bgp_proto::fsm::{
    Command, ConnId, ConnectError, IoAction, IoInput, Peer, PeerConfig, PeerEvent, State, local_open,
};
use bgp_proto::message::{Codec, Message, Notification, RefreshKind, RouteRefresh, end_of_rib, split_frame};
use bgp_proto::{Asn, Family, RouterId};
use bytes::{Bytes, BytesMut};

/// Where a line differs from RFC 4271 §8.2.2, and why. Found by state and input.
const NOTES: &[(&str, &str, &str)] = &[
    ("Connect", "refused", "RFC: Idle. Idle could not be called; ConnectRetry paces us already, as in all daemons."),
    ("Connect", "timed out", "RFC: as above."),
    (
        "Connect",
        "15 s pass",
        "RFC: redial at once. The attempt is dropped after its own timeout, so the cause can be told.",
    ),
    (
        "Delayed",
        "NOTIFICATION cease",
        "RFC: event 25 goes to Idle. Cease is no mistake: we dial later, but can be called.",
    ),
    (
        "OpenSent",
        "NOTIFICATION cease",
        "RFC: answered by FSM Error, Idle. A NOTIFICATION is never answered; Cease is no mistake.",
    ),
    ("OpenSent", "NOTIFICATION bad peer AS", "RFC: answered by FSM Error. A NOTIFICATION is never answered."),
    ("OpenSent", "250 s pass", "RFC: Idle. Silence is no mistake: we dial later, but can be called."),
    ("OpenConfirm", "closed", "RFC: Idle. A lost connection is no mistake; we dial after ConnectRetry."),
    ("OpenConfirm", "reset", "RFC: Idle. As above."),
    ("OpenConfirm", "NOTIFICATION cease", "RFC: Idle. Cease is no mistake."),
    ("OpenConfirm", "100 s pass", "RFC: Idle. Silence is no mistake."),
    ("Established", "closed", "RFC: Idle. The peer that comes back must be let in (RFC 4724 needs it at once)."),
    ("Established", "reset", "RFC: Idle. As above."),
    ("Established", "NOTIFICATION cease", "RFC: Idle. Cease is no mistake."),
    ("Established", "100 s pass", "RFC: Idle. Silence is no mistake."),
    ("Established", "accepted", "RFC: tracked until its OPEN. We also probe the old connection with a KEEPALIVE."),
    (
        "Established, socket blocked",
        "500 s pass",
        "RFC 9687: Idle, perhaps with 8/0, which cannot be written. We can be called.",
    ),
];

struct Bench {
    peer: Peer,
    now: Instant,
    /// The connection the messages come on.
    conn: ConnId,
}

fn config() -> PeerConfig {
    let mut config = PeerConfig::new(Asn(65001), RouterId(0x0a00_0002), Asn(65002));
    config.connect_retry = Duration::from_secs(12);
    config
}

/// The peer's configuration; its identifier is lower than ours, so that our connection wins a collision.
fn theirs() -> PeerConfig {
    PeerConfig::new(Asn(65002), RouterId(0x0a00_0001), Asn(65001))
}

const OUT: ConnId = ConnId(0);
const IN: ConnId = ConnId::accepted(7);
const IN_TOO: ConnId = ConnId::accepted(8);

fn addrs() -> (SocketAddr, SocketAddr) {
    (SocketAddr::from(([192, 0, 2, 1], 40_000)), SocketAddr::from(([192, 0, 2, 2], 179)))
}

impl Bench {
    fn new(config: PeerConfig) -> Self {
        Self { peer: Peer::new(config, 1), now: Instant::now(), conn: OUT }
    }

    fn started(config: PeerConfig) -> Self {
        let mut bench = Self::new(config);
        bench.peer.command(bench.now, Command::Start);
        bench
    }

    fn connected(config: PeerConfig) -> Self {
        let mut bench = Self::started(config);
        bench.connect();
        bench
    }

    fn confirmed() -> Self {
        let mut bench = Self::connected(config());
        bench.receive(OUT, &open());
        bench
    }

    fn established() -> Self {
        let mut bench = Self::confirmed();
        bench.receive(OUT, &Message::Keepalive);
        bench
    }

    fn connect(&mut self) {
        let (local, remote) = addrs();
        self.peer.handle_io(self.now, IoInput::Connected { conn: OUT, local, remote });
    }

    fn accept(mut self, conn: ConnId) -> Self {
        let (local, remote) = addrs();
        self.peer.handle_io(self.now, IoInput::Accepted { conn, local, remote });
        self.conn = conn;
        self
    }

    fn on(mut self, conn: ConnId) -> Self {
        self.conn = conn;
        self
    }

    fn receive(&mut self, conn: ConnId, message: &Message) {
        self.bytes(conn, &message.encode(&Codec::INITIAL));
    }

    fn bytes(&mut self, conn: ConnId, bytes: &[u8]) {
        self.peer.handle_bytes(self.now, conn, &mut BytesMut::from(bytes));
    }

    fn pass(&mut self, seconds: u64, log: &mut Vec<String>) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(at) = self.peer.poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.peer.handle_timeout(at);
            assert!(self.peer.poll_timeout().is_none_or(|next| next > at), "a timer stays in the past");
            self.drain(log);
        }
        self.now = end;
    }

    fn drain(&mut self, log: &mut Vec<String>) {
        while let Some((conn, bytes)) = self.peer.poll_transmit() {
            log.push(format!("{conn} {}", sent(bytes)));
        }
        while let Some(action) = self.peer.poll_io() {
            log.push(match action {
                IoAction::Connect(conn) => format!("connect {conn}"),
                IoAction::Close(conn) => format!("close {conn}"),
                IoAction::Abort(conn) => format!("abort {conn}"),
            });
        }
        while let Some(event) = self.peer.poll_event() {
            log.push(match event {
                PeerEvent::StateChanged(state) => format!("→{state}"),
                PeerEvent::Up(_) => "UP".into(),
                PeerEvent::Down(reason) => format!("DOWN ({reason})"),
                PeerEvent::AttemptFailed(reason) => format!("failed ({reason})"),
                PeerEvent::Update(_) => "update".into(),
                PeerEvent::RouteRefresh(_) => "refresh".into(),
            });
        }
    }
}

fn sent(bytes: Bytes) -> String {
    let mut buffer = BytesMut::from(&bytes[..]);
    let frame = split_frame(&mut buffer, 4096).unwrap().unwrap();
    match Message::decode(&frame, &Codec::INITIAL).unwrap() {
        Message::Open(_) => "OPEN".into(),
        Message::Update(_) => "UPDATE".into(),
        Message::Keepalive => "KEEPALIVE".into(),
        Message::RouteRefresh(_) => "ROUTE-REFRESH".into(),
        Message::Notification(n) => format!("NOTIFICATION {}/{}", n.code.0, n.subcode),
    }
}

fn open() -> Message {
    Message::Open(local_open(&theirs()))
}

fn refresh() -> Message {
    Message::RouteRefresh(RouteRefresh { family: Family::IPV4_UNICAST, kind: RefreshKind::Request })
}

type Row = (&'static str, fn() -> Bench);

const STATES: &[Row] = &[
    ("Idle, stopped", || Bench::new(config())),
    ("Idle, holding", || {
        let mut bench = Bench::connected(config());
        bench.receive(OUT, &Message::Keepalive);
        bench
    }),
    ("Active", || {
        let mut bench = Bench::started(config());
        bench.peer.handle_io(bench.now, IoInput::ConnectFailed { conn: OUT, reason: ConnectError::Refused });
        bench
    }),
    ("Active, passive", || Bench::started(PeerConfig { passive: true, ..config() })),
    ("Connect", || Bench::started(config())),
    ("Delayed", || Bench::connected(PeerConfig { open_delay: Some(Duration::from_secs(5)), ..config() })),
    ("Delayed, passive; on in#7", || {
        Bench::started(PeerConfig { open_delay: Some(Duration::from_secs(5)), passive: true, ..config() }).accept(IN)
    }),
    ("OpenSent", || Bench::connected(config())),
    ("OpenConfirm", Bench::confirmed),
    ("Established", Bench::established),
    ("Established, hold time 0", || {
        let mut bench = Bench::connected(PeerConfig { hold_time: 0, ..config() });
        bench.receive(OUT, &open());
        bench.receive(OUT, &Message::Keepalive);
        bench
    }),
    ("Established, socket blocked", || {
        // The peer's KEEPALIVEs still come (hold time 0 here), but it reads nothing.
        let mut bench = Bench::connected(PeerConfig { hold_time: 0, ..config() });
        bench.receive(OUT, &open());
        bench.receive(OUT, &Message::Keepalive);
        bench.peer.blocked(bench.now, OUT);
        bench
    }),
    // Two connections; the messages come on the one named last.
    ("Connect and in#7 OpenSent; on in#7", || Bench::started(config()).accept(IN)),
    ("OpenSent and in#7 OpenSent; on in#7", || Bench::connected(config()).accept(IN)),
    ("OpenSent and in#7 OpenSent; on out#0", || Bench::connected(config()).accept(IN).on(OUT)),
    ("OpenConfirm and in#7 OpenSent; on in#7", || Bench::confirmed().accept(IN)),
    ("OpenConfirm and in#7 OpenSent; on out#0", || Bench::confirmed().accept(IN).on(OUT)),
    ("OpenSent and in#7 OpenConfirm; on out#0", || {
        let mut bench = Bench::connected(config()).accept(IN);
        bench.receive(IN, &open());
        bench.on(OUT)
    }),
    ("OpenSent and in#7 OpenConfirm; on in#7", || {
        let mut bench = Bench::connected(config()).accept(IN);
        bench.receive(IN, &open());
        bench
    }),
    ("Established and in#7 OpenSent; on in#7", || Bench::established().accept(IN)),
    ("Established and in#7 OpenSent; on out#0", || Bench::established().accept(IN).on(OUT)),
];

type Input = (&'static str, fn(&mut Bench, &mut Vec<String>));

const INPUTS: &[Input] = &[
    // RFC 4271 events 1–8
    ("start", |b, _| b.peer.command(b.now, Command::Start)),
    ("stop, 6/2", |b, _| {
        b.peer.command(b.now, Command::Stop(Some(Notification::cease(2, Some("maintenance")))));
    }),
    ("stop, silent", |b, _| b.peer.command(b.now, Command::Stop(None))),
    ("reset, 6/4", |b, _| b.peer.command(b.now, Command::Reset(Notification::cease(4, None)))),
    ("ask for a refresh", |b, _| b.peer.command(b.now, Command::RequestRefresh(Family::IPV4_UNICAST))),
    // events 9–13, RFC 9687: the timers, by letting time pass in silence
    ("2 s pass", |b, log| b.pass(2, log)),
    ("6 s pass", |b, log| b.pass(6, log)),
    ("15 s pass", |b, log| b.pass(15, log)),
    ("100 s pass", |b, log| b.pass(100, log)),
    ("250 s pass", |b, log| b.pass(250, log)),
    ("500 s pass", |b, log| b.pass(500, log)),
    // events 14–18
    ("connected", |b, _| b.connect()),
    ("accepted", |b, _| {
        let (local, remote) = addrs();
        b.peer.handle_io(b.now, IoInput::Accepted { conn: IN_TOO, local, remote });
    }),
    ("refused", |b, _| b.peer.handle_io(b.now, IoInput::ConnectFailed { conn: OUT, reason: ConnectError::Refused })),
    ("timed out", |b, _| b.peer.handle_io(b.now, IoInput::ConnectFailed { conn: OUT, reason: ConnectError::TimedOut })),
    ("closed", |b, _| b.peer.handle_io(b.now, IoInput::Closed { conn: b.conn, error: None })),
    ("reset", |b, _| b.peer.handle_io(b.now, IoInput::Closed { conn: b.conn, error: Some("reset by peer".into()) })),
    // events 19–28
    ("OPEN", |b, _| b.receive(b.conn, &open())),
    ("OPEN of another AS", |b, _| {
        let open = local_open(&PeerConfig { local_asn: Asn(65009), ..theirs() });
        b.receive(b.conn, &Message::Open(open));
    }),
    ("KEEPALIVE", |b, _| b.receive(b.conn, &Message::Keepalive)),
    ("UPDATE", |b, _| b.bytes(b.conn, &end_of_rib(Family::IPV4_UNICAST))),
    ("ROUTE-REFRESH", |b, _| b.receive(b.conn, &refresh())),
    ("NOTIFICATION cease", |b, _| b.receive(b.conn, &Message::Notification(Notification::cease(4, None)))),
    ("NOTIFICATION bad peer AS", |b, _| {
        let notification = Notification { code: bgp_proto::message::ErrorCode(2), subcode: 2, data: Bytes::new() };
        b.receive(b.conn, &Message::Notification(notification));
    }),
    ("marker not all ones", |b, _| b.bytes(b.conn, &[0; 19])),
];

fn table() -> String {
    let mut table = String::new();
    let mut noted = 0;
    for (state_name, prepare) in STATES {
        let from = prepare().peer.state();
        writeln!(table, "── {state_name} [{from}]").unwrap();
        for (input_name, input) in INPUTS {
            let mut bench = prepare();
            bench.drain(&mut Vec::new());
            let mut log = Vec::new();
            input(&mut bench, &mut log);
            bench.drain(&mut log);
            let state = bench.peer.state();
            if !log.iter().any(|entry| entry.starts_with('→')) {
                assert_eq!(state, from, "{state_name}, {input_name}: the state changed and nobody said so");
            }
            if let Some(last) = log.iter().rfind(|entry| entry.starts_with('→')) {
                assert_eq!(*last, format!("→{state}"), "{state_name}, {input_name}");
            }
            let has_timer = bench.peer.poll_timeout().is_some();
            assert!(has_timer || may_rest(&bench.peer), "{state_name}, {input_name}: nothing will ever happen again");
            // A peer that nobody answers goes on dialling; the beginning shows how.
            if log.len() > 12 {
                log.truncate(12);
                log.push("…".into());
            }
            let line = if log.is_empty() { "–".into() } else { repeats(&log) };
            let note = NOTES.iter().position(|(s, i, _)| s == state_name && i == input_name);
            let mark = note.map_or(String::new(), |n| format!("   [{}]", n + 1));
            noted += usize::from(note.is_some());
            writeln!(table, "{:<26}{state:<12} {line}{mark}", input_name).unwrap();
        }
        table.push('\n');
    }
    assert_eq!(noted, NOTES.len(), "a note belongs to no line");
    for (n, (state, input, why)) in NOTES.iter().enumerate() {
        writeln!(table, "[{}] {state}, {input}. {why}", n + 1).unwrap();
    }
    table
}

/// Whether a peer may be without any timer: nothing is wanted, or somebody else must act.
fn may_rest(peer: &Peer) -> bool {
    let no_hold_time = peer.negotiated().is_some_and(|negotiated| negotiated.hold_time.is_zero());
    match peer.state() {
        State::Idle => true,
        State::Active => peer.config().passive,
        State::Established => no_hold_time,
        State::OpenConfirm => peer.config().hold_time == 0,
        State::Connect | State::OpenSent => false,
    }
}

/// `a; a; a` as `a ×3`.
fn repeats(log: &[String]) -> String {
    let mut text = String::new();
    let mut rest = log;
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|entry| *entry == first).count();
        let separator = if text.is_empty() { "" } else { "; " };
        let times = if count > 1 { format!(" ×{count}") } else { String::new() };
        write!(text, "{separator}{first}{times}").unwrap();
        rest = &rest[count..];
    }
    text
}

#[test]
fn every_state_and_every_input() {
    insta::assert_snapshot!(table());
}

#[test]
fn the_table_is_the_same_each_time() {
    assert_eq!(table(), table());
}
