//! What another configuration, or other wishes, would do to the kernel's routes: tried out on a copy, and nothing is written.
//!
//! The copy is an [`Engine`] as ours is, on a kernel in memory. It has all links and addresses, but routes only of the
//! prefixes that are asked about and of those their next hops lead through: an [`Excerpt`]. So a table of a million is
//! looked at in slices, the route thread is asked for a slice in some milliseconds, and the trial itself runs wherever its
//! caller wants.
//!
//! Why not a resolver that is asked "what if": pools, keys, protected ranges, routes of others that are in the way, tunnel
//! devices and the entries of their far ends would each have to be foreseen by a second engine.
//!
//! The copy's kernel refuses nothing that ours would do for the first time, and [`FibConfig::max_routes`] is no matter of a
//! slice: whoever asks has to know.

use crate::config::FibConfig;
use crate::desired::Target;
use crate::engine::Engine;
use crate::hash::{HashMap, HashSet};
use crate::kernel::{Dump, Kernel};
use crate::memory::MemoryKernel;
use crate::next_hop::NextHop;
use crate::route::{Route, network};
use ipnetwork::IpNetwork;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Addresses whose ways are looked up for one excerpt.
const WAYS: usize = 8 * 1024;
/// Operations of a turn of the copy.
const OPS: usize = 512;
/// Time between two of its turns: longer than the engine puts anything off that is not refused.
const STEP: Duration = Duration::from_millis(250);
/// Turns after which a copy that does not come to rest is taken as it is.
const TURNS: usize = 200;
/// RTPROT_STATIC, which none of ours has: who has written a route that is not ours is no matter.
const SOMEBODY: u8 = 4;

/// A part of what the route thread knows: enough to try out what becomes of some prefixes.
#[derive(Debug, Clone)]
pub struct Excerpt {
    config: FibConfig,
    dump: Dump,
    /// Of the prefixes asked about and of those their next hops lead through.
    wanted: Vec<(IpNetwork, Target)>,
    asked: Vec<IpNetwork>,
    /// Next hops, and the gateways on their ways.
    ways: BTreeSet<IpAddr>,
}

/// Another wish than the present one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherWish {
    /// The prefix.
    pub prefix: IpNetwork,
    /// What is wanted at first; `None`: nothing.
    pub at_once: Option<Target>,
    /// What is wanted in the end.
    pub at_last: Option<Target>,
}

/// What becomes of a prefix: its routes of ours as `ip route` prints them, also those that are left to another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// The prefix.
    pub prefix: IpNetwork,
    /// As things are.
    pub before: Vec<String>,
    /// As soon as it is done.
    pub at_once: Vec<String>,
    /// In the end, after the next [`FibHandle::sweep`](crate::FibHandle::sweep).
    pub at_last: Vec<String>,
}

impl Foreseen {
    /// Whether it stays as it is.
    fn is_the_same(&self) -> bool {
        self.before == self.at_once && self.before == self.at_last
    }
}

impl Engine {
    /// The part that decides about these prefixes, with these next hops beside those they have now.
    pub(crate) fn excerpt(&self, asked: Vec<IpNetwork>, next_hops: &[NextHop]) -> Excerpt {
        let present = asked.iter().filter_map(|prefix| self.target(*prefix)).flat_map(Target::next_hops);
        let mut ahead: Vec<IpAddr> = present.chain(next_hops.iter().copied()).map(|next_hop| next_hop.addr).collect();
        let mut prefixes: BTreeSet<IpNetwork> = asked.iter().copied().collect();
        let mut seen = BTreeSet::new();
        while let Some(address) = ahead.pop() {
            if seen.len() < WAYS && seen.insert(address) {
                for prefix in around(address) {
                    if self.knows(prefix) && prefixes.insert(prefix) {
                        let gateways =
                            self.routes_at(prefix).flat_map(|(route, _)| route.hops()).filter_map(|hop| hop.via);
                        ahead.extend(gateways);
                        let on = self.target(prefix).into_iter().flat_map(Target::next_hops);
                        ahead.extend(on.map(|next_hop| next_hop.addr));
                    }
                }
            }
        }
        let routes = prefixes.iter().flat_map(|prefix| self.routes_at(*prefix));
        let routes = routes
            .map(|(route, ours)| Route { protocol: if ours { route.protocol } else { SOMEBODY }, ..route.clone() });
        let (links, addresses) = (self.links().iter().cloned().collect(), self.links().addresses().collect());
        let dump = Dump { links, addresses, routes: routes.collect(), far_ends: Vec::new() };
        let wanted = prefixes.iter().filter_map(|prefix| Some((*prefix, self.target(*prefix)?.clone())));
        Excerpt { config: self.config().clone(), dump, wanted: wanted.collect(), asked, ways: seen }
    }
}

