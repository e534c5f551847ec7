//! From the configuration in force to another one: what a running daemon does, step by step, and what each step costs.
//!
//! [`between`] is a pure function of the two, so `roost plan` can print what the daemon would do, and both are the same.
//! What cannot be done while roost runs is named, and stays as it is until the next start; where the rest of the file
//! hangs on it (our AS, our addresses), nothing of the file is taken over. No file is in force by half without a word.
//!
//! The order is make before break: what comes stands before what goes.

mod peers;
mod ranges;

use std::fmt;

use bgp_proto::Prefix;

use super::model::{Config, DynamicPeers, Fib, Log, LogLevel, Node, PeerSettings, ReloadBy, Router};
pub use peers::{Change, Cost};

/// One thing that is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A block of the node is announced.
    Announce(Prefix),
    /// The table is decided anew, because these keys have changed.
    Decide(Vec<&'static str>),
    /// `readiness` is judged by other rules.
    Readiness,
    /// `log.level` is another one.
    LogLevel(LogLevel),
    /// The file is watched, or no more.
    Reload(ReloadBy),
    /// A peer that was not there.
    AddPeer(PeerSettings),
    /// A peer that was there with other settings.
    ChangePeer {
        /// What holds now.
        to: PeerSettings,
        /// What is different, key by key.
        changes: Vec<Change>,
    },
    /// A range of dynamic peers that was not there.
    AddRange(DynamicPeers),
    /// A range of dynamic peers that was there with other settings.
    ChangeRange {
        /// What holds now.
        to: DynamicPeers,
        /// What is different, key by key.
        changes: Vec<Change>,
    },
    /// The kernel's routes move to other settings: of `pools`, of `fib`.
    Kernel(Vec<&'static str>),
    /// A peer that is there no more.
    RemovePeer(PeerSettings),
    /// A range of dynamic peers that is there no more.
    RemoveRange(DynamicPeers),
    /// A block of the node is withdrawn.
    Withdraw(Prefix),
}

/// What a running daemon makes of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Keys whose new value waits for the next start.
    pub waiting: Vec<&'static str>,
    /// What is in force afterwards: the file, but for those keys.
    pub next: Config,
}

/// Keys that all else hangs on have changed: nothing can be taken over before the next start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} {} changed, and everything else hangs on that: nothing of the file is in force before roost is started again",
    .0.join(", "), if .0.len() == 1 { "has" } else { "have" }
)]
pub struct NeedsRestart(pub Vec<&'static str>);

/// The steps from `now` to `read`.
///
/// # Errors
/// When the identity of this speaker is another one.
pub fn between(now: &Config, read: &Config) -> Result<Steps, NeedsRestart> {
    let identity = [
        ("router.asn", now.router.asn != read.router.asn),
        ("router.router_id", now.router.router_id != read.router.router_id),
        ("router.confederation", now.router.confederation != read.router.confederation),
        ("node.name", now.node.name != read.node.name),
        ("node.addresses", now.node.addresses != read.node.addresses),
    ];
    let identity: Vec<_> = changed(identity);
    if !identity.is_empty() {
        return Err(NeedsRestart(identity));
    }
    let waiting = changed([
        ("router.listen", now.router.listen != read.router.listen),
        ("router.limits", now.router.limits != read.router.limits),
        ("node.detect", now.node.detect != read.node.detect),
        ("fib.enabled", now.fib.enabled != read.fib.enabled),
        ("api", now.api != read.api),
        ("metrics", now.metrics != read.metrics),
        ("log.format", now.log.format != read.log.format),
    ]);
    let next = Config {
        router: Router { listen: now.router.listen.clone(), limits: now.router.limits, ..read.router.clone() },
        node: Node { blocks: read.node.blocks.clone(), ..now.node.clone() },
        fib: Fib { enabled: now.fib.enabled, ..read.fib.clone() },
        api: now.api.clone(),
        metrics: now.metrics,
        log: Log { format: now.log.format, ..read.log },
        ..read.clone()
    };
    Ok(Steps { steps: steps(now, &next), waiting, next })
}

fn steps(now: &Config, next: &Config) -> Vec<Step> {
    let only_in = |a: &Config, b: &Config| -> Vec<Prefix> {
        a.node.blocks.iter().filter(|block| !b.node.blocks.contains(block)).copied().collect()
    };
    let mut steps: Vec<_> = only_in(next, now).into_iter().map(Step::Announce).collect();
    let decide = decide(&now.router, &next.router);
    steps.extend((!decide.is_empty()).then_some(Step::Decide(decide)));
    steps.extend((now.readiness != next.readiness).then_some(Step::Readiness));
    steps.extend((now.log.level != next.log.level).then_some(Step::LogLevel(next.log.level)));
    steps.extend((now.reload != next.reload).then_some(Step::Reload(next.reload)));
    let (stay, go) = peers::steps(&now.peers, &next.peers);
    steps.extend(stay);
    let (ranges_stay, ranges_go) = ranges::steps(&now.dynamic_peers, &next.dynamic_peers);
    steps.extend(ranges_stay);
    let kernel = if next.fib.enabled {
        changed([("pools", now.pools != next.pools), ("fib", now.fib != next.fib)])
    } else {
        Vec::new()
    };
    steps.extend((!kernel.is_empty()).then_some(Step::Kernel(kernel)));
    steps.extend(go);
    steps.extend(ranges_go);
    steps.extend(only_in(now, next).into_iter().map(Step::Withdraw));
    steps
}

/// What of the router the table is decided by. `graceful_restart` reaches the peers, and the next start.
fn decide(now: &Router, next: &Router) -> Vec<&'static str> {
    changed([
        ("router.cluster_id", now.cluster_id != next.cluster_id),
        ("router.always_compare_med", now.always_compare_med != next.always_compare_med),
        ("router.prefer_oldest_external", now.prefer_oldest_external != next.prefer_oldest_external),
        ("router.strict_cluster_check", now.strict_cluster_check != next.strict_cluster_check),
    ])
}

