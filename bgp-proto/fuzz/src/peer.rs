//! A peer's state machine under any order of bytes, sockets, commands and time, with a driver that polls or does not.
//!
//! configuration (3 octets) · events: what, … Connections are named by the order in which they came up. What must hold is in
//! [`Driver::poll`]: queues are bounded by what was put in, events come in the order the driver may rely on, everything
//! sent can be read, and no timer is left in the past.

use std::time::{Duration, Instant};

use bgp_proto::fsm::{
    Command, ConnId, ConnectError, GrConfig, IoAction, IoInput, MAX_QUEUED_EVENTS, Peer, PeerConfig, PeerEvent, State,
    local_open,
};
use bgp_proto::message::{Codec, Message, Notification, Role, end_of_rib, split_frame};
use bgp_proto::{Asn, Family, FamilySet, RouterId};
use bytes::{BufMut, BytesMut};

use super::input::{Bound, Input};

/// 128 queued events, the messages that wait in buffers, and two sessions.
pub const BOUND: Bound = Bound { fixed: 1 << 20, per_octet: 4096 };

/// Events of one execution; more would only make it slower.
const MAX_EVENTS: usize = 200;
/// Connections the driver has open at a time.
const MAX_CONNS: usize = 4;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (ours, theirs) = configs(&mut input);
    let mut driver = Driver::new(ours, theirs);
    for _ in 0..MAX_EVENTS {
        if input.is_empty() {
            break;
        }
        driver.step(&mut input);
    }
    driver.lazy = false;
    driver.poll();
    driver.end();
}

fn configs(input: &mut Input<'_>) -> (PeerConfig, PeerConfig) {
    let (bits, more, hold) = (input.octet(), input.octet(), input.octet());
    let has = |bit: u8| bits & 1 << bit != 0;
    let also = |bit: u8| more & 1 << bit != 0;
    let (local, remote) = (Asn(65001), if has(0) { Asn(65001) } else { Asn(4_200_000_000) });
    let families = if has(1) { FamilySet::ALL } else { [Family::IPV4_UNICAST].into_iter().collect() };
    let shared = PeerConfig {
        hold_time: [90, 0, 3, 65_535][usize::from(hold) % 4],
        families,
        add_path_rx: if has(2) { families } else { FamilySet::EMPTY },
        add_path_tx: if has(3) { families } else { FamilySet::EMPTY },
        extended_message: has(4),
        extended_next_hop: has(5),
        graceful_restart: has(6).then_some(GrConfig {
            time: 120,
            restarted: also(0),
            forwarding_preserved: families,
            notification: also(1),
        }),
        ..PeerConfig::new(local, RouterId(1), remote)
    };
    let ours = PeerConfig {
        passive: has(7),
        open_delay: also(2).then_some(Duration::from_secs(5)),
        damp_peer_oscillations: !also(3),
        role: also(4).then_some(Role::Provider),
        strict_role: also(5),
        send_hold: also(6).then_some(Duration::from_secs(20)),
        keepalive: also(7).then_some(1),
        ..shared.clone()
    };
    let theirs = PeerConfig {
        local_asn: remote,
        local_id: RouterId(2),
        peer_asn: local.into(),
        role: also(4).then_some(Role::Customer),
        ..shared
    };
    (ours, theirs)
}

struct Driver {
    peer: Peer,
    now: Instant,
    theirs: PeerConfig,
    conns: Vec<Conn>,
    accepted: u32,
    /// Nobody polls.
    lazy: bool,
    /// Calls since everything was polled.
    calls: usize,
    up: bool,
}

struct Conn {
    id: ConnId,
    /// What was received and not taken yet.
    buffer: BytesMut,
    dialling: bool,
}

