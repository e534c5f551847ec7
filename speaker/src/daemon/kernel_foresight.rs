//! What becomes of the kernel's routes when the configuration is another one, of `pools` and `fib` or of whoever announces
//! them: tried out on copies of slices of the kernel side ([`fib_sync::Excerpt`]), on a thread that nobody waits for.
//!
//! Where `pools` or `fib` are different all routes are looked at, else those that the table would decide otherwise. The
//! copies' kernel refuses nothing, and [`fib_sync::FibConfig::max_routes`] is no matter of a slice: how many routes are beyond
//! it is counted afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use fib_sync::{FibConfig, FibHandle, Foreseen, NextHop, OtherWish, Target};
use ipnetwork::IpNetwork;
use rib::FibRoute;

use super::foresight::Fate;
use super::outcome::NAMED;
use super::targets::Targets;
use crate::api::configuration::{KernelChanges, KernelFate, KernelPlan};

/// Prefixes tried out together: the kernel side is asked for them in some milliseconds.
const SLICE: usize = 1_024;
/// Next hops of other slices that are looked at with each one, as a route may lead through another that changes.
const NEXT_HOPS: usize = 4_096;

/// What becomes of the kernel's routes.
#[derive(Default)]
pub struct KernelFates {
    /// For the API.
    pub plan: KernelPlan,
    /// Which of the first [`NAMED`] prefixes that the table decides otherwise have another route in the kernel then.
    pub changed: HashSet<IpNetwork>,
    /// How many more learned routes there would be in the kernel, or fewer, if it were given all of them.
    pub learned: isize,
}

/// What becomes of them under this configuration (`None`: the present one), where the table's routes fare so. `pools` are
/// what the counts are by.
pub async fn of(fib: &FibHandle, config: Option<FibConfig>, pools: &FibConfig, fates: &[Fate]) -> KernelFates {
    let wishes: Arc<HashMap<_, _>> = Arc::new(wishes(fates));
    let prefixes = asked(fib, config.is_some(), &wishes).await;
    let elsewhere: Vec<_> = wishes.values().flat_map(next_hops).collect::<BTreeSet<_>>().into_iter().collect();
    let mut counted = Counted::new(pools, fates);
    let config = Arc::new(config);
    for slice in prefixes.chunks(SLICE) {
        let own = slice.iter().filter_map(|prefix| wishes.get(prefix)).flat_map(next_hops);
        let ways = elsewhere.iter().copied().take(NEXT_HOPS).chain(own).collect::<BTreeSet<_>>();
        let Some(excerpt) = fib.excerpt(slice.to_vec(), ways.into_iter().collect()).await else { break };
        let (wishes, config) = (wishes.clone(), config.clone());
        let try_out = move || {
            let concerned: HashSet<IpNetwork> = excerpt.prefixes().collect();
            let wishes: Vec<_> = concerned.iter().filter_map(|prefix| wishes.get(prefix)).cloned().collect();
            excerpt.foresee(config.as_ref().as_ref(), &wishes)
        };
        // It takes its time, and others have this thread.
        let foreseen = tokio::task::spawn_blocking(try_out).await.unwrap_or_default();
        foreseen.into_iter().for_each(|fate| counted.count(fate));
    }
    counted.into_fates()
}

/// What is wanted of the kernel otherwise than now.
fn wishes(fates: &[Fate]) -> HashMap<IpNetwork, OtherWish> {
    let mut targets = Targets::default();
    let mut target = |route: &Option<FibRoute>| route.clone().map(|route| targets.of(Arc::new(route)));
    let others =
        fates.iter().filter(|fate| [&fate.meanwhile, &fate.after].iter().any(|way| way.kernel != fate.before.kernel));
    let wish = |fate: &Fate| {
        let prefix = IpNetwork::from(fate.prefix);
        let (at_once, at_last) = (target(&fate.meanwhile.kernel), target(&fate.after.kernel));
        (prefix, OtherWish { prefix, at_once, at_last })
    };
    others.map(wish).collect()
}

/// Prefixes to look at, in order.
async fn asked(fib: &FibHandle, all: bool, wishes: &HashMap<IpNetwork, OtherWish>) -> Vec<IpNetwork> {
    let mut prefixes = if all { fib.prefixes(None).await } else { Vec::new() };
    prefixes.extend(wishes.keys());
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}

fn next_hops(wish: &OtherWish) -> Vec<NextHop> {
    let targets = [&wish.at_once, &wish.at_last].into_iter().flatten();
    let ways = targets.filter_map(|target| if let Target::Via(via) = target { Some(via) } else { None });
    ways.flat_map(|via| via.next_hops.iter().copied()).collect()
}

/// Routes counted so far.
struct Counted<'a> {
    pools: &'a FibConfig,
    /// By pool; `None` is in none.
    changes: BTreeMap<Option<IpNetwork>, KernelChanges>,
    /// Those that the table decides otherwise and that are named.
    named: HashSet<IpNetwork>,
    fates: KernelFates,
}

/// 1 for a learned route, as the limit counts them: not for blackholes, nor for none.
fn is_learned(routes: &[String]) -> isize {
    isize::from(routes.iter().any(|route| !route.starts_with("blackhole ")))
}

impl<'a> Counted<'a> {
    fn new(pools: &'a FibConfig, fates: &[Fate]) -> Self {
        let named = fates.iter().take(NAMED).map(|fate| fate.prefix.into()).collect();
        Self { pools, changes: BTreeMap::new(), named, fates: KernelFates::default() }
    }

    fn count(&mut self, fate: Foreseen) {
        let Foreseen { prefix, before, at_once, at_last } = fate;
        self.fates.learned += is_learned(&at_last) - is_learned(&before);
        let lasting = before != at_last;
        let pool = self.pools.pool_of(prefix).map(|pool| pool.cidr);
        let changes = self.changes.entry(pool).or_default();
        *match () {
            () if !lasting => &mut changes.for_a_moment,
            () if before.is_empty() => &mut changes.added,
            () if at_last.is_empty() => &mut changes.removed,
            () => &mut changes.changed,
        } += 1;
        let plan = &mut self.fates.plan;
        plan.routes_total += 1;
        if plan.routes.len() < NAMED {
            let (prefix, after) = (prefix.to_string(), if lasting { at_last } else { at_once });
            plan.routes.push(KernelFate { prefix, before, after, for_a_moment: !lasting });
        }
        if self.named.contains(&prefix) {
            self.fates.changed.insert(prefix);
        }
    }

    fn into_fates(mut self) -> KernelFates {
        let row = |(pool, changes): (Option<IpNetwork>, KernelChanges)| KernelChanges {
            pool: pool.map(|pool| pool.to_string()),
            ..changes
        };
        self.fates.plan.changes = self.changes.into_iter().map(row).collect();
        self.fates
    }
}
