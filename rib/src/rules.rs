//! What is configured for a peer about AS paths, roles and well-known communities.
//!
//! One value beside the [`PeerSettings`], because all of it is asked at the same two places:
//! [`import`](crate::import) when an attribute set arrives, [`export`](crate::export) when one is told. Nothing here
//! knows a prefix or a single path, so import asks it once per attribute set; the part that changes what is told stands
//! in the [`GroupKey`](crate::GroupKey).
//!
//! The default is a peer nobody said anything about: no rule that an operator would have to ask for is in force.

use std::net::IpAddr;
use std::sync::Arc;

use bgp_proto::attr::AsPath;
use bgp_proto::message::Role;
use bgp_proto::{Asn, Prefix};

use crate::config::RibConfig;
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
    /// Every address of ours: none is a next hop. RFC 4271 §5.1.3
    pub own_addresses: Arc<[IpAddr]>,
    /// Paths of an external peer with the community GRACEFUL_SHUTDOWN get LOCAL_PREF 0. RFC 8326 §4.2
    pub graceful_shutdown: bool,
    /// Packets to long prefixes with the community BLACKHOLE are discarded. RFC 7999 §3.3
    pub blackhole: bool,
    /// Take paths with an AS_SET or AS_CONFED_SET from the peer, and tell it such paths: the way it was before RFC 9774.
    pub as_sets: bool,
    /// What we are to the peer, if it is external. RFC 9234 §3
    pub role: Option<Role>,
    /// To the peer we are another AS than we are: the session's. What else is done about it, FRR's way.
    pub local_as: Option<LocalAs>,
    /// What an external peer is told instead of private AS numbers.
    pub private_as: PrivateAs,
    /// The peer is of another member AS of our confederation. RFC 5065
    pub confederation: bool,
}

/// An AS number that is ours for one external peer only, such as the one we had before a merger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LocalAs {
    /// Do not put it in front of the paths the peer announces.
    pub no_prepend: bool,
    /// Tell the peer paths that begin with it alone, without our real AS behind it.
    pub replace: bool,
}

/// What is done about private AS numbers (RFC 6996) in the paths an external peer is told. Its own stays, so that it
/// finds its loops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PrivateAs {
    /// Nothing.
    #[default]
    Keep,
    /// They go from paths of nothing else: behind a public number they are no accident.
    RemoveIfAll,
    /// They go.
    Remove,
    /// Each becomes ours, which keeps the path's length.
    Replace,
}

/// The part of a peer's rules that changes what it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportRules {
    /// Paths with an AS_SET or AS_CONFED_SET are told.
    pub as_sets: bool,
    /// What we are to the members, which are external then.
    pub role: Option<Role>,
    /// Our real AS, which stands behind the one we are to the members.
    pub behind: Option<Asn>,
    /// What is done about private AS numbers, and the members' AS, which stays. AS 0 where nothing is done.
    pub private_as: (PrivateAs, Asn),
}

impl ExportRules {
    pub(crate) fn of(session: &Session, settings: &PeerSettings, config: &RibConfig) -> Self {
        let rules = &settings.rules;
        let kept = Self { as_sets: rules.as_sets, ..Self::default() };
        if !session.external {
            return kept;
        }
        let keeps_private = rules.private_as == PrivateAs::Keep;
        let private_as = (rules.private_as, if keeps_private { Asn(0) } else { session.peer_asn });
        let local = rules.local_as.filter(|local| !local.replace);
        Self { role: rules.role, behind: local.map(|_| config.confederation.unwrap_or(config.asn)), private_as, ..kept }
    }

    /// The AS_PATH for an external peer, to which we are `local`. RFC 4271 §5.1.2 b
    pub(crate) fn path(&self, path: &AsPath, local: Asn) -> AsPath {
        let (private, kept) = self.private_as;
        let hidden = |asn: Asn| asn.is_private() && asn != kept;
        let change = match private {
            PrivateAs::Keep => false,
            PrivateAs::RemoveIfAll => path.asns().all(Asn::is_private),
            PrivateAs::Remove | PrivateAs::Replace => path.asns().any(hidden),
        };
        let replacement = Some(local).filter(|_| private == PrivateAs::Replace);
        let changed = change.then(|| path.map_asns(|asn| if hidden(asn) { replacement } else { Some(asn) }));
        let path = changed.as_ref().unwrap_or(path);
        // RFC 5065 §4.1 c 1: what happened inside the confederation is nobody's business.
        let outside = path.has_confed().then(|| path.without_confed());
        let path = outside.as_ref().unwrap_or(path);
        match self.behind {
            Some(real) => path.prepend(real, 1).prepend(local, 1),
            None => path.prepend(local, 1),
        }
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
