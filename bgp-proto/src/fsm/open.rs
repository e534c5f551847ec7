//! OPENs: what we say, whether we accept what the peer says, and what follows from both (RFC 4271 §4.2, §6.2).
//!
//! Three pure functions: [`local_open`] from the configuration, [`negotiate`] from the peer's answer, and
//! [`OpenRefused::notification`] for an answer we cannot live with. The codec has already refused OPENs that are wrong
//! by themselves (version, length, parameters); here is what is wrong *for this peer*.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use super::{Direction, Fqdn, Negotiated, PeerAs, PeerConfig};
use crate::message::{
    AddPathDirection, Capability, Codec, ErrorCode, GracefulRestart, GracefulRestartFamily, LlgrFamily, Notification,
    Open, Role,
};
use crate::{Asn, Family, FamilySet, RouterId};

/// The address family of an IPv6 next hop in the Extended Next Hop capability (RFC 8950 §4).
const AFI_IPV6: u16 = 2;

/// The OPEN we send to this peer. RFC 4271 §4.2
pub fn local_open(config: &PeerConfig) -> Open {
    let mut capabilities: Vec<_> = config.families.iter().map(Capability::Multiprotocol).collect();
    if config.route_refresh {
        capabilities.extend([Capability::RouteRefresh, Capability::EnhancedRouteRefresh]);
    }
    if config.extended_next_hop && config.families.contains(Family::IPV4_UNICAST) {
        capabilities.push(Capability::ExtendedNextHop(vec![(Family::IPV4_UNICAST, AFI_IPV6)]));
    }
    if config.extended_message {
        capabilities.push(Capability::ExtendedMessage);
    }
    if let (Some(role), true) = (config.role, config.external()) {
        capabilities.push(Capability::Role(role)); // RFC 9234 §4.1: only between ASes
    }
    if let Some(graceful) = &config.graceful_restart {
        let family = |family| GracefulRestartFamily {
            family,
            forwarding_preserved: graceful.forwarding_preserved.contains(family),
        };
        capabilities.push(Capability::GracefulRestart(GracefulRestart {
            restarted: graceful.restarted,
            notification: graceful.notification,
            time: graceful.time.min(0x0fff), // RFC 4724 §3: twelve bits
            families: config.families.iter().map(family).collect(),
        }));
        if config.long_lived > 0 {
            // RFC 9494 §3.1: only beside the capability above; 24 bits.
            let family = |family| LlgrFamily {
                family,
                forwarding_preserved: graceful.forwarding_preserved.contains(family),
                stale_time: config.long_lived.min(0x00ff_ffff),
            };
            capabilities.push(Capability::LongLivedGracefulRestart(config.families.iter().map(family).collect()));
        }
    }
    capabilities.push(Capability::FourOctetAs(config.local_asn));
    let add_path: Vec<_> =
        config.families.iter().filter_map(|family| Some((family, add_path(config, family)?))).collect();
    if !add_path.is_empty() {
        capabilities.push(Capability::AddPath(add_path));
    }
    if let Some(Fqdn { hostname, domain }) = config.fqdn.clone() {
        capabilities.push(Capability::Fqdn { hostname, domain });
    }
    Open { version: 4, asn: config.local_asn, hold_time: config.hold_time, router_id: config.local_id, capabilities }
}

fn add_path(config: &PeerConfig, family: Family) -> Option<AddPathDirection> {
    match (config.add_path_rx.contains(family), config.add_path_tx.contains(family)) {
        (true, true) => Some(AddPathDirection::Both),
        (true, false) => Some(AddPathDirection::Receive),
        (false, true) => Some(AddPathDirection::Send),
        (false, false) => None,
    }
}

/// Why an OPEN that can be read is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenRefused {
    /// Not BGP-4.
    Version(u8),
    /// Another AS than configured, or AS 0 (RFC 7607).
    WrongAs {
        /// The configured one.
        expected: PeerAs,
        /// The one in the OPEN.
        got: Asn,
    },
    /// Identifier zero, or, from an internal peer, our own (RFC 6286 §2.2).
    WrongRouterId {
        /// The identifier in the OPEN.
        got: RouterId,
        /// Ours.
        local: RouterId,
    },
    /// One or two seconds (RFC 4271 §6.2).
    HoldTime(u16),
    /// No family both sides carry.
    NoCommonFamily {
        /// What we carry.
        local: FamilySet,
        /// What the peer carries.
        peer: Vec<Family>,
    },
    /// The two roles are no pair, or the peer said several, or none although we insist (RFC 9234 §4.2).
    Role {
        /// Ours.
        local: Role,
        /// What the peer said.
        peer: Vec<Role>,
    },
}

