//! Capabilities: what a speaker can do, said in its OPEN (RFC 5492).
//!
//! A capability we do not know is carried octet by octet. One we know, whose *value* says something we do not understand
//! (a direction of ADD-PATH, RFC 7911 §4), counts as one we do not know. One we know of a *length* it cannot have is an
//! error: RFC 5492 is silent, and RFC 4271 §6.2 asks for OPEN Message Error / Unspecific when a parameter "is recognized,
//! but is malformed". To guess instead could leave the two ends with different ideas of the session.

use std::fmt;

use bytes::{BufMut, BytesMut};
use nom::Parser;
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16};

use super::{MessageError, MessageErrorKind};
use crate::{Asn, Family};

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
    /// Reads the capabilities of one optional parameter, which starts at `offset` of the message. RFC 5492 §4
    pub(super) fn decode_all(mut input: &[u8], offset: usize, out: &mut Vec<Self>) -> Result<(), MessageError> {
        let end = offset + input.len();
        while !input.is_empty() {
            let at = end - input.len();
            let Ok((tail, (code, value))) = (be_u8::<_, ()>, length_data(be_u8)).parse(input) else {
                return Err(MessageErrorKind::OptionalParametersLength {
                    what: "within a capability",
                    length: 2 + usize::from(input.get(1).copied().unwrap_or_default()),
                    room: input.len(),
                }
                .at(at));
            };
            out.push(Self::decode(code, value).map_err(|kind| kind.at(at))?);
            input = tail;
        }
        Ok(())
    }

    fn decode(code: u8, value: &[u8]) -> Result<Self, MessageErrorKind> {
        let wrong = |name, expected| MessageErrorKind::CapabilityLength { name, length: value.len(), expected };
        let empty = |capability, name| if value.is_empty() { Ok(capability) } else { Err(wrong(name, "0")) };
        let unknown = || Self::Unknown { code, value: value.to_vec() };
        Ok(match code {
            code::MULTIPROTOCOL => {
                let &[high, low, _, safi] = value else { return Err(wrong("Multiprotocol", "4")) };
                Self::Multiprotocol(Family { afi: u16::from_be_bytes([high, low]), safi })
            }
            code::ROUTE_REFRESH => empty(Self::RouteRefresh, "Route Refresh")?,
            code::EXTENDED_MESSAGE => empty(Self::ExtendedMessage, "Extended Message")?,
            code::ENHANCED_ROUTE_REFRESH => empty(Self::EnhancedRouteRefresh, "Enhanced Route Refresh")?,
            code::ROLE => {
                let &[role] = value else { return Err(wrong("Role", "1")) };
                Self::Role(Role::from_code(role))
            }
            code::FOUR_OCTET_AS => {
                let &[a, b, c, d] = value else { return Err(wrong("Four-octet AS", "4")) };
                Self::FourOctetAs(Asn(u32::from_be_bytes([a, b, c, d])))
            }
            code::EXTENDED_NEXT_HOP => {
                let items = items::<6, _>(value, |&[a, b, c, safi, d, e]| {
                    // The SAFI has two octets here, in all other places one.
                    (c == 0).then(|| (family(a, b, safi), u16::from_be_bytes([d, e])))
                });
                items.ok_or(wrong("Extended Next Hop", "a multiple of 6"))?.map_or_else(unknown, Self::ExtendedNextHop)
            }
            code::ADD_PATH => {
                let items = items::<4, _>(value, |&[a, b, safi, direction]| {
                    Some((family(a, b, safi), AddPathDirection::from_code(direction)?))
                });
                items.ok_or(wrong("ADD-PATH", "a multiple of 4"))?.map_or_else(unknown, Self::AddPath)
            }
            code::GRACEFUL_RESTART => {
                let expected = "2 and a multiple of 4";
                let wrong = || wrong("Graceful Restart", expected);
                let (families, head) = be_u16::<_, ()>(value).map_err(|_| wrong())?;
                let families = items::<4, _>(families, |&[a, b, safi, flags]| {
                    Some(GracefulRestartFamily { family: family(a, b, safi), forwarding_preserved: flags & 0x80 != 0 })
                });
                Self::GracefulRestart(GracefulRestart {
                    restarted: head & 0x8000 != 0,
                    notification: head & 0x4000 != 0,
                    time: head & 0x0fff,
                    families: families.flatten().ok_or_else(wrong)?,
                })
            }
            code::LONG_LIVED_GRACEFUL_RESTART => {
                let families = items::<7, _>(value, |&[a, b, safi, flags, x, y, z]| {
                    Some(LlgrFamily {
                        family: family(a, b, safi),
                        forwarding_preserved: flags & 0x80 != 0,
                        stale_time: u32::from_be_bytes([0, x, y, z]),
                    })
                });
                let families = families.flatten().ok_or(wrong("Long-lived Graceful Restart", "a multiple of 7"))?;
                Self::LongLivedGracefulRestart(families)
            }
            // A draft, and only for people to read: what does not fit is carried, not refused.
            code::FQDN => decode_fqdn(value).unwrap_or_else(unknown),
            _ => unknown(),
        })
    }

    /// Writes the capability. A list longer than one capability holds (63 ADD-PATH families) goes on in another one of the
    /// same code, where its RFC lets families add up; text and unknown values are cut at 255 octets.
    pub(super) fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Multiprotocol(Family { afi, safi }) => {
                put(out, code::MULTIPROTOCOL, &[(afi >> 8) as u8, *afi as u8, 0, *safi]);
            }
            Self::RouteRefresh => put(out, code::ROUTE_REFRESH, &[]),
            Self::ExtendedMessage => put(out, code::EXTENDED_MESSAGE, &[]),
            Self::EnhancedRouteRefresh => put(out, code::ENHANCED_ROUTE_REFRESH, &[]),
            Self::Role(role) => put(out, code::ROLE, &[role.code()]),
            Self::FourOctetAs(asn) => put(out, code::FOUR_OCTET_AS, &asn.0.to_be_bytes()),
            Self::ExtendedNextHop(items) => put_items(out, code::EXTENDED_NEXT_HOP, &[], items, |out, item| {
                let (Family { afi, safi }, next_hop) = item;
                out.put_u16(*afi);
                out.put_u16((*safi).into());
                out.put_u16(*next_hop);
            }),
            Self::AddPath(items) => put_items(out, code::ADD_PATH, &[], items, |out, (family, direction)| {
                out.put_u16(family.afi);
                out.put_slice(&[family.safi, *direction as u8]);
            }),
            Self::GracefulRestart(graceful) => {
                let head = u16::from(graceful.restarted) << 15
                    | u16::from(graceful.notification) << 14
                    | graceful.time.min(0x0fff);
                put_items(out, code::GRACEFUL_RESTART, &head.to_be_bytes(), &graceful.families, |out, item| {
                    out.put_u16(item.family.afi);
                    out.put_slice(&[item.family.safi, u8::from(item.forwarding_preserved) << 7]);
                });
            }
            Self::LongLivedGracefulRestart(families) => {
                put_items(out, code::LONG_LIVED_GRACEFUL_RESTART, &[], families, |out, item| {
                    out.put_u16(item.family.afi);
                    let flags = u32::from(item.forwarding_preserved) << 31;
                    out.put_u8(item.family.safi);
                    out.put_u32(flags | item.stale_time.min(0x00ff_ffff));
                });
            }
            Self::Fqdn { hostname, domain } => {
                let hostname = &hostname[..hostname.floor_char_boundary(253)];
                let domain = &domain[..domain.floor_char_boundary(253 - hostname.len())];
                let mut value = Vec::with_capacity(255);
                for text in [hostname, domain] {
                    value.push(text.len() as u8);
                    value.extend(text.as_bytes());
                }
                put(out, code::FQDN, &value);
            }
            Self::Unknown { code, value } => put(out, *code, &value[..value.len().min(255)]),
        }
    }

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

