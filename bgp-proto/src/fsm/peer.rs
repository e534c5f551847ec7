//! The configured neighbour: dials, waits, and keeps one of at most two connections (RFC 4271 §8.2.1).
//!
//! The driver's only door; see the story of [`fsm`](super). Three things live here, each one small:
//!
//! * whether a connection is wanted, and the pause after a bad end (`idle_until`);
//! * the one outgoing attempt (`Dial`);
//! * the sessions.
//!
//! Every input ends in [`Peer::settle`], which makes the dialling fit the rest. No input sets a timer and forgets
//! another: what is due is asked of the three in `poll_timeout`.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use super::backoff::{Backoff, Jitter};
use super::session::{Close, End, Outcome, Session};
use super::{
    Command, ConnId, ConnectError, Contender, Counters, Direction, DownReason, IoAction, IoInput, Negotiated,
    PeerConfig, PeerEvent, State, Verdict, collide,
};
use crate::message::{Codec, ErrorCode, MAX_LEN, Message, Notification, RefreshKind, RouteRefresh, cease, split_frame};
use crate::{Family, FamilySet};

/// `handle_bytes` leaves bytes in its buffer when this many events wait to be polled.
pub const MAX_QUEUED_EVENTS: usize = 128;

/// A configured neighbour. See the [module](super) for how to drive one.
pub struct Peer {
    config: PeerConfig,
    jitter: Jitter,
    backoff: Backoff,
    wanted: bool,
    /// Idle on purpose until then (RFC 4271 IdleHoldTimer).
    idle_until: Option<Instant>,
    dial: Dial,
    next_conn: u32,
    /// At most two: one may be confirmed while another one waits for its OPEN.
    sessions: SmallVec<[Session; 2]>,
    out: Outbox,
    shown: State,
    last_down: DownReason,
}

/// The one outgoing attempt.
#[derive(Clone, Copy)]
enum Dial {
    Off,
    /// The ConnectRetry timer runs (RFC 4271 event 9).
    Waiting(Instant),
    /// The driver is connecting; `retry_at` is when the ConnectRetry timer that began with the attempt ends.
    Connecting {
        conn: ConnId,
        deadline: Instant,
        retry_at: Instant,
    },
}

/// What waits to be polled.
#[derive(Default)]
pub(super) struct Outbox {
    transmit: VecDeque<(ConnId, Bytes)>,
    io: VecDeque<IoAction>,
    events: VecDeque<PeerEvent>,
    counters: Counters,
}

impl Outbox {
    /// Queues a control message. One that equals the last queued for the connection is not repeated: a driver that
    /// does not poll for hours finds one KEEPALIVE.
    pub fn send(&mut self, conn: ConnId, message: &Message, codec: &Codec) {
        let bytes = message.encode(codec);
        let last = self.transmit.iter().rev().find(|(to, _)| *to == conn);
        if last.is_some_and(|(_, queued)| *queued == bytes) {
            return;
        }
        self.counters.sent.count(message.kind());
        self.transmit.push_back((conn, bytes));
    }
}

/// What a bad end costs.
enum Cost {
    /// The next attempt comes with the ConnectRetry timer.
    Nothing,
    /// Our dialling pauses; the peer may connect.
    Dialling,
    /// Idle: the peer is refused, too (RFC 4271 DampPeerOscillations).
    Idle,
}

impl Peer {
    /// A peer that wants no connection until it is told [`Command::Start`]. `seed` feeds the jitter of its timers and
    /// should differ between peers and between starts of the program.
    pub fn new(config: PeerConfig, seed: u64) -> Self {
        Self {
            config,
            jitter: Jitter::new(seed),
            backoff: Backoff::default(),
            wanted: false,
            idle_until: None,
            dial: Dial::Off,
            next_conn: 0,
            sessions: SmallVec::new(),
            out: Outbox::default(),
            shown: State::Idle,
            last_down: DownReason::NeverTried,
        }
    }

    // ---- inputs

