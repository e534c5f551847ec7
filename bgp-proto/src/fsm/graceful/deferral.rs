//! The restarting speaker: whose End-of-RIB is still missing (RFC 4724 §4.1).
//!
//! After a start, routes of the life before may still be in the kernel. Those announced again are adopted as they come;
//! the others may go when every peer that has something to say has said it, or after a bounded time. The speaker feeds
//! this with the `Up`, `Down` and End-of-RIB of all peers and acts on [`DeferralEvent::Done`], once for each family.
//!
//! Nothing that is *new* waits for this machine: only sweeping and our own End-of-RIB do. Each peer has its own time: one
//! that never comes up is waited for until `arrive`, and no longer; one that came for `limit` from its first session on,
//! however often it goes and comes again. What one of them is waited for, all wait for: any of them may announce any prefix
//! again, and who had announced a route that is found in the kernel is not written there.
//!
//! A speaker has two questions, so it has two of these: see [`Whom`].

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::fsm::Negotiated;
use crate::{Family, FamilySet};

/// What the deferral says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeferralEvent {
    /// What was left from before the restart may be swept in this family.
    Done(Family, DeferralEnd),
}

/// Why a deferral ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeferralEnd {
    /// Everyone who counts has sent End-of-RIB.
    Complete,
    /// Time is over; some have not.
    TimedOut,
}

/// Who counts among the peers that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Before our own End-of-RIB: not peers that restarted themselves (they wait for nobody, and two restarting speakers
    /// would wait for each other), nor those without the capability (nobody knows when they are done). RFC 4724 §4.1
    Settled,
    /// Before a sweep of the kernel's routes: everyone. Nobody waits for a sweep in turn, so there is nothing to lock
    /// up, and what a peer that restarted with us has not said again yet must not be lost.
    Everyone,
}

/// Whose End-of-RIB is awaited, for peers named by `K`. See the story of [`graceful`](super).
#[derive(Debug)]
pub struct Deferral<K> {
    whom: Whom,
    awaited: BTreeMap<K, Awaited>,
    /// Families not done.
    open: FamilySet,
    arrive_by: Option<Instant>,
    /// How long one that came is waited for.
    limit: Duration,
    /// Nobody is waited for any longer.
    end_by: Instant,
    /// Families that somebody's time was over for.
    late: FamilySet,
    events: VecDeque<DeferralEvent>,
}

#[derive(Clone, Copy, Debug)]
struct Awaited {
    families: FamilySet,
    arrived: bool,
    /// Once it has come: the end of its time.
    until: Option<Instant>,
}

impl<K: Ord> Deferral<K> {
    /// Begins at the start of the speaker. `families` are those that have something to sweep; `peers` the configured
    /// peers with their families. A peer counts if its session is up within `arrive`, and for `limit` from then on.
    pub fn new(
        whom: Whom,
        now: Instant,
        families: FamilySet,
        peers: impl IntoIterator<Item = (K, FamilySet)>,
        arrive: Duration,
        limit: Duration,
    ) -> Self {
        let absent = |families| Awaited { families, arrived: false, until: None };
        let awaited = peers.into_iter().map(|(peer, families)| (peer, absent(families))).collect();
        let mut deferral = Self {
            whom,
            awaited,
            open: families,
            arrive_by: Some(now + arrive),
            limit,
            end_by: now + arrive + limit,
            late: FamilySet::EMPTY,
            events: VecDeque::new(),
        };
        deferral.check();
        deferral
    }

    /// A peer's session is established.
    pub fn up(&mut self, now: Instant, peer: K, negotiated: &Negotiated) {
        let settled = negotiated.peer_graceful_restart.is_some() && !negotiated.peer_restarted();
        if self.whom == Whom::Settled && !settled {
            self.awaited.remove(&peer);
        } else {
            let first = self.awaited.get(&peer).and_then(|before| before.until);
            let until = first.unwrap_or_else(|| (now + self.limit).min(self.end_by));
            self.awaited.insert(peer, Awaited { families: negotiated.families(), arrived: true, until: Some(until) });
        }
        self.check();
    }

    /// A peer's session ended. Its chance to come (back) ends with the time to arrive.
    pub fn down(&mut self, peer: &K) {
        if self.arrive_by.is_none() {
            self.awaited.remove(peer);
        } else if let Some(awaited) = self.awaited.get_mut(peer) {
            awaited.arrived = false;
        }
        self.check();
    }

    /// A peer was removed from the configuration, or stopped.
    pub fn forget(&mut self, peer: &K) {
        self.awaited.remove(peer);
        self.check();
    }

    /// A peer has sent all its routes of a family.
    pub fn end_of_rib(&mut self, peer: &K, family: Family) {
        if let Some(awaited) = self.awaited.get_mut(peer) {
            awaited.families.remove(family);
            if awaited.families.is_empty() {
                self.awaited.remove(peer);
            }
        }
        self.check();
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.arrive_by.is_some_and(|at| at <= now) {
            self.arrive_by = None;
            self.awaited.retain(|_, awaited| awaited.arrived);
        }
        let is_over = |awaited: &Awaited| awaited.until.is_some_and(|until| until <= now);
        let late = self.awaited.values().filter(|awaited| is_over(awaited)).flat_map(|awaited| awaited.families.iter());
        self.late = self.late.iter().chain(late).collect();
        self.awaited.retain(|_, awaited| !is_over(awaited));
        self.check();
    }

    /// When [`Deferral::handle_timeout`] is to be called. `None` when all is done.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let ends = self.awaited.values().filter_map(|awaited| awaited.until);
        ends.chain(self.arrive_by).min().filter(|_| !self.is_done())
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<DeferralEvent> {
        self.events.pop_front()
    }

    /// Whether every family is done.
    pub fn is_done(&self) -> bool {
        self.open.is_empty()
    }

    /// Who is waited for, with the families whose End-of-RIB is missing.
    pub fn awaited(&self) -> impl Iterator<Item = (&K, FamilySet)> {
        self.awaited.iter().map(|(peer, awaited)| (peer, awaited.families.intersection(self.open)))
    }

    fn check(&mut self) {
        let complete = self.open.iter().filter(|f| !self.awaited.values().any(|awaited| awaited.families.contains(*f)));
        for family in complete.collect::<FamilySet>().iter() {
            let end = if self.late.contains(family) { DeferralEnd::TimedOut } else { DeferralEnd::Complete };
            self.open.remove(family);
            self.events.push_back(DeferralEvent::Done(family, end));
        }
        if self.is_done() {
            self.awaited.clear();
        }
    }
}
