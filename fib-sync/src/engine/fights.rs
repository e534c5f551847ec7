//! Another program that takes a route of ours away as often as we put it back.
//!
//! A route lost once is restored at once: a hand slipped. One that is lost again and again has two masters, and restoring
//! it faster only makes both busy and the packets go to and fro. So after [`MANY`] times within [`WINDOW`] it is said who
//! does what, once, and from then on the route is restored after a pause that doubles up to [`PAUSE_MAX`]. What the
//! kernel loses by itself (links, addresses) is nobody's doing and never counts.

use super::Engine;
use crate::desired::{Cause, Reason, State};
use crate::hash::HashMap;
use crate::plan::Op;
use crate::view::Held;
use ipnetwork::IpNetwork;
use std::time::{Duration, Instant};

const MANY: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A fight is over when the route has stayed so long: more than any pause and a round of the other after it.
const CALM: Duration = Duration::from_secs(120);

#[derive(Debug)]
struct Fight {
    began: Instant,
    last: Instant,
    times: u32,
    pause: Duration,
    /// Not restored before.
    until: Option<Instant>,
}

impl Fight {
    fn new(now: Instant) -> Fight {
        Fight { began: now, last: now, times: 0, pause: PAUSE_MIN, until: None }
    }

    fn is_over(&self, now: Instant) -> bool {
        let (since, calm) = if self.times < MANY { (self.began, WINDOW) } else { (self.last, CALM) };
        now.saturating_duration_since(since) >= calm
    }

    /// It was taken away once more, or is to be written for another reason; until when that has to wait.
    fn round(&mut self, now: Instant, taken: bool) -> Option<Instant> {
        if let Some(until) = self.until {
            self.until = (now < until).then_some(until);
            return self.until;
        }
        if !taken {
            return None;
        }
        if self.is_over(now) {
            *self = Fight::new(now);
        }
        self.times = self.times.saturating_add(1);
        self.last = now;
        if self.times >= MANY {
            self.until = Some(now + self.pause);
            self.pause = (self.pause * 2).min(PAUSE_MAX);
        }
        self.until
    }
}

#[derive(Debug, Default)]
pub(super) struct Fights {
    by_prefix: HashMap<IpNetwork, Fight>,
    cleaned: Option<Instant>,
}

impl Fights {
    /// Whether there is a fight, of which all was said before this state: a log line each round helps nobody.
    pub(super) fn is_told(&self, prefix: IpNetwork, state: &State) -> bool {
        let told = match state {
            State::Withheld { reason: Reason::Fight { times, .. } } => *times > MANY,
            State::Installed | State::Pending => true,
            _ => false,
        };
        told && self.by_prefix.get(&prefix).is_some_and(|fight| fight.times >= MANY)
    }

    /// No longer wanted.
    pub(super) fn forget(&mut self, prefix: IpNetwork) {
        self.by_prefix.remove(&prefix);
    }

    /// Another route is wanted in its place, which is written at once; whether something had to wait.
    pub(super) fn release(&mut self, prefix: IpNetwork) -> bool {
        self.by_prefix.get_mut(&prefix).is_some_and(|fight| fight.until.take().is_some())
    }

    /// Forgets those that are over, now and then.
    pub(super) fn clean(&mut self, now: Instant) {
        if self.cleaned.is_none_or(|at| now.saturating_duration_since(at) >= WINDOW) {
            self.by_prefix.retain(|_, fight| !fight.is_over(now));
            self.cleaned = Some(now);
        }
    }
}

impl Engine {
    /// Why the route, which the kernel does not hold, is not written now; it is planned again when its time has come.
    pub(super) fn fight(&mut self, now: Instant, prefix: IpNetwork, planned: &[Op]) -> Option<Reason> {
        let taken = match self.desired.get(prefix)?.cause {
            Some(Cause::Deleted { by } | Cause::Changed { by }) => Some(by),
            Some(Cause::Lost) | None => None,
        };
        let fights = &mut self.fights.by_prefix;
        let fight = match taken {
            Some(_) => fights.entry(prefix).or_insert_with(|| Fight::new(now)),
            None => fights.get_mut(&prefix)?,
        };
        let until = fight.round(now, taken.is_some())?;
        let times = fight.times;
        self.retry.insert((until, prefix));
        let (Op::Add(route) | Op::Replace { new: route, .. }) = planned.first()? else { return None };
        let rival = |held: &&Held| held.route.table == route.table && held.route != *route;
        let seen = self.view.routes.at(prefix).iter().find(rival);
        let seen = seen.map(|held| held.route.text(&self.view.links).to_string().into());
        Some(Reason::Fight { times, by: taken, seen })
    }
}
