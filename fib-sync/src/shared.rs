//! What the handles and the route thread share.
//!
//! Wishes go into a map keyed by prefix, so handing them in never waits and never grows beyond the
//! table: whatever the kernel has not got round to yet is overwritten by the last word.

use crate::changes::Watcher;
use crate::desired::Target;
use crate::far_ends::Mac;
use crate::hash::HashMap;
use crate::next_hop::NextHop;
use crate::stats::FibStats;
use crate::watched::NextHopReport;
use ipnetwork::IpNetwork;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// What was handed in and not taken up yet.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) targets: HashMap<IpNetwork, Option<Target>>,
    pub(crate) next_hops: HashMap<NextHop, bool>,
    pub(crate) sweep: bool,
    /// When the oldest target was handed in, or what it comes from was heard.
    pub(crate) since: Option<Instant>,
    /// The same of those that were taken up in this turn of the thread, whose statistics do not have it yet.
    pub(crate) taken_up: Option<Instant>,
}

#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) wishes: Mutex<Wishes>,
    pub(crate) changed: Notify,
    /// Locked after `wishes`, where both are.
    pub(crate) next_hops: Mutex<BTreeMap<NextHop, NextHopReport>>,
    /// MAC addresses of VXLAN devices, if there is news.
    pub(crate) macs: Mutex<Option<BTreeMap<String, Mac>>>,
    pub(crate) told: Notify,
    pub(crate) stats: Mutex<FibStats>,
    pub(crate) warnings: Mutex<Vec<Arc<str>>>,
    pub(crate) watcher: OnceLock<Arc<dyn Watcher>>,
}

impl Shared {
    pub(crate) fn hand_in(&self, changes: impl IntoIterator<Item = (IpNetwork, Option<Target>)>) {
        self.hand_in_since(Instant::now(), changes);
    }

    pub(crate) fn hand_in_since(&self, since: Instant, changes: impl IntoIterator<Item = (IpNetwork, Option<Target>)>) {
        let mut wishes = lock(&self.wishes);
        wishes.targets.extend(changes);
        wishes.since = wishes.since.into_iter().chain([since]).min();
        drop(wishes);
        self.changed.notify_one();
    }

    /// Next hops named since the last call.
    pub(crate) fn take_next_hops(&self) -> HashMap<NextHop, bool> {
        std::mem::take(&mut lock(&self.wishes).next_hops)
    }

    /// All other wishes since the last call.
    pub(crate) fn take_targets(&self) -> Wishes {
        let mut wishes = lock(&self.wishes);
        let next_hops = std::mem::take(&mut wishes.next_hops);
        // Hashed alike the next time: prefixes come in the order in which they lie in the engine.
        let targets = HashMap::with_hasher(wishes.targets.hasher().clone());
        let taken_up = wishes.taken_up.into_iter().chain(wishes.since).min();
        std::mem::replace(&mut *wishes, Wishes { next_hops, targets, taken_up, ..Wishes::default() })
    }

    pub(crate) fn is_empty(&self) -> bool {
        let wishes = lock(&self.wishes);
        wishes.targets.is_empty() && wishes.next_hops.is_empty() && !wishes.sweep
    }

    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Of a next hop that is watched no longer nothing is told, though the thread may not know yet.
    pub(crate) fn tell(&self, reports: Vec<(NextHop, NextHopReport)>) {
        if reports.is_empty() {
            return;
        }
        let wishes = lock(&self.wishes);
        lock(&self.next_hops)
            .extend(reports.into_iter().filter(|(addr, _)| wishes.next_hops.get(addr) != Some(&false)));
        drop(wishes);
        self.told.notify_one();
    }

    pub(crate) fn tell_macs(&self, news: Option<BTreeMap<String, Mac>>) {
        if news.is_some() {
            *lock(&self.macs) = news;
            self.told.notify_one();
        }
    }

    pub(crate) fn watcher(&self) -> Option<&dyn Watcher> {
        self.watcher.get().map(Arc::as_ref)
    }

    pub(crate) fn publish(&self, stats: FibStats, warnings: &[Arc<str>]) {
        *lock(&self.stats) = stats;
        lock(&self.wishes).taken_up = None;
        let mut told = lock(&self.warnings);
        if **told != *warnings {
            *told = warnings.to_vec();
        }
    }
}

/// A thread that panicked while it held the lock left a whole value behind: all writes are single.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
