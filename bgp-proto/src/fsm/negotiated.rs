//! What two OPENs agreed on.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Direction, Fqdn};
use crate::message::{Capability, Codec, GracefulRestart, LlgrFamily, Role};
use crate::{Asn, Family, FamilySet, RouterId};

/// The facts of a session from OpenConfirm on. They do not change while it lives.
#[derive(Clone, Debug, PartialEq)]
pub struct Negotiated {
    /// Our AS.
    pub local_asn: Asn,
    /// Our identifier.
    pub local_id: RouterId,
    /// The peer's AS.
    pub peer_asn: Asn,
    /// The peer's identifier.
    pub peer_id: RouterId,
    /// The peer is in another AS.
    pub external: bool,
    /// The smaller of both hold times; zero: none.
    pub hold_time: Duration,
    /// Time between KEEPALIVEs before jitter; zero: none.
    pub keepalive: Duration,
    /// How messages are read and written, families included.
    pub codec: Codec,
    /// Route refreshes may be asked for (RFC 2918).
    pub route_refresh: bool,
    /// Refreshes are framed by BoRR and EoRR (RFC 7313).
    pub enhanced_route_refresh: bool,
    /// What the peer said about graceful restart, if we do it too (RFC 4724).
    pub peer_graceful_restart: Option<GracefulRestart>,
    /// NOTIFICATIONs leave routes in place: both sides set the N bit (RFC 8538).
    pub graceful_notification: bool,
    /// What the peer said about long-lived graceful restart, if we do it too, and its short form (RFC 9494 §3.1).
    pub peer_llgr: Option<Vec<LlgrFamily>>,
    /// The longest time we keep a peer's routes by it.
    pub local_long_lived: Duration,
    /// Our role, if we said it (RFC 9234).
    pub local_role: Option<Role>,
    /// The peer's role, if it said it.
    pub peer_role: Option<Role>,
    /// The peer's host name.
    pub peer_fqdn: Option<Fqdn>,
    /// All capabilities as the peer sent them.
    pub peer_capabilities: Vec<Capability>,
    /// Hold time the peer proposed, in seconds.
    pub peer_hold_time: u16,
    /// Who opened the connection.
    pub direction: Direction,
    /// Our end of the connection.
    pub local_addr: SocketAddr,
    /// The peer's end.
    pub remote_addr: SocketAddr,
}

impl Negotiated {
    /// Families both sides carry.
    pub fn families(&self) -> FamilySet {
        self.codec.families
    }

    /// Families whose routes are kept when the peer goes away for a moment: those of its graceful restart capability
    /// that were negotiated, whatever their F bit (RFC 4724 §4.2). Empty without graceful restart.
    pub fn graceful_families(&self) -> FamilySet {
        let offered = self.peer_graceful_restart.iter().flat_map(|gr| &gr.families).map(|f| f.family);
        offered.collect::<FamilySet>().intersection(self.codec.families)
    }

    /// Of those, the ones the peer says it kept forwarding packets for (F bit).
    pub fn forwarding_preserved(&self) -> FamilySet {
        let preserved =
            self.peer_graceful_restart.iter().flat_map(|gr| &gr.families).filter(|f| f.forwarding_preserved);
        preserved.map(|f| f.family).collect::<FamilySet>().intersection(self.codec.families)
    }

    /// How long routes of a family are kept after the peer's restart time: what the peer asks for, but no longer than we
    /// are willing to. Zero: not at all. RFC 9494 §4.2
    pub fn long_lived(&self, family: Family) -> Duration {
        let asked = self.peer_llgr.iter().flatten().find(|item| item.family == family);
        let asked = asked.filter(|_| self.codec.families.contains(family));
        asked.map_or(Duration::ZERO, |item| Duration::from_secs(item.stale_time.into()).min(self.local_long_lived))
    }

    /// Families the peer says it kept forwarding packets for all that time (F bit of RFC 9494 §3.1).
    pub fn long_lived_preserved(&self) -> FamilySet {
        let preserved = self.peer_llgr.iter().flatten().filter(|item| item.forwarding_preserved);
        preserved.map(|item| item.family).collect::<FamilySet>().intersection(self.codec.families)
    }

    /// Whether the peer knows what LLGR_STALE means. RFC 9494 §4.3
    pub fn peer_knows_long_lived(&self) -> bool {
        self.peer_capabilities.iter().any(|known| matches!(known, Capability::LongLivedGracefulRestart(_)))
    }

    /// The peer says it has restarted (R bit).
    pub fn peer_restarted(&self) -> bool {
        self.peer_graceful_restart.as_ref().is_some_and(|gr| gr.restarted)
    }
}