fn changed<const N: usize>(keys: [(&'static str, bool); N]) -> Vec<&'static str> {
    keys.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
}

impl Step {
    /// The session that ends, if one does, and the reason.
    pub fn ends(&self) -> Option<(&PeerSettings, &'static str)> {
        match self {
            Self::RemovePeer(peer) if peer.enabled => Some((peer, "it is in the configuration no more")),
            Self::ChangePeer { to, changes } => {
                let reason = changes.iter().find_map(|change| change.cost.ends())?;
                Some((to, reason))
            }
            _ => None,
        }
    }

    /// The range of dynamic peers that it is about.
    pub fn range(&self) -> Option<&DynamicPeers> {
        match self {
            Self::AddRange(range) | Self::ChangeRange { to: range, .. } | Self::RemoveRange(range) => Some(range),
            _ => None,
        }
    }

    /// Why the sessions of a range's peers end, if they do.
    pub fn reset(&self) -> Option<&'static str> {
        match self {
            Self::RemoveRange(_) => Some("their range is in the configuration no more"),
            Self::ChangeRange { changes, .. } => changes.iter().find_map(|change| change.cost.ends()),
            _ => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Announce(block) => write!(f, "block {block}: announced"),
            Self::Withdraw(block) => write!(f, "block {block}: withdrawn"),
            Self::Decide(keys) => write!(f, "{}: all routes are decided anew, sessions stay", keys.join(", ")),
            Self::Readiness => f.write_str("readiness: judged anew"),
            Self::LogLevel(level) => write!(f, "log.level: {} from now on", level.as_str()),
            Self::Reload(ReloadBy::Watch) => f.write_str("reload: the file is watched from now on"),
            Self::Reload(ReloadBy::Order) => f.write_str("reload: the file is read by order only from now on"),
            Self::Kernel(keys) => write!(f, "{}: kernel routes move to the new settings", keys.join(", ")),
            Self::AddPeer(peer) => {
                write!(f, "peer {}: added{}", peer.name(), if peer.enabled { "" } else { ", disabled" })
            }
            Self::RemovePeer(peer) => {
                write!(f, "peer {}: removed{}", peer.name(), if peer.enabled { ", its session ends" } else { "" })
            }
            Self::ChangePeer { to, changes } => peers::describe(f, to, changes),
            Self::AddRange(range) => write!(f, "dynamic peers {}: added", range.prefix),
            Self::RemoveRange(range) => write!(f, "dynamic peers {}: removed, their sessions end", range.prefix),
            Self::ChangeRange { to, changes } => ranges::describe(f, to, changes),
        }
    }
}

#[cfg(test)]
mod tests;
