//! The checked configuration: what the daemon runs.
//!
//! Every reference is resolved (a peer carries its policies, not their names), every default is filled in, mesh peers
//! stand beside the written ones, and a value that could be nonsense has a type that refuses it. Whoever holds a
//! [`Config`] therefore asks no further question of the file. Only this module's siblings can build one from YAML;
//! the daemon reads it, and compares two of them when the file has changed (all parts are `PartialEq`).

use std::sync::Arc;

mod node;
mod peers;
mod policy;
mod pools;
mod service;

pub use node::*;
pub use peers::*;
pub use policy::*;
pub use pools::*;
pub use service::*;

/// A whole configuration file, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Who this speaker is.
    pub router: Router,
    /// The node it runs on.
    pub node: Node,
    /// Ranges of pod addresses and how their packets travel; they do not overlap.
    pub pools: Vec<Pool>,
    /// The named policies, in the order of the file, used or not.
    pub policies: Vec<Arc<Policy>>,
    /// Every peer, the mesh's included, fully resolved. Addresses are unique. Disabled peers are listed too.
    pub peers: Vec<PeerSettings>,
    /// Ranges of addresses whose hosts may become peers, each once.
    pub dynamic_peers: Vec<DynamicPeers>,
    /// How routes get into the kernel.
    pub fib: Fib,
    /// The control socket; `None` is off.
    pub api: Option<Api>,
    /// The read-only HTTP listener; `None` is off.
    pub metrics: Option<Metrics>,
    /// When the node can be counted on.
    pub readiness: Readiness,
    /// What is logged, and how.
    pub log: Log,
    /// When a changed file is put in force.
    pub reload: ReloadBy,
}

/// When a changed configuration file is put in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReloadBy {
    /// When somebody says so.
    #[default]
    Order,
    /// By itself, too.
    Watch,
}
