//! MP_REACH_NLRI and MP_UNREACH_NLRI: prefixes of any family, in an attribute (RFC 4760 §3, §4).
//!
//! What cannot be read here ends the session (RFC 7606 §5.3, §7.11, §7.12): without the prefixes there is nothing to
//! withdraw. A family the session does not carry is ignored (RFC 4760 §7 allows it) and reported.

use std::net::{IpAddr, Ipv6Addr};

use bytes::Bytes;
use nom::Parser;
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16};

use super::{Codec, MessageError, Nlri};
use crate::Family;
use crate::attr::{AttrFault, NextHop, RawItem};

/// What one of the two attributes says.
pub(super) enum Mp<T> {
    /// Something for a family of the session.
    Known(T),
    /// Something for another family.
    Ignored(MessageError),
}

/// Prefixes announced, and where packets for them go.
pub(super) struct MpReach {
    pub next_hop: NextHop,
    pub nlri: Nlri,
}

impl MpReach {
    /// RFC 4760 §3
    pub fn decode(message: &Bytes, item: &RawItem, codec: &Codec) -> Result<Mp<Self>, MessageError> {
        let value = &message[item.value.clone()];
        let short = || {
            let fault = AttrFault::Length { got: value.len(), expected: "AFI, SAFI, next hop and its length" };
            item.error(message, fault)
        };
        let (rest, family) = family(value).map_err(|_| short())?;
        if !codec.families.contains(family) {
            return Ok(Mp::Ignored(item.error(message, AttrFault::NotNegotiated(family))));
        }
        // The octet behind the next hop is reserved and ignored.
        let (rest, (next_hop, _reserved)) = (length_data(be_u8::<_, ()>), be_u8).parse(rest).map_err(|_| short())?;
        let next_hop = decode_next_hop(next_hop, family, codec).map_err(|fault| item.error(message, fault))?;
        let nlri = decode_nlri(message, item, rest.len(), family, codec)?;
        Ok(Mp::Known(Self { next_hop, nlri }))
    }
}

/// The prefixes of MP_UNREACH_NLRI; none of them is End-of-RIB, if there is nothing else (RFC 4724 §2). RFC 4760 §4
pub(super) fn decode_unreach(message: &Bytes, item: &RawItem, codec: &Codec) -> Result<Mp<Nlri>, MessageError> {
    let value = &message[item.value.clone()];
    let Ok((rest, family)) = family(value) else {
        let fault = AttrFault::Length { got: value.len(), expected: "AFI and SAFI" };
        return Err(item.error(message, fault));
    };
    if !codec.families.contains(family) {
        return Ok(Mp::Ignored(item.error(message, AttrFault::NotNegotiated(family))));
    }
    decode_nlri(message, item, rest.len(), family, codec).map(Mp::Known)
}

fn family(input: &[u8]) -> nom::IResult<&[u8], Family, ()> {
    (be_u16, be_u8).map(|(afi, safi)| Family { afi, safi }).parse(input)
}

/// The last `len` octets of the attribute.
fn decode_nlri(
    message: &Bytes,
    item: &RawItem,
    len: usize,
    family: Family,
    codec: &Codec,
) -> Result<Nlri, MessageError> {
    let start = item.value.end - len;
    let wire = message.slice(start..item.value.end);
    Nlri::decode(family, codec.add_path_rx.contains(family), wire).map_err(|(at, fault)| {
        let mut error = item.error(message, AttrFault::Nlri { family, fault });
        error.offset = start + at;
        error
    })
}

/// RFC 4760 §3, RFC 2545 §3 (IPv6: one or two addresses), RFC 8950 §3 (the same for IPv4 prefixes, where negotiated).
/// Another length leaves the prefixes behind it unfindable: RFC 7606 §7.11.
fn decode_next_hop(octets: &[u8], family: Family, codec: &Codec) -> Result<NextHop, AttrFault> {
    let ipv4 = family == Family::IPV4_UNICAST;
    if let (true, Ok(addr)) = (ipv4, <[u8; 4]>::try_from(octets)) {
        return Ok(NextHop::Addr(IpAddr::V4(addr.into())));
    }
    let wrong = || AttrFault::NextHopLength {
        family,
        got: octets.len(),
        expected: match (ipv4, codec.ipv4_over_ipv6) {
            (true, true) => "4, 16 or 32",
            (true, false) => "4",
            (false, _) => "16 or 32",
        },
    };
    if ipv4 && !codec.ipv4_over_ipv6 {
        return Err(wrong());
    }
    match octets.as_chunks::<16>() {
        ([addr], []) => Ok(NextHop::Addr(IpAddr::V6((*addr).into()))),
        ([global, second], []) => {
            let (global, second) = (Ipv6Addr::from(*global), Ipv6Addr::from(*second));
            // RFC 2545 §3: the second one is link-local. Some speakers write zeros, or the first one again.
            Ok(if second.is_unicast_link_local() && global != second {
                NextHop::WithLinkLocal { global, link_local: second }
            } else {
                NextHop::Addr(IpAddr::V6(global))
            })
        }
        _ => Err(wrong()),
    }
}
