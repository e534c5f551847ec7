//! What makes the bytes for two peers equal.

use std::net::IpAddr;

use bgp_proto::message::Codec;
use bgp_proto::{Asn, Family, FamilySet, RouterId};

use crate::config::RibConfig;
use crate::peer::{NextHopMode, PeerSettings, Session};
use crate::policy::Policy;
use crate::rules::ExportRules;

/// How a peer stands to us: which attributes it gets and whose paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeerKind {
    /// In another AS.
    External {
        /// The AS we put in front of the path.
        local_asn: Asn,
    },
    /// In another member AS of our confederation (RFC 5065).
    Confederation {
        /// The member AS we put in front of the path.
        local_asn: Asn,
    },
    /// In our AS, not our client.
    Internal,
    /// In our AS, and we reflect for it (RFC 4456).
    Client {
        /// Its cluster: what we put in front of the CLUSTER_LIST.
        cluster_id: RouterId,
    },
}

/// Everything that changes a byte of what a peer is sent in one family. While encoding nobody asks the peer: if
/// something about it mattered, it would stand here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupKey {
    /// Each family has its own log, hence its own groups.
    pub family: Family,
    /// Which rules of export hold.
    pub kind: PeerKind,
    /// How bytes are written. What does not change UPDATEs of this family is blanked out.
    pub codec: Codec,
    /// What is done to paths, and which are withheld.
    pub rules: ExportRules,
    /// Whose address the next hop is.
    pub next_hop: NextHopMode,
    /// Our own address on these sessions, of the family (or IPv6 for IPv4 with RFC 8950); none: routes that need it
    /// are withheld.
    pub own_address: Option<IpAddr>,
    /// Members know what LLGR_STALE means (RFC 9494 §4.3).
    pub long_lived: bool,
    /// Paths that cross this AS are withheld.
    pub avoid: Option<Asn>,
    /// We are about to go: members are to prefer any other path. RFC 8326 §4.2
    pub leaving: bool,
    /// What is told, and how changed.
    pub export: Policy,
}

impl GroupKey {
    pub(crate) fn of(family: Family, session: &Session, settings: &PeerSettings, config: &RibConfig) -> Self {
        let add_path = session.codec.add_path_tx.contains(family);
        let family_only: FamilySet = [family].into_iter().collect();
        let codec = Codec {
            families: family_only,
            add_path_rx: FamilySet::EMPTY,
            add_path_tx: if add_path { family_only } else { FamilySet::EMPTY },
            ipv4_over_ipv6: session.codec.ipv4_over_ipv6 && family == Family::IPV4_UNICAST,
            external: session.external,
            ..session.codec
        };
        let kind = match (session.external, settings.route_reflector_client) {
            (true, _) => PeerKind::External { local_asn: session.local_asn },
            (false, _) if settings.rules.confederation => PeerKind::Confederation { local_asn: session.local_asn },
            (false, true) => PeerKind::Client { cluster_id: settings.cluster_id.unwrap_or(config.cluster_id) },
            (false, false) => PeerKind::Internal,
        };
        Self {
            family,
            kind,
            codec,
            next_hop: settings.next_hop,
            rules: ExportRules::of(session, settings, config),
            own_address: own_address(family, &codec, session.local_addr, settings),
            long_lived: session.long_lived,
            avoid: settings.skip_paths_through_peer.then_some(session.peer_asn),
            leaving: config.leaving,
            export: settings.export.clone(),
        }
    }

    /// Whether members are told several paths of a prefix.
    pub fn is_add_path(&self) -> bool {
        self.codec.add_path_tx.contains(self.family)
    }

    /// Whether members are in another AS.
    pub fn is_external(&self) -> bool {
        matches!(self.kind, PeerKind::External { .. })
    }
}

/// The address we announce as our own: the session's if it is of the family or RFC 8950 makes it good for IPv4 routes,
/// else the configured one. The peer reaches the session's address; that it has a way to our IPv4 one, nobody said.
fn own_address(family: Family, codec: &Codec, local: IpAddr, settings: &PeerSettings) -> Option<IpAddr> {
    let local = local.to_canonical();
    if family == Family::IPV4_UNICAST {
        let session = Some(local).filter(IpAddr::is_ipv4);
        let configured = settings.local_v4.map(IpAddr::V4);
        let over_ipv6 = Some(local).filter(|addr| addr.is_ipv6() && codec.ipv4_over_ipv6);
        session.or(over_ipv6).or(configured)
    } else {
        // RFC 2545 §3: the next hop is a global address; a link-local one means nothing two links on.
        let session = Some(local).filter(IpAddr::is_ipv6);
        let global = session.filter(|addr| !matches!(addr, IpAddr::V6(addr) if addr.is_unicast_link_local()));
        global.or(settings.local_v6.map(IpAddr::V6)).or(session)
    }
}
