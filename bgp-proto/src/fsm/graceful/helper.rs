//! The helper: keeps the routes of a peer that restarts (RFC 4724 §4.2).
//!
//! ```text
//!          lost(keeps)                 up                     End-of-RIB of all / stale time over
//!   Idle ──────────────► Away ───────────────────► Back ──────────────────────────────────────────► Idle
//!                         │ restart time over: Flush
//! ```
//!
//! Fed by the peer task or the owner with the `Up` and `Down` of a [`Peer`](crate::fsm::Peer) and with every End-of-RIB.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::fsm::{DownReason, Negotiated};
use crate::{Family, FamilySet};

/// What the RIB is to do with the routes of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrEvent {
    /// Mark all its routes of these families stale and keep using them.
    Retain(FamilySet),
    /// Remove all its routes of these families.
    Flush(FamilySet),
    /// Remove its routes of this family that are still marked stale.
    PurgeStale(Family),
}

/// The helper of one peer. See the story of [`graceful`](super).
#[derive(Debug)]
pub struct Helper {
    stale_time: Duration,
    stage: Stage,
    events: VecDeque<GrEvent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No stale routes.
    Idle,
    /// The peer is away; routes of these families are kept for it until then.
    Away { families: FamilySet, until: Instant },
    /// The peer is back; these families have stale routes until their End-of-RIB, or until then.
    Back { families: FamilySet, until: Instant },
}

impl Helper {
    /// `stale_time` bounds how long stale routes are kept after the peer is back, if it never sends its End-of-RIB
    /// (RFC 4724 §4.2: "an implementation MAY support a (configurable) timer").
    pub fn new(stale_time: Duration) -> Self {
        Self { stale_time, stage: Stage::Idle, events: VecDeque::new() }
    }

    /// The established session ended.
    pub fn lost(&mut self, now: Instant, negotiated: &Negotiated, reason: &DownReason) {
        // RFC 4724 §4.2: "To deal with possible consecutive restarts, a route (from the peer) previously marked as stale
        // MUST be deleted."
        self.purge_back();
        let time = negotiated.peer_graceful_restart.as_ref().map_or(0, |graceful| graceful.time);
        let retained =
            if time > 0 && reason.keeps_routes(negotiated) { negotiated.graceful_families() } else { FamilySet::EMPTY };
        self.flush(without(negotiated.families(), retained));
        if !retained.is_empty() {
            self.events.push_back(GrEvent::Retain(retained));
            self.stage = Stage::Away { families: retained, until: now + Duration::from_secs(time.into()) };
        }
    }

    /// A session is established again. To be called before its first UPDATE is applied.
    pub fn up(&mut self, now: Instant, negotiated: &Negotiated) {
        let Stage::Away { families, .. } = self.stage else { return };
        // RFC 4724 §4.2: without the F bit, or without the family, or without the capability, the stale routes go at once.
        let kept = families.intersection(negotiated.forwarding_preserved());
        self.flush(without(families, kept));
        self.stage =
            if kept.is_empty() { Stage::Idle } else { Stage::Back { families: kept, until: now + self.stale_time } };
    }

    /// The peer has sent all its routes of a family.
    pub fn end_of_rib(&mut self, family: Family) {
        let Stage::Back { mut families, until } = self.stage else { return };
        if families.contains(family) {
            self.events.push_back(GrEvent::PurgeStale(family));
            families.remove(family);
            self.stage = if families.is_empty() { Stage::Idle } else { Stage::Back { families, until } };
        }
    }

    /// The peer is no longer wanted: whatever was kept for it goes.
    pub fn forget(&mut self) {
        match self.stage {
            Stage::Away { families, .. } => self.flush(families),
            Stage::Back { .. } => self.purge_back(),
            Stage::Idle => {}
        }
        self.stage = Stage::Idle;
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|until| until <= now) {
            self.forget();
        }
    }

    /// When [`Helper::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.stage {
            Stage::Idle => None,
            Stage::Away { until, .. } | Stage::Back { until, .. } => Some(until),
        }
    }

    /// The next thing to do with routes. In this order.
    pub fn poll_event(&mut self) -> Option<GrEvent> {
        self.events.pop_front()
    }

    /// Families with stale routes: kept for a peer that is away, or not yet confirmed by one that is back.
    pub fn stale(&self) -> FamilySet {
        match self.stage {
            Stage::Idle => FamilySet::EMPTY,
            Stage::Away { families, .. } | Stage::Back { families, .. } => families,
        }
    }

    /// Whether routes are kept for a peer that is away.
    pub fn is_away(&self) -> bool {
        matches!(self.stage, Stage::Away { .. })
    }

    fn purge_back(&mut self) {
        if let Stage::Back { families, .. } = self.stage {
            self.events.extend(families.iter().map(GrEvent::PurgeStale));
        }
        self.stage = Stage::Idle;
    }

    fn flush(&mut self, families: FamilySet) {
        if !families.is_empty() {
            self.events.push_back(GrEvent::Flush(families));
        }
    }
}

fn without(all: FamilySet, some: FamilySet) -> FamilySet {
    all.iter().filter(|family| !some.contains(*family)).collect()
}
