//! Which marks of a repeated dump count: BoRR and EoRR, in a session (RFC 7313 §4).
//!
//! What the rest of the speaker hears of them can be taken at its word: from EoRR on, what was not repeated since BoRR is
//! gone. A mark that means nothing must not get there, for it would cost routes.

use super::Negotiated;
use crate::FamilySet;
use crate::message::{RefreshKind, RouteRefresh};

/// What the peer has said so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    /// Families whose first dump is over.
    ended: FamilySet,
    /// Families between BoRR and EoRR.
    begun: FamilySet,
}

impl Marks {
    /// An End-of-RIB came.
    pub fn end_of_rib(&mut self, family: crate::Family) {
        self.ended.insert(family);
    }

    /// Whether the rest of the speaker is told of this message.
    pub fn count(&mut self, RouteRefresh { family, kind }: RouteRefresh, negotiated: &Negotiated) -> bool {
        match kind {
            RefreshKind::Request => true,
            // RFC 7313 §4: both have the capability. §4.2: a peer that knows graceful restart sends none before its
            // End-of-RIB, and one that does is not listened to; until then stale routes wait for that.
            RefreshKind::Begin => {
                let may = negotiated.enhanced_route_refresh
                    && (negotiated.peer_graceful_restart.is_none() || self.ended.contains(family));
                may && self.begun.insert(family)
            }
            RefreshKind::End => {
                let begun = self.begun.contains(family);
                self.begun.remove(family);
                begun
            }
            RefreshKind::Unknown(_) => false, // RFC 7313 §5
        }
    }
}
