//! What a peer's configuration says about AS paths, roles and well-known communities, checked.
//!
//! Beside [`model`](super::model) because it is one subject: every key of it ends in the RIB's rules for the peer, and a
//! few in its OPEN.

use bgp_proto::Asn;
use bgp_proto::message::Role;
pub use rib::PrivateAs;

/// Which paths of a peer are believed, and what is done to those it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathRules {
    /// How often our AS may stand in a path of the peer. RFC 4271 §9.1.2
    pub allow_as_in: u8,
    /// Refuse paths that do not begin with the peer's AS; of meaning for an eBGP peer. RFC 4271 §6.3
    pub enforce_first_as: bool,
    /// Refuse next hops on no link shared with the peer; only ever true for an eBGP neighbour. RFC 4271 §6.3
    pub connected_check: bool,
    /// Routes of an eBGP peer with GRACEFUL_SHUTDOWN get LOCAL_PREF 0. RFC 8326 §4.2
    pub graceful_shutdown: bool,
    /// Packets to prefixes with BLACKHOLE are discarded. RFC 7999 §3.3
    pub blackhole: bool,
    /// Exchange paths with AS_SETs with the peer, against RFC 9774.
    pub accept_as_set: bool,
    /// What we are to the peer; only ever set for an eBGP peer. RFC 9234 §3
    pub role: Option<Role>,
    /// Refuse a peer that does not say its role. RFC 9234 §4.2
    pub strict_role: bool,
    /// The AS we are to the peer, if it is another than ours; only ever set for an eBGP peer.
    pub local_as: Option<LocalAs>,
    /// What the peer is told instead of private AS numbers; of meaning for an eBGP peer.
    pub remove_private_as: PrivateAs,
    /// The peer is of another member AS of our confederation. RFC 5065
    pub confederation: bool,
}

/// A confederation this speaker is a member of. RFC 5065 §4
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confederation {
    /// The AS number the world knows.
    pub id: Asn,
    /// The other members' AS numbers.
    pub members: Vec<Asn>,
}

/// Another AS than ours for one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalAs {
    /// Its number: neither the router's nor the peer's.
    pub asn: Asn,
    /// Do not put it in front of what the peer announces.
    pub no_prepend: bool,
    /// Do not put the router's AS behind it in what the peer is told.
    pub replace_as: bool,
}