    /// Takes whole messages from the front of `buf`, which holds what the connection received and nobody took yet.
    ///
    /// Stops early when [`MAX_QUEUED_EVENTS`] events wait: poll them and call again with the same buffer before reading
    /// more from the socket. The bytes of a connection that is gone are dropped. Never reserves more than one message.
    pub fn handle_bytes(&mut self, now: Instant, conn: ConnId, buf: &mut BytesMut) {
        while let Some(session) = self.sessions.iter_mut().find(|session| session.conn == conn) {
            if self.out.events.len() >= MAX_QUEUED_EVENTS {
                session.set_stalled(!buf.is_empty());
                return;
            }
            session.set_stalled(false);
            let codec = session.codec();
            // RFC 8654 §4: until both OPENs are in, nothing is longer than 4,096 octets.
            let max_len = if session.is_confirmed() { codec.max_len() } else { MAX_LEN };
            let outcome = match split_frame(buf, max_len) {
                Ok(None) => return,
                Ok(Some(frame)) => {
                    self.out.counters.bytes_received += frame.bytes.len() as u64;
                    self.out.counters.received.count(frame.kind);
                    if session.expects(frame.kind) {
                        Message::decode(&frame, &codec).map(|message| session.receive(now, message, &self.config))
                    } else {
                        Ok(Outcome::End(session.unexpected(frame.kind)))
                    }
                }
                Err(error) => Err(error),
            };
            let outcome = outcome.unwrap_or_else(|error| {
                self.out.counters.message_errors += 1;
                Outcome::End(End::message_error(error))
            });
            self.apply(now, conn, outcome);
            self.settle(now);
        }
        buf.clear();
    }

    /// Takes what happened to a socket.
    pub fn handle_io(&mut self, now: Instant, input: IoInput) {
        match input {
            IoInput::Connected { conn, local, remote } => self.connected(now, conn, local, remote),
            IoInput::Accepted { conn, local, remote } => self.accepted(now, conn, local, remote),
            IoInput::ConnectFailed { conn, reason } => {
                let reason = match reason {
                    ConnectError::Refused => DownReason::Refused,
                    ConnectError::Unreachable => DownReason::Unreachable,
                    ConnectError::TimedOut => DownReason::ConnectTimedOut,
                    ConnectError::Other(error) => DownReason::ConnectFailed(error),
                };
                self.connect_failed(now, conn, reason);
            }
            IoInput::Closed { conn, error } => {
                if let Some(session) = self.sessions.iter().find(|session| session.conn == conn) {
                    let reason = DownReason::Closed { error, state: session.state() };
                    self.end(now, conn, End::silent(reason, Close::Gone));
                } else {
                    let reason = error.map_or(DownReason::Refused, DownReason::ConnectFailed);
                    self.connect_failed(now, conn, reason);
                }
            }
        }
        self.settle(now);
    }

