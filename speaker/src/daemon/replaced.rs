//! Peers that go while others come: make before break, as when a mesh is switched to reflectors.
//!
//! Where one and the same change of the configuration adds peers, those it removes keep their sessions until the new ones
//! are up and have sent all they have (End-of-RIB, RFC 4724 §2), and until every route of those that go has another way.
//! A second more lets the other ends get there, too: they see the same a moment later.
//!
//! Another change meanwhile lets nobody go who still waits, unless those that were to take its place go themselves.
//!
//! A route that is nobody else's would keep its peer for ever, so there is an end to waiting: long enough for a change
//! that reaches the nodes of a cluster one after the other.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bgp_proto::fsm::State;
use rib::PeerId;

use super::absence;
use super::known_peers::KnownPeers;
use super::owner::OwnerHandle;
use crate::config::PeerSettings;
use crate::config::steps::Step;

/// The longest wait. A mounted ConfigMap reaches all nodes within some two minutes.
pub const LONGEST: Duration = Duration::from_secs(180);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// How long all must have been well.
const CALM: Duration = Duration::from_secs(1);

/// Peers that wait to go.
#[derive(Debug)]
pub struct Replaced {
    /// They.
    pub peers: Vec<PeerSettings>,
    /// Whose End-of-RIBs are awaited, by name.
    awaited: BTreeSet<String>,
    until: Instant,
    calm_since: Option<Instant>,
    /// When to look.
    pub look: Instant,
}

impl Replaced {
    /// The peers that `steps` remove, if they also add any; and of those that wait already, the ones that are to go still.
    pub fn by(steps: &[Step], before: Option<&Self>) -> Option<Self> {
        let added = steps.iter().filter_map(|step| match step {
            Step::AddPeer(peer) if peer.enabled => Some(peer.name()),
            _ => None,
        });
        let gone = steps.iter().filter_map(|step| match step {
            Step::RemovePeer(peer) if peer.enabled => Some(peer.clone()),
            _ => None,
        });
        let (mut awaited, mut peers): (BTreeSet<_>, Vec<_>) = (added.collect(), gone.collect());
        let now = Instant::now();
        let mut until = now + LONGEST;
        if let Some(before) = before {
            if awaited.is_empty() {
                peers.retain(|peer| before.has(peer));
                until = before.until;
            }
            awaited.extend(before.awaited.iter().filter(|name| !steps.iter().any(|step| ends(step, name))).cloned());
        }
        let waiting = Self { peers, awaited, until, calm_since: None, look: now + LOOK };
        (!waiting.awaited.is_empty() && !waiting.peers.is_empty()).then_some(waiting)
    }

    /// Without those that are to stay.
    pub fn but_for(mut self, these: &[PeerSettings]) -> Option<Self> {
        self.peers.retain(|peer| these.iter().all(|stays| stays.name() != peer.name()));
        (!self.peers.is_empty()).then_some(self)
    }

    fn has(&self, peer: &PeerSettings) -> bool {
        self.peers.iter().any(|waits| waits.name() == peer.name())
    }

    /// Whether the step removes a peer that waits.
    pub fn waits(&self, step: &Step) -> bool {
        matches!(step, Step::RemovePeer(peer) if peer.enabled && self.has(peer))
    }

    /// What becomes of one of them, in words.
    pub fn text(&self, peer: &PeerSettings) -> String {
        format!(
            "peer {}: removed; its session ends when those that were added have sent all they have and each of its routes \
             has another way, after {} s at the latest",
            peer.name(),
            LONGEST.as_secs()
        )
    }

    /// Looks whether they may go now; then, with the reason if it is not that all is well.
    pub async fn may_go(&mut self, known: &KnownPeers, owner: &OwnerHandle) -> Option<Result<(), String>> {
        let now = Instant::now();
        self.look = now + LOOK;
        let why_not = self.why_not(known, owner).await;
        match why_not {
            None => {
                let since = *self.calm_since.get_or_insert(now);
                (now - since >= CALM).then_some(Ok(()))
            }
            Some(why) => {
                self.calm_since = None;
                (now >= self.until).then_some(Err(why))
            }
        }
    }

    async fn why_not(&self, known: &KnownPeers, owner: &OwnerHandle) -> Option<String> {
        let all = known.all();
        for (_, peer) in all.iter().filter(|(_, peer)| self.awaited.contains(&peer.settings.name())) {
            let (name, status) = (peer.settings.name(), peer.shared.snapshot());
            let Some(session) = status.negotiated.filter(|_| status.state == State::Established) else {
                return Some(format!("{name} has no session"));
            };
            if let Some(family) = session.families().iter().find(|family| !status.end_of_rib.contains(*family)) {
                return Some(format!("{name} has not sent all its {family} routes"));
            }
        }
        let names: BTreeSet<_> = self.peers.iter().map(PeerSettings::name).collect();
        let gone = all.iter().filter(|(_, peer)| names.contains(&peer.settings.name())).map(|(id, _)| *id);
        let gone: BTreeSet<PeerId> = gone.collect();
        let fates = absence::of(owner, gone, |fate| fate.after.is_none()).await;
        let lost = fates.into_iter().find(|fate| fate.after.is_none())?;
        Some(format!("{} has no other way", lost.prefix))
    }
}

/// Whether no session with the peer of this name is wanted after the step.
fn ends(step: &Step, name: &str) -> bool {
    match step {
        Step::RemovePeer(peer) => peer.name() == name,
        Step::ChangePeer { to, .. } => !to.enabled && to.name() == name,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
