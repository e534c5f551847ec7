//! What would come of steps that are not done: sessions that would end, routes that would fare differently, in the table
//! and in the kernel, and what peers would be told.
//!
//! A session that is reset where both sides have agreed on graceful restart after NOTIFICATIONs (RFC 8538) moves no route:
//! both keep what they have until the next one. Without that its routes are gone for as long as that takes. What the peer
//! says then is taken to be what it has said before.
//!
//! What a peer will say that was not there yet nobody knows: that is said in words.

use std::collections::{BTreeSet, HashMap, HashSet};

use bgp_proto::Family;
use bgp_proto::fsm::State;
use fib_sync::{FibConfig, FibHandle, Metric};
use ipnetwork::IpNetwork;
use rib::PeerId;

use super::exports::{Counts, Exports};
use super::foresight::{self, Changes, Fate};
use super::kernel_foresight::{self, KernelFates};
use super::known_peers::KnownPeers;
use super::names::listed;
use super::origins::Origins;
use super::owner::OwnerHandle;
use super::peer_status::PeerStatus;
use super::setup;
use crate::api::configuration::{ConfigSteps, ExportChanges, KernelPlan, Plan, RouteFate, SessionEffect};
use crate::config::steps::{Change, Cost, Step, Steps};
use crate::config::{Config, DynamicPeers, PeerOrigin, PeerSettings};

/// Routes that are named; more are counted.
pub const NAMED: usize = 1_000;

/// The outcome.
pub struct Outcome {
    /// Names of peers whose session would end.
    ending: BTreeSet<String>,
    routes: Vec<RouteFate>,
    routes_total: usize,
    exports: Vec<ExportChanges>,
    kernel: Option<KernelPlan>,
    unknown: Vec<String>,
}

/// What would come of these steps; `fib` is the kernel side, if there is one.
pub async fn of(
    steps: &Steps,
    known: &KnownPeers,
    owner: &OwnerHandle,
    origins: &Origins,
    fib: Option<&FibHandle>,
) -> Outcome {
    let mut seen = Seen::new(&steps.next, known);
    steps.steps.iter().for_each(|step| seen.step(step));
    let withdrawn =
        steps.steps.iter().filter_map(|step| if let Step::Withdraw(block) = step { Some(*block) } else { None });
    seen.changes.withdrawn = origins.only_configured(withdrawn.collect()).await;
    let any_new = !seen.new.is_empty();
    seen.listen();
    let (fates, told) = foresight::of(owner, seen.changes.clone()).await;
    let exports = seen.exports(&told);
    let (kernel, changed) = match fib {
        Some(fib) => {
            let KernelFates { plan, changed, .. } = in_kernel(&mut seen, fib, &fates).await;
            (Some(plan), changed)
        }
        None => (None, HashSet::new()),
    };
    let in_kernel = |fate: &Fate| changed.contains(&IpNetwork::from(fate.prefix));
    let routes = fates.iter().take(NAMED).map(|fate| row(fate, any_new, in_kernel(fate))).collect();
    let (ending, routes_total) = (seen.ending.clone(), fates.len());
    Outcome { ending, routes, routes_total, exports, kernel, unknown: seen.unknown() }
}

async fn in_kernel(seen: &mut Seen<'_>, fib: &FibHandle, fates: &[Fate]) -> KernelFates {
    let config = setup::fib(seen.next);
    let mut kernel = kernel_foresight::of(fib, seen.kernel.then(|| config.clone()), &config, fates).await;
    let stats = fib.stats();
    let now = fib.overview().await.map(|overview| overview.config);
    let in_vxlan = |config: &FibConfig| config.pools.iter().any(|pool| pool.mode.is_vxlan());
    let differ = now.as_ref().is_some_and(|now| now.pools != config.pools || now.devices != config.devices);
    seen.tunnels = differ && (in_vxlan(&config) || now.as_ref().is_some_and(in_vxlan));
    let then = (stats.placed + stats.over_limit).saturating_add_signed(kernel.learned);
    kernel.plan.over_limit = then.saturating_sub(config.max_routes);
    if stats.over_limit > 0 || kernel.plan.over_limit > 0 {
        seen.over_limit = Some((config.max_routes, kernel.plan.over_limit, stats.over_limit));
    }
    kernel
}

