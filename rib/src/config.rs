//! What the RIB is told about itself, and routes of our own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp_proto::attr::{NextHop, PathAttrs};
use bgp_proto::{Asn, Prefix, RouterId};

/// What is configured for the whole RIB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RibConfig {
    /// Our AS.
    pub asn: Asn,
    /// What our confederation is to the world, if we are a member of one; `asn` is the member's then. RFC 5065 §4
    pub confederation: Option<Asn>,
    /// Our identifier.
    pub router_id: RouterId,
    /// What we put into a CLUSTER_LIST (RFC 4456 §7); usually the router id.
    pub cluster_id: RouterId,
    /// Next hops per kernel route, 1–64.
    pub max_paths: usize,
    /// Compare MED between neighbour ASs.
    pub always_compare_med: bool,
    /// Do not leave an external path for another that only a tie-break prefers. RFC 5004. Then the best path depends on
    /// which came first.
    pub prefer_oldest_external: bool,
    /// Paths of a prefix a peer with ADD-PATH is told, best first.
    pub add_path_limit: usize,
    /// Refuse a path with our cluster id from non-clients too, as RFC 4456 §8 has it. Then reflectors that share a
    /// cluster id do not take their clients' paths from each other, and every client needs a session to each of them.
    pub strict_cluster_check: bool,
    /// About how many octets one [`Rib::poll_chunk`](crate::Rib::poll_chunk) gives; update groups keep a few such slices
    /// each.
    pub chunk_size: usize,
    /// No End-of-RIB before [`Rib::release_end_of_rib`](crate::Rib::release_end_of_rib): we have restarted and do not
    /// know all yet (RFC 4724 §4.1).
    pub hold_end_of_rib: bool,
    /// We are about to go: everybody is told all that he is told with the community GRACEFUL_SHUTDOWN, and inside the AS
    /// with LOCAL_PREF 0. See [`Rib::set_leaving`](crate::Rib::set_leaving). RFC 8326 §4.2
    pub leaving: bool,
    /// Say what the kernel's routes are to be ([`Rib::take_fib_changes`](crate::Rib::take_fib_changes)). A reflector without
    /// kernel routes need not find out which paths are as good as the best: a quarter of its work for prefixes that thirty
    /// peers have.
    pub kernel: bool,
}

impl RibConfig {
    /// The usual: 16 next hops, 32 paths, MED inside the neighbour AS, slices of 64 KiB.
    pub fn new(asn: Asn, router_id: RouterId) -> Self {
        Self {
            asn,
            confederation: None,
            router_id,
            cluster_id: router_id,
            max_paths: 16,
            always_compare_med: false,
            prefer_oldest_external: false,
            add_path_limit: 32,
            strict_cluster_check: false,
            chunk_size: 64 * 1024,
            hold_end_of_rib: false,
            leaving: false,
            kernel: true,
        }
    }
}

/// A route of our own.
#[derive(Clone, Debug, PartialEq)]
pub struct Origination {
    /// Its attributes. A next hop of 0.0.0.0 or :: means "here": our address on each session.
    pub attrs: PathAttrs,
    /// The kernel discards what no longer prefix matches.
    pub blackhole: bool,
}

impl Origination {
    /// ORIGIN IGP, an empty AS_PATH, next hop here.
    pub fn new(prefix: &Prefix, blackhole: bool) -> Self {
        let here: IpAddr = match prefix {
            Prefix::V4 { .. } => Ipv4Addr::UNSPECIFIED.into(),
            Prefix::V6 { .. } => Ipv6Addr::UNSPECIFIED.into(),
        };
        Self { attrs: PathAttrs::originated(NextHop::Addr(here)), blackhole }
    }
}
