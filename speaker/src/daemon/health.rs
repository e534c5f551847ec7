//! Whether the daemon works (`/livez`) and whether its node can be counted on (`/readyz`).
//!
//! What is asked of each part here comes by the same ways as the API's questions, and each with a time limit: a part that
//! is stuck is a reason in the answer, never the end of it. A kubelet gives a probe one second.

mod pulse;
mod readiness;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bgp_proto::fsm::State;
use fib_sync::{FibHandle, FibRow, RowFilter};
use tokio::sync::watch;
use tokio::time::timeout;

use self::pulse::Pulse;
use self::readiness::{Facts, KernelFacts, PeerFact};
use super::announced::{self, Lost};
use super::drain::DrainHandle;
use super::known_peers::{KnownPeer, KnownPeers};
use super::overlay;
use super::owner::OwnerHandle;
use super::peer_status::PeerStatus;
use crate::api::model::{DrainPhase, Liveness, Readiness};
use crate::config::{Config, PeerOrigin, ReadyPeers};

/// How long one part is waited for.
const PATIENCE: Duration = Duration::from_millis(400);

/// Who looks after the parts.
pub struct Health {
    /// In force.
    config: watch::Receiver<Arc<Config>>,
    owner: OwnerHandle,
    fib: Option<FibHandle>,
    peers: Arc<KnownPeers>,
    drain: DrainHandle,
    /// What of a damaged list is missing still.
    lost: watch::Receiver<Lost>,
    started: Instant,
    pulses: Pulses,
    ready: AtomicBool,
}

struct Pulses {
    owner: Pulse,
    fib: Option<Pulse>,
    api: Option<Pulse>,
}

impl Health {
    /// Of these parts, from now on.
    pub fn new(
        config: watch::Receiver<Arc<Config>>,
        owner: OwnerHandle,
        fib: Option<FibHandle>,
        peers: Arc<KnownPeers>,
        drain: DrainHandle,
        lost: watch::Receiver<Lost>,
    ) -> Arc<Self> {
        let pulses = Pulses {
            owner: Pulse::new("owner"),
            fib: fib.is_some().then(|| Pulse::new("fib-sync")),
            api: config.borrow().api.is_some().then(|| Pulse::new("api")),
        };
        let ready = AtomicBool::new(false);
        Arc::new(Self { config, owner, fib, peers, drain, lost, started: Instant::now(), pulses, ready })
    }

    /// Asks the parts for signs, for ever.
    pub async fn keep(self: Arc<Self>) {
        let owner = self.pulses.owner.clone().watch(async || self.owner.ask(|_| ()).await.is_some());
        let fib = async {
            if let (Some(pulse), Some(fib)) = (&self.pulses.fib, &self.fib) {
                pulse.clone().watch(|| fib.answers()).await;
            }
        };
        tokio::join!(owner, fib);
    }

    /// The control socket's listener has looked around.
    pub fn served(&self) {
        if let Some(api) = &self.pulses.api {
            api.beat();
        }
    }

    /// Whether all parts turn.
    pub fn liveness(&self) -> Liveness {
        let Pulses { owner, fib, api } = &self.pulses;
        pulse::liveness([owner].into_iter().chain(fib).chain(api))
    }

    /// Whether the node can be counted on.
    pub async fn readiness(&self) -> Readiness {
        let config = self.config.borrow().clone();
        let peers = self.peers.all().into_iter().map(|(_, known)| (known.shared.snapshot(), known));
        let peers =
            peers.filter(|(status, known)| counts(&config, known, status)).map(|(status, known)| fact(&known, &status));
        let facts = Facts {
            uptime: self.started.elapsed(),
            startup_wait: config.router.startup_wait,
            quorum: config.readiness.quorum,
            damaged: config.api.as_ref().map(|api| damaged(&api.socket, &self.lost.borrow())).unwrap_or_default(),
            out_of_service: self.drain.state().state != DrainPhase::Off,
            peers: peers.collect(),
            undecided: timeout(PATIENCE, self.owner.ask(|owner| owner.undecided())).await.ok().flatten(),
            kernel: match &self.fib {
                Some(fib) => Some(kernel_facts(fib).await),
                None => None,
            },
            was_ready: self.ready.load(Ordering::Relaxed),
        };
        let readiness = readiness::judge(&facts);
        if self.ready.swap(readiness.ready, Ordering::Relaxed) != readiness.ready {
            match readiness.ready {
                true => tracing::info!(event = "ready", "the node is ready"),
                false => tracing::warn!(
                    event = "not-ready",
                    "the node is not ready any more: {}",
                    readiness.reasons.join("; ")
                ),
            }
        }
        readiness
    }
}

/// Whether the peer is one of those that `readiness.peers` names.
fn counts(config: &Config, known: &KnownPeer, status: &PeerStatus) -> bool {
    let settings = &known.settings;
    let wanted = match config.readiness.peers {
        ReadyPeers::All => !matches!(settings.origin, PeerOrigin::Dynamic { .. }),
        ReadyPeers::Reflectors => {
            let internal = settings.is_ibgp(&config.router) && !settings.route_reflector_client;
            internal && matches!(settings.origin, PeerOrigin::Peers | PeerOrigin::Api)
        }
        ReadyPeers::None => false,
    };
    wanted && settings.enabled && !status.disabled
}

fn fact(known: &KnownPeer, status: &PeerStatus) -> PeerFact {
    let established = status.negotiated.as_deref().filter(|_| status.state == State::Established);
    let missing = match established {
        // Without the capability nobody knows when a peer has sent everything (RFC 4724 §2).
        Some(negotiated) if negotiated.peer_graceful_restart.is_none() => None,
        Some(negotiated) => {
            let awaited = negotiated.families().iter().filter(|family| !status.end_of_rib.contains(*family));
            let awaited: Vec<_> = awaited.map(|family| family.to_string()).collect();
            (!awaited.is_empty())
                .then(|| format!("it has not sent everything yet: End-of-RIB of {}", awaited.join(", ")))
        }
        None => Some(status.down.as_ref().map_or_else(|| "it is not up yet".to_owned(), ToString::to_string)),
    };
    let (place, label) = (known.settings.name(), &known.settings.description);
    PeerFact { name: label.as_ref().map_or_else(|| place.clone(), |label| format!("{place} ({label})")), missing }
}

async fn kernel_facts(fib: &FibHandle) -> KernelFacts {
    let stats = fib.stats();
    let divergent = stats.conflicts + stats.failed + stats.barred;
    let rows = async { if divergent > 0 { fib.rows(RowFilter::Divergent).await } else { Vec::new() } };
    let rows = timeout(PATIENCE, rows).await.unwrap_or_default();
    let named = |row: &FibRow| format!("{} {}", row.prefix, row.state);
    KernelFacts { ended: !fib.is_alive(), behind: fib.behind(), divergent, named: rows.iter().map(named).collect() }
}

/// What a start found damaged beside the control socket and has put aside, and nobody has said again since: each with what it
/// held and what to do.
fn damaged(socket: &Path, lost: &Lost) -> Vec<String> {
    let set = overlay::damaged(socket).map(|file| {
        format!(
            "peers and pools that were set over the API could not be read: set them again, then remove {}",
            file.display()
        )
    });
    let list = announced::damaged(socket).filter(|_| *lost != Lost::Nothing).map(|file| {
        format!(
            "prefixes announced at run time could not be read, and {lost}; or remove {}, when nothing is missing",
            file.display()
        )
    });
    set.into_iter().chain(list).collect()
}
