//! From what is known of the node to whether it can be counted on, and why not. A pure function.
//!
//! Two things make a node ready: enough of its peers have told it everything, and its kernel does what was decided of it.
//! How many are enough is Calico's rule: in the time a start may take (`router.startup_wait`) all of them, so that a
//! rollout waits for each node to be complete; later a few, so that one dead node makes no other one unready.
//!
//! Of the kernel only what is wrong on this node counts. A route to a node that is gone is withheld here, too, and that is
//! not this node's fault.

use std::time::Duration;

use crate::api::model::Readiness;

/// Decisions may wait for the kernel for so long: while routes come and go, some always wait for a moment.
const BEHIND: Duration = Duration::from_secs(1);
/// Peers, and routes, that are named.
const NAMED: usize = 8;

/// What is known.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Time since the start.
    pub uptime: Duration,
    /// `router.startup_wait`.
    pub startup_wait: Duration,
    /// `readiness.quorum`, percent.
    pub quorum: u8,
    /// The operator has drained the node, or is about to.
    pub out_of_service: bool,
    /// What was said over the API and could not be read at a start, in words, until somebody has seen to it.
    pub damaged: Vec<String>,
    /// The peers that count.
    pub peers: Vec<PeerFact>,
    /// UPDATEs and prefixes that are yet to be decided; `None` if the owner of the table did not answer.
    pub undecided: Option<usize>,
    /// The kernel's side, if routes go there.
    pub kernel: Option<KernelFacts>,
    /// What was answered the last time.
    pub was_ready: bool,
}

/// One peer that counts.
#[derive(Clone, Debug)]
pub struct PeerFact {
    /// Its address, and what people call it.
    pub name: String,
    /// What is missing, if anything is.
    pub missing: Option<String>,
}

/// What the kernel makes of it.
#[derive(Clone, Debug, Default)]
pub struct KernelFacts {
    /// The thread that writes has ended.
    pub ended: bool,
    /// How long the oldest decision has waited.
    pub behind: Duration,
    /// Prefixes that are not as they should be, for a cause on this node.
    pub divergent: usize,
    /// The first of them, each with its cause.
    pub named: Vec<String>,
}

/// The answer.
pub fn judge(facts: &Facts) -> Readiness {
    let counted = facts.peers.len();
    let missing: Vec<_> = facts.peers.iter().filter_map(|peer| Some((&peer.name, peer.missing.as_ref()?))).collect();
    let synced = counted - missing.len();
    let quorum = (counted * usize::from(facts.quorum)).div_ceil(100);
    let starting = facts.startup_wait.saturating_sub(facts.uptime);
    let needed = if starting.is_zero() { quorum } else { counted };
    let mut reasons = Vec::new();
    if facts.out_of_service {
        reasons.push("the node is out of service (`roost drain`); `roost undrain` takes it back".to_owned());
    }
    reasons.extend(facts.damaged.iter().cloned());
    if synced < needed {
        let later = if starting.is_zero() || quorum == counted {
            String::new()
        } else {
            format!(", {quorum} from {} s on", starting.as_secs() + 1)
        };
        reasons
            .push(format!("of {counted} peers {synced} are up and have sent everything; wanted are {needed}{later}"));
        reasons.extend(missing.iter().take(NAMED).map(|(name, what)| format!("peer {name}: {what}")));
        reasons.extend(and_more(missing.len(), "peers"));
    }
    // Who is ready stays so while the usual news comes in; who is not, must have caught up with all.
    let undecided = facts.undecided.unwrap_or_default();
    match facts.undecided {
        None => reasons.push("the owner of the table does not answer".to_owned()),
        Some(1..) if !facts.was_ready => reasons.push(format!("{undecided} UPDATEs or prefixes are yet to be decided")),
        Some(_) => {}
    }
    let (mut behind, mut divergent) = (Duration::ZERO, 0);
    if let Some(kernel) = &facts.kernel {
        (behind, divergent) = (kernel.behind, kernel.divergent);
        if kernel.ended {
            reasons.push("the thread that writes the kernel's routes has ended".to_owned());
        }
        if behind > BEHIND || (!facts.was_ready && !behind.is_zero()) {
            reasons.push(format!("the kernel has not got what was decided {:.1} s ago", behind.as_secs_f64()));
        }
        if divergent > 0 {
            reasons.push(format!("routes that are not in the kernel as they should be: {divergent}"));
            reasons.extend(kernel.named.iter().take(NAMED).cloned());
            reasons.extend(and_more(divergent, "routes").filter(|_| !kernel.named.is_empty()));
        }
    }
    Readiness {
        ready: reasons.is_empty(),
        reasons,
        peers: counted,
        peers_synced: synced,
        peers_needed: needed,
        undecided,
        behind_ms: u64::try_from(behind.as_millis()).unwrap_or(u64::MAX),
        divergent,
    }
}

fn and_more(all: usize, what: &str) -> impl Iterator<Item = String> {
    (all > NAMED).then(|| format!("and {} {what} more", all - NAMED)).into_iter()
}

#[cfg(test)]
mod tests;
