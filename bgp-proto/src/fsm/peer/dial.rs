//! When to dial: the ConnectRetry timer, the one outgoing attempt, and the pause in Idle.

use std::net::SocketAddr;
use std::time::Instant;

use super::Peer;
use crate::fsm::session::Session;
use crate::fsm::{ConnId, Direction, DownReason, IoAction, PeerEvent};

/// The one outgoing attempt.
#[derive(Clone, Copy)]
pub(super) enum Dial {
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

impl Peer {
    pub(super) fn start(&mut self, now: Instant) {
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

    pub(super) fn connected(&mut self, now: Instant, conn: ConnId, local: SocketAddr, remote: SocketAddr) {
        if !matches!(self.dial, Dial::Connecting { conn: dialled, .. } if dialled == conn) {
            // We gave up on it while it was being made.
            self.out.io.push_back(IoAction::Abort(conn));
            return;
        }
        self.dial = Dial::Off;
        self.add(now, conn, Direction::Outgoing, local, remote);
    }

    pub(super) fn connect_failed(&mut self, now: Instant, conn: ConnId, reason: DownReason) {
        let Dial::Connecting { conn: dialled, retry_at, .. } = self.dial else { return };
        if dialled == conn {
            self.dial = Dial::Waiting(retry_at.max(now));
            self.attempt_failed(reason);
        }
    }

    /// Begins to dial; the ConnectRetry timer runs from now on, so attempts are never closer than that.
    pub(super) fn connect(&mut self, now: Instant) {
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

    pub(super) fn attempt_failed(&mut self, reason: DownReason) {
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
    pub(super) fn settle(&mut self, now: Instant) {
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

    pub(super) fn show(&mut self) {
        let state = self.state();
        if state != self.shown {
            self.shown = state;
            self.out.events.push_back(PeerEvent::StateChanged(state));
        }
    }
}
