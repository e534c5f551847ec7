//! One TCP connection's life, from the first OPEN to the last NOTIFICATION (RFC 4271 §8.2.2).
//!
//! [`Peer`](super::Peer) makes a session when a connection stands and drops it when it ends. The session knows its
//! connection, its state and its timers; it does not know that there may be another one. So it stops at the one point
//! where that matters: a valid OPEN is handed to the peer, which asks [`collide`](super::collide) and then either
//! [`Session::confirm`]s or ends it.
//!
//! Errors that come while our OPEN is delayed are answered although no OPEN was sent (RFC 4271 §8.1.1,
//! SendNOTIFICATIONwithoutOPEN is on): the field reads it, and a peer that knows what it did wrong is worth more.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::backoff::Jitter;
use super::marks::Marks;
use super::peer::Outbox;
use super::{ConnId, Direction, DownReason, Negotiated, PeerConfig, PeerEvent, Phase, State, local_open, negotiate};
use crate::attr::AttrCache;
use crate::message::{Codec, Frame, Message, MessageError, Notification, kind};

/// How far the connection is, and what it owns there.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum SessionState {
    /// Connected; our OPEN waits for the DelayOpen timer or for the peer's.
    Delayed,
    /// Our OPEN is sent.
    OpenSent,
    /// Both OPENs are in and fit; our KEEPALIVE is sent.
    OpenConfirm(Arc<Negotiated>),
    /// The peer's KEEPALIVE came.
    Established(Arc<Negotiated>),
}

/// What a message led to.
pub(super) enum Outcome {
    /// Nothing the peer needs to know.
    Continue,
    /// A valid OPEN: the peer decides whether this connection stays.
    Opened(Box<Negotiated>),
    /// The session has just become Established.
    Established(Arc<Negotiated>),
    /// Something for the rest of the speaker.
    Deliver(PeerEvent),
    /// The session ends.
    End(End),
}

/// How a session ends.
pub(super) struct End {
    pub reason: DownReason,
    /// To be sent before the connection is closed.
    pub notification: Option<Notification>,
    pub close: Close,
}

/// What is left to do about the connection of a session that ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Close {
    /// It is gone already.
    Gone,
    /// Close after what is queued.
    Flush,
    /// Nobody reads at the other end.
    Abort,
}

impl End {
    pub fn with(reason: DownReason, notification: Notification) -> Self {
        Self { reason, notification: Some(notification), close: Close::Flush }
    }

    pub fn silent(reason: DownReason, close: Close) -> Self {
        Self { reason, notification: None, close }
    }

    pub fn message_error(error: MessageError) -> Self {
        let notification = Notification::from(&error);
        Self::with(DownReason::MessageError { error, notification: notification.clone() }, notification)
    }
}

pub(super) struct Session {
    pub conn: ConnId,
    pub direction: Direction,
    pub made: Instant,
    pub state: SessionState,
    local: SocketAddr,
    remote: SocketAddr,
    hold: Option<Instant>,
    /// How long the peer may take to send its OPEN.
    open_timeout: Duration,
    keepalive: Option<Instant>,
    open_delay: Option<Instant>,
    send_hold: Option<Instant>,
    /// Messages of the peer wait unread because our own queue is full: its silence proves nothing.
    stalled: bool,
    /// Attribute blocks seen lately; empty until the session is established.
    attrs: AttrCache,
    /// Where the peer is in its dumps.
    marks: Marks,
}

impl Session {
    /// The connection stands (RFC 4271 events 16 and 17): sends the OPEN, or waits for the DelayOpen timer.
    pub fn start(
        now: Instant,
        (conn, direction): (ConnId, Direction),
        (local, remote): (SocketAddr, SocketAddr),
        config: &PeerConfig,
        out: &mut Outbox,
    ) -> Self {
        let mut session = Self {
            conn,
            direction,
            made: now,
            state: SessionState::Delayed,
            local,
            remote,
            hold: None,
            open_timeout: config.open_timeout,
            keepalive: None,
            open_delay: config.open_delay.filter(|delay| !delay.is_zero()).map(|delay| now + delay),
            send_hold: None,
            stalled: false,
            attrs: AttrCache::disabled(),
            marks: Marks::default(),
        };
        if session.open_delay.is_none() {
            session.send_open(now, config, out);
        }
        session
    }

    fn send_open(&mut self, now: Instant, config: &PeerConfig, out: &mut Outbox) {
        out.send(self.conn, &Message::Open(local_open(config)), &Codec::INITIAL);
        self.open_delay = None;
        self.hold = Some(now + self.open_timeout);
        self.state = SessionState::OpenSent;
    }

    /// The peer may take so long from now on to send its OPEN.
    pub fn limit_open(&mut self, now: Instant, timeout: Duration) {
        self.open_timeout = timeout;
        if self.state == SessionState::OpenSent {
            self.hold = Some(now + timeout);
        }
    }