/// The steps, as far as they were looked at.
struct Seen<'a> {
    next: &'a Config,
    peers: HashMap<String, (PeerId, PeerSettings, PeerStatus)>,
    changes: Changes,
    ending: BTreeSet<String>,
    /// Names: of peers that are new, that are judged anew though nothing is there of them, and that are reset.
    new: Vec<String>,
    absent: Vec<String>,
    reset: Vec<String>,
    /// Whether the kernel's side is to change.
    kernel: bool,
    /// Whether pools in a VXLAN change.
    tunnels: bool,
    /// So many learned routes are installed at most, so many would wait for a place, and so many do now.
    over_limit: Option<(usize, usize, usize)>,
}

impl<'a> Seen<'a> {
    fn new(next: &'a Config, known: &KnownPeers) -> Self {
        let peers = known.all().into_iter();
        let metrics = next.pools.iter().filter_map(|pool| pool.metric).chain([next.fib.metric]);
        let changes = Changes {
            config: setup::rib(next),
            gone: BTreeSet::new(),
            away: BTreeSet::new(),
            settings: HashMap::new(),
            without: Vec::new(),
            new: Vec::new(),
            listening: BTreeSet::new(),
            announced: Vec::new(),
            withdrawn: Vec::new(),
            by_preference: metrics.into_iter().any(|metric| metric == Metric::FromPreference),
        };
        Self {
            next,
            peers: peers
                .map(|(id, peer)| (peer.settings.name(), (id, peer.settings, peer.shared.snapshot())))
                .collect(),
            changes,
            ending: BTreeSet::new(),
            new: Vec::new(),
            absent: Vec::new(),
            reset: Vec::new(),
            kernel: false,
            tunnels: false,
            over_limit: None,
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Announce(block) => self.changes.announced.push(*block),
            // Whether somebody else announces it, too, is asked later.
            Step::Withdraw(_) | Step::Decide(_) | Step::Readiness | Step::Reload(_) | Step::LogLevel(_) => {}
            Step::Kernel(_) => self.kernel = true,
            Step::AddPeer(peer) => {
                self.changes.new.push(setup::rib_peer(self.next, peer));
                self.new.extend(peer.enabled.then(|| peer.name()));
            }
            Step::RemovePeer(peer) => {
                if let Some((id, _, status)) = self.peers.get(&peer.name()) {
                    self.changes.gone.insert(*id);
                    self.ending.extend(is_up(status).then(|| peer.name()));
                }
            }
            Step::ChangePeer { to, changes } => self.change(to, changes),
            Step::AddRange(range) => self.new.extend(range.template.enabled.then(|| range.prefix.to_string())),
            Step::ChangeRange { to, .. } => self.range(to, step.reset().is_some(), !to.template.enabled),
            Step::RemoveRange(range) => self.range(range, true, true),
        }
    }

    fn change(&mut self, to: &PeerSettings, changes: &[Change]) {
        let name = to.name();
        let Some((id, old, status)) = self.peers.get(&name) else { return };
        let (id, up) = (*id, is_up(status));
        let any = |wanted: fn(Cost) -> bool| changes.iter().any(|change| wanted(change.cost));
        if any(|cost| cost == Cost::Ends) {
            self.changes.gone.insert(id);
            self.ending.extend(up.then_some(name));
            return;
        }
        if any(|cost| cost == Cost::Begins) {
            self.new.push(name);
            return;
        }
        self.changes.settings.insert(id, setup::rib_peer(self.next, to));
        if any(|cost| matches!(cost, Cost::Reset(_))) && up {
            let lost = Family::SUPPORTED.into_iter();
            let lost = lost.filter(|family| old.families.contains(*family) && !to.families.contains(*family));
            self.changes.without.extend(lost.map(|family| (id, family)));
            let same_ends = !changes.iter().any(|change| ["asn", "local_as", "confederation"].contains(&change.key));
            let keeps = status.negotiated.as_ref().is_some_and(|session| session.graceful_notification) && same_ends;
            if !keeps {
                self.changes.away.insert(id);
            }
            self.ending.insert(name.clone());
            self.reset.push(name.clone());
        }
        if any(|cost| cost == Cost::Routes) && !up {
            self.absent.push(name.clone());
        }
    }

