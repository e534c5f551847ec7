//! What the engine learns about the kernel: notifications and dumps.

use super::{DUMP_DELAY, Engine};
use crate::config::FibConfig;
use crate::desired::{Cause, Desired, State, Target};
use crate::kernel::{Dump, Event, Link, RouteChange};
use crate::next_hop::NextHop;
use crate::next_hops::Facts;
use crate::resolve::Underlay;
use crate::route::Route;
use crate::view::{Carrier, Loss, Lost, Seen};
use crate::watched::NextHopReport;
use ipnetwork::IpNetwork;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Until a link that has come back is taken for one leg of several again. Its far end learns of its own carrier up to a
/// second later (the kernel's linkwatch), and answers nobody before: the kernel would ask for its address once, hold some
/// hundred packets, and drop those that follow until it asks again a second later.
const STEADY_AFTER: Duration = Duration::from_millis(1_500);

/// A tunnel device as last seen.
#[derive(Debug, Default, PartialEq)]
pub(super) struct TunnelSeen {
    /// Index and whether up.
    link: Option<(u32, bool)>,
    /// Why it is not to be used.
    barred: Option<Arc<str>>,
}

impl Engine {
    /// Something changed that we did not do.
    pub fn event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Route { change, route, by } => self.route_event(now, change, route, by),
            Event::Link(link) => self.link_event(now, link),
            Event::LinkGone(index) => {
                if self.view.links.forget(index).is_some() {
                    self.far_ends.forget_device(index);
                    self.lost(now, index, Loss::Deleted);
                    self.links_changed();
                }
            }
            Event::Address(address) => {
                if self.view.links.add_address(address) {
                    self.links_changed();
                }
            }
            Event::AddressGone(address) => {
                if self.view.links.remove_address(address) {
                    // While another is left, routes stay or their removal is told.
                    if address.net.is_ipv4() && !self.view.links.has_ipv4(address.dev) {
                        self.lost(now, address.dev, Loss::Idle);
                    }
                    self.links_changed();
                }
            }
            Event::FarEnd(_) | Event::FarEndGone { .. } => self.far_event(now, event),
            Event::Overrun => {
                self.stats.overruns += 1;
                self.doubt(now);
            }
        }
    }

    /// All notifications sent before now have been handed in.
    pub fn drained(&mut self) {
        self.flights.drained();
    }

    fn route_event(&mut self, now: Instant, change: RouteChange, route: Route, by: u32) {
        let prefix = route.prefix;
        let wanted = is_wanted(&self.config, &self.desired, &route);
        let in_own_table = self.view.marks.has_table(route.table);
        // Whether that was after our write, what is read back tells. If so, it was their doing; if not, there is nothing to
        // restore, and who it was is forgotten when the prefix is planned.
        let takes_away = wanted && change == RouteChange::Removed && by != 0 && self.flights.hold(prefix);
        if let Some(entry) = self.desired.get_mut(prefix).filter(|_| takes_away) {
            entry.cause.get_or_insert(Cause::Deleted { by });
            self.mark(prefix);
        }
        let seen = self.view.apply(change, route, wanted);
        // It may have been sent before our last write; or after one that is not known to have been done, so that what is
        // gone seems never to have been there.
        let doubtful = self.flights.hold(prefix) || (seen != Seen::Nothing && self.flights.outrun_news_of(prefix));
        if in_own_table && doubtful {
            self.doubt(now);
        }
        let cause = match seen {
            Seen::Nothing => return,
            Seen::Doubt => return self.doubt(now),
            Seen::Foreign => None,
            Seen::OursGone if by == 0 => Some(Cause::Lost),
            Seen::OursGone => Some(Cause::Deleted { by }),
            Seen::OursChanged => Some(Cause::Changed { by }),
        };
        if let (Some(cause), Some(entry)) = (cause, self.desired.get_mut(prefix)) {
            entry.cause.get_or_insert(cause);
        }
        if in_own_table {
            self.mark(prefix);
        }
        self.stale_under(prefix);
    }

    fn link_event(&mut self, now: Instant, link: Link) {
        let up = link.up;
        let (index, name) = (link.index, link.name.clone());
        let before = self.view.links.carrier(index);
        let old = self.view.links.set(link);
        let carrier = self.view.links.carrier(index);
        if before == Carrier::None && carrier != Carrier::None {
            self.view.links.freshen(index, now + STEADY_AFTER);
        }
        // Also when it comes up: what was read back while it went down may have been on its way out.
        if !up || old.as_ref().is_some_and(|old| !old.up) {
            self.lost(now, index, Loss::Idle);
        }
        // No route comes or goes with its carrier, but another way may be the better one.
        self.stale.all |= before != carrier;
        match old {
            // Statistics, MTU, carrier.
            Some(old) if old.up == up && old.name == name => {
                let changed = self.view.links.at(index) != Some(&old);
                self.devices.changed |= changed;
                self.macs.stale |= changed;
            }
            Some(_) => {
                tracing::debug!(link = name, index, up, "link changed");
                self.links_changed();
            }
            None => self.links_changed(),
        }
    }

    /// The interface's IPv4 routes are gone without a word. Which they were is known, so that nothing has to be read back:
    /// pods come and go, and a link that flaps costs its own routes only. But for what we were writing at that time; and
    /// where something is in doubt already, nothing is forgotten: a route of ours could be left behind as nobody's.
    fn lost(&mut self, now: Instant, dev: u32, loss: Loss) {
        self.flights.lose(dev);
        let (flights, in_doubt) = (&self.flights, self.dump_at.is_some());
        let is_sure = |prefix| !in_doubt && !flights.outrun_news_of(prefix);
        let Lost { gone, doubtful } = self.view.lost(dev, loss, is_sure);
        if doubtful {
            self.ask_dump(now);
        }
        for (prefix, ours) in gone {
            let entry = self.desired.get_mut(prefix).filter(|_| ours);
            if let Some(entry) = entry.filter(|entry| entry.state == State::Installed) {
                entry.cause.get_or_insert(Cause::Lost);
            }
            if !self.view.routes.at(prefix).iter().any(|held| held.ours) {
                self.adopted.remove(&prefix);
            }
            self.mark(prefix);
            self.stale_under(prefix);
        }
    }

    fn links_changed(&mut self) {
        self.look_at_links();
        // What was refused may be accepted now.
        for (_, prefix) in std::mem::take(&mut self.retry) {
            if let Some(entry) = self.desired.get_mut(prefix) {
                entry.attempts = 0;
            }
            self.mark(prefix);
        }
    }

    /// Subnets and tunnels, from the links as they are.
    pub(super) fn look_at_links(&mut self) {
        self.stale.all = true;
        self.devices.changed = true;
        self.macs.stale = true;
        let subnets: Vec<IpNetwork> = {
            let names: Vec<&str> = self.tunnels.iter().map(|(name, _)| name.as_str()).collect();
            self.view.links.subnets(&names).collect()
        };
        if self.subnets != subnets {
            self.subnets = subnets;
            // Their reason names them.
            self.dirty.extend(self.off_link.iter().copied());
        }
        if self.protected.set_subnets(self.view.links.subnets_of(&self.config.protect_subnets_of)) {
            self.protect();
        }
        self.look_at_tunnels();
    }

    /// Plans again what travels through tunnel devices that are not as they were. Goes through all that is wanted: where
    /// there is a tunnel, most of it travels through it.
    pub(super) fn look_at_tunnels(&mut self) {
        let mut changed = Vec::new();
        for (name, seen) in &mut self.tunnels {
            let link = self.view.links.named(name).map(|link| (link.index, link.up));
            let now = TunnelSeen { link, barred: self.view.barred.get(name).cloned() };
            if *seen != now {
                *seen = now;
                changed.push(name.clone());
            }
        }
        for name in changed {
            let config = &self.config;
            let users = self.desired.iter().map(|(prefix, _)| prefix);
            let users = users.filter(|p| config.pool_of(*p).and_then(|pool| pool.tunnel()) == Some(&name));
            self.dirty.extend(users);
        }
    }

    /// Looks at every wanted prefix again, as what is protected may have changed.
    pub(super) fn protect(&mut self) {
        for (prefix, entry) in self.desired.iter_mut().filter(|(_, entry)| entry.target != Target::Blackhole) {
            let protected = self.protected.find(prefix, &self.config).is_some();
            if protected || entry.protected {
                self.dirty.insert(prefix);
            }
            entry.protected = protected;
        }
    }

    /// A route of this prefix came, went or changed: whoever resolves through it is judged again.
    pub(super) fn stale_under(&mut self, prefix: IpNetwork) {
        self.stale.next_hops.extend(self.next_hops.under(prefix));
        self.stale.recursive = true;
    }

    /// Asks every stale next hop again, marks the users of those whose answer changed, and tells who watches.
    pub(super) fn judge_next_hops(&mut self, now: Instant) {
        self.stale.all |= self.view.links.grow_steady(now);
        self.stale.next_hops.extend(self.watched.pop_due(now));
        let stale = std::mem::take(&mut self.stale);
        let mut ask: Vec<NextHop> = match stale.all {
            true => self.next_hops.all().collect(),
            false => stale.next_hops.into_iter().collect(),
        };
        if stale.recursive && !stale.all {
            ask.extend(self.next_hops.recursive());
        }
        for next_hop in ask {
            let world = Underlay { config: &self.config, view: &self.view, desired: &self.desired };
            let facts = Facts::find(next_hop, &world, &self.subnets);
            if self.watched.contains(next_hop) {
                let report = NextHopReport::find(next_hop, &facts, &world);
                self.watched.judged(now, next_hop, report, !facts.through.is_empty());
            }
            if let Some(users) = self.next_hops.learn(next_hop, facts) {
                self.dirty.extend(users);
            }
        }
    }

    /// A dump is wanted before anything else is written.
    pub(super) fn doubt(&mut self, now: Instant) {
        self.blind = true;
        self.ask_dump(now);
    }

    /// A dump is wanted, shortly.
    pub(super) fn ask_dump(&mut self, now: Instant) {
        let at = self.dump_not_before.map_or(now + DUMP_DELAY, |earliest| earliest.max(now + DUMP_DELAY));
        self.dump_at.get_or_insert(at);
    }

    /// Whether to dump now.
    pub fn wants_dump(&self, now: Instant) -> bool {
        !self.loaded || [self.dump_at, self.rescan_at].into_iter().flatten().any(|at| at <= now)
    }

    /// The dump failed; asks again in a while.
    pub fn dump_failed(&mut self, now: Instant) {
        self.dump_at = Some(now + Duration::from_secs(1));
        self.rescan_at = Some(now + self.config.rescan);
    }

    /// What there is, all anew. `began`: when reading it started. The first one decides what is adopted.
    pub fn load(&mut self, began: Instant, now: Instant, mut dump: Dump) {
        let first = !self.loaded;
        let (config, desired) = (&self.config, &self.desired);
        let far_ends = std::mem::take(&mut dump.far_ends);
        let old = self.view.load(dump, |old, route| {
            let known = old.routes.at(route.prefix).iter().any(|held| held.ours && held.route.same_key(route));
            first || known || is_wanted(config, desired, route)
        });
        self.loaded = true;
        self.stats.resyncs += u64::from(!first);
        self.dump_at = None;
        self.blind = false;
        self.dump_not_before = Some(now + now.saturating_duration_since(began) * 4);
        self.rescan_at = Some(now + self.config.rescan);
        self.look_at_links();
        self.load_far_ends(far_ends, first);

        let ours: Vec<IpNetwork> = self.view.routes.ours().map(|held| held.route.prefix).collect();
        for prefix in ours {
            let wanted = self.desired.get(prefix).map(|entry| self.config.key_of(prefix, &entry.target));
            if first && !matches!(wanted, Some(Ok(_))) {
                self.adopted.insert(prefix);
            } else if wanted.is_none() && !self.adopted.contains(&prefix) {
                self.gone.insert(prefix);
            }
        }
        if !first {
            let routes = &self.view.routes;
            self.adopted.retain(|prefix| routes.at(*prefix).iter().any(|held| held.ours));
        }
        for (prefix, entry) in self.desired.iter_mut() {
            // An unchanged and agreed prefix costs two lookups here and no planning.
            let agreed = matches!(entry.state, State::Installed | State::Skipped);
            if agreed && old.routes.at(prefix) == self.view.routes.at(prefix) {
                continue;
            }
            if matches!(entry.state, State::Installed) && !first {
                entry.cause.get_or_insert(Cause::Lost);
            }
            self.dirty.insert(prefix);
        }
    }
}

/// Whether it has exactly the key of a route that is wanted.
fn is_wanted(config: &FibConfig, desired: &Desired, route: &Route) -> bool {
    let key = desired.get(route.prefix).map(|entry| config.key_of(route.prefix, &entry.target));
    matches!(key, Some(Ok(key)) if key.is_of(route))
}
