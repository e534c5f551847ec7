//! Capabilities on the wire: code, length, value (RFC 5492 §4). What of them is an error says the module above.

use bytes::{BufMut, BytesMut};
use nom::Parser;
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16};

use super::{AddPathDirection, Capability, GracefulRestart, GracefulRestartFamily, LlgrFamily, Role, code};
use crate::message::{MessageError, MessageErrorKind};
use crate::{Asn, Family};

impl Capability {
    /// Reads the capabilities of one optional parameter, which starts at `offset` of the message. RFC 5492 §4
    pub(in crate::message) fn decode_all(
        mut input: &[u8],
        offset: usize,
        out: &mut Vec<Self>,
    ) -> Result<(), MessageError> {
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
    pub(in crate::message) fn encode(&self, out: &mut BytesMut) {
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
