//! The at most two sessions: how they begin, which one stays, and what an end costs.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::Peer;
use super::dial::Dial;
use crate::Family;
use crate::fsm::session::{Close, End, Outcome, Session, SessionState};
use crate::fsm::{ConnId, Contender, Direction, DownReason, IoAction, Negotiated, PeerEvent, Verdict, collide};
use crate::message::{Codec, ErrorCode, Message, Notification, RefreshKind, RouteRefresh, cease};

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
    pub(super) fn stop(&mut self, now: Instant, notification: Option<Notification>) {
        self.wanted = false;
        self.idle_until = None;
        let text = notification.as_ref().and_then(Notification::shutdown_text);
        self.end_all(now, |_| DownReason::Stopped(text.clone()), notification.as_ref());
        self.last_down = DownReason::Stopped(text);
    }

    pub(super) fn end_all(
        &mut self,
        now: Instant,
        reason: impl Fn(&Session) -> DownReason,
        notification: Option<&Notification>,
    ) {
        while let Some(session) = self.sessions.last() {
            let hard = session.negotiated().is_some_and(|negotiated| negotiated.graceful_notification);
            let notification = notification.map(|n| if hard { hard_reset(n) } else { n.clone() });
            let end = End { reason: reason(session), notification, close: Close::Flush };
            self.end(now, session.conn, end);
        }
    }

    /// RFC 4271 §6.7, RFC 4486 §4
    pub(super) fn too_many_prefixes(&mut self, now: Instant, family: Family, limit: u32, pause: Option<Duration>) {
        let notification = Notification::max_prefixes(family, limit);
        self.end_all(now, |_| DownReason::TooManyPrefixes { family, limit, pause }, Some(&notification));
        match pause {
            // Longer than any backoff, and for both directions: what the peer would send is not wanted either.
            Some(pause) if self.wanted => self.idle_until = Some(now + pause),
            Some(_) => {}
            None => self.wanted = false,
        }
    }

    pub(super) fn request_refresh(&mut self, family: Family) {
        let Some(session) = self.sessions.iter().find(|session| session.is_established()) else { return };
        let Some(negotiated) = session.negotiated() else { return };
        if negotiated.route_refresh && negotiated.codec.families.contains(family) {
            let message = Message::RouteRefresh(RouteRefresh { family, kind: RefreshKind::Request });
            self.out.send(session.conn, &message, &negotiated.codec);
        }
    }

    pub(super) fn accepted(&mut self, now: Instant, conn: ConnId, local: SocketAddr, remote: SocketAddr) {
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

    pub(super) fn add(
        &mut self,
        now: Instant,
        conn: ConnId,
        direction: Direction,
        local: SocketAddr,
        remote: SocketAddr,
    ) {
        let session = Session::start(now, (conn, direction), (local, remote), &self.config, &mut self.out);
        self.sessions.push(session);
    }

    pub(super) fn apply(&mut self, now: Instant, conn: ConnId, outcome: Outcome) {
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
            let graceful =
                matches!(&other.state, SessionState::Established(session) if !session.graceful_families().is_empty());
            let (other, direction) = (other.conn, new.direction);
            match collide(local, peer, existing, direction, graceful) {
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
    pub(super) fn end(&mut self, now: Instant, conn: ConnId, end: End) {
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
