//! Orders to peers, and peers and pools that are set at run time.

use clap::Subcommand;

/// What `roost peer` can do.
#[derive(Debug, Subcommand)]
pub enum PeerOrder {
    /// Exchange routes again, without ending the session: what others call a soft clear, or reload
    Refresh {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would take it for the whole command's help")]
        whom: Whom,
        /// Only ask the peer for its routes (RFC 2918)
        #[arg(long = "in", conflicts_with = "outgoing")]
        incoming: bool,
        /// Only send it ours
        #[arg(long = "out")]
        outgoing: bool,
        /// Only this family, ipv4 or ipv6 [default: all of the session]
        #[arg(long, value_name = "FAMILY", value_parser = ["ipv4", "ipv6"])]
        family: Vec<String>,
    },
    /// End the session and begin another (Cease/Administrative Reset); one that is down is tried now
    Reset {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would take it for the whole command's help")]
        whom: Whom,
        /// A line for the peer's operator, at most 255 octets (RFC 9003)
        #[arg(long, value_name = "TEXT")]
        message: Option<String>,
        /// Both sides keep the routes meanwhile, where the session has agreed on it (RFC 8538)
        #[arg(long)]
        graceful: bool,
    },
    /// End the session and want none (Cease/Administrative Shutdown), until `enable` or the next start of roost
    Disable {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would take it for the whole command's help")]
        whom: Whom,
        /// A line for the peer's operator, at most 255 octets (RFC 9003)
        #[arg(long, value_name = "TEXT")]
        message: Option<String>,
    },
    /// Add a peer that is not in the configuration file, or give it other settings: all of them are said anew. It is kept
    /// when roost is started again
    Add(NewPeer),
    /// Remove a peer that was added; its session ends, and its routes go
    Remove {
        /// Its address; a link-local one as ADDRESS%INTERFACE
        address: String,
    },
    /// Let a peer in again, now: one that was disabled, has announced too many prefixes or made mistakes
    Enable {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would take it for the whole command's help")]
        whom: Whom,
    },
}

/// What `roost pool` can do.
#[derive(Debug, Subcommand)]
pub enum PoolOrder {
    /// Add a pool that is not in the configuration file, or give it other settings. It is kept when roost is started again
    Add {
        /// Its range, such as 10.66.0.0/16
        cidr: String,
        /// How its packets travel, as `mode` in the file, such as ipip-cross-subnet [default: direct]
        #[arg(long)]
        mode: Option<String>,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would take it for the whole command's help")]
        more: MoreKeys,
    },
    /// Remove a pool that was added
    Remove {
        /// Its range
        cidr: String,
    },
}

/// A peer that is added.
#[derive(Debug, Clone, clap::Args)]
pub struct NewPeer {
    /// Its address; a link-local one as ADDRESS%INTERFACE
    pub address: String,
    /// Its AS number [default: its group's]
    #[arg(long = "as", value_name = "ASN", required_unless_present = "group")]
    pub asn: Option<String>,
    /// The peer group of the configuration file whose settings it takes
    #[arg(long)]
    pub group: Option<String>,
    /// Free text
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Routes to take: accept, reject or a policy of the file
    #[arg(long, value_name = "POLICY")]
    pub import: Option<String>,
    /// Routes to announce: accept, reject or a policy of the file
    #[arg(long, value_name = "POLICY")]
    pub export: Option<String>,
    /// It is our route reflector client
    #[arg(long)]
    pub client: bool,
    /// File on the node with the TCP MD5 password; relative to the configuration file
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take it for the whole command's help")]
    pub more: MoreKeys,
}

/// Keys that have no option of their own.
#[derive(Debug, Clone, clap::Args)]
pub struct MoreKeys {
    /// Any key as in the configuration file, with its value or JSON: hold_time=30s, 'add_path={"send":true}'
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub keys: Vec<String>,
}

/// Which peers.
#[derive(Debug, Clone, clap::Args)]
pub struct Whom {
    /// By address (a link-local one as ADDRESS%INTERFACE), or by name: its description, or its node in a mesh
    #[arg(value_name = "PEER", required_unless_present = "all", conflicts_with = "all")]
    peers: Vec<String>,
    /// Every peer
    #[arg(long)]
    all: bool,
}

impl From<Whom> for Vec<String> {
    /// As the API has it.
    fn from(whom: Whom) -> Self {
        if whom.all { vec!["*".to_owned()] } else { whom.peers }
    }
}