    /// A valid OPEN came and this connection stays: answers with a KEEPALIVE. RFC 4271 §8.2.2, events 19 and 20
    pub fn confirm(
        &mut self,
        now: Instant,
        negotiated: Negotiated,
        config: &PeerConfig,
        jitter: &mut Jitter,
        out: &mut Outbox,
    ) {
        if self.state == SessionState::Delayed {
            self.send_open(now, config, out);
        }
        let negotiated = Arc::new(negotiated);
        self.state = SessionState::OpenConfirm(Arc::clone(&negotiated));
        self.send_keepalive(now, jitter, out);
        self.restart_hold(now);
    }

    /// Reads a message whose type is [expected](Self::expects).
    pub fn decode(&mut self, frame: &Frame) -> Result<Message, MessageError> {
        let codec = self.codec();
        Message::decode_with(frame, &codec, &mut self.attrs)
    }

    /// One message came.
    pub fn receive(&mut self, now: Instant, message: Message, config: &PeerConfig) -> Outcome {
        match (&self.state, message) {
            // NOTIFICATION ends every state without an answer. RFC 4271 events 24 and 25; §8.2.2 OpenSent would have us
            // answer event 25 with another NOTIFICATION, which §6 ("no error about a NOTIFICATION") and the field do not.
            (_, Message::Notification(notification)) => {
                let reason = DownReason::NotificationReceived { notification, state: self.state() };
                Outcome::End(End::silent(reason, Close::Flush))
            }
            // Events 19 and 20.
            (SessionState::Delayed | SessionState::OpenSent, Message::Open(open)) => {
                match negotiate(config, &open, self.direction, self.local, self.remote) {
                    Ok(negotiated) => Outcome::Opened(Box::new(negotiated)),
                    Err(refused) => {
                        let notification = refused.notification();
                        Outcome::End(End::with(DownReason::OpenRefused(refused), notification))
                    }
                }
            }
            // Event 26.
            (SessionState::OpenConfirm(negotiated), Message::Keepalive) => {
                let negotiated = Arc::clone(negotiated);
                self.state = SessionState::Established(Arc::clone(&negotiated));
                self.attrs = AttrCache::new();
                self.restart_hold(now);
                Outcome::Established(negotiated)
            }
            (SessionState::Established(_), Message::Keepalive) => {
                self.restart_hold(now);
                Outcome::Continue
            }
            // Event 27. Errors of the kind that end the session (event 28) do not get here.
            (SessionState::Established(_), Message::Update(update)) => {
                self.restart_hold(now);
                update.end_of_rib.into_iter().for_each(|family| self.marks.end_of_rib(family));
                Outcome::Deliver(PeerEvent::Update(update))
            }
            // RFC 2918, RFC 7313. The hold timer is for KEEPALIVE and UPDATE (RFC 4271 §4.4): a flood of refreshes proves
            // no more than that the peer's TCP lives.
            (SessionState::Established(negotiated), Message::RouteRefresh(refresh)) => {
                match self.marks.count(refresh, negotiated) {
                    true => Outcome::Deliver(PeerEvent::RouteRefresh(refresh)),
                    false => Outcome::Continue,
                }
            }
            (_, message) => Outcome::End(self.unexpected(message.kind())),
        }
    }

    /// Whether a message of this type has a place in this state. To be asked before it is decoded: what an UPDATE means is
    /// not known before both OPENs are in, so its content must not be what is complained about.
    pub fn expects(&self, kind: u8) -> bool {
        match self.state {
            SessionState::Delayed | SessionState::OpenSent => matches!(kind, kind::OPEN | kind::NOTIFICATION),
            SessionState::OpenConfirm(_) => matches!(kind, kind::KEEPALIVE | kind::NOTIFICATION),
            SessionState::Established(_) => kind != kind::OPEN,
        }
    }

    /// A message that has no place in this state. RFC 4271 §6.6, RFC 6608 §3 (subcode by state) and §4 (data: its type)
    pub fn unexpected(&self, kind: u8) -> End {
        let message = match kind {
            kind::OPEN => "OPEN",
            kind::UPDATE => "UPDATE",
            kind::NOTIFICATION => "NOTIFICATION",
            kind::KEEPALIVE => "KEEPALIVE",
            _ => "ROUTE-REFRESH",
        };
        let subcode = match self.state {
            SessionState::Delayed => 0,
            SessionState::OpenSent => 1,
            SessionState::OpenConfirm(_) => 2,
            SessionState::Established(_) => 3,
        };
        let notification = Notification { data: Bytes::copy_from_slice(&[kind]), ..Notification::fsm(subcode) };
        End::with(DownReason::UnexpectedMessage { message, state: self.state() }, notification)
    }