impl OpenRefused {
    /// The answer. RFC 4271 §6.2
    pub fn notification(&self) -> Notification {
        let (subcode, data) = match self {
            Self::Version(_) => (1, Bytes::from_static(&[0, 4])), // the largest version we speak
            Self::WrongAs { .. } => (2, Bytes::new()),
            Self::WrongRouterId { .. } => (3, Bytes::new()),
            Self::HoldTime(_) => (6, Bytes::new()),
            Self::NoCommonFamily { local, .. } => (7, required(*local)),
            Self::Role { .. } => (11, Bytes::new()), // RFC 9234 §4.2
        };
        Notification { code: ErrorCode::OPEN_MESSAGE, subcode, data }
    }
}

/// The capabilities without which we refuse a session, as they would stand in its OPEN. RFC 5492 §3: "the Data field
/// […] MUST list the set of capabilities that causes the speaker to send the message". BIRD and FRR answer so, too; a
/// Cease would tell the peer nothing.
fn required(families: FamilySet) -> Bytes {
    let mut data = BytesMut::new();
    for family in families.iter() {
        data.put_slice(&[1, 4]);
        data.put_u16(family.afi);
        data.put_slice(&[0, family.safi]);
    }
    data.freeze()
}

impl fmt::Display for OpenRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "peer speaks BGP version {version}, not 4"),
            Self::WrongAs { expected, got } => write!(f, "wrong AS: expected {expected}, peer says AS {got}"),
            Self::WrongRouterId { got, .. } if !got.is_valid() => f.write_str("wrong router id: peer says 0.0.0.0"),
            Self::WrongRouterId { got, .. } => write!(f, "wrong router id: peer says {got}, which is ours"),
            Self::HoldTime(seconds) => {
                write!(f, "peer proposes a hold time of {seconds} s; 0 or at least 3 is allowed")
            }
            Self::NoCommonFamily { local, peer } => {
                let list = |families: &mut dyn Iterator<Item = Family>| {
                    families.map(|family| family.to_string()).collect::<Vec<_>>().join(", ")
                };
                let (local, peer) = (list(&mut local.iter()), list(&mut peer.iter().copied()));
                write!(f, "no common address family: we carry {local}, peer carries {peer}")
            }
            Self::Role { local, peer } if peer.is_empty() => {
                write!(f, "role mismatch: we are {local}, and peer does not say its role")
            }
            Self::Role { local, peer } => {
                let peer: Vec<_> = peer.iter().map(ToString::to_string).collect();
                write!(f, "role mismatch: we are {local}, peer says it is {}", peer.join(" and "))
            }
        }
    }
}

/// What follows from our configuration and the peer's OPEN.
pub fn negotiate(
    config: &PeerConfig,
    open: &Open,
    direction: Direction,
    local_addr: SocketAddr,
    remote_addr: SocketAddr,
) -> Result<Negotiated, OpenRefused> {
    let external = config.external();
    if open.version != 4 {
        return Err(OpenRefused::Version(open.version));
    }
    if !config.peer_asn.admits(open.asn) {
        return Err(OpenRefused::WrongAs { expected: config.peer_asn.clone(), got: open.asn });
    }
    // RFC 6286 §2.2: unique within an AS; an external peer may have the same as we.
    if !open.router_id.is_valid() || (!external && open.router_id == config.local_id) {
        return Err(OpenRefused::WrongRouterId { got: open.router_id, local: config.local_id });
    }
    if matches!(open.hold_time, 1 | 2) {
        return Err(OpenRefused::HoldTime(open.hold_time));
    }
    let offer = Offer::of(open);
    let families = offer.families.iter().copied().collect::<FamilySet>().intersection(config.families);
    if families.is_empty() {
        return Err(OpenRefused::NoCommonFamily { local: config.families, peer: offer.families });
    }
    let local_role = config.role.filter(|_| external);
    if let Some(local) = local_role
        && !role_fits(local, &offer.roles, config.strict_role)
    {
        return Err(OpenRefused::Role { local, peer: offer.roles });
    }

    // RFC 4271 §4.2: the smaller one; zero is the smallest.
    let hold = config.hold_time.min(open.hold_time);
    // RFC 4271 §4.4: at most a third of the hold time.
    let keepalive = Duration::from_secs(hold.into()) / 3;
    let keepalive = match config.keepalive {
        Some(seconds) if seconds > 0 => keepalive.min(Duration::from_secs(seconds.into())),
        _ => keepalive,
    };
    let codec = Codec {
        four_octet_as: offer.four_octet_as,
        extended_message: config.extended_message && offer.extended_message,
        families,
        add_path_rx: config.add_path_rx.intersection(offer.add_path_send).intersection(families),
        add_path_tx: config.add_path_tx.intersection(offer.add_path_receive).intersection(families),
        ipv4_over_ipv6: config.extended_next_hop && offer.ipv4_over_ipv6 && families.contains(Family::IPV4_UNICAST),
        external,
    };
    let notification = config.graceful_restart.is_some_and(|gr| gr.notification);
    let peer_graceful_restart = offer.graceful_restart.filter(|_| config.graceful_restart.is_some());
    let peer_llgr = offer.llgr.filter(|_| config.long_lived > 0 && peer_graceful_restart.is_some());
    Ok(Negotiated {
        local_asn: config.local_asn,
        local_id: config.local_id,
        peer_asn: open.asn,
        peer_id: open.router_id,
        external,
        hold_time: Duration::from_secs(hold.into()),
        keepalive,
        codec,
        route_refresh: config.route_refresh && offer.route_refresh,
        enhanced_route_refresh: config.route_refresh && offer.route_refresh && offer.enhanced_route_refresh,
        graceful_notification: notification && peer_graceful_restart.as_ref().is_some_and(|gr| gr.notification),
        peer_graceful_restart,
        peer_llgr,
        local_long_lived: Duration::from_secs(config.long_lived.into()),
        local_role,
        peer_role: offer.roles.first().copied(),
        peer_fqdn: offer.fqdn,
        peer_capabilities: open.capabilities.clone(),
        peer_hold_time: open.hold_time,
        direction,
        local_addr,
        remote_addr,
    })
}

