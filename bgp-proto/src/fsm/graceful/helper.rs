//! The helper: keeps the routes of a peer that restarts (RFC 4724 §4.2), and for long if both agreed (RFC 9494 §4.2).
//!
//! ```text
//!          lost(keeps)            up                     End-of-RIB / stale time over
//!   none ──────────────► Away ───────────────► Back ──────────────────────────────────► none
//!                         │                     ▲
//!                         │ restart time over   │ up
//!                         ├──────────────► LongLived ── long-lived stale time over: Flush
//!                         └ Flush, without RFC 9494 (or what we are told to hold)
//! ```
//!
//! Each family goes its own way. Fed by the peer task or the owner with the `Up` and `Down` of a
//! [`Peer`](crate::fsm::Peer) and with every End-of-RIB.
//!
//! RFC 4724 §4.2 has routes that were stale already deleted when the peer is lost a second time before its End-of-RIB.
//! We keep them: a node that restarts twice in a row (an upgrade and its rollback, an out-of-memory kill while the table
//! is read) forwards all the time, and deletion would lose the packets to everything it had not announced again yet.
//! What the rule is for, a peer that never finishes and whose old routes never go, is met by a bound instead: however
//! often it restarts, stale routes go when the *first* loss is older than its restart time and our stale time together.
//!
//! An operator can have routes held beyond what the peer has negotiated, for a reflector whose end should move no packet:
//! of a peer that knows neither RFC, or whose session ended in a way that these do not cover (silence, a Cease), routes
//! stay all the same, as long-lived stale ones. Such a peer may come back knowing nothing (no F bit), and say that this is
//! all (End-of-RIB) before it has learned anything; so what it does not repeat goes with the stale time instead.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::fsm::{DownReason, Negotiated};
use crate::{Family, FamilySet};

/// What the RIB is to do with the routes of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrEvent {
    /// Mark all its routes of these families stale and keep using them.
    Retain(FamilySet),
    /// Its routes of these families are kept for long: mark them LLGR_STALE, remove those with NO_LLGR. RFC 9494 §4.2
    LongLived(FamilySet),
    /// Remove all its routes of these families.
    Flush(FamilySet),
    /// Remove its routes of this family that are still marked stale.
    PurgeStale(Family),
}

/// The helper of one peer. See the story of [`graceful`](super).
#[derive(Debug)]
pub struct Helper {
    stale_time: Duration,
    /// How long routes are held whatever was negotiated; zero: not at all.
    hold: Duration,
    /// Families with stale routes; at most one entry each.
    kept: SmallVec<[Kept; 2]>,
    events: VecDeque<GrEvent>,
}

/// A family with stale routes.
#[derive(Clone, Copy, Debug)]
struct Kept {
    family: Family,
    stage: Stage,
    /// When the stage ends.
    until: Instant,
    /// When routes kept since the first loss go, whatever happens in between.
    bound: Instant,
    /// How long they are kept after the restart time; zero: not at all.
    long: Duration,
    /// Held whatever was negotiated.
    held: bool,
    /// The peer has come back and knows nothing of before: its End-of-RIB is not the end of what it has to say.
    anew: bool,
    /// When the long-lived stale time ends, once it has begun: it does not begin anew with each loss.
    long_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The peer is away.
    Away,
    /// The peer is away for longer than it wanted to be.
    LongLived,
    /// The peer is back; its End-of-RIB is missing.
    Back,
}

impl Helper {
    /// `stale_time` bounds how long stale routes are kept after the peer is back, if it never sends its End-of-RIB
    /// (RFC 4724 §4.2: "an implementation MAY support a (configurable) timer"). `hold` is how long they are held beyond the
    /// restart time whatever was negotiated, unless somebody wants none of them; zero: no longer than negotiated.
    pub fn new(stale_time: Duration, hold: Duration) -> Self {
        Self { stale_time, hold, kept: SmallVec::new(), events: VecDeque::new() }
    }

    /// Other times, as those of [`Self::new`]. What is kept already goes when it was to go.
    pub fn set_times(&mut self, stale_time: Duration, hold: Duration) {
        (self.stale_time, self.hold) = (stale_time, hold);
    }

