//! What would come of steps that are not done: sessions that would end, and routes that would fare differently.
//!
//! A session that is reset where both sides have agreed on graceful restart after NOTIFICATIONs (RFC 8538) moves no route:
//! both keep what they have until the next one. Without that its routes are gone for as long as that takes. What the peer
//! says then is taken to be what it has said before.
//!
//! What a peer will say that was not there yet nobody knows: that is said in words.

use std::collections::{BTreeSet, HashMap};

use bgp_proto::Family;
use bgp_proto::fsm::State;
use fib_sync::Metric;
use rib::PeerId;

use super::backend::KnownPeers;
use super::foresight::{self, Changes, Fate};
use super::names::listed;
use super::origins::Origins;
use super::owner::OwnerHandle;
use super::peer_status::PeerStatus;
use super::setup;
use crate::api::configuration::{ConfigSteps, Plan, RouteFate, SessionEffect};
use crate::config::steps::{Change, Cost, Step, Steps};
use crate::config::{Config, DynamicPeers, PeerOrigin, PeerSettings};

/// Routes that are named; more are counted.
const NAMED: usize = 1_000;
/// Keys by which what we tell a peer changes.
const TELLING: [&str; 6] =
    ["export", "next_hop_self", "route_reflector_client", "cluster_id", "remove_private_as", "local_as"];

/// The outcome.
pub struct Outcome {
    /// Names of peers whose session would end.
    ending: BTreeSet<String>,
    routes: Vec<RouteFate>,
    unknown: Vec<String>,
}

/// What would come of these steps.
pub async fn of(steps: &Steps, known: &KnownPeers, owner: &OwnerHandle, origins: &Origins) -> Outcome {
    let mut seen = Seen::new(&steps.next, known);
    steps.steps.iter().for_each(|step| seen.step(step));
    let withdrawn =
        steps.steps.iter().filter_map(|step| if let Step::Withdraw(block) = step { Some(*block) } else { None });
    seen.changes.withdrawn = origins.only_configured(withdrawn.collect()).await;
    let any_new = !seen.new.is_empty();
    let Seen { changes, ending, .. } = &seen;
    let fates = foresight::of(owner, changes.clone()).await;
    let routes = fates.iter().map(|fate| row(fate, any_new)).collect();
    Outcome { ending: ending.clone(), routes, unknown: seen.unknown() }
}

/// The steps, as far as they were looked at.
struct Seen<'a> {
    next: &'a Config,
    peers: HashMap<String, (PeerId, PeerSettings, PeerStatus)>,
    changes: Changes,
    ending: BTreeSet<String>,
    /// Names: of peers that are new, that are judged anew though nothing is there of them, that are reset, and that are
    /// told something else.
    new: Vec<String>,
    absent: Vec<String>,
    reset: Vec<String>,
    told: Vec<String>,
    /// Keys of the kernel's side.
    kernel: Vec<&'static str>,
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
            told: Vec::new(),
            kernel: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Announce(block) => self.changes.announced.push(*block),
            // Whether somebody else announces it, too, is asked later.
            Step::Withdraw(_) | Step::Decide(_) | Step::Readiness | Step::Reload(_) | Step::LogLevel(_) => {}
            Step::Kernel(keys) => self.kernel.clone_from(keys),
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
        if changes.iter().any(|change| TELLING.contains(&change.key)) {
            self.told.push(name);
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

    /// What is not in the routes.
    fn unknown(self) -> Vec<String> {
        let Self { new, absent, reset, told, kernel, .. } = self;
        let said = [
            (
                new,
                "new, so what it announces, and which of these routes that would replace, is not known before it is up",
            ),
            (absent, "without a session now: what it announces is judged by the new settings when it is up"),
            (reset, "taken to announce the same again after the reset"),
            (told, "told something else then, which is not listed here"),
        ];
        let peers = said.into_iter().filter(|(names, _)| !names.is_empty());
        let mut unknown: Vec<_> = peers.map(|(names, what)| format!("{}: {what}", listed(names, ", "))).collect();
        if !kernel.is_empty() {
            unknown.push(format!(
                "{}: kernel routes move to the new settings, which is not listed here",
                kernel.join(", ")
            ));
        }
        unknown
    }
}

fn is_up(status: &PeerStatus) -> bool {
    status.state == State::Established && status.negotiated.is_some()
}

fn row(fate: &Fate, any_new: bool) -> RouteFate {
    let lasting = fate.after != fate.before;
    let then = if lasting { &fate.after } else { &fate.meanwhile };
    RouteFate {
        prefix: fate.prefix.to_string(),
        before: fate.before.next_hops.clone(),
        after: then.next_hops.clone(),
        for_a_moment: !lasting,
        kernel: fate.before.kernel != then.kernel,
        unless_new: any_new && lasting && then.next_hops.is_none(),
    }
}

impl Outcome {
    /// Together with the steps; `kernel`: routes go there at all.
    pub fn into_plan(mut self, mut steps: ConfigSteps, kernel: bool) -> Plan {
        self.routes.iter_mut().for_each(|route| route.kernel &= kernel);
        for step in &mut steps.steps {
            step.ends = step.peer.as_ref().is_some_and(|peer| self.ending.contains(peer))
                && step.session.is_some_and(|effect| effect != SessionEffect::Stays);
        }
        let routes_total = self.routes.len();
        let routes = self.routes.into_iter().take(NAMED).collect();
        Plan { steps, routes, routes_total, unknown: self.unknown }
    }
}
