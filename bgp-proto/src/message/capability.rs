//! Capabilities: what a speaker can do, said in its OPEN (RFC 5492). The values and their names; `wire` reads and writes
//! them.
//!
//! A capability we do not know is carried octet by octet. One we know, whose *value* says something we do not understand
//! (a direction of ADD-PATH, RFC 7911 §4), counts as one we do not know. One we know of a *length* it cannot have is an
//! error: RFC 5492 is silent, and RFC 4271 §6.2 asks for OPEN Message Error / Unspecific when a parameter "is recognized,
//! but is malformed". To guess instead could leave the two ends with different ideas of the session.

use std::fmt;

use crate::{Asn, Family};

mod wire;

/// The codes of the IANA "Capability Codes" registry that we read.
mod code {
    pub const MULTIPROTOCOL: u8 = 1;
    pub const ROUTE_REFRESH: u8 = 2;
    pub const EXTENDED_NEXT_HOP: u8 = 5;
    pub const EXTENDED_MESSAGE: u8 = 6;
    pub const ROLE: u8 = 9;
    pub const GRACEFUL_RESTART: u8 = 64;
    pub const FOUR_OCTET_AS: u8 = 65;
    pub const ADD_PATH: u8 = 69;
    pub const ENHANCED_ROUTE_REFRESH: u8 = 70;
    pub const LONG_LIVED_GRACEFUL_RESTART: u8 = 71;
    pub const FQDN: u8 = 73;
}

/// Something a speaker can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Routes of this family (RFC 4760 §8).
    Multiprotocol(Family),
    /// ROUTE-REFRESH messages (RFC 2918 §2).
    RouteRefresh,
    /// Prefixes of a family may have next hops of another address family, given as AFI (RFC 8950 §4).
    ExtendedNextHop(Vec<(Family, u16)>),
    /// Messages of up to 65,535 octets (RFC 8654 §3).
    ExtendedMessage,
    /// What the speaker is to its peer (RFC 9234 §4.1).
    Role(Role),
    /// Keeps, or wants kept, routes while it restarts (RFC 4724 §3).
    GracefulRestart(GracefulRestart),
    /// AS numbers of four octets; its own one (RFC 6793 §3).
    FourOctetAs(Asn),
    /// Several paths a prefix, per family (RFC 7911 §4).
    AddPath(Vec<(Family, AddPathDirection)>),
    /// Frames the answer to a route refresh (RFC 7313 §3.1).
    EnhancedRouteRefresh,
    /// Keeps stale routes for long (RFC 9494 §3).
    LongLivedGracefulRestart(Vec<LlgrFamily>),
    /// The host's name (draft-walton-bgp-hostname-capability). At most 64 octets each are usual, 254 fit both.
    Fqdn {
        /// The host's name.
        hostname: String,
        /// Its domain; may be empty.
        domain: String,
    },
    /// One we do not know.
    Unknown {
        /// Its code.
        code: u8,
        /// Its value, at most 255 octets.
        value: Vec<u8>,
    },
}

/// What a speaker is to its external peer (RFC 9234 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Sells transit to the peer.
    Provider,
    /// A route server.
    RouteServer,
    /// A client of the peer, a route server.
    RouteServerClient,
    /// Buys transit from the peer.
    Customer,
    /// Exchanges its customers' routes.
    Peer,
    /// A value RFC 9234 does not know: fits no other role.
    Unknown(u8),
}

impl Role {
    /// The wire code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Provider => 0,
            Self::RouteServer => 1,
            Self::RouteServerClient => 2,
            Self::Customer => 3,
            Self::Peer => 4,
            Self::Unknown(code) => code,
        }
    }

    /// The role of a wire code.
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Provider,
            1 => Self::RouteServer,
            2 => Self::RouteServerClient,
            3 => Self::Customer,
            4 => Self::Peer,
            other => Self::Unknown(other),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provider => "provider",
            Self::RouteServer => "route server",
            Self::RouteServerClient => "route server client",
            Self::Customer => "customer",
            Self::Peer => "peer",
            Self::Unknown(code) => return write!(f, "role {code}"),
        })
    }
}

