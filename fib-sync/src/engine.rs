//! The whole logic, without a socket and without a clock.
//!
//! The driver feeds it ([`Engine::update`], [`Engine::event`], [`Engine::load`], [`Engine::results`])
//! and asks what to do ([`Engine::poll_ops`], [`Engine::wants_dump`], [`Engine::poll_timeout`]).
//!
//! Work is a set of dirty prefixes. Whatever happens (a wanted route changes, somebody deletes one, a
//! next hop moves, a refusal is to be retried) only marks prefixes; [`plan_prefix`](crate::plan::plan_prefix) then compares
//! what is wanted with what is there. So there is one way from any disagreement to agreement, and no
//! event needs to know how to repair what it reports.
//!
//! # Why stale news can't mislead it
//!
//! Results of our writes and notifications of other people's come by two sockets. A notification that
//! was sent *before* our last write may be read *after* it. The driver drains all notifications
//! between two batches, so only prefixes of the last ones can be affected (`flights`): such a notification
//! makes the engine read everything back instead of believing it.

use crate::FibError;
use crate::changes::Changes;
use crate::config::FibConfig;
use crate::desired::{Desired, Target};
use crate::far_ends::FarEnds;
use crate::hash::{HashMap, HashSet};
use crate::marks::Marks;
use crate::next_hop::NextHop;
use crate::next_hops::{Facts, NextHops};
use crate::protect::Protected;
use crate::resolve::Underlay;
use crate::route::masked;
use crate::stats::FibStats;
use crate::view::{Links, View};
use crate::watched::{NextHopReport, Watched};
use ipnetwork::IpNetwork;
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

mod devices;
mod explain;
mod far;
mod fights;
mod flights;
mod known;
mod macs;
mod places;
mod planning;
mod queue;
mod reconfigure;
mod report;
mod results;
mod watch;
pub use explain::{Covering, Explanation, Overview, Way};
pub use report::Found;
pub(crate) use report::{Loud, is_bad};

/// A burst of link events becomes one dump.
const DUMP_DELAY: Duration = Duration::from_millis(10);
/// First pause after a refusal; doubles up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Wishes whose memory is waited for together.
const TOGETHER: usize = 32;

/// So often a deletion is tried, each time after a fresh look; then every [`RETRY_MAX`].
const STUCK: u8 = 3;

/// Desired routes, what is known of the kernel, and what is still to do.
#[derive(Debug)]
pub struct Engine {
    config: FibConfig,
    view: View,
    desired: Desired,
    next_hops: NextHops,
    watched: Watched,
    /// The node's own subnets as the interfaces have them.
    subnets: Vec<IpNetwork>,
    /// Prefixes withheld with a reason that names these subnets.
    off_link: HashSet<IpNetwork>,
    /// What no learned route may take over.
    protected: Protected,
    /// Tunnel devices as last seen: index and whether up, and why not to be used.
    tunnels: Vec<(String, watch::TunnelSeen)>,
    /// Found at start, not wanted yet.
    adopted: HashSet<IpNetwork>,
    /// Prefixes to plan: wanted ones first, so that new comes before old.
    dirty: queue::Queue,
    gone: queue::Queue,
    places: places::Places,
    fights: fights::Fights,
    far_ends: FarEnds,
    devices: devices::Devices,
    macs: macs::Macs,
    retry: BTreeSet<(Instant, IpNetwork)>,
    /// Prefixes with a route that the kernel shows us but says it does not have when asked to delete it.
    stuck: HashMap<IpNetwork, u8>,
    /// Next hops to judge again before the next plan.
    stale: Stale,
    /// Batches given out, until all notifications sent before their end are read.
    flights: flights::Flights,
    dump_at: Option<Instant>,
    /// News was lost or contradicts what is known: nothing is written until all is read back, for a
    /// replacement could hit a route that somebody else has written meanwhile.
    blind: bool,
    /// Not before: a dump may take at most a fifth of the time.
    dump_not_before: Option<Instant>,
    rescan_at: Option<Instant>,
    loaded: bool,
    loud: Loud,
    /// Prefixes with another row than before this turn.
    pub(crate) changes: Changes,
    stats: FibStats,
    started: SystemTime,
    /// As of the last entry: one look at the clock for many routes.
    clock: SystemTime,
}

#[derive(Debug, Default)]
struct Stale {
    next_hops: BTreeSet<NextHop>,
    recursive: bool,
    all: bool,
}