const fn family(high: u8, low: u8, safi: u8) -> Family {
    Family { afi: u16::from_be_bytes([high, low]), safi }
}

/// The outer `None`: not a multiple of `N` octets. The inner one: an item that `read` does not understand.
fn items<const N: usize, T>(value: &[u8], read: impl FnMut(&[u8; N]) -> Option<T>) -> Option<Option<Vec<T>>> {
    let (items, []) = value.as_chunks::<N>() else { return None };
    Some(items.iter().map(read).collect())
}

fn decode_fqdn(value: &[u8]) -> Option<Capability> {
    let (_, (hostname, domain, ())) =
        (length_data(be_u8::<_, ()>), length_data(be_u8), nom::combinator::eof.map(|_| ())).parse(value).ok()?;
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).ok();
    Some(Capability::Fqdn { hostname: text(hostname)?, domain: text(domain)? })
}

fn put(out: &mut BytesMut, code: u8, value: &[u8]) {
    out.put_slice(&[code, value.len() as u8]);
    out.put_slice(value);
}

/// Writes items of equal size behind a head that every capability repeats, as many to a capability as 255 octets hold.
fn put_items<T>(out: &mut BytesMut, code: u8, head: &[u8], items: &[T], write: impl Fn(&mut BytesMut, &T)) {
    let mut items = items.iter().peekable();
    loop {
        let start = out.len();
        put(out, code, head);
        while let Some(item) = items.peek() {
            let before = out.len();
            write(out, item);
            if out.len() - start > 2 + 255 {
                out.truncate(before);
                break;
            }
            items.next();
        }
        out[start + 1] = (out.len() - start - 2) as u8;
        if items.peek().is_none() {
            return;
        }
    }
}
