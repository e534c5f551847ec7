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
use bgp_proto::message::Role;

use crate::peer::{PeerSettings, Session};

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
    /// Take paths with an AS_SET or AS_CONFED_SET from the peer, and tell it such paths: the way it was before RFC 9774.
    pub as_sets: bool,
    /// What we are to the peer, if it is external. RFC 9234 §3
    pub role: Option<Role>,
}

/// The part of a peer's rules that changes what it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportRules {
    /// Paths with an AS_SET or AS_CONFED_SET are told.
    pub as_sets: bool,
    /// What we are to the members, which are external then.
    pub role: Option<Role>,
}

impl ExportRules {
    pub(crate) fn of(session: &Session, settings: &PeerSettings) -> Self {
        let rules = &settings.rules;
        Self { as_sets: rules.as_sets, role: rules.role.filter(|_| session.external) }
    }
}

/// The peer is above us or beside us: what it tells us goes to customers only. RFC 9234 §5
pub(crate) fn is_told_only_to_customers(role: Role) -> bool {
    matches!(role, Role::Customer | Role::Peer | Role::RouteServerClient)
}

/// The peer is below us or beside us: what we tell it must go to its customers only. RFC 9234 §5
pub(crate) fn tells_only_to_customers(role: Role) -> bool {
    matches!(role, Role::Provider | Role::Peer | Role::RouteServer)
}
