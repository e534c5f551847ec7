//! What is configured for a peer about AS paths, roles and well-known communities.
//!
//! One value beside the [`PeerSettings`](crate::PeerSettings), because all of it is asked at the same two places:
//! [`import`](crate::import) when an attribute set arrives, [`export`](crate::export) when one is told. Nothing here
//! knows a prefix or a single path, so import asks it once per attribute set; the part that changes what is told stands
//! in the [`GroupKey`](crate::GroupKey).
//!
//! The default is a peer nobody said anything about: no rule that an operator would have to ask for is in force.

use std::sync::Arc;

use bgp_proto::Prefix;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathRules {
    /// Refuse paths of an external peer that do not begin with its AS. RFC 4271 §6.3; off for the clients of a route
    /// server, which does not put its AS in front (RFC 7947 §2.2.2.1).
    pub enforce_first_as: bool,
    /// The peer is one IP hop away, and these are our subnets: a next hop of its address's family must be the peer itself
    /// or lie in one of them. RFC 4271 §6.3. `None`: it may be anywhere.
    pub on_link: Option<Arc<[Prefix]>>,
    /// Paths of an external peer with the community GRACEFUL_SHUTDOWN get LOCAL_PREF 0. RFC 8326 §4.2
    pub graceful_shutdown: bool,
    /// Packets to long prefixes with the community BLACKHOLE are discarded. RFC 7999 §3.3
    pub blackhole: bool,
}