impl Engine {
    /// An engine that knows nothing of the kernel yet and asks for a dump first.
    ///
    /// # Errors
    /// When the configuration can't be run.
    pub fn new(config: FibConfig) -> Result<Engine, FibError> {
        config.check()?;
        let tunnels = config.tunnels().into_iter().map(|name| (name.to_owned(), Default::default())).collect();
        Ok(Engine {
            view: View::new(Marks::new(&config)),
            desired: Desired::default(),
            next_hops: NextHops::default(),
            watched: Watched::default(),
            subnets: Vec::new(),
            off_link: HashSet::default(),
            protected: Protected::new(&config.protect),
            tunnels,
            adopted: HashSet::default(),
            dirty: queue::Queue::default(),
            gone: queue::Queue::default(),
            places: places::Places::default(),
            fights: fights::Fights::default(),
            far_ends: FarEnds::default(),
            devices: devices::Devices::default(),
            macs: macs::Macs::default(),
            retry: BTreeSet::new(),
            stuck: HashMap::default(),
            stale: Stale::default(),
            flights: flights::Flights::default(),
            dump_at: None,
            blind: false,
            dump_not_before: None,
            rescan_at: None,
            loaded: false,
            loud: Loud::default(),
            changes: Changes::default(),
            stats: FibStats::default(),
            started: SystemTime::now(),
            clock: SystemTime::now(),
            config,
        })
    }

    /// New wishes: a target, or `None` for "no longer". Host bits are cut off.
    pub fn update(&mut self, changes: impl IntoIterator<Item = (IpNetwork, Option<Target>)>) {
        self.clock = SystemTime::now();
        let mut changes = changes.into_iter().map(|(prefix, target)| (masked(prefix), target));
        let mut some: SmallVec<[_; TOGETHER]> = changes.by_ref().take(TOGETHER).collect();
        while !some.is_empty() {
            self.warm(some.iter().map(|(prefix, _)| *prefix));
            for (prefix, target) in some.drain(..) {
                match target {
                    Some(target) => self.want(prefix, target),
                    None => self.unwant(prefix),
                }
            }
            some.extend(changes.by_ref().take(TOGETHER));
        }
    }

    /// Looks at what is known of these prefixes, for nothing but to have it in the processor's caches. In a large table each
    /// look waits for memory; looks that do not hang on each other wait together.
    fn warm(&self, prefixes: impl Iterator<Item = IpNetwork>) {
        for prefix in prefixes {
            let attempts = self.desired.get(prefix).map(|entry| (entry.attempts, entry.since));
            let held = self.view.routes.at(prefix).iter().filter(|held| held.ours).count();
            std::hint::black_box((attempts, held));
        }
    }

    fn want(&mut self, prefix: IpNetwork, target: Target) {
        if self.desired.get(prefix).is_some_and(|entry| entry.target == target) {
            return;
        }
        let key = self.config.key_of(prefix, &target);
        let protected = target != Target::Blackhole && self.protected.find(prefix, &self.config).is_some();
        let old = self.desired.want(prefix, target.clone(), self.clock);
        if old.is_none() {
            self.stats.wanted += 1;
            self.stats.pending += 1;
        }
        if let Some(entry) = self.desired.get_mut(prefix) {
            entry.protected = protected;
            if self.fights.release(prefix) {
                entry.cause = None;
            }
        }
        let world = Underlay { config: &self.config, view: &self.view, desired: &self.desired };
        let is_old = |next_hop: &NextHop| old.as_ref().is_some_and(|old| old.leads_to(*next_hop));
        for next_hop in target.next_hops().filter(|next_hop| !is_old(next_hop)) {
            let find = || Facts::find(next_hop, &world, &self.subnets);
            self.next_hops.attach(next_hop, prefix, &self.desired, find);
        }
        for next_hop in old.iter().flat_map(Target::next_hops).filter(|next_hop| !target.leads_to(*next_hop)) {
            self.next_hops.detach(next_hop);
        }
        if let Ok(key) = key {
            // A route with our protocol id and exactly our key: an earlier run's, or ours whose
            // acknowledgement was lost.
            self.view.routes.claim(prefix, |route| key.is_of(route));
            self.adopted.remove(&prefix);
        }
        self.gone.remove(prefix);
        self.dirty.insert(prefix);
        self.stale_under(prefix);
    }

