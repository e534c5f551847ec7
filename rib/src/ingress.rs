//! What import itself changes on a path, after the policy: what RFCs ask of whoever takes a path over a border.
//!
//! | of an external peer | becomes |
//! |---|---|
//! | GRACEFUL_SHUTDOWN, unless switched off | LOCAL_PREF 0 (RFC 8326 §4.2) |
//! | BLACKHOLE | NO_EXPORT beside it (RFC 7999 §3.2: "SHOULD add the NO_ADVERTISE or NO_EXPORT community") |
//!
//! After the policy, as in FRR: a policy that gives every path of a peer its LOCAL_PREF must not undo a shutdown. What
//! is asked here depends on the attributes alone, so it is worked out once per attribute set.
//!
//! BLACKHOLE makes the kernel discard packets only on sessions where both sides agreed on it (RFC 7999 §3.3), hence the
//! switch, and only for a prefix as long as those that are under attack: a default route that somebody tags must not
//! take the network down.

use bgp_proto::Prefix;
use bgp_proto::attr::{Community, PathAttrs};

use crate::peer::Slot;
use crate::policy::insert_sorted;

/// Shortest prefixes BLACKHOLE is honoured for. RFC 7999 §3.3 wants /32 and /128 and leaves the rest to operators; these
/// are the shortest that one network is given.
const BLACKHOLE_LEN: (u8, u8) = (24, 48);

/// The changes for paths of one peer.
#[derive(Clone, Copy)]
pub(crate) struct Ingress {
    external: bool,
    graceful_shutdown: bool,
    blackhole: bool,
}

impl Ingress {
    pub(crate) fn of(peer: &Slot) -> Self {
        let rules = &peer.settings.rules;
        Self {
            external: peer.source.external,
            graceful_shutdown: rules.graceful_shutdown && peer.source.external,
            blackhole: rules.blackhole,
        }
    }

    /// The attributes as they are taken over; none if nothing changes.
    pub(crate) fn change(&self, attrs: &PathAttrs) -> Option<PathAttrs> {
        let shutdown =
            self.graceful_shutdown && attrs.local_pref != Some(0) && attrs.has_community(Community::GRACEFUL_SHUTDOWN);
        let contain = self.external
            && attrs.has_community(Community::BLACKHOLE)
            && !attrs.has_community(Community::NO_ADVERTISE)
            && !attrs.has_community(Community::NO_EXPORT);
        if !shutdown && !contain {
            return None;
        }
        let mut changed = attrs.clone();
        if shutdown {
            changed.local_pref = Some(0); // RFC 8326 §4.2
        }
        if contain {
            insert_sorted(&mut changed.communities, Community::NO_EXPORT); // RFC 7999 §3.2
        }
        Some(changed)
    }

    /// Whether packets to the prefix are to be discarded. RFC 7999 §3.3
    pub(crate) fn discards(&self, prefix: &Prefix, attrs: &PathAttrs) -> bool {
        let shortest = if matches!(prefix, Prefix::V4 { .. }) { BLACKHOLE_LEN.0 } else { BLACKHOLE_LEN.1 };
        self.blackhole && prefix.len() >= shortest && attrs.has_community(Community::BLACKHOLE)
    }
}