impl Driver {
    fn new(ours: PeerConfig, theirs: PeerConfig) -> Self {
        let peer = Peer::new(ours, 7);
        Self { peer, now: epoch(), theirs, conns: Vec::new(), accepted: 0, lazy: false, calls: 0, up: false }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let what = input.octet();
        let conn = usize::from(what >> 4) % MAX_CONNS;
        let now = self.now;
        self.calls += 1;
        match what & 0x0f {
            0 => self.receive(conn, input.short()),
            1 => {
                let open = Message::Open(local_open(&self.theirs)).encode(&Codec::INITIAL);
                self.receive(conn, &open);
            }
            2 => self.receive(conn, &Message::Keepalive.encode(&Codec::INITIAL)),
            3 => {
                let (form, body) = (input.octet(), input.short());
                let mut message = BytesMut::new();
                message.put_bytes(0xff, 16);
                message.put_u16(19 + body.len() as u16);
                message.put_u8(form % 7);
                message.put_slice(body);
                self.receive(conn, &message);
            }
            4 => {
                let count = usize::from(input.octet()) * 2;
                self.receive(conn, &end_of_rib(Family::IPV4_UNICAST).repeat(count));
            }
            5 => self.connected(conn),
            6 => {
                if self.conns.len() < MAX_CONNS {
                    let id = ConnId::accepted(self.accepted);
                    self.accepted += 1;
                    self.conns.push(Conn { id, buffer: BytesMut::new(), dialling: false });
                    let (local, remote) = ends();
                    self.peer.handle_io(now, IoInput::Accepted { conn: id, local, remote });
                }
            }
            7 => self.lost(conn, input.octet()),
            8 => {
                self.now += Duration::from_millis(u64::from(input.pair()) * 10);
                self.timeout();
            }
            9 => {
                if let Some(at) = self.peer.poll_timeout() {
                    self.now = self.now.max(at);
                    self.timeout();
                }
            }
            10 => self.command(input),
            11 => {
                let (way, id) = (input.octet(), self.conns.get(conn).map_or(ConnId(99), |conn| conn.id));
                if way & 1 == 0 { self.peer.sent(now, id, way.into()) } else { self.peer.blocked(now, id) }
            }
            12 => self.lazy = !self.lazy,
            13 => {
                let config = configs(input).0;
                self.peer.set_config(now, config);
            }
            14 => {
                let bits = input.octet();
                let families = if bits & 2 == 0 { FamilySet::EMPTY } else { FamilySet::ALL };
                self.peer.set_restart_state(bits & 1 != 0, families);
            }
            // What a driver never does, but a machine must survive: news of a connection nobody knows.
            _ => {
                let id = ConnId(input.octet().into());
                self.peer.handle_bytes(now, id, &mut BytesMut::from(&[0xff; 40][..]));
                self.peer.handle_io(now, IoInput::Closed { conn: id, error: None });
            }
        }
        self.poll();
    }

    fn receive(&mut self, conn: usize, octets: &[u8]) {
        let Some(conn) = self.conns.get_mut(conn).filter(|conn| !conn.dialling) else { return };
        // A driver reads no more while bytes wait.
        if conn.buffer.len() < 65_535 {
            conn.buffer.extend_from_slice(octets);
        }
        self.peer.handle_bytes(self.now, conn.id, &mut conn.buffer);
    }

    fn connected(&mut self, conn: usize) {
        let Some(conn) = self.conns.get_mut(conn).filter(|conn| conn.dialling) else { return };
        conn.dialling = false;
        let (local, remote) = ends();
        self.peer.handle_io(self.now, IoInput::Connected { conn: conn.id, local, remote });
    }

    fn lost(&mut self, conn: usize, why: u8) {
        if conn >= self.conns.len() {
            return;
        }
        let Conn { id: conn, dialling, .. } = self.conns.remove(conn);
        let other = || "reset".to_owned();
        let event = if dialling && why & 4 != 0 {
            let reason = match why & 3 {
                0 => ConnectError::Refused,
                1 => ConnectError::Unreachable,
                2 => ConnectError::TimedOut,
                _ => ConnectError::Other(other()),
            };
            IoInput::ConnectFailed { conn, reason }
        } else {
            IoInput::Closed { conn, error: (why & 1 != 0).then(other) }
        };
        self.peer.handle_io(self.now, event);
    }

    fn timeout(&mut self) {
        self.peer.handle_timeout(self.now);
        assert!(self.peer.poll_timeout().is_none_or(|at| at > self.now), "a timer is left in the past");
    }

    fn command(&mut self, input: &mut Input<'_>) {
        let (which, subcode) = (input.octet(), input.octet());
        let cease = || Notification::cease(subcode, Some("maintenance"));
        let command = match which % 6 {
            0 | 1 => Command::Start,
            2 => Command::Stop(Some(cease())),
            3 => Command::Stop(None),
            4 => Command::Reset(cease()),
            _ => Command::RequestRefresh(Family::SUPPORTED[usize::from(subcode) % 2]),
        };
        self.peer.command(self.now, command);
    }

