//! Writing UPDATEs: prefixes with the same attributes, as many to a message as fit.
//!
//! Update groups call this with a whole bucket of prefixes. The attributes are written once and copied into each
//! message; prefixes are written straight into the output.
//!
//! IPv4 prefixes with an IPv4 next hop, and IPv4 withdrawals, go into the classic fields, which every speaker reads. All
//! others go into MP_REACH_NLRI or MP_UNREACH_NLRI, which stands first (RFC 7606 §5.1).

use std::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};

use super::nlri::{put_prefix, wire_len};
use super::{Codec, HEADER_LEN, kind, put_message};
use crate::attr::{AttrCode, AttrFlags, NextHop, PathAttrs, encode_attrs};
use crate::{Family, PathId, Prefix};

/// The attributes leave no room for a prefix in a message of this session. RFC 8654 §4: such a route is withdrawn from
/// the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attributes of {attrs} octets leave no room for {prefix} in a message of {max_len} octets")]
pub struct AttrsTooLarge {
    /// Octets of the attributes.
    pub attrs: usize,
    /// The first prefix that had no room.
    pub prefix: Prefix,
    /// The session's largest message.
    pub max_len: usize,
}

/// Announces prefixes of `family`: appends UPDATEs to `out`, each filled up to [`Codec::max_len`], and says how many. After an
/// error, `out` is as it was before.
///
/// Prefixes of another family are passed over. An IPv4 next hop of IPv6 prefixes is written as IPv4-mapped address. An
/// IPv6 one of IPv4 prefixes is for sessions with [`Codec::ipv4_over_ipv6`]; the caller sees to that.
pub fn pack_reach(
    out: &mut BytesMut,
    codec: &Codec,
    family: Family,
    attrs: &PathAttrs,
    nlri: impl IntoIterator<Item = (PathId, Prefix)>,
) -> Result<usize, AttrsTooLarge> {
    let classic = family == Family::IPV4_UNICAST && matches!(attrs.next_hop, NextHop::Addr(IpAddr::V4(_)));
    let mut block = BytesMut::new();
    encode_attrs(attrs, codec, classic, &mut block);
    let start = out.len();
    let packed = if classic {
        pack(out, codec, family, List::Nlri, &block, nlri)
    } else {
        let mut head = BytesMut::new();
        head.put_slice(&[AttrFlags::OPTIONAL | AttrFlags::EXTENDED_LENGTH, AttrCode::MP_REACH_NLRI.0, 0, 0]);
        head.put_u16(family.afi);
        head.put_u8(family.safi);
        put_next_hop(&mut head, &attrs.next_hop);
        head.put_u8(0); // reserved
        pack(out, codec, family, List::Attribute(&head), &block, nlri)
    };
    packed.inspect_err(|_| out.truncate(start))
}

/// Withdraws prefixes of `family`: appends UPDATEs to `out`, and says how many. Prefixes of another family are passed over.
pub fn pack_unreach(
    out: &mut BytesMut,
    codec: &Codec,
    family: Family,
    nlri: impl IntoIterator<Item = (PathId, Prefix)>,
) -> usize {
    let mut head = BytesMut::new();
    head.put_slice(&[AttrFlags::OPTIONAL | AttrFlags::EXTENDED_LENGTH, AttrCode::MP_UNREACH_NLRI.0, 0, 0]);
    head.put_u16(family.afi);
    head.put_u8(family.safi);
    let list = if family == Family::IPV4_UNICAST { List::Withdrawn } else { List::Attribute(&head) };
    pack(out, codec, family, list, &[], nlri).expect("a message without attributes has room for any prefix")
}

