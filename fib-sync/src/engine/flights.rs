//! Prefixes of batches that the kernel has, and of those it had a moment ago.
//!
//! While a batch is with the kernel the next one is planned. What the first does to its prefixes is not known yet, so they
//! are not in the second: what is to be done with them meanwhile waits for the results.
//!
//! Notifications come by another way than results. One that is read before all that was sent until a batch's end has been
//! read may be older than the batch: it is not believed. And a link that went while a batch was out may have taken away
//! again, without a word, what the batch has written.

use crate::hash::HashSet;
use crate::plan::Op;
use ipnetwork::IpNetwork;
use std::collections::VecDeque;

#[derive(Debug, Default)]
struct Flight {
    prefixes: HashSet<IpNetwork>,
    /// What is planned next hangs on its results.
    alone: bool,
}

#[derive(Debug, Default)]
pub(super) struct Flights {
    /// Of the batch that is being planned.
    boarding: HashSet<IpNetwork>,
    /// Without results, oldest first: one that the kernel has, and the next.
    out: VecDeque<Flight>,
    /// With results, that came after the last time all notifications were read.
    landed: HashSet<IpNetwork>,
    /// Batches with results since the start.
    landings: u64,
    put_off: Vec<IpNetwork>,
    /// Links that went while batches were out, each with the number of the last of these.
    gone: Vec<(u32, u64)>,
}

impl Flights {
    /// Whether results are to come.
    pub(super) fn are_out(&self) -> bool {
        !self.out.is_empty()
    }

    /// Batches whose results are to come.
    pub(super) fn count_out(&self) -> usize {
        self.out.len()
    }

    /// Batches whose results have come since the start.
    pub(super) fn landings(&self) -> u64 {
        self.landings
    }

    /// Whether something waits for results.
    pub(super) fn have_put_off(&self) -> bool {
        !self.put_off.is_empty()
    }

    /// Whether nothing can be planned before results have come.
    pub(super) fn forbid_more(&self) -> bool {
        self.out.iter().any(|flight| flight.alone)
    }

    /// Whether the prefix has to wait for results; if so, it is planned after them.
    pub(super) fn put_off(&mut self, prefix: IpNetwork) -> bool {
        let waits = self.hold(prefix);
        if waits {
            self.put_off.push(prefix);
        }
        waits
    }

    /// Whether results of the prefix are to come.
    pub(super) fn hold(&self, prefix: IpNetwork) -> bool {
        self.boarding.contains(&prefix) || self.out.iter().any(|flight| flight.prefixes.contains(&prefix))
    }

    /// Something is to be done with the prefix: what is wanted of it from here on waits for the result.
    pub(super) fn board(&mut self, prefix: IpNetwork) {
        self.boarding.insert(prefix);
    }

    /// The batch is given out.
    pub(super) fn depart(&mut self, alone: bool) {
        let room = HashSet::with_capacity_and_hasher(self.boarding.len(), Default::default());
        self.out.push_back(Flight { prefixes: std::mem::replace(&mut self.boarding, room), alone });
    }

    /// The results of the oldest one are there. Gives the prefixes that were put off.
    pub(super) fn land(&mut self) -> Vec<IpNetwork> {
        self.landings += 1;
        self.gone.retain(|(_, last)| *last >= self.landings);
        let Flight { prefixes, .. } = self.out.pop_front().unwrap_or_default();
        if self.landed.is_empty() {
            self.landed = prefixes;
        } else {
            self.landed.extend(prefixes);
        }
        std::mem::take(&mut self.put_off)
    }

    /// Whether news of the prefix may be older than our last write.
    pub(super) fn outrun_news_of(&self, prefix: IpNetwork) -> bool {
        self.landed.contains(&prefix) || self.hold(prefix)
    }

    /// Whether news may have come late of something that has landed.
    pub(super) fn have_landed(&self) -> bool {
        !self.landed.is_empty()
    }

    /// A link took its routes with it.
    pub(super) fn lose(&mut self, dev: u32) {
        if self.are_out() {
            self.gone.push((dev, self.landings + self.out.len() as u64));
        }
    }

    /// Whether what this operation of the batch that landed last has written may have gone with a link since.
    pub(super) fn may_have_lost(&self, op: &Op) -> bool {
        match op {
            Op::Add(route) | Op::Replace { new: route, .. } => {
                route.prefix.is_ipv4() && self.gone.iter().any(|(dev, _)| route.leads_over(*dev))
            }
            _ => false,
        }
    }

    /// All notifications sent before now are read.
    pub(super) fn drained(&mut self) {
        self.landed.clear();
    }
}