    /// Does everything that is due at `now`. Read what the sockets have first: a hold timer must not expire because the
    /// KEEPALIVE that would restart it is still unread.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.idle_until.is_some_and(|until| until <= now) {
            // RFC 4271 event 13.
            self.idle_until = None;
            self.dial = Dial::Waiting(now);
        }
        let conns: SmallVec<[ConnId; 2]> = self.sessions.iter().map(|session| session.conn).collect();
        for conn in conns {
            let Some(session) = self.sessions.iter_mut().find(|session| session.conn == conn) else { continue };
            if let Some(end) = session.handle_timeout(now, &self.config, &mut self.jitter, &mut self.out) {
                self.end(now, conn, end);
            }
        }
        if let Dial::Connecting { conn, deadline, .. } = self.dial
            && deadline <= now
        {
            self.out.io.push_back(IoAction::Abort(conn));
            self.connect_failed(now, conn, DownReason::ConnectTimedOut);
        }
        self.settle(now);
        if let Dial::Waiting(at) = self.dial
            && at <= now
        {
            self.connect(now);
        }
        self.settle(now);
    }

    /// Does what the operator or the speaker wants.
    pub fn command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Start => self.start(now),
            Command::Stop(notification) => self.stop(now, notification),
            Command::Reset(notification) if self.sessions.is_empty() => {
                // Nothing to end: whoever resets a peer that is down wants it tried now.
                drop(notification);
                if self.wanted {
                    self.start(now);
                }
            }
            Command::Reset(notification) => {
                self.end_all(now, |_| DownReason::NotificationSent(notification.clone()), Some(&notification));
            }
            Command::RequestRefresh(family) => self.request_refresh(family),
        }
        self.settle(now);
    }

    /// The driver wrote this many octets to the connection's socket.
    pub fn sent(&mut self, now: Instant, conn: ConnId, bytes: usize) {
        self.out.counters.bytes_sent += bytes as u64;
        if bytes > 0
            && let Some(session) = self.sessions.iter_mut().find(|session| session.conn == conn)
        {
            session.sent(now, &mut self.jitter);
        }
    }

    /// The driver has octets for the connection which its socket does not take. May be said again and again; the timer
    /// that this starts ends with the next [`Peer::sent`]. RFC 9687
    pub fn blocked(&mut self, now: Instant, conn: ConnId) {
        if let Some(session) = self.sessions.iter_mut().find(|session| session.conn == conn) {
            session.blocked(now, &self.config);
        }
    }

    /// The driver put this many UPDATEs into the connection's bytes. Only counted.
    pub fn count_updates_sent(&mut self, updates: u64) {
        self.out.counters.sent.update += updates;
    }

    /// Replaces the configuration. A session that stands keeps what it negotiated; to apply the rest,
    /// [`Command::Reset`] it. Timers that run keep their ends.
    pub fn set_config(&mut self, config: PeerConfig) {
        self.config = config;
    }

    /// Makes the graceful restart capability of the next OPEN true: whether we have restarted (R), and for which
    /// families packets were forwarded meanwhile (F). Without effect when graceful restart is not configured.
    pub fn set_restart_state(&mut self, restarted: bool, forwarding_preserved: FamilySet) {
        if let Some(graceful) = &mut self.config.graceful_restart {
            graceful.restarted = restarted;
            graceful.forwarding_preserved = forwarding_preserved;
        }
    }

    // ---- outputs

    /// The next control message to write. Bytes of one connection are to be written in this order, each message whole,
    /// between UPDATEs if there are any. Empty this before [`Peer::poll_io`].
    pub fn poll_transmit(&mut self) -> Option<(ConnId, Bytes)> {
        self.out.transmit.pop_front()
    }

    /// The next thing to do with a socket.
    pub fn poll_io(&mut self) -> Option<IoAction> {
        self.out.io.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<PeerEvent> {
        self.out.events.pop_front()
    }

    /// When [`Peer::handle_timeout`] is to be called next, whatever happens meanwhile. Never in the past after it was.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let dial = match self.dial {
            Dial::Off => None,
            Dial::Waiting(at) => Some(at),
            Dial::Connecting { deadline, .. } => Some(deadline),
        };
        let sessions = self.sessions.iter().filter_map(Session::next_timeout);
        sessions.chain(self.idle_until).chain(dial).min()
    }

    // ---- what people and the speaker look at

    /// The state of the most advanced connection.
    pub fn state(&self) -> State {
        let rest = match self.dial {
            _ if !self.wanted || self.idle_until.is_some() => State::Idle,
            Dial::Connecting { .. } => State::Connect,
            Dial::Off | Dial::Waiting(_) => State::Active,
        };
        self.sessions.iter().map(Session::state).max().map_or(rest, |state| state.max(rest))
    }

    /// The connection that carries routes now: write UPDATEs to this one only.
    pub fn established_conn(&self) -> Option<ConnId> {
        self.established().map(|session| session.conn)
    }

    /// What the established session negotiated.
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.established().and_then(|session| session.negotiated()).map(|negotiated| &**negotiated)
    }

    /// Why there is no session, or, when there is one, why the last one ended.
    pub fn last_down(&self) -> &DownReason {
        &self.last_down
    }

    /// When the peer will be dialled next, or let in again, if that is known.
    pub fn next_attempt(&self) -> Option<Instant> {
        match self.dial {
            _ if self.idle_until.is_some() => self.idle_until,
            Dial::Waiting(at) => Some(at),
            Dial::Off | Dial::Connecting { .. } => None,
        }
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.out.counters
    }

    /// The configuration.
    pub fn config(&self) -> &PeerConfig {
        &self.config
    }

    // ---- below

    fn established(&self) -> Option<&Session> {
        self.sessions.iter().find(|session| session.is_established())
    }

    fn start(&mut self, now: Instant) {
        self.backoff.reset();
        self.idle_until = None;
        if !self.wanted {
            self.wanted = true;
            self.last_down = if self.config.passive { DownReason::Waiting } else { DownReason::NeverTried };
        }
        if !matches!(self.dial, Dial::Connecting { .. }) && self.may_dial() {
            self.connect(now);
        }
    }

    fn stop(&mut self, now: Instant, notification: Option<Notification>) {
        self.wanted = false;
        self.idle_until = None;
        let text = notification.as_ref().and_then(Notification::shutdown_text).map(Into::into);
        self.end_all(now, |_| DownReason::Stopped(text.clone()), notification.as_ref());
        self.last_down = DownReason::Stopped(text);
    }

    fn end_all(&mut self, now: Instant, reason: impl Fn(&Session) -> DownReason, notification: Option<&Notification>) {
        while let Some(session) = self.sessions.last() {
            let hard = session.negotiated().is_some_and(|negotiated| negotiated.graceful_notification);
            let notification = notification.map(|n| if hard { hard_reset(n) } else { n.clone() });
            let end = End { reason: reason(session), notification, close: Close::Flush };
            self.end(now, session.conn, end);
        }
    }

    fn request_refresh(&mut self, family: Family) {
        let Some(session) = self.sessions.iter().find(|session| session.is_established()) else { return };
        let Some(negotiated) = session.negotiated() else { return };
        if negotiated.route_refresh && negotiated.codec.families.contains(family) {
            let message = Message::RouteRefresh(RouteRefresh { family, kind: RefreshKind::Request });
            self.out.send(session.conn, &message, &negotiated.codec);
        }
    }

    fn connected(&mut self, now: Instant, conn: ConnId, local: SocketAddr, remote: SocketAddr) {
        if !matches!(self.dial, Dial::Connecting { conn: dialled, .. } if dialled == conn) {
            // We gave up on it while it was being made.
            self.out.io.push_back(IoAction::Abort(conn));
            return;
        }
        self.dial = Dial::Off;
        self.add(now, conn, Direction::Outgoing, local, remote);
    }

    fn connect_failed(&mut self, now: Instant, conn: ConnId, reason: DownReason) {
        let Dial::Connecting { conn: dialled, retry_at, .. } = self.dial else { return };
        if dialled == conn {
            self.dial = Dial::Waiting(retry_at.max(now));
            self.attempt_failed(reason);
        }
    }

    fn accepted(&mut self, now: Instant, conn: ConnId, local: SocketAddr, remote: SocketAddr) {
        self.out.counters.accepted += 1;
        // RFC 4271 §8.2.2: in Idle, connections are refused. An operator's stop lasts, so the peer is told (RFC 4486 §4);
        // the short pause after an error is not worth a second error.
        if !self.wanted {
            let rejected = Message::Notification(Notification::cease(cease::CONNECTION_REJECTED, None));
            self.out.send(conn, &rejected, &Codec::INITIAL);
        }
        if !self.wanted || self.idle_until.is_some() {
            return self.refuse(conn);
        }
        // A peer that connects again has given up on the connection it made before, if that never got anywhere.
        let stale = self.sessions.iter().find(|s| s.direction == Direction::Incoming && !s.is_confirmed());
        if let Some(stale) = stale.map(|session| session.conn) {
            self.end(now, stale, collision_lost());
        }
        if self.sessions.len() >= 2 || self.sessions.iter().any(|session| session.conn == conn) {
            return self.refuse(conn);
        }
        // If the peer's host does not know the session we have, this makes it say so (RST), at once instead of at the
        // next keepalive; the new connection is then alone.
        if let Some(established) = self.sessions.iter_mut().find(|session| session.is_established()) {
            established.send_keepalive(now, &mut self.jitter, &mut self.out);
        }
        self.add(now, conn, Direction::Incoming, local, remote);
    }

    fn refuse(&mut self, conn: ConnId) {
        self.out.counters.refused += 1;
        self.out.io.push_back(IoAction::Close(conn));
    }

    fn add(&mut self, now: Instant, conn: ConnId, direction: Direction, local: SocketAddr, remote: SocketAddr) {
        let session = Session::start(now, (conn, direction), (local, remote), &self.config, &mut self.out);
        self.sessions.push(session);
    }

    /// Begins to dial; the ConnectRetry timer runs from now on, so attempts are never closer than that.
    fn connect(&mut self, now: Instant) {
        let conn = ConnId::dialled(self.next_conn);
        self.next_conn = self.next_conn.wrapping_add(1);
        self.dial = Dial::Connecting {
            conn,
            deadline: now + self.config.connect_timeout,
            retry_at: now + self.jitter.shorten(self.config.connect_retry),
        };
        self.out.counters.dialled += 1;
        self.out.io.push_back(IoAction::Connect(conn));
    }

    fn apply(&mut self, now: Instant, conn: ConnId, outcome: Outcome) {
        match outcome {
            Outcome::Continue => {}
            Outcome::Deliver(event) => {
                if let PeerEvent::Update(update) = &event {
                    self.out.counters.update_faults += update.faults.len() as u64;
                }
                self.out.events.push_back(event);
            }
            Outcome::End(end) => self.end(now, conn, end),
            Outcome::Opened(negotiated) => self.opened(now, conn, *negotiated),
            Outcome::Established(negotiated) => {
                // RFC 4271 §6.8: an established session wins over one that still waits.
                let others: SmallVec<[ConnId; 2]> =
                    self.sessions.iter().map(|session| session.conn).filter(|other| *other != conn).collect();
                for other in others {
                    self.end(now, other, collision_lost());
                }
                self.out.counters.established += 1;
                self.out.counters.established_since = Some(now);
                self.show();
                self.out.events.push_back(PeerEvent::Up(negotiated));
            }
        }
    }

    /// A valid OPEN came on `conn`: RFC 4271 §6.8.
    fn opened(&mut self, now: Instant, conn: ConnId, negotiated: Negotiated) {
        let Some(new) = self.sessions.iter().find(|session| session.conn == conn) else { return };
        if let Some(other) = self.sessions.iter().find(|session| session.conn != conn) {
            let age = self.out.counters.established_since.map(|since| new.made.saturating_duration_since(since));
            let existing = Contender { direction: other.direction, phase: other.phase(age.unwrap_or_default()) };
            let local = (negotiated.local_id, negotiated.local_asn);
            let peer = (negotiated.peer_id, negotiated.peer_asn);
            let (other, direction) = (other.conn, new.direction);
            match collide(local, peer, existing, direction, negotiated.peer_restarted()) {
                Verdict::Wait => {}
                Verdict::KeepExisting => return self.end(now, conn, collision_lost()),
                Verdict::KeepNew => self.end(now, other, collision_lost()),
                Verdict::PeerRestarted => {
                    self.end(now, other, End::silent(DownReason::PeerRestarted, Close::Abort));
                }
            }
        }
        if let Some(session) = self.sessions.iter_mut().find(|session| session.conn == conn) {
            session.confirm(now, negotiated, &self.config, &mut self.jitter, &mut self.out);
        }
    }

    /// Ends a session: says why to the peer and to the speaker, and decides about the next try.
    fn end(&mut self, now: Instant, conn: ConnId, end: End) {
        let Some(index) = self.sessions.iter().position(|session| session.conn == conn) else { return };
        let session = self.sessions.remove(index);
        if let Some(notification) = end.notification {
            self.out.send(conn, &Message::Notification(notification), &session.codec());
        }
        match end.close {
            Close::Gone => {}
            Close::Flush => self.out.io.push_back(IoAction::Close(conn)),
            Close::Abort => {
                // Nothing queued for it can be written.
                self.out.transmit.retain(|(to, _)| *to != conn);
                self.out.io.push_back(IoAction::Abort(conn));
            }
        }
        let since = session.is_established().then(|| self.out.counters.established_since.take()).flatten();
        let cost = cost(&end.reason, session.is_established());
        if session.is_established() {
            self.out.counters.lost += 1;
            self.out.counters.last_lost = Some(now);
            self.out.events.push_back(PeerEvent::Down(end.reason.clone()));
            self.last_down = end.reason;
        } else if matches!(end.reason, DownReason::CollisionLost) {
            self.out.counters.collisions += 1;
        } else if !matches!(end.reason, DownReason::Stopped(_)) {
            self.attempt_failed(end.reason);
        }
        // A connection that was one too many does not slow the other one.
        if !self.wanted || !self.sessions.is_empty() {
            return;
        }
        let pause = match cost {
            Cost::Nothing => self.jitter.shorten(self.config.connect_retry),
            Cost::Dialling | Cost::Idle => self.backoff.after_end(now, since, self.config.idle_hold, &mut self.jitter),
        };
        if matches!(cost, Cost::Idle) && self.config.damp_peer_oscillations {
            self.idle_until = Some(now + pause);
        } else if !matches!(self.dial, Dial::Connecting { .. }) {
            self.dial = Dial::Waiting(now + pause);
        }
    }

    fn attempt_failed(&mut self, reason: DownReason) {
        self.out.counters.failed += 1;
        if !self.sessions.iter().any(Session::is_confirmed) {
            self.last_down = reason.clone();
        }
        self.out.events.push_back(PeerEvent::AttemptFailed(reason));
    }

    fn may_dial(&self) -> bool {
        self.wanted
            && !self.config.passive
            && self.idle_until.is_none()
            // A connection of ours that waits for its OPEN is enough; and once an OPEN was accepted on either, another
            // one could only collide.
            && !self.sessions.iter().any(|s| s.direction == Direction::Outgoing || s.is_confirmed())
    }

    /// Makes the dialling fit the rest, and tells about the state.
    fn settle(&mut self, now: Instant) {
        match (self.may_dial(), self.dial) {
            (false, Dial::Connecting { conn, .. }) => {
                self.out.io.push_back(IoAction::Abort(conn));
                self.dial = Dial::Off;
            }
            (false, Dial::Waiting(_)) => self.dial = Dial::Off,
            (true, Dial::Off) => self.dial = Dial::Waiting(now + self.jitter.shorten(self.config.connect_retry)),
            (true, Dial::Waiting(_) | Dial::Connecting { .. }) | (false, Dial::Off) => {}
        }
        self.show();
    }

    fn show(&mut self) {
        let state = self.state();
        if state != self.shown {
            self.shown = state;
            self.out.events.push_back(PeerEvent::StateChanged(state));
        }
    }
}