/// The End-of-RIB of a family. RFC 4724 §2: an UPDATE without anything for IPv4 unicast, else an empty MP_UNREACH_NLRI.
pub fn end_of_rib(family: Family) -> Bytes {
    let mut out = BytesMut::with_capacity(30);
    put_message(&mut out, kind::UPDATE, |out| {
        out.put_u16(0);
        if family == Family::IPV4_UNICAST {
            out.put_u16(0);
        } else {
            out.put_slice(&[0, 6, AttrFlags::OPTIONAL, AttrCode::MP_UNREACH_NLRI.0, 3]);
            out.put_u16(family.afi);
            out.put_u8(family.safi);
        }
    });
    out.freeze()
}

/// Where the prefixes stand in a message.
#[derive(Clone, Copy)]
enum List<'a> {
    /// In Withdrawn Routes.
    Withdrawn,
    /// In NLRI.
    Nlri,
    /// In an attribute, behind this head, which has an extended length.
    Attribute(&'a [u8]),
}

/// Fills messages until there is no prefix left. `attrs` are the other attributes, written.
fn pack(
    out: &mut BytesMut,
    codec: &Codec,
    family: Family,
    list: List<'_>,
    attrs: &[u8],
    nlri: impl IntoIterator<Item = (PathId, Prefix)>,
) -> Result<usize, AttrsTooLarge> {
    let add_path = codec.add_path_tx.contains(family);
    let head = if let List::Attribute(head) = list { head } else { &[] };
    let max_len = codec.max_len();
    // Header, the two length fields, and what is the same in each message.
    let room = max_len.saturating_sub(HEADER_LEN + 4 + head.len() + attrs.len());
    let mut nlri = nlri.into_iter().filter(|(_, prefix)| prefix.family() == family).peekable();
    let mut messages = 0;
    while let Some((_, prefix)) = nlri.peek() {
        if wire_len(add_path, prefix) > room {
            return Err(AttrsTooLarge { attrs: head.len() + attrs.len(), prefix: *prefix, max_len });
        }
        put_message(out, kind::UPDATE, |out| {
            let start = out.len();
            let mut put_prefixes = |out: &mut BytesMut| {
                let first = out.len();
                while let Some((id, prefix)) =
                    nlri.next_if(|(_, prefix)| out.len() - first + wire_len(add_path, prefix) <= room)
                {
                    put_prefix(out, add_path, id, &prefix);
                }
                out.len() - first
            };
            match list {
                List::Withdrawn => {
                    out.put_u16(0);
                    let len = put_prefixes(out);
                    set_u16(out, start, len);
                    out.put_u16(0);
                }
                List::Nlri => {
                    out.put_u16(0);
                    out.put_u16(attrs.len() as u16);
                    out.put_slice(attrs);
                    put_prefixes(out);
                }
                List::Attribute(head) => {
                    out.put_slice(&[0, 0, 0, 0]);
                    out.put_slice(head);
                    let len = put_prefixes(out);
                    out.put_slice(attrs);
                    set_u16(out, start + 2, head.len() + len + attrs.len());
                    set_u16(out, start + 4 + 2, head.len() - 4 + len);
                }
            }
        });
        messages += 1;
    }
    Ok(messages)
}

/// Fills in a length field; lengths within a message fit, since the message does.
fn set_u16(out: &mut BytesMut, at: usize, value: usize) {
    out[at..at + 2].copy_from_slice(&(value as u16).to_be_bytes());
}

/// Length and addresses. RFC 4760 §3, RFC 2545 §3
fn put_next_hop(out: &mut BytesMut, next_hop: &NextHop) {
    match next_hop {
        NextHop::Addr(addr) => {
            let addr = match addr {
                IpAddr::V4(addr) => addr.to_ipv6_mapped(),
                IpAddr::V6(addr) => *addr,
            };
            out.put_u8(16);
            out.put_slice(&addr.octets());
        }
        NextHop::OnInterface { addr, .. } => {
            out.put_u8(16);
            out.put_slice(&addr.octets());
        }
        NextHop::WithLinkLocal { global, link_local } => {
            out.put_u8(32);
            out.put_slice(&global.octets());
            out.put_slice(&link_local.octets());
        }
    }
}