    /// The established session ended.
    pub fn lost(&mut self, now: Instant, negotiated: &Negotiated, reason: &DownReason) {
        let keeps = reason.keeps_routes(negotiated);
        let hold = if reason.may_be_held() { self.hold } else { Duration::ZERO };
        let time = negotiated.peer_graceful_restart.as_ref().map_or(0, |graceful| graceful.time);
        let time = Duration::from_secs(time.into());
        let graceful = if time.is_zero() { FamilySet::EMPTY } else { negotiated.graceful_families() };
        let (mut retained, mut gone, mut long_lived) = (FamilySet::EMPTY, FamilySet::EMPTY, FamilySet::EMPTY);
        for family in negotiated.families().iter() {
            let before = self.take(family).filter(|before| before.bound > now || before.long_until.is_some());
            let long = if keeps { negotiated.long_lived(family) } else { Duration::ZERO }.max(hold);
            let restarts = keeps && graceful.contains(family);
            if !restarts && long.is_zero() {
                gone.insert(family);
                continue;
            }
            retained.insert(family);
            // RFC 9494 §4.2: a family of which the peer said nothing in RFC 4724's capability has a restart time of zero.
            let time = if restarts { time } else { Duration::ZERO };
            let bound = before.map_or(now + time + self.stale_time, |before| before.bound);
            let kept = Kept {
                family,
                stage: Stage::Away,
                until: (now + time).min(bound),
                bound,
                long,
                held: !hold.is_zero(),
                anew: false,
                long_until: before.and_then(|before| before.long_until),
            };
            if kept.until <= now {
                long_lived.insert(family);
                self.kept.push(kept.into_long_lived(now));
            } else {
                self.kept.push(kept);
            }
        }
        // Families this session did not carry have nobody who could renew them.
        for kept in std::mem::take(&mut self.kept) {
            if negotiated.families().contains(kept.family) {
                self.kept.push(kept);
            } else {
                gone.insert(kept.family);
            }
        }
        self.flush(gone);
        if !retained.is_empty() {
            self.events.push_back(GrEvent::Retain(retained));
        }
        self.say_long_lived(long_lived);
    }

    /// A session is established again. To be called before its first UPDATE is applied.
    pub fn up(&mut self, now: Instant, negotiated: &Negotiated) {
        let mut gone = FamilySet::EMPTY;
        let stale_until = now + self.stale_time;
        self.kept.retain(|kept| {
            // RFC 4724 §4.2: without the F bit, or without the family, or without the capability, the stale routes go at
            // once. RFC 9494 §4.2 has the same for its own.
            let preserved = match kept.stage {
                Stage::Away | Stage::Back => negotiated.forwarding_preserved(),
                Stage::LongLived => negotiated.long_lived_preserved(),
            };
            kept.anew = !preserved.contains(kept.family);
            if kept.anew && !(kept.held && negotiated.families().contains(kept.family)) {
                gone.insert(kept.family);
                return false;
            }
            let bound = kept.long_until.unwrap_or(kept.bound);
            (kept.stage, kept.until) = (Stage::Back, stale_until.min(bound));
            true
        });
        self.flush(gone);
    }

    /// The peer has sent all its routes of a family.
    pub fn end_of_rib(&mut self, family: Family) {
        if self.kept.iter().any(|kept| kept.family == family && kept.stage == Stage::Back && !kept.anew) {
            self.take(family);
            self.events.push_back(GrEvent::PurgeStale(family));
        }
    }

    /// The peer is no longer wanted: whatever was kept for it goes.
    pub fn forget(&mut self) {
        let all = std::mem::take(&mut self.kept);
        self.drop_all(all);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut due = SmallVec::new();
        let mut long_lived = FamilySet::EMPTY;
        for kept in std::mem::take(&mut self.kept) {
            match kept.stage {
                _ if kept.until > now => self.kept.push(kept),
                Stage::Away if !kept.long.is_zero() => {
                    long_lived.insert(kept.family);
                    self.kept.push(kept.into_long_lived(now));
                }
                _ => due.push(kept),
            }
        }
        self.drop_all(due);
        self.say_long_lived(long_lived);
    }

    /// When [`Helper::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.kept.iter().map(|kept| kept.until).min()
    }

    /// The next thing to do with routes. In this order.
    pub fn poll_event(&mut self) -> Option<GrEvent> {
        self.events.pop_front()
    }

    /// Families with stale routes: kept for a peer that is away, or not yet confirmed by one that is back.
    pub fn stale(&self) -> FamilySet {
        self.kept.iter().map(|kept| kept.family).collect()
    }

    /// Families whose routes are kept for a peer that did not come back in its restart time. RFC 9494
    pub fn long_lived(&self) -> FamilySet {
        self.kept.iter().filter(|kept| kept.stage == Stage::LongLived).map(|kept| kept.family).collect()
    }

    fn take(&mut self, family: Family) -> Option<Kept> {
        let at = self.kept.iter().position(|kept| kept.family == family)?;
        Some(self.kept.remove(at))
    }

    fn drop_all(&mut self, all: SmallVec<[Kept; 2]>) {
        let (back, away): (SmallVec<[Kept; 2]>, SmallVec<[Kept; 2]>) =
            all.into_iter().partition(|kept| kept.stage == Stage::Back);
        self.flush(away.iter().map(|kept| kept.family).collect());
        // What the peer has renewed since it is back stays.
        let back: FamilySet = back.iter().map(|kept| kept.family).collect();
        self.events.extend(back.iter().map(GrEvent::PurgeStale));
    }

    fn flush(&mut self, families: FamilySet) {
        if !families.is_empty() {
            self.events.push_back(GrEvent::Flush(families));
        }
    }

    fn say_long_lived(&mut self, families: FamilySet) {
        if !families.is_empty() {
            self.events.push_back(GrEvent::LongLived(families));
        }
    }
}

impl Kept {
    fn into_long_lived(self, now: Instant) -> Self {
        let until = self.long_until.unwrap_or(now + self.long);
        Self { stage: Stage::LongLived, until, long_until: Some(until), ..self }
    }
}
