//! What is known about a peer's session at the moment, for those who look from outside.
//!
//! Written by the peer's task before it tells anybody what has changed, read by the API: a short lock, never held across a
//! wait.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bgp_proto::FamilySet;
use bgp_proto::fsm::{Counters, DownReason, Negotiated, Peer, State};
use bgp_proto::message::UpdateFault;
use rib::Reached;

use super::totals::Totals;

/// The outside of a peer's task.
pub struct PeerShared {
    status: Mutex<PeerStatus>,
    /// Octets of its connections' own, and of routes that wait in them.
    memory: [AtomicUsize; 2],
    /// There is something new for who watches, beside what is counted.
    news: AtomicBool,
}

/// A snapshot.
#[derive(Clone)]
pub struct PeerStatus {
    /// The state of its most advanced connection.
    pub state: State,
    /// Since when it is up, or down.
    pub since: Instant,
    /// Why it is down; the last word of the machine.
    pub down: Option<DownReason>,
    /// What to do about it.
    pub hint: Option<String>,
    /// When the peer's operator last gave a reason for a shutdown or reset, and which (RFC 9003).
    pub farewell: Option<(Instant, String)>,
    /// What the current session negotiated.
    pub negotiated: Option<Arc<Negotiated>>,
    /// Messages and sessions counted.
    pub counters: Counters,
    /// Families whose End-of-RIB has come in this session, and which the owner has all of.
    pub end_of_rib: FamilySet,
    /// The last error in an UPDATE that the session survived (RFC 7606).
    pub last_fault: Option<String>,
    /// When the first of the kept routes go, unless the peer renews them.
    pub stale_until: Option<Instant>,
    /// Families whose routes are kept for longer than the peer's restart time (RFC 9494).
    pub long_lived: FamilySet,
    /// Families of this session, or the last one, that have reached the warning of their limit.
    pub limit_near: FamilySet,
    /// Those that have gone beyond it.
    pub limit_exceeded: FamilySet,
    /// What was counted before a mistake of ours ended the state machine with the counters, and how often one did.
    pub before: Totals,
    /// The operator wants no session.
    pub disabled: bool,
    /// When the peer's silence ends the session, and when our next KEEPALIVE goes out.
    pub timers: [Option<Instant>; 2],
}

impl PeerShared {
    /// A peer nothing is known of yet.
    pub fn new() -> Arc<Self> {
        let status = PeerStatus {
            state: State::Idle,
            since: Instant::now(),
            down: None,
            hint: None,
            farewell: None,
            negotiated: None,
            counters: Counters::default(),
            end_of_rib: FamilySet::EMPTY,
            last_fault: None,
            stale_until: None,
            long_lived: FamilySet::EMPTY,
            limit_near: FamilySet::EMPTY,
            limit_exceeded: FamilySet::EMPTY,
            before: Totals::default(),
            disabled: false,
            timers: [None; 2],
        };
        Arc::new(Self { status: Mutex::new(status), memory: Default::default(), news: AtomicBool::default() })
    }

    /// What its connections hold: octets of their own, and of routes that wait in them.
    pub fn holds(&self, (own, unsent): (usize, usize)) {
        self.memory[0].store(own, Ordering::Relaxed);
        self.memory[1].store(unsent, Ordering::Relaxed);
    }

    /// See [`Self::holds`].
    pub fn memory(&self) -> (usize, usize) {
        (self.memory[0].load(Ordering::Relaxed), self.memory[1].load(Ordering::Relaxed))
    }

    /// The state of now.
    pub fn snapshot(&self) -> PeerStatus {
        self.lock().clone()
    }

    /// Copies what the machine shows. Says whether there is news since the last time.
    pub fn observe(&self, machine: &Peer) -> bool {
        let mut status = self.lock();
        let mut news = self.news.swap(false, Ordering::Relaxed);
        news |= std::mem::replace(&mut status.state, machine.state()) != machine.state();
        status.counters = *machine.counters();
        status.timers = machine.timers();
        if status.negotiated.is_none() && status.down.as_ref() != Some(machine.last_down()) {
            status.down = Some(machine.last_down().clone());
            if let DownReason::NotificationReceived { notification, .. } = machine.last_down()
                && let Some(text) = notification.shutdown_text()
            {
                status.farewell = Some((Instant::now(), text));
            }
            status.hint = machine.last_down().what_to_do(machine.config());
            news = true;
        }
        news
    }

    /// A session came up.
    pub fn up(&self, negotiated: Arc<Negotiated>) {
        let mut status = self.change();
        status.since = Instant::now();
        status.negotiated = Some(negotiated);
        status.down = None;
        status.end_of_rib = FamilySet::EMPTY;
        (status.limit_near, status.limit_exceeded) = (FamilySet::EMPTY, FamilySet::EMPTY);
    }

    /// The session is gone.
    pub fn down(&self) {
        let mut status = self.change();
        status.since = Instant::now();
        status.negotiated = None;
    }

    /// The owner has the UPDATE that ended the peer's dump of a family.
    pub fn end_of_rib(&self, family: bgp_proto::Family) {
        self.change().end_of_rib.insert(family);
    }

    /// Routes are kept for the peer until then; of these families, for long.
    pub fn stale(&self, until: Option<Instant>, long_lived: FamilySet) {
        let mut status = self.change();
        (status.stale_until, status.long_lived) = (until, long_lived);
    }

    /// The peer's prefixes of a family are near their limit, or beyond it, or well below it again.
    pub fn limit(&self, family: bgp_proto::Family, reached: Reached) {
        let mut status = self.change();
        match reached {
            Reached::Warning => drop(status.limit_near.insert(family)),
            Reached::Exceeded => drop(status.limit_exceeded.insert(family)),
            Reached::Room => {
                status.limit_near.remove(family);
                status.limit_exceeded.remove(family);
            }
        }
    }

    /// The operator ends the peer's sessions for good, or lets it in again. Time counts from here on.
    pub fn disable(&self, disabled: bool) {
        let mut status = self.change();
        (status.disabled, status.since) = (disabled, Instant::now());
    }

    /// A mistake of ours ended what was done for the peer.
    pub fn panicked(&self) {
        let mut status = self.change();
        status.before = Totals { panics: status.before.panics + 1, ..Totals::of(&status) };
        status.counters = Counters::default();
        (status.since, status.negotiated) = (Instant::now(), None);
    }

    /// An UPDATE had errors that the session survived.
    pub fn fault(&self, fault: &UpdateFault) {
        let mut status = self.lock();
        status.last_fault = Some(format!("{}: {:?}", fault.error, fault.treatment));
    }

    fn change(&self) -> MutexGuard<'_, PeerStatus> {
        self.news.store(true, Ordering::Relaxed);
        self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, PeerStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
