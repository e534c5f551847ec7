//! What would come of steps that are not done: sessions that would end, and routes that would go with them.
//!
//! A session that is reset where both sides have agreed on graceful restart after NOTIFICATIONs (RFC 8538) moves no route:
//! both keep what they have until the next one. Without that its routes are gone for as long as that takes.

use std::collections::{BTreeSet, HashMap};

use bgp_proto::Prefix;
use bgp_proto::fsm::State;
use rib::PeerId;

use super::absence::{self, Fate};
use super::backend::{KnownPeer, KnownPeers};
use super::origins::Origins;
use super::owner::OwnerHandle;
use crate::api::configuration::{ConfigSteps, Plan, RouteFate, SessionEffect};
use crate::config::PeerOrigin;
use crate::config::steps::{Cost, Step};

/// Routes that are named; more are counted.
const NAMED: usize = 1_000;

/// The outcome.
pub struct Outcome {
    /// Names of peers whose session would end.
    ending: BTreeSet<String>,
    routes: Vec<RouteFate>,
}

/// What would come of these steps.
pub async fn of(steps: &[Step], known: &KnownPeers, owner: &OwnerHandle, origins: &Origins) -> Outcome {
    let peers: HashMap<_, _> =
        known.all().into_iter().map(|(id, peer)| (peer.settings.name(), (id, peer.shared.snapshot()))).collect();
    let mut ending = BTreeSet::new();
    let (mut gone, mut away) = (BTreeSet::<PeerId>::new(), BTreeSet::<PeerId>::new());
    for (step, peer) in steps.iter().filter_map(|step| Some((step, step.ends()?.0))) {
        let Some((id, status)) = peers.get(&peer.name()) else { continue };
        let session = status.negotiated.as_ref().filter(|_| status.state == State::Established);
        ending.extend(session.map(|_| peer.name()));
        match step {
            Step::ChangePeer { changes, .. } if !changes.iter().any(|change| change.cost == Cost::Ends) => {
                let same_ends =
                    !changes.iter().any(|change| ["asn", "local_as", "confederation"].contains(&change.key));
                let keeps = session.is_some_and(|session| session.graceful_notification) && same_ends;
                if session.is_some() && !keeps {
                    away.insert(*id);
                }
            }
            _ => drop(gone.insert(*id)),
        }
    }
    for (step, range) in steps.iter().filter_map(|step| step.reset().and_then(|_| Some((step, step.range()?)))) {
        let of_range = |peer: &KnownPeer| matches!(&peer.settings.origin, PeerOrigin::Dynamic { prefix } if *prefix == range.prefix);
        for (id, peer) in known.all().into_iter().filter(|(_, peer)| of_range(peer)) {
            let status = peer.shared.snapshot();
            let session = status.negotiated.as_ref().filter(|_| status.state == State::Established);
            ending.extend(session.map(|_| range.prefix.to_string()));
            let for_good = matches!(step, Step::RemoveRange(_)) || !range.template.enabled;
            (if for_good { &mut gone } else { &mut away }).insert(id);
        }
    }
    // For a moment, those that are away are gone, too.
    let moment = absence::of(owner, gone.union(&away).copied().collect(), |_| false).await;
    let for_good = absence::of(owner, gone, |_| false).await;
    let for_good: HashMap<Prefix, Option<String>> =
        for_good.into_iter().map(|fate| (fate.prefix, fate.after)).collect();
    let stays_so = |fate: &Fate| for_good.get(&fate.prefix) == Some(&fate.after);
    let mut routes: Vec<_> = moment.into_iter().map(|fate| row(&fate, !stays_so(&fate))).collect();
    let withdrawn = steps.iter().filter_map(|step| if let Step::Withdraw(block) = step { Some(*block) } else { None });
    let withdrawn = origins.only_configured(withdrawn.collect()).await;
    routes.extend(withdrawn.iter().map(|block| RouteFate {
        prefix: block.to_string(),
        kernel: true,
        ..RouteFate::default()
    }));
    Outcome { ending, routes }
}

fn row(fate: &Fate, for_a_moment: bool) -> RouteFate {
    RouteFate {
        prefix: fate.prefix.to_string(),
        before: Some(fate.before.clone()),
        after: fate.after.clone(),
        for_a_moment,
        kernel: fate.in_kernel && fate.after.as_ref() != Some(&fate.before),
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
        Plan { steps, routes: self.routes.into_iter().take(NAMED).collect(), routes_total }
    }
}