/// What an end costs. RFC 4271 §8.2.2 sends every one to Idle; see the story of [`fsm`](super) for where we do not.
fn cost(reason: &DownReason, established: bool) -> Cost {
    match reason {
        DownReason::CollisionLost | DownReason::PeerRestarted => Cost::Nothing,
        DownReason::Closed { .. } if !established => Cost::Nothing,
        // The peer left on purpose, or we dropped it: no mistake, and it is welcome when it comes back.
        DownReason::NotificationReceived { notification, .. } => match notification.code {
            ErrorCode::CEASE | ErrorCode::HOLD_TIMER_EXPIRED | ErrorCode::SEND_HOLD_TIMER_EXPIRED => Cost::Dialling,
            _ => Cost::Idle,
        },
        DownReason::OpenRefused(_) | DownReason::MessageError { .. } | DownReason::UnexpectedMessage { .. } => {
            Cost::Idle
        }
        _ => Cost::Dialling,
    }
}

fn collision_lost() -> End {
    End::with(DownReason::CollisionLost, Notification::cease(cease::CONNECTION_COLLISION, None))
}

/// When NOTIFICATIONs leave routes in place, those that mean "forget me" must say so. RFC 8538 §3, §4.1
fn hard_reset(notification: &Notification) -> Notification {
    let forget = notification.code == ErrorCode::CEASE
        && matches!(
            notification.subcode,
            cease::MAX_PREFIXES | cease::ADMINISTRATIVE_SHUTDOWN | cease::PEER_DECONFIGURED
        );
    if forget { notification.clone().into_hard_reset() } else { notification.clone() }
}