    fn unwant(&mut self, prefix: IpNetwork) {
        let Some(entry) = self.desired.unwant(prefix) else { return };
        self.stats.wanted -= 1;
        *self.count(&entry.state) -= 1;
        self.off_link.remove(&prefix);
        self.places.forget(prefix, entry.placed);
        self.fights.forget(prefix);
        let concerned = self.far_ends.needed_by(prefix, &[]);
        for next_hop in entry.target.next_hops() {
            self.next_hops.detach(next_hop);
        }
        self.dirty.remove(prefix);
        self.gone.insert(prefix);
        self.stale_under(prefix);
        concerned.into_iter().for_each(|prefix| self.mark(prefix));
    }

    /// Next hops to watch (`true`) or no longer. What is found out about each is in
    /// [`Engine::take_next_hop_changes`]: once soon, then whenever it changes. Naming one again begins anew.
    pub fn watch_next_hops(&mut self, changes: impl IntoIterator<Item = (NextHop, bool)>) {
        for (next_hop, watch) in changes {
            if watch {
                let world = Underlay { config: &self.config, view: &self.view, desired: &self.desired };
                self.next_hops.watch(next_hop, || Facts::find(next_hop, &world, &self.subnets));
                self.watched.begin(next_hop);
                self.stale.next_hops.insert(next_hop);
            } else {
                self.next_hops.unwatch(next_hop);
                self.watched.end(next_hop);
            }
        }
    }

    /// Watched next hops of which there is news, each once with the last word, in order.
    pub fn take_next_hop_changes(&mut self) -> Vec<(NextHop, NextHopReport)> {
        self.watched.take()
    }

    /// From now on, adopted routes that nobody wants, or that another program is to write, are deleted.
    pub fn sweep(&mut self) {
        let mut adopted: Vec<IpNetwork> = std::mem::take(&mut self.adopted).into_iter().collect();
        adopted.sort_unstable();
        for prefix in adopted {
            self.mark(prefix);
        }
        self.far_ends.sweep();
    }

    /// All routes of ours are to go, and the devices (a final clean-up).
    pub fn drop_all(&mut self) {
        (self.devices.closing, self.devices.changed) = (true, true);
        let mut wanted: Vec<IpNetwork> = self.desired.iter().map(|(prefix, _)| prefix).collect();
        wanted.sort_unstable();
        self.update(wanted.into_iter().map(|prefix| (prefix, None)));
        self.sweep();
    }

    /// Batches given out whose results are to come.
    pub fn batches_out(&self) -> usize {
        self.flights.count_out()
    }

    /// Batches whose results have come since the start.
    pub(crate) fn batches_landed(&self) -> u64 {
        self.flights.landings()
    }

    /// Whether nothing that is wanted, or no longer wanted, is left to plan.
    pub(crate) fn is_planned(&self) -> bool {
        let waits = self.next_waiting().is_some() || self.flights.have_put_off();
        self.dirty.is_empty() && self.gone.is_empty() && !waits
    }

    /// Plans it again.
    fn mark(&mut self, prefix: IpNetwork) {
        if self.desired.get(prefix).is_some() {
            self.dirty.insert(prefix);
        } else if !self.adopted.contains(&prefix) {
            self.gone.insert(prefix);
        }
    }

    /// Interfaces as they are known.
    pub(crate) fn links(&self) -> &Links {
        &self.view.links
    }

    /// Whether nothing is left to do now: everything handed in has been tried.
    pub fn is_idle(&self) -> bool {
        self.loaded && self.dump_at.is_none() && !self.has_work()
    }

    /// Whether operations can be planned right away, or results are to come.
    pub fn has_work(&self) -> bool {
        let stale = self.stale.all || self.stale.recursive || !self.stale.next_hops.is_empty();
        // After a batch one more look, so that later news is known to be later.
        let looked = !self.flights.have_landed();
        let planned =
            self.dirty.is_empty() && self.gone.is_empty() && self.next_waiting().is_none() && !self.far_ends.has_work();
        let devices = self.devices.changed || self.has_surplus_devices();
        self.flights.are_out() || (self.loaded && !self.blind && (stale || !looked || !planned || devices))
    }

    /// When to come back at the latest, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let retry = self.retry.first().map(|(at, _)| *at);
        // While it is blind nothing is judged, and the dump wakes it.
        let news = self.watched.poll_timeout().filter(|_| self.loaded && !self.blind);
        let device = self.devices.poll_timeout();
        let steady = self.view.links.next_steady().filter(|_| self.loaded && !self.blind);
        [self.dump_at, self.rescan_at, retry, news, device, steady].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;