/// RFC 9234 §4.2, table 2.
fn role_fits(local: Role, peer: &[Role], strict: bool) -> bool {
    let Some((first, rest)) = peer.split_first() else { return !strict };
    // Several capabilities that say the same count as one.
    rest.iter().all(|role| role == first)
        && matches!(
            (local, *first),
            (Role::Provider, Role::Customer)
                | (Role::Customer, Role::Provider)
                | (Role::RouteServer, Role::RouteServerClient)
                | (Role::RouteServerClient, Role::RouteServer)
                | (Role::Peer, Role::Peer)
        )
}

/// The peer's capabilities, sorted out. A capability that comes several times counts once (RFC 5492 §4); where the
/// values differ, the families add up, and of single values the last one rules.
#[derive(Default)]
struct Offer {
    families: Vec<Family>,
    four_octet_as: bool,
    extended_message: bool,
    route_refresh: bool,
    enhanced_route_refresh: bool,
    ipv4_over_ipv6: bool,
    add_path_send: FamilySet,
    add_path_receive: FamilySet,
    graceful_restart: Option<GracefulRestart>,
    llgr: Option<Vec<crate::message::LlgrFamily>>,
    roles: Vec<Role>,
    fqdn: Option<Fqdn>,
}

impl Offer {
    fn of(open: &Open) -> Self {
        let mut offer = Self::default();
        for capability in &open.capabilities {
            offer.add(capability);
        }
        if offer.families.is_empty() {
            offer.families.push(Family::IPV4_UNICAST); // RFC 4760 §8: what BGP-4 is without the capability
        }
        offer
    }

    fn add(&mut self, capability: &Capability) {
        match capability {
            Capability::Multiprotocol(family) => {
                if !self.families.contains(family) {
                    self.families.push(*family);
                }
            }
            Capability::RouteRefresh => self.route_refresh = true,
            Capability::EnhancedRouteRefresh => self.enhanced_route_refresh = true,
            Capability::ExtendedMessage => self.extended_message = true,
            Capability::FourOctetAs(_) => self.four_octet_as = true,
            Capability::ExtendedNextHop(list) => {
                self.ipv4_over_ipv6 |= list.contains(&(Family::IPV4_UNICAST, AFI_IPV6));
            }
            Capability::AddPath(list) => {
                for (family, direction) in list {
                    self.add_path(*family, *direction);
                }
            }
            Capability::GracefulRestart(graceful) => self.graceful_restart = Some(graceful.clone()),
            Capability::LongLivedGracefulRestart(families) => self.llgr = Some(families.clone()),
            Capability::Role(role) => self.roles.push(*role),
            Capability::Fqdn { hostname, domain } => {
                self.fqdn = Some(Fqdn { hostname: hostname.clone(), domain: domain.clone() });
            }
            Capability::Unknown { .. } => {}
        }
    }

    fn add_path(&mut self, family: Family, direction: AddPathDirection) {
        self.add_path_send.remove(family);
        self.add_path_receive.remove(family);
        if matches!(direction, AddPathDirection::Send | AddPathDirection::Both) {
            self.add_path_send.insert(family);
        }
        if matches!(direction, AddPathDirection::Receive | AddPathDirection::Both) {
            self.add_path_receive.insert(family);
        }
    }
}

#[cfg(test)]
mod tests;
