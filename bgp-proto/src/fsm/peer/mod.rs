//! The configured neighbour: dials, waits, and keeps one of at most two connections (RFC 4271 §8.2.1).
//!
//! The driver's only door; see the story of [`fsm`](super). Behind it are three things, each one small:
//!
//! * [`dial`]: whether a connection is wanted, when to dial, and the pause after a mistake (`idle_until`);
//! * [`sessions`]: how sessions begin, which of two stays, what an end costs;
//! * [`outbox`]: what waits to be polled.
//!
//! Every input ends in [`Peer::settle`], which makes the dialling fit the rest. No input sets a timer and forgets
//! another: what is due is asked of the three in `poll_timeout`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use super::backoff::{Backoff, Jitter};
use super::session::{Close, End, Outcome, Session};
use super::{
    Command, ConnId, ConnectError, Counters, DownReason, IoAction, IoInput, Negotiated, PeerConfig, PeerEvent, State,
};
use crate::FamilySet;
use crate::message::split_frame;
use dial::Dial;
pub(in crate::fsm) use outbox::Outbox;

mod dial;
mod outbox;
mod sessions;

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
            // RFC 8654 §4: until both OPENs are in (`Codec::INITIAL`), nothing is longer than 4,096 octets.
            let outcome = match split_frame(buf, session.codec().max_len()) {
                Ok(None) => return,
                Ok(Some(frame)) => {
                    self.out.counters.bytes_received += frame.bytes.len() as u64;
                    self.out.counters.received.count(frame.kind);
                    if session.expects(frame.kind) {
                        session.decode(&frame).map(|message| session.receive(now, message, &self.config))
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
            Command::TooManyPrefixes { family, limit, pause } => self.too_many_prefixes(now, family, limit, pause),
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

    /// Gives a connection another time than [`PeerConfig::open_timeout`] to send its OPEN, counted from now.
    pub fn limit_open(&mut self, now: Instant, conn: ConnId, timeout: Duration) {
        if let Some(session) = self.sessions.iter_mut().find(|session| session.conn == conn) {
            session.limit_open(now, timeout);
        }
    }

    /// Replaces the configuration. A session that stands keeps what it negotiated; to apply the rest,
    /// [`Command::Reset`] it. Timers that run keep their ends.
    pub fn set_config(&mut self, now: Instant, config: PeerConfig) {
        self.config = config;
        self.settle(now);
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

    /// Whether the OPEN of a connection was accepted.
    pub fn is_confirmed(&self, conn: ConnId) -> bool {
        self.sessions.iter().any(|session| session.conn == conn && session.is_confirmed())
    }

    /// What the established session negotiated.
    pub fn negotiated(&self) -> Option<&Arc<Negotiated>> {
        self.established().and_then(Session::negotiated)
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

    /// Of the established session: when the peer's silence ends it, and when our next KEEPALIVE goes out; `None` for never.
    pub fn timers(&self) -> [Option<Instant>; 2] {
        self.established().map(Session::timers).unwrap_or_default()
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.out.counters
    }

    /// The configuration.
    pub fn config(&self) -> &PeerConfig {
        &self.config
    }

    /// The session that carries routes.
    fn established(&self) -> Option<&Session> {
        self.sessions.iter().find(|session| session.is_established())
    }
}
