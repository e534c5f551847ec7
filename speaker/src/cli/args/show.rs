//! What `roost show` can show, and how its tables are narrowed.

use std::net::IpAddr;

use clap::Subcommand;

use crate::api::model::{EventFilter, FibFilter, FibState, PeerFilter, PeerState, RouteFilter, RouteState};

/// What `roost show` can show.
#[derive(Debug, Subcommand)]
pub enum Show {
    /// The daemon at a glance
    Status,
    /// All peers, and why each one that is down is down
    Peers(PeersArgs),
    /// Everything about one peer, or about each of those that share a name
    Peer {
        /// By address (a link-local one as ADDRESS%INTERFACE), or by name: its description, or its node in a mesh
        #[arg(value_name = "PEER")]
        name: String,
    },
    /// All paths: each one's way from peer to kernel in a row
    Routes(RouteArgs),
    /// The story of one prefix
    Route {
        /// A prefix, or an address, which stands for its longest match
        #[arg(value_name = "PREFIX|ADDRESS")]
        prefix: String,
    },
    /// Kernel routes: what is wanted, what is there, and why they differ
    Fib(FibArgs),
    /// All pools: how packets to their blocks travel, the tunnel device as it is, and how many routes are in the kernel
    Pools,
    /// Peers that are sent the same bytes (update groups), and how many of them are behind
    Groups,
    /// What has happened lately, oldest first: the last 1,024 events since the daemon was started
    Events(EventsArgs),
    /// Peers and pools that were set at run time, and why one of them is not in force
    Overlay,
    /// Who announces prefixes at run time, how many, and for how long without another word
    Owners,
    /// Where the memory goes, part by part
    Memory,
    /// The configuration in force as it is written, comments and all; passwords are ***
    Config,
}

/// Which events.
#[derive(Debug, Default, Clone, clap::Args)]
pub struct EventsArgs {
    /// Only those about this peer, by address or name
    #[arg(long, value_name = "PEER")]
    pub peer: Option<String>,
    /// Only those of this kind, such as peer-down
    #[arg(long)]
    pub kind: Option<String>,
}

impl From<EventsArgs> for EventFilter {
    fn from(args: EventsArgs) -> Self {
        let EventsArgs { peer, kind } = args;
        Self { peer, kind }
    }
}

/// Which routes.
#[derive(Debug, Default, Clone, clap::Args)]
pub struct RouteArgs {
    /// Only this prefix
    #[arg(long)]
    pub prefix: Option<String>,
    /// With --prefix: also what lies inside it
    #[arg(long, requires = "prefix")]
    pub longer: bool,
    /// Only the longest match of this address
    #[arg(long, conflicts_with = "prefix")]
    pub address: Option<IpAddr>,
    /// Only paths of this peer, by address or name; of each of those that share a name
    #[arg(long, value_name = "PEER")]
    pub peer: Option<String>,
    /// Only best paths
    #[arg(long)]
    pub best: bool,
    /// Only paths with this community, such as 64512:100, no-export or 64512:1:2
    #[arg(long)]
    pub community: Option<String>,
    /// Only paths in this state
    #[arg(long)]
    pub state: Option<RouteState>,
}

impl From<RouteArgs> for RouteFilter {
    fn from(args: RouteArgs) -> Self {
        let RouteArgs { prefix, longer, address, peer, best, community, state } = args;
        Self { prefix, longer, address, peer, best, community, state }
    }
}

/// Which peers.
#[derive(Debug, Default, Clone, clap::Args)]
pub struct PeersArgs {
    /// Only those of this name: an address, a node of the mesh, or a description
    #[arg(long, value_name = "PEER")]
    pub peer: Option<String>,
    /// Only those in this state; down is any but established
    #[arg(long)]
    pub state: Option<PeerState>,
}

impl From<PeersArgs> for PeerFilter {
    fn from(args: PeersArgs) -> Self {
        let PeersArgs { peer, state } = args;
        Self { peer, state }
    }
}

/// Which kernel routes.
#[derive(Debug, Default, Clone, clap::Args)]
pub struct FibArgs {
    /// Only this prefix
    #[arg(long)]
    pub prefix: Option<String>,
    /// With --prefix: also what lies inside it
    #[arg(long, requires = "prefix")]
    pub longer: bool,
    /// Only those in this state
    #[arg(long)]
    pub state: Option<FibState>,
}

impl From<FibArgs> for FibFilter {
    fn from(args: FibArgs) -> Self {
        let FibArgs { prefix, longer, state } = args;
        Self { prefix, longer, state }
    }
}