    /// Does what is due. RFC 4271 events 10–12, RFC 9687 §3
    pub fn handle_timeout(
        &mut self,
        now: Instant,
        config: &PeerConfig,
        jitter: &mut Jitter,
        out: &mut Outbox,
    ) -> Option<End> {
        let due = |timer: Option<Instant>| timer.is_some_and(|at| at <= now);
        if due(self.send_hold) {
            // RFC 9687 §3. The NOTIFICATION (8/0) it allows cannot be written: that is what the timer measures.
            return Some(End::silent(DownReason::SendHoldTimerExpired(self.send_hold_time(config)), Close::Abort));
        }
        if due(self.hold) {
            if !self.stalled {
                return Some(self.hold_expired());
            }
            // There are messages of the peer we have not read yet; ask again when the queue has moved.
            self.stalled = false;
            self.hold = Some(now + (self.hold_time() / 3).max(Duration::from_secs(1)));
        }
        if due(self.open_delay) {
            self.send_open(now, config, out);
        }
        if due(self.keepalive) {
            self.send_keepalive(now, jitter, out);
        }
        None
    }

    fn hold_expired(&self) -> End {
        let reason = match self.state {
            SessionState::Delayed | SessionState::OpenSent => DownReason::NoOpen(self.open_timeout),
            SessionState::OpenConfirm(_) | SessionState::Established(_) => {
                DownReason::HoldTimerExpired(self.hold_time())
            }
        };
        End::with(reason, Notification::hold_timer_expired())
    }

    /// The driver wrote bytes: the peer reads, and it has heard of us.
    pub fn sent(&mut self, now: Instant, jitter: &mut Jitter) {
        self.send_hold = None;
        // RFC 4271 §8.2.2: each KEEPALIVE or UPDATE sent restarts the keepalive timer.
        if matches!(self.state, SessionState::Established(_)) {
            self.restart_keepalive(now, jitter);
        }
    }

    /// The driver has bytes the socket does not take.
    pub fn blocked(&mut self, now: Instant, config: &PeerConfig) {
        if matches!(self.state, SessionState::Established(_)) && self.send_hold.is_none() {
            let time = self.send_hold_time(config);
            self.send_hold = (!time.is_zero()).then(|| now + time);
        }
    }

    /// RFC 9687 §3.3: 8 minutes or twice the hold time, whichever is more.
    fn send_hold_time(&self, config: &PeerConfig) -> Duration {
        config.send_hold.unwrap_or_else(|| (self.hold_time() * 2).max(Duration::from_secs(8 * 60)))
    }

    pub fn set_stalled(&mut self, stalled: bool) {
        self.stalled = stalled;
    }

    /// Sends a KEEPALIVE and starts the timer of the next.
    pub fn send_keepalive(&mut self, now: Instant, jitter: &mut Jitter, out: &mut Outbox) {
        if let Some(negotiated) = self.negotiated() {
            out.send(self.conn, &Message::Keepalive, &negotiated.codec);
        }
        self.restart_keepalive(now, jitter);
    }

    fn restart_keepalive(&mut self, now: Instant, jitter: &mut Jitter) {
        let interval = self.negotiated().map_or(Duration::ZERO, |n| n.keepalive);
        self.keepalive = (!interval.is_zero()).then(|| now + jitter.shorten(interval));
    }

    fn restart_hold(&mut self, now: Instant) {
        let time = self.hold_time();
        self.hold = (!time.is_zero()).then(|| now + time);
    }

    fn hold_time(&self) -> Duration {
        self.negotiated().map_or(Duration::ZERO, |n| n.hold_time)
    }

    /// Of holding and of keeping alive.
    pub fn timers(&self) -> [Option<Instant>; 2] {
        [self.hold, self.keepalive]
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        [self.hold, self.keepalive, self.open_delay, self.send_hold].into_iter().flatten().min()
    }

    pub fn negotiated(&self) -> Option<&Arc<Negotiated>> {
        match &self.state {
            SessionState::Delayed | SessionState::OpenSent => None,
            SessionState::OpenConfirm(negotiated) | SessionState::Established(negotiated) => Some(negotiated),
        }
    }

    pub fn codec(&self) -> Codec {
        self.negotiated().map_or(Codec::INITIAL, |negotiated| negotiated.codec)
    }

    /// Whether the peer's OPEN was accepted.
    pub fn is_confirmed(&self) -> bool {
        self.negotiated().is_some()
    }

    pub fn is_established(&self) -> bool {
        matches!(self.state, SessionState::Established(_))
    }

    pub fn phase(&self, established_for: Duration) -> Phase {
        match self.state {
            SessionState::Delayed | SessionState::OpenSent => Phase::Waiting,
            SessionState::OpenConfirm(_) => Phase::Confirmed,
            SessionState::Established(_) => Phase::Established(established_for),
        }
    }

    pub fn state(&self) -> State {
        match (&self.state, self.direction) {
            // RFC 4271: with the DelayOpen timer running, the FSM stays where the connection found it.
            (SessionState::Delayed, Direction::Outgoing) => State::Connect,
            (SessionState::Delayed, Direction::Incoming) => State::Active,
            (SessionState::OpenSent, _) => State::OpenSent,
            (SessionState::OpenConfirm(_), _) => State::OpenConfirm,
            (SessionState::Established(_), _) => State::Established,
        }
    }
}
