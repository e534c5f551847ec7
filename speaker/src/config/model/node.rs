//! The speaker itself and the node it runs on.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bgp_proto::{Asn, Prefix, RouterId};
use ipnetwork::IpNetwork;

use crate::config::rules::Confederation;
use crate::detect::{Detect, Pick};

/// Who this speaker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    /// Our AS: neither 0, 23456 (AS_TRANS), 65535 nor 4294967295.
    pub asn: Asn,
    /// The confederation `asn` is a member of. RFC 5065
    pub confederation: Option<Confederation>,
    /// Compare MED between neighbour ASes too. RFC 4271 §9.1.2.2 c
    pub always_compare_med: bool,
    /// Keep the best external path when another is as good up to the tie-breaks. RFC 5004
    pub prefer_oldest_external: bool,
    /// Refuse our cluster id in a CLUSTER_LIST from non-clients too. RFC 4456 §8
    pub strict_cluster_check: bool,
    /// Our BGP Identifier, not zero.
    pub router_id: RouterId,
    /// Our cluster id as a route reflector; the router id unless the file says otherwise. RFC 4456 §7
    pub cluster_id: RouterId,
    /// Where to accept sessions; empty: nowhere, only connect.
    pub listen: Vec<SocketAddr>,
    /// Graceful restart of this speaker as a whole.
    pub graceful_restart: GracefulRestart,
    /// What connections may cost whose OPEN has not been accepted.
    pub limits: Limits,
    /// How long after start the deletion of adopted kernel routes, and our own End-of-RIB, may wait for the peers'
    /// End-of-RIB. Installing routes never waits.
    pub startup_wait: Duration,
}

impl Router {
    /// Whether `asn` is another member of our confederation.
    pub fn is_member(&self, asn: Asn) -> bool {
        asn != self.asn && self.confederation.as_ref().is_some_and(|confederation| confederation.members.contains(&asn))
    }
}

/// What connections may cost whose OPEN has not been accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Such connections of addresses that are no known peer's, 1–100,000.
    pub unopened: usize,
    /// Such connections of one address, 2–8: one that waits, and the one that takes its place.
    pub unopened_per_peer: usize,
    /// How long one may take to send its OPEN: 1 s to 1 h. RFC 4271 §8.2.2
    pub open_timeout: Duration,
    /// Connections the kernel holds until they are accepted, 1–65,535.
    pub backlog: u16,
}

impl Default for Limits {
    /// The OPEN is the first thing a speaker says. RFC 4271 suggests 4 minutes for it, from a time of slower hosts; in
    /// 60 s TCP repeats a lost segment five times (1 + 2 + 4 + 8 + 16 s), and in the quarter of it four times.
    fn default() -> Self {
        Self { unopened: 1_000, unopened_per_peer: 4, open_timeout: Duration::from_secs(60), backlog: 4_096 }
    }
}

/// Graceful restart (RFC 4724), of the speaker or of one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GracefulRestart {
    /// Whether the capability is sent.
    pub enabled: bool,
    /// How long peers shall keep our routes after the session is lost: at most 4095 s, whole seconds. RFC 4724 §3
    pub restart_time: Duration,
    /// How long we keep a restarted peer's stale routes when its End-of-RIB does not come. RFC 4724 §4.2
    pub stale_time: Duration,
    /// How long routes are kept beyond the restart time, by peers for us and by us for peers: at most 2^24 - 1 s, zero
    /// is off. RFC 9494
    pub long_lived: Duration,
    /// How long we hold a peer's routes beyond its restart time whatever was negotiated; zero is off.
    pub hold: Duration,
}

/// The node this speaker runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The node's name.
    pub name: String,
    /// The node's addresses with the length of their subnet; host bits are set. A bare address in the file is a /32 or /128.
    /// Those of the file come first, then those that were picked.
    pub addresses: Vec<IpNetwork>,
    /// How addresses are found that the file does not name.
    pub detect: Option<Detect>,
    /// What the rules of `detect` have picked, each at most one address. It is in `addresses`, too.
    pub picked: Vec<Pick>,
    /// Pod blocks of this node: originated, and a blackhole in the kernel. No duplicates.
    pub blocks: Vec<Prefix>,
}

impl Node {
    /// The first address of the wanted family.
    pub fn address(&self, ipv4: bool) -> Option<IpAddr> {
        self.addresses.iter().map(IpNetwork::ip).find(|address| address.is_ipv4() == ipv4)
    }

    /// Whether a rule of `detect` has picked nothing (yet): then `addresses` may lack one.
    pub fn is_undetected(&self) -> bool {
        self.detect.as_ref().is_some_and(|detect| detect.rules.len() > self.picked.len())
    }

    /// Whether `address` is one of this node's.
    pub fn owns(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|own| own.ip() == address)
    }
}