impl Excerpt {
    /// Prefixes whose wishes can have a part in it: those asked about, and any that a next hop could lead through.
    pub fn prefixes(&self) -> impl Iterator<Item = IpNetwork> + '_ {
        self.asked.iter().copied().chain(self.ways.iter().flat_map(|address| around(*address)))
    }

    /// What would become of the prefixes asked about under this configuration (`None`: the present one) and with these
    /// wishes; those that stay as they are left out. Takes some ten milliseconds for a thousand.
    pub fn foresee(self, config: Option<&FibConfig>, wishes: &[OtherWish]) -> Vec<Foreseen> {
        // What the copy has to say is no news.
        tracing::dispatcher::with_default(&tracing::Dispatch::none(), || self.try_out(config, wishes))
    }

    fn try_out(self, config: Option<&FibConfig>, wishes: &[OtherWish]) -> Vec<Foreseen> {
        let Excerpt { config: present, dump, wanted, asked, .. } = self;
        let known = wanted.iter().map(|(prefix, _)| *prefix).chain(wishes.iter().map(|wish| wish.prefix));
        let known: HashSet<IpNetwork> = known.collect();
        let Ok(mut copy) = Copy::new(unlimited(&present), dump, wanted) else { return Vec::new() };
        let before = copy.routes();
        if let Some(config) = config
            // One that can't be run is refused before anything is done.
            && copy.engine.reconfigure(copy.now, unlimited(config)).is_err()
        {
            return Vec::new();
        }
        copy.engine.update(wishes.iter().map(|wish| (wish.prefix, wish.at_once.clone())));
        copy.settle();
        let at_once = copy.routes();
        copy.engine.sweep();
        copy.engine.update(wishes.iter().map(|wish| (wish.prefix, wish.at_last.clone())));
        copy.settle();
        let at_last = copy.routes();
        let of = |routes: &Texts, prefix: &IpNetwork| routes.get(prefix).cloned().unwrap_or_default();
        // What was only found at start goes whatever is done.
        let foreseen = asked.into_iter().filter(|prefix| known.contains(prefix)).map(|prefix| Foreseen {
            before: of(&before, &prefix),
            at_once: of(&at_once, &prefix),
            at_last: of(&at_last, &prefix),
            prefix,
        });
        foreseen.filter(|fate| !fate.is_the_same()).collect()
    }
}

/// All prefixes that contain the address.
fn around(address: IpAddr) -> impl Iterator<Item = IpNetwork> {
    (0..=if address.is_ipv6() { 128 } else { 32 }).map(move |length| network(address, length))
}

fn unlimited(config: &FibConfig) -> FibConfig {
    FibConfig { max_routes: usize::MAX, ..config.clone() }
}

/// By prefix, as `ip route` prints them: routes of ours, and those that were ours.
type Texts = HashMap<IpNetwork, Vec<String>>;

/// An engine and a kernel of its own, with a time of its own.
struct Copy {
    engine: Engine,
    kernel: MemoryKernel,
    now: Instant,
}

impl Copy {
    fn new(config: FibConfig, dump: Dump, wanted: Vec<(IpNetwork, Target)>) -> Result<Self, crate::FibError> {
        let mut copy = Self { engine: Engine::new(config)?, kernel: MemoryKernel::of(dump), now: Instant::now() };
        copy.engine.update(wanted.into_iter().map(|(prefix, target)| (prefix, Some(target))));
        copy.settle();
        Ok(copy)
    }

    /// Runs until nothing is left to do.
    fn settle(&mut self) {
        for _ in 0..TURNS {
            self.now += STEP;
            let mut events = Vec::new();
            self.kernel.drain(usize::MAX, &mut events);
            events.into_iter().for_each(|event| self.engine.event(self.now, event));
            self.engine.drained();
            if self.engine.wants_dump(self.now) {
                self.engine.load(self.now, self.now, self.kernel.read());
            }
            let ops = self.engine.poll_ops(self.now, OPS);
            if ops.is_empty() && self.engine.is_idle() {
                return;
            }
            let results = self.kernel.carry_out(&ops);
            self.engine.results(self.now, ops, results);
        }
    }

    fn routes(&self) -> Texts {
        let mut texts = Texts::default();
        let routes = self.kernel.read().routes.into_iter();
        // What becomes another program's is still there.
        for route in routes.filter(|route| route.protocol > SOMEBODY) {
            texts.entry(route.prefix).or_default().push(route.text(self.engine.links()).to_string());
        }
        texts.values_mut().for_each(|texts| texts.sort_unstable());
        texts
    }
}

#[cfg(test)]
mod tests;
