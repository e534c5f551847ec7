//! Peers, and the ranges in which hosts may become peers.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use bgp_proto::fsm::PeerAs;
use bgp_proto::{Asn, FamilySet, Prefix, RouterId};

use super::node::{GracefulRestart, Router};
use super::policy::PolicyRef;
use crate::config::rules::PathRules;
use crate::config::values::{DeviceName, HoldTime, Secret};
use crate::net::zone::zoned;

/// Everything there is to know about one peer.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerSettings {
    /// The peer's address; unique among the peers (together with the interface of a link-local one).
    pub address: IpAddr,
    /// The interface of a link-local address (`fe80::1%eth0`); `None` for every other address.
    pub interface: Option<DeviceName>,
    /// The TCP port to connect to.
    pub port: u16,
    /// The peer's AS; 0 for a dynamic peer that may be of several, all of them other ASes than ours.
    pub asn: Asn,
    /// Where the peer comes from.
    pub origin: PeerOrigin,
    /// The group whose settings it takes, by name.
    pub group: Option<String>,
    /// Free text; mesh peers are called `mesh NODE`.
    pub description: Option<String>,
    /// Whether to run it at all.
    pub enabled: bool,
    /// Our address on the session; `None` lets the kernel choose. Same family as `address`.
    pub source: Option<IpAddr>,
    /// Wait for the peer to connect.
    pub passive: bool,
    /// Hold time to offer.
    pub hold_time: HoldTime,
    /// Time between our KEEPALIVEs: at most the hold time, by default a third of it; zero when the hold time is zero.
    pub keepalive: Duration,
    /// How long the peer may take nothing before the session ends (RFC 9687); `None`: as the hold time says.
    pub send_hold: Option<Duration>,
    /// Time between attempts to connect.
    pub connect_retry: Duration,
    /// Shortest and first pause after a session has failed.
    pub idle_hold: Duration,
    /// Longest pause; each failure in a row doubles it up to here. Not below `idle_hold`.
    pub idle_hold_max: Duration,
    /// The TCP-MD5 password (RFC 2385).
    pub password: Option<Password>,
    /// The peer is our route reflector client (RFC 4456); only ever true for an iBGP peer.
    pub route_reflector_client: bool,
    /// The cluster of a client; `None`: the router's. RFC 4456 §7
    pub cluster_id: Option<RouterId>,
    /// Families to offer; never empty.
    pub families: FamilySet,
    /// Exchange IPv4 routes with IPv6 next hops where the peer does too (RFC 8950).
    pub extended_next_hop: bool,
    /// Several paths for one prefix (RFC 7911).
    pub add_path: AddPath,
    /// Announce learned routes to this peer with ourselves as next hop.
    pub next_hop_self: bool,
    /// Which of its paths are believed, and what is done to those it is told.
    pub rules: PathRules,
    /// How far away the peer may be.
    pub ttl: Ttl,
    /// Decides about routes from this peer.
    pub import: PolicyRef,
    /// Decides about routes to this peer.
    pub export: PolicyRef,
    /// Graceful restart with this peer; the router's unless the peer says otherwise.
    pub graceful_restart: GracefulRestart,
    /// How many prefixes it may announce.
    pub max_prefix: MaxPrefix,
}

impl PeerSettings {
    /// Whether the peer is in our AS.
    pub fn is_ibgp(&self, router: &Router) -> bool {
        self.asn == router.asn
    }

    /// Its address, with the interface of a link-local one: `fe80::1%eth0`. No other peer has the same.
    pub fn name(&self) -> String {
        zoned(self.address, self.interface.as_ref().map(DeviceName::as_str))
    }

    /// Where it is, as peers are sorted.
    pub fn place(&self) -> (IpAddr, Option<&DeviceName>) {
        (self.address, self.interface.as_ref())
    }

    /// The peer's name for people: the description, else the address.
    pub fn label(&self) -> String {
        self.description.clone().unwrap_or_else(|| self.address.to_string())
    }
}

/// How many prefixes a peer may announce (RFC 4271 §6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPrefix {
    /// The limit for IPv4 prefixes.
    pub ipv4: Option<u32>,
    /// The limit for IPv6 prefixes.
    pub ipv6: Option<u32>,
    /// Percentage of a limit from which on it is logged: 1–100.
    pub warning: u8,
    /// What happens beyond a limit.
    pub action: MaxPrefixAction,
    /// Only prefixes that import lets through count.
    pub accepted_only: bool,
}

impl Default for MaxPrefix {
    fn default() -> Self {
        let action = MaxPrefixAction::Restart { after: Duration::from_secs(300) };
        Self { ipv4: None, ipv6: None, warning: 75, action, accepted_only: false }
    }
}

/// What happens to a peer that announces too many prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxPrefixAction {
    /// Its session ends, and may come back after this time.
    Restart {
        /// The time.
        after: Duration,
    },
    /// Its session ends, and stays down until an operator lets the peer in.
    Disable,
    /// It is only logged.
    Warn,
    /// The prefixes beyond the limit are ignored.
    Block,
}

/// A range of addresses whose hosts may connect and become peers.
#[derive(Clone, Debug, PartialEq)]
pub struct DynamicPeers {
    /// The range.
    pub prefix: Prefix,
    /// Which AS they may be of; of one alone, `template` has it too.
    pub asn: PeerAs,
    /// How many there may be at a time.
    pub limit: usize,
    /// How long one is remembered after its session.
    pub forget_after: Duration,
    /// Their settings; only the address is not theirs. Always passive.
    pub template: PeerSettings,
}

/// Where a peer comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerOrigin {
    /// An entry of `peers`.
    Peers,
    /// It was set over the API.
    Api,
    /// It connected from a range of `dynamic_peers`.
    Dynamic {
        /// The range.
        prefix: Prefix,
    },
    /// An entry of `mesh.nodes`.
    Mesh {
        /// The other node's name.
        node: String,
    },
}

/// A TCP-MD5 password, and where it came from. `Debug` never shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// Written in the configuration.
    Inline(Secret),
    /// In a file of its own.
    File {
        /// The file, as the configuration names it.
        path: PathBuf,
        /// Its content. `parse` leaves it `None`, `load` fills it in.
        secret: Option<Secret>,
    },
}

impl Password {
    /// As the configuration has it, whatever stands in the file.
    pub fn without_content(self) -> Self {
        match self {
            Self::Inline(secret) => Self::Inline(secret),
            Self::File { path, .. } => Self::File { path, secret: None },
        }
    }

    /// The password, once it is known.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Inline(secret) => Some(secret),
            Self::File { secret, .. } => secret.as_ref(),
        }
    }
}

/// Which directions of ADD-PATH to offer (RFC 7911 §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddPath {
    /// Offer to send several paths.
    pub send: bool,
    /// Offer to receive several paths.
    pub receive: bool,
}

/// How far away a peer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// Send packets with this TTL (1–255): 1 for a direct eBGP peer, the hops of `ebgp_multihop`, 64 for iBGP.
    Send(u8),
    /// GTSM (RFC 5082): send with 255, refuse packets with less than `256 - hops` (hops is 1–254).
    Security {
        /// Largest distance accepted.
        hops: u8,
    },
}