    /// Takes everything that waits, and lets the peer have what it left in the buffers, until both are empty.
    fn poll(&mut self) {
        if self.lazy {
            return;
        }
        loop {
            let mut taken = 0;
            while let Some((conn, bytes)) = self.peer.poll_transmit() {
                taken += 1;
                self.sent(conn, &bytes);
            }
            assert!(taken <= 4 * self.calls + 4, "{taken} messages after {} calls", self.calls);
            let mut actions = 0;
            while let Some(action) = self.peer.poll_io() {
                actions += 1;
                match action {
                    IoAction::Connect(id) => self.conns.push(Conn { id, buffer: BytesMut::new(), dialling: true }),
                    IoAction::Close(id) | IoAction::Abort(id) => self.conns.retain(|conn| conn.id != id),
                }
            }
            assert!(actions <= 4 * self.calls + 4, "{actions} actions after {} calls", self.calls);
            let mut events = 0;
            while let Some(event) = self.peer.poll_event() {
                events += 1;
                self.event(&event);
            }
            // Each call may end what there is and begin anew; only messages could be without limit.
            assert!(events <= MAX_QUEUED_EVENTS + 8 * self.calls + 8, "{events} events after {} calls", self.calls);
            self.calls = 0;
            let before: usize = self.conns.iter().map(|conn| conn.buffer.len()).sum();
            for conn in self.conns.iter_mut().filter(|conn| !conn.dialling) {
                self.calls += 1;
                self.peer.handle_bytes(self.now, conn.id, &mut conn.buffer);
            }
            let left: usize = self.conns.iter().map(|conn| conn.buffer.len()).sum();
            if left == before && taken + actions + events == 0 {
                break;
            }
        }
        self.settled();
    }

    /// With nothing left to poll, what the peer says of itself agrees with what it told.
    fn settled(&mut self) {
        self.calls = 0;
        let established = self.peer.state() == State::Established;
        assert_eq!(self.up, established, "Up and Down tell the state");
        assert_eq!(self.peer.established_conn().is_some(), established);
        assert_eq!(self.peer.negotiated().is_some(), established);
        assert!(!self.peer.last_down().to_string().is_empty());
        for conn in &self.conns {
            assert!(conn.buffer.len() < 65_535, "{} octets wait in the buffer", conn.buffer.len());
        }
    }

    fn event(&mut self, event: &PeerEvent) {
        match event {
            PeerEvent::Up(negotiated) => {
                assert!(!self.up, "up twice");
                assert!(negotiated.peer_id.is_valid() && negotiated.peer_asn != Asn(0));
                assert!(negotiated.hold_time.is_zero() || negotiated.hold_time >= Duration::from_secs(3));
                self.up = true;
            }
            PeerEvent::Down(reason) => {
                assert!(self.up, "down, and never was up: {reason}");
                self.up = false;
            }
            PeerEvent::Update(_) | PeerEvent::RouteRefresh(_) => assert!(self.up, "{event:?} of no session"),
            PeerEvent::StateChanged(_) | PeerEvent::AttemptFailed(_) => {}
        }
    }

    /// What is sent is one whole message, small enough for any session.
    fn sent(&mut self, conn: ConnId, bytes: &[u8]) {
        let mut buffer = BytesMut::from(bytes);
        let frame = split_frame(&mut buffer, 4096).expect("a header we wrote").expect("a whole message");
        assert!(buffer.is_empty());
        Message::decode(&frame, &Codec::INITIAL).expect("a message we wrote");
        self.peer.sent(self.now, conn, bytes.len());
    }

    /// A peer that is stopped, and whose connections are gone, wants nothing any more.
    fn end(&mut self) {
        self.peer.command(self.now, Command::Stop(None));
        self.calls += 1;
        self.poll();
        for conn in std::mem::take(&mut self.conns) {
            self.calls += 1;
            self.peer.handle_io(self.now, IoInput::Closed { conn: conn.id, error: None });
        }
        self.poll();
        assert_eq!((self.peer.state(), self.peer.poll_timeout()), (State::Idle, None), "stopped");
        assert!(self.conns.is_empty(), "stopped, and dials");
    }
}

fn ends() -> (std::net::SocketAddr, std::net::SocketAddr) {
    (([192, 0, 2, 1], 40_000).into(), ([192, 0, 2, 2], 179).into())
}

/// Any moment will do; one for all executions, so that each gives the same trace.
fn epoch() -> Instant {
    static EPOCH: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}
