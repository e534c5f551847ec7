//! Next hops that somebody asks about, and what was said of each.
//!
//! A routing daemon has to know whether a next hop can be used *before* it chooses a path. So it names those of all its
//! paths, chosen or not, and is told of every change, the last word only.
//!
//! What it is told may lead it to other choices, those to other routes, and those to another answer. A route that
//! would be its own ground is named by [`NextHopReport::through`], so that it is never chosen. Two that are each
//! other's ground can't be seen one by one: chosen together they fall together, and rise together again. Therefore good
//! news that hangs on our own routes waits a little longer each time it follows on bad news, and is told of one next hop
//! at a time: then the second choice already sees the first. Bad news, and good news that hangs on the kernel's own
//! routes alone, never wait.

use crate::next_hop::NextHop;
use crate::next_hops::{Facts, NextHopError};
use crate::resolve::{Underlay, unfit};
use ipnetwork::IpNetwork;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The first pause before good news; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// After so long without a change the pause is forgotten.
const CALM: Duration = Duration::from_secs(60);
/// Between two pieces of good news that have waited.
const SPACING: Duration = Duration::from_millis(50);

/// Whether and how a next hop can be used, as far as the address alone decides it. What the pool of a prefix adds (its
/// tunnel) is not part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextHopReport {
    /// It is another node's address, and the kernel's routes and ours lead there.
    pub usable: bool,
    /// What is wrong with it; `None` if it is usable.
    pub why_not: Option<NextHopError>,
    /// It is a neighbour on a link: no gateway lies between.
    pub on_link: bool,
    /// How far it is, as the node's routing knows it (the interior cost of RFC 4271 §9.1.2.2 e): 0 on a link; else 1 and
    /// the metric of the kernel's route that leads there; `u32::MAX` by way of our own wanted routes, or of none.
    pub cost: u32,
    /// Wanted prefixes without each of which it would be unreachable, in order. A route of one of these must not use
    /// this next hop: it would be resolved through itself (RFC 4271 §9.1.2.1).
    pub through: Vec<IpNetwork>,
}

impl NextHopReport {
    pub(crate) fn find(next_hop: NextHop, facts: &Facts, world: &Underlay<'_>) -> NextHopReport {
        let own = facts.own.then_some(NextHopError::Own);
        let why_not = unfit(next_hop).or(own).or_else(|| facts.underlay.clone().err());
        let usable = why_not.is_none();
        let on_link = |hops: &crate::route::Hops| hops.iter().any(|hop| hop.via == Some(next_hop.addr));
        let through = match usable && !facts.through.is_empty() {
            true => world.indispensable(next_hop).into_vec(),
            false => Vec::new(),
        };
        let on_link = usable && through.is_empty() && facts.underlay.as_ref().is_ok_and(on_link);
        NextHopReport { usable, why_not, on_link, cost: facts.cost, through }
    }

    /// Whether it lets choose what `old` did not.
    fn allows_more_than(&self, old: &NextHopReport) -> bool {
        self.usable && (!old.usable || old.through.iter().any(|prefix| !self.through.contains(prefix)))
    }
}

#[derive(Debug, Default)]
struct Told {
    last: Option<(Instant, NextHopReport)>,
    pause: Duration,
    /// Good news waits until then.
    due: Option<Instant>,
}

#[derive(Debug, Default)]
pub(crate) struct Watched {
    told: BTreeMap<NextHop, Told>,
    waiting: BTreeSet<(Instant, NextHop)>,
    news: BTreeMap<NextHop, NextHopReport>,
}

impl Watched {
    /// Somebody wants to know, from the beginning.
    pub(crate) fn begin(&mut self, next_hop: NextHop) {
        self.end(next_hop);
        self.told.insert(next_hop, Told::default());
    }

    pub(crate) fn end(&mut self, next_hop: NextHop) {
        if let Some(Told { due: Some(due), .. }) = self.told.remove(&next_hop) {
            self.waiting.remove(&(due, next_hop));
        }
        self.news.remove(&next_hop);
    }

    pub(crate) fn contains(&self, next_hop: NextHop) -> bool {
        self.told.contains_key(&next_hop)
    }

    /// How things stand with it. `recursive`: the answer hangs on our own routes.
    pub(crate) fn judged(&mut self, now: Instant, next_hop: NextHop, report: NextHopReport, recursive: bool) {
        let Some(told) = self.told.get_mut(&next_hop) else { return };
        if let Some(due) = told.due {
            self.waiting.remove(&(due, next_hop));
        }
        if let Some((at, last)) = &told.last {
            if *last == report {
                told.due = None;
                return;
            }
            let due = told.due.unwrap_or(*at + told.pause);
            if recursive && report.allows_more_than(last) && now < due {
                told.due = Some(due);
                self.waiting.insert((due, next_hop));
                return;
            }
            let calm = now.saturating_duration_since(*at) >= CALM;
            told.pause = if calm { Duration::ZERO } else { (told.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX) };
        }
        told.due = None;
        told.last = Some((now, report.clone()));
        self.news.insert(next_hop, report);
    }

    /// One of those whose time has come; it is to be judged again. The others' time is put off.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<NextHop> {
        let (due, first) = self.waiting.first().copied().filter(|(due, _)| *due <= now)?;
        self.waiting.remove(&(due, first));
        while let Some((due, next_hop)) = self.waiting.first().copied().filter(|(due, _)| *due <= now) {
            self.waiting.remove(&(due, next_hop));
            self.waiting.insert((now + SPACING, next_hop));
            if let Some(told) = self.told.get_mut(&next_hop) {
                told.due = Some(now + SPACING);
            }
        }
        Some(first)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.first().map(|(due, _)| *due)
    }

    /// What was not said yet, in order of address: the last word only.
    pub(crate) fn take(&mut self) -> Vec<(NextHop, NextHopReport)> {
        std::mem::take(&mut self.news).into_iter().collect()
    }
}