/// The Graceful Restart capability (RFC 4724 §3).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct GracefulRestart {
    /// R: the speaker has restarted; do not wait for its End-of-RIB.
    pub restarted: bool,
    /// N: a NOTIFICATION leaves routes in place, too (RFC 8538 §2).
    pub notification: bool,
    /// Seconds until the session is likely back; 0–4095.
    pub time: u16,
    /// The families it holds for.
    pub families: Vec<GracefulRestartFamily>,
}

/// One family of the Graceful Restart capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GracefulRestartFamily {
    /// Which.
    pub family: Family,
    /// F: packets were forwarded all the while.
    pub forwarding_preserved: bool,
}

/// One family of the Long-lived Graceful Restart capability (RFC 9494 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LlgrFamily {
    /// Which.
    pub family: Family,
    /// F: packets were forwarded all the while.
    pub forwarding_preserved: bool,
    /// Seconds stale routes are kept; 24 bits.
    pub stale_time: u32,
}

/// What a speaker does with several paths of a family (RFC 7911 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddPathDirection {
    /// Can receive them.
    Receive = 1,
    /// Wants to send them.
    Send = 2,
    /// Both.
    Both = 3,
}

impl Capability {
    /// The code on the wire.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Multiprotocol(_) => code::MULTIPROTOCOL,
            Self::RouteRefresh => code::ROUTE_REFRESH,
            Self::ExtendedNextHop(_) => code::EXTENDED_NEXT_HOP,
            Self::ExtendedMessage => code::EXTENDED_MESSAGE,
            Self::Role(_) => code::ROLE,
            Self::GracefulRestart(_) => code::GRACEFUL_RESTART,
            Self::FourOctetAs(_) => code::FOUR_OCTET_AS,
            Self::AddPath(_) => code::ADD_PATH,
            Self::EnhancedRouteRefresh => code::ENHANCED_ROUTE_REFRESH,
            Self::LongLivedGracefulRestart(_) => code::LONG_LIVED_GRACEFUL_RESTART,
            Self::Fqdn { .. } => code::FQDN,
            Self::Unknown { code, .. } => *code,
        }
    }
}

impl AddPathDirection {
    /// The direction of a wire code.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Receive,
            2 => Self::Send,
            3 => Self::Both,
            _ => return None,
        })
    }
}

impl fmt::Display for AddPathDirection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receive => "receive",
            Self::Send => "send",
            Self::Both => "both",
        })
    }
}

impl fmt::Display for Capability {
    /// `multiprotocol ipv6`, `add-path ipv4 both`, …
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Multiprotocol(family) => write!(f, "multiprotocol {family}"),
            Self::RouteRefresh => f.write_str("route refresh"),
            Self::ExtendedNextHop(items) => {
                f.write_str("extended next hop")?;
                items.iter().try_for_each(|(family, afi)| write!(f, " {family} via afi {afi}"))
            }
            Self::ExtendedMessage => f.write_str("extended message"),
            Self::Role(role) => write!(f, "role {role}"),
            Self::GracefulRestart(graceful) => {
                write!(f, "graceful restart {} s", graceful.time)?;
                f.write_str(if graceful.restarted { ", restarted" } else { "" })?;
                f.write_str(if graceful.notification { ", notification" } else { "" })?;
                graceful.families.iter().try_for_each(|item| {
                    write!(f, ", {}", item.family)?;
                    f.write_str(if item.forwarding_preserved { " preserved" } else { "" })
                })
            }
            Self::FourOctetAs(asn) => write!(f, "four-octet AS {asn}"),
            Self::AddPath(items) => {
                f.write_str("add-path")?;
                items.iter().try_for_each(|(family, direction)| write!(f, " {family} {direction}"))
            }
            Self::EnhancedRouteRefresh => f.write_str("enhanced route refresh"),
            Self::LongLivedGracefulRestart(families) => {
                f.write_str("long-lived graceful restart")?;
                families.iter().try_for_each(|item| {
                    write!(f, " {} {} s", item.family, item.stale_time)?;
                    f.write_str(if item.forwarding_preserved { " preserved" } else { "" })
                })
            }
            Self::Fqdn { hostname, domain } => write!(f, "host {hostname:?} domain {domain:?}"),
            Self::Unknown { code, value } => {
                write!(f, "capability {code}")?;
                f.write_str(if value.is_empty() { "" } else { " " })?;
                value.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
            }
        }
    }
}