    /// Those who came from a range: their sessions end, for good or not, or they go on with its settings.
    fn range(&mut self, range: &DynamicPeers, ends: bool, for_good: bool) {
        let Self { next, peers, changes, ending, .. } = self;
        let of_range =
            |origin: &PeerOrigin| matches!(origin, PeerOrigin::Dynamic { prefix } if *prefix == range.prefix);
        for (id, guest, status) in peers.values().filter(|(_, guest, _)| of_range(&guest.origin)) {
            ending.extend((ends && is_up(status)).then(|| range.prefix.to_string()));
            if for_good {
                changes.gone.insert(*id);
                continue;
            }
            let settings = PeerSettings { address: guest.address, ..range.template.clone() };
            changes.settings.insert(*id, setup::rib_peer(next, &settings));
            changes.away.extend(ends.then_some(*id));
        }
    }

    /// Who is told of all this on the session it has.
    fn listen(&mut self) {
        let stays = |name: &String| !self.ending.contains(name);
        let up = self.peers.iter().filter(|(name, (_, _, status))| is_up(status) && stays(name));
        let ids = up.map(|(_, (id, ..))| *id).filter(|id| !self.changes.gone.contains(id));
        self.changes.listening = ids.filter(|id| !self.changes.away.contains(id)).collect();
    }

    /// Peers that are told something else, in order of name.
    fn exports(&self, told: &Exports) -> Vec<ExportChanges> {
        let names: HashMap<_, _> = self.peers.iter().map(|(name, (id, ..))| (*id, name)).collect();
        let row = |(id, counts): (&PeerId, &Counts)| {
            let Counts { announced, changed, withdrawn, for_a_moment } = *counts;
            let peer = (*names.get(id)?).clone();
            (!counts.is_empty()).then_some(ExportChanges { peer, announced, changed, withdrawn, for_a_moment })
        };
        let mut rows: Vec<_> = told.iter().filter_map(row).collect();
        rows.sort_by(|a, b| a.peer.cmp(&b.peer));
        rows
    }

    /// What is not in the routes.
    fn unknown(self) -> Vec<String> {
        let Self { new, absent, reset, tunnels, over_limit, .. } = self;
        let said = [
            (
                new,
                "new, so what it announces, and which of these routes that would replace, is not known before it is up",
            ),
            (absent, "without a session now: what it announces is judged by the new settings when it is up"),
            (reset, "told everything again after the reset, and taken to announce the same again"),
        ];
        let peers = said.into_iter().filter(|(names, _)| !names.is_empty());
        let mut unknown: Vec<_> = peers.map(|(names, what)| format!("{}: {what}", listed(names, ", "))).collect();
        if tunnels {
            let what = "pools in a VXLAN change: what internal peers are told of the tunnel to our own prefixes is not counted";
            unknown.push(what.to_owned());
        }
        unknown.extend(over_limit.map(|(max, then, now)| {
            format!(
                "fib.max_routes is {max}: {then} learned routes would wait for a place, {now} do now; which of them is not \
                 known, and the kernel routes are counted as if there were room for all"
            )
        }));
        unknown
    }
}

fn is_up(status: &PeerStatus) -> bool {
    status.state == State::Established && status.negotiated.is_some()
}

fn row(fate: &Fate, any_new: bool, kernel: bool) -> RouteFate {
    let lasting = fate.after != fate.before;
    let then = if lasting { &fate.after } else { &fate.meanwhile };
    RouteFate {
        prefix: fate.prefix.to_string(),
        before: fate.before.next_hops.clone(),
        after: then.next_hops.clone(),
        for_a_moment: !lasting,
        kernel,
        unless_new: any_new && lasting && then.next_hops.is_none(),
    }
}

impl Outcome {
    /// Together with the steps.
    pub fn into_plan(self, mut steps: ConfigSteps) -> Plan {
        for step in &mut steps.steps {
            step.ends = step.peer.as_ref().is_some_and(|peer| self.ending.contains(peer))
                && step.session.is_some_and(|effect| effect != SessionEffect::Stays);
        }
        let Self { routes, routes_total, mut exports, kernel, unknown, .. } = self;
        let exports_total = exports.len();
        exports.truncate(NAMED);
        Plan { steps, routes, routes_total, exports, exports_total, kernel, unknown }
    }
}
