//! One row an attribute: its code, its flags, what an error in it costs, who may send it, how it is read and written.
//!
//! Everything that treats attributes walks this table; a new attribute is a new row and its two functions.

use std::net::Ipv4Addr;

use bytes::{BufMut, BytesMut};

use super::decode::Draft;
use super::{Aggregator, AsPath, AttrCode, AttrFault, AttrFlags, Community, ExtCommunity, Ipv6ExtCommunity};
use super::{LargeCommunity, NextHop, Origin, PathAttrs};
use crate::message::{Codec, Treatment};
use crate::{AS_TRANS, Asn, RouterId};

/// What is known of one attribute.
pub(super) struct Row {
    /// Its type code.
    pub code: AttrCode,
    /// Its Optional and Transitive bits.
    pub flags: u8,
    /// What an error in its value or length costs. RFC 7606 §7
    pub bad: Treatment,
    /// Whose it is; from others it is discarded unread.
    pub from: Sender,
    /// How it is read and written.
    pub place: Place,
}

/// Who may send an attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    Anyone,
    /// Internal peers only.
    Internal,
    /// Speakers with two-octet AS numbers only.
    TwoOctet,
}

/// Where an attribute's value belongs.
pub(super) enum Place {
    /// Into [`PathAttrs`].
    Attrs {
        /// Reads the value.
        decode: Decode,
        /// Writes the value, or says that the path has none.
        encode: Encode,
    },
    /// Into the UPDATE: prefixes, which `message::mp` reads and `message::pack` writes.
    Message,
}

type Decode = fn(&mut Draft, &[u8], &Codec) -> Result<(), AttrFault>;
type Encode = fn(&PathAttrs, &Codec, &mut BytesMut) -> bool;

const WELL_KNOWN: u8 = AttrFlags::TRANSITIVE;
const OPT_TRANS: u8 = AttrFlags::OPTIONAL | AttrFlags::TRANSITIVE;
const OPTIONAL: u8 = AttrFlags::OPTIONAL;

/// In order of code, which is the order in which they are written (RFC 4271 §5).
#[rustfmt::skip]
pub(super) const TABLE: &[Row] = {
    use AttrCode as C;
    use Sender::{Anyone, Internal, TwoOctet};
    use Treatment::{Discard, Reset, Withdraw};
    &[
        //  code                          flags       bad value  from      decode             encode
        row(C::ORIGIN,                    WELL_KNOWN, Withdraw, Anyone,   decode_origin,      encode_origin),       // RFC 7606 §7.1
        row(C::AS_PATH,                   WELL_KNOWN, Withdraw, Anyone,   decode_as_path,     encode_as_path),      // RFC 7606 §7.2
        row(C::NEXT_HOP,                  WELL_KNOWN, Withdraw, Anyone,   decode_next_hop,    encode_next_hop),     // RFC 7606 §7.3
        row(C::MULTI_EXIT_DISC,           OPTIONAL,   Withdraw, Anyone,   decode_med,         encode_med),          // RFC 7606 §7.4
        row(C::LOCAL_PREF,                WELL_KNOWN, Withdraw, Internal, decode_local_pref,  encode_local_pref),   // RFC 7606 §7.5
        row(C::ATOMIC_AGGREGATE,          WELL_KNOWN, Discard,  Anyone,   decode_atomic,      encode_atomic),       // RFC 7606 §7.6
        row(C::AGGREGATOR,                OPT_TRANS,  Discard,  Anyone,   decode_aggregator,  encode_aggregator),   // RFC 7606 §7.7
        row(C::COMMUNITIES,               OPT_TRANS,  Withdraw, Anyone,   decode_communities, encode_communities),  // RFC 7606 §7.8
        row(C::ORIGINATOR_ID,             OPTIONAL,   Withdraw, Internal, decode_originator,  encode_originator),   // RFC 7606 §7.9
        row(C::CLUSTER_LIST,              OPTIONAL,   Withdraw, Internal, decode_clusters,    encode_clusters),     // RFC 7606 §7.10
        Row { code: C::MP_REACH_NLRI,   flags: OPTIONAL, bad: Reset, from: Anyone, place: Place::Message },           // RFC 7606 §7.11
        Row { code: C::MP_UNREACH_NLRI, flags: OPTIONAL, bad: Reset, from: Anyone, place: Place::Message },           // RFC 7606 §7.12
        row(C::EXTENDED_COMMUNITIES,      OPT_TRANS,  Withdraw, Anyone,   decode_ext,         encode_ext),          // RFC 7606 §7.14
        row(C::AS4_PATH,                  OPT_TRANS,  Discard,  TwoOctet, decode_as4_path,    encode_as4_path),     // RFC 6793 §6
        row(C::AS4_AGGREGATOR,            OPT_TRANS,  Discard,  TwoOctet, decode_as4_aggr,    encode_as4_aggr),     // RFC 6793 §6
        row(C::IPV6_EXTENDED_COMMUNITIES, OPT_TRANS,  Withdraw, Anyone,   decode_ipv6_ext,    encode_ipv6_ext),     // RFC 7606 §7.15
        row(C::LARGE_COMMUNITY,           OPT_TRANS,  Withdraw, Anyone,   decode_large,       encode_large),        // RFC 8092 §6
        row(C::ONLY_TO_CUSTOMER,          OPT_TRANS,  Withdraw, Anyone,   decode_otc,         encode_otc),          // RFC 9234 §5
    ]
};

/// The row of a code, if it is known.
pub(super) fn find(code: AttrCode) -> Option<&'static Row> {
    let row = INDEX[usize::from(code.0)];
    TABLE.get(usize::from(row))
}

const fn row(code: AttrCode, flags: u8, bad: Treatment, from: Sender, decode: Decode, encode: Encode) -> Row {
    Row { code, flags, bad, from, place: Place::Attrs { decode, encode } }
}

/// The place of each code in [`TABLE`]; 255 for the others.
const INDEX: [u8; 256] = {
    let mut index = [255; 256];
    let mut row = 0;
    while row < TABLE.len() {
        index[TABLE[row].code.0 as usize] = row as u8;
        row += 1;
    }
    index
};

// ---- values of one size

fn fixed<const N: usize>(value: &[u8], expected: &'static str) -> Result<[u8; N], AttrFault> {
    value.try_into().map_err(|_| AttrFault::Length { got: value.len(), expected })
}

fn four(value: &[u8]) -> Result<u32, AttrFault> {
    fixed(value, "4").map(u32::from_be_bytes)
}

fn put_four(value: Option<u32>, out: &mut BytesMut) -> bool {
    value.map(|value| out.put_u32(value)).is_some()
}

fn decode_origin(draft: &mut Draft, value: &[u8], _: &Codec) -> Result<(), AttrFault> {
    let [value] = fixed(value, "1")?;
    draft.origin = Some(match value {
        0 => Origin::Igp,
        1 => Origin::Egp,
        2 => Origin::Incomplete,
        other => return Err(AttrFault::Origin(other)),
    });
    Ok(())
}

fn encode_origin(attrs: &PathAttrs, _: &Codec, out: &mut BytesMut) -> bool {
    out.put_u8(attrs.origin as u8);
    true
}

fn decode_next_hop(draft: &mut Draft, value: &[u8], _: &Codec) -> Result<(), AttrFault> {
    draft.next_hop = Some(NextHop::Addr(Ipv4Addr::from(four(value)?).into()));
    Ok(())
}

/// Only an IPv4 next hop has a place in NEXT_HOP; others stand in MP_REACH_NLRI.
fn encode_next_hop(attrs: &PathAttrs, _: &Codec, out: &mut BytesMut) -> bool {
    let NextHop::Addr(std::net::IpAddr::V4(addr)) = attrs.next_hop else { return false };
    out.put_slice(&addr.octets());
    true
}

fn decode_med(draft: &mut Draft, value: &[u8], _: &Codec) -> Result<(), AttrFault> {
    draft.med = Some(four(value)?);
    Ok(())
}

fn encode_med(attrs: &PathAttrs, _: &Codec, out: &mut BytesMut) -> bool {
    put_four(attrs.med, out)
}

fn decode_local_pref(draft: &mut Draft, value: &[u8], _: &Codec) -> Result<(), AttrFault> {
    draft.local_pref = Some(four(value)?);
    Ok(())
}

fn encode_local_pref(attrs: &PathAttrs, _: &Codec, out: &mut BytesMut) -> bool {
    put_four(attrs.local_pref, out)
}

fn decode_atomic(draft: &mut Draft, value: &[u8], _: &Codec) -> Result<(), AttrFault> {
    let [] = fixed(value, "0")?;
    draft.atomic_aggregate = true;
    Ok(())
}

fn encode_atomic(attrs: &PathAttrs, _: &Codec, _: &mut BytesMut) -> bool {
    attrs.atomic_aggregate
}

fn decode_originator(draft: &mut Draft, value: &[u8], _: &Codec) -> Result<(), AttrFault> {
    draft.originator_id = Some(RouterId(four(value)?));
    Ok(())
}

fn encode_originator(attrs: &PathAttrs, _: &Codec, out: &mut BytesMut) -> bool {
    put_four(attrs.originator_id.map(|id| id.0), out)
}

fn decode_otc(draft: &mut Draft, value: &[u8], _: &Codec) -> Result<(), AttrFault> {
    draft.otc = Some(Asn(four(value)?));
    Ok(())
}

fn encode_otc(attrs: &PathAttrs, _: &Codec, out: &mut BytesMut) -> bool {
    put_four(attrs.otc.map(|asn| asn.0), out)
}

// ---- values whose AS numbers depend on the session

fn decode_as_path(draft: &mut Draft, value: &[u8], codec: &Codec) -> Result<(), AttrFault> {
    draft.as_path = Some(AsPath::decode(value, codec.four_octet_as, codec.external)?);
    Ok(())
}

fn encode_as_path(attrs: &PathAttrs, codec: &Codec, out: &mut BytesMut) -> bool {
    match codec.four_octet_as {
        true => out.put_slice(attrs.as_path.as_wire()),
        false => attrs.as_path.encode_two_octet(out),
    }
    true
}

fn decode_as4_path(draft: &mut Draft, value: &[u8], _: &Codec) -> Result<(), AttrFault> {
    if value.len() < 6 {
        return Err(AttrFault::Length { got: value.len(), expected: "at least 6" });
    }
    draft.as4_path = Some(AsPath::decode_as4(value)?);
    Ok(())
}

fn encode_as4_path(attrs: &PathAttrs, codec: &Codec, out: &mut BytesMut) -> bool {
    !codec.four_octet_as && attrs.as_path.encode_as4(out)
}

fn decode_aggregator(draft: &mut Draft, value: &[u8], codec: &Codec) -> Result<(), AttrFault> {
    let (asn, address) = if codec.four_octet_as {
        let [a, b, c, d, address @ ..] = fixed::<8>(value, "8")?;
        (Asn(u32::from_be_bytes([a, b, c, d])), address)
    } else {
        let [a, b, address @ ..] = fixed::<6>(value, "6")?;
        (Asn(u16::from_be_bytes([a, b]).into()), address)
    };
    draft.aggregator = Some(aggregator(asn, address)?);
    Ok(())
}

fn encode_aggregator(attrs: &PathAttrs, codec: &Codec, out: &mut BytesMut) -> bool {
    let Some(Aggregator { asn, address }) = attrs.aggregator else { return false };
    match codec.four_octet_as {
        true => out.put_u32(asn.0),
        false => out.put_u16(asn.to_two_octet()),
    }
    out.put_slice(&address.octets());
    true
}

fn decode_as4_aggr(draft: &mut Draft, value: &[u8], _: &Codec) -> Result<(), AttrFault> {
    let [a, b, c, d, address @ ..] = fixed::<8>(value, "8")?;
    draft.as4_aggregator = Some(aggregator(Asn(u32::from_be_bytes([a, b, c, d])), address)?);
    Ok(())
}

/// RFC 6793 §4.2.2: only where AGGREGATOR says AS_TRANS.
fn encode_as4_aggr(attrs: &PathAttrs, codec: &Codec, out: &mut BytesMut) -> bool {
    let hidden = attrs.aggregator.filter(|it| !codec.four_octet_as && it.asn.to_two_octet() == AS_TRANS.0 as u16);
    let Some(Aggregator { asn, address }) = hidden else { return false };
    out.put_u32(asn.0);
    out.put_slice(&address.octets());
    true
}

fn aggregator(asn: Asn, address: [u8; 4]) -> Result<Aggregator, AttrFault> {
    if asn == Asn(0) {
        return Err(AttrFault::ZeroAs); // RFC 7607 §2
    }
    Ok(Aggregator { asn, address: address.into() })
}

// ---- lists

/// The items of a list that has at least one.
fn list<const N: usize, T>(value: &[u8], expected: &'static str, read: fn([u8; N]) -> T) -> Result<Vec<T>, AttrFault> {
    match value.as_chunks::<N>() {
        ([], _) | (_, [_, ..]) => Err(AttrFault::Length { got: value.len(), expected }),
        (items, []) => Ok(items.iter().map(|item| read(*item)).collect()),
    }
}

/// The items of a list that is a set.
fn set<const N: usize, T: Ord>(
    value: &[u8],
    expected: &'static str,
    read: fn([u8; N]) -> T,
) -> Result<Box<[T]>, AttrFault> {
    let mut items = list(value, expected, read)?;
    items.sort_unstable();
    items.dedup();
    Ok(items.into_boxed_slice())
}

fn put_list<T>(items: &[T], out: &mut BytesMut, write: impl Fn(&mut BytesMut, &T)) -> bool {
    items.iter().for_each(|item| write(out, item));
    !items.is_empty()
}

fn decode_clusters(draft: &mut Draft, value: &[u8], _: &Codec) -> Result<(), AttrFault> {
    let read = |octets| RouterId(u32::from_be_bytes(octets));
    draft.cluster_list = list::<4, _>(value, "a multiple of 4, not 0", read)?.into_boxed_slice();
    Ok(())
}

fn encode_clusters(attrs: &PathAttrs, _: &Codec, out: &mut BytesMut) -> bool {
    put_list(&attrs.cluster_list, out, |out, id| out.put_u32(id.0))
}

fn decode_communities(draft: &mut Draft, value: &[u8], _: &Codec) -> Result<(), AttrFault> {
    let read = |octets| Community(u32::from_be_bytes(octets));
    draft.communities = set::<4, _>(value, "a multiple of 4, not 0", read)?;
    Ok(())
}

fn encode_communities(attrs: &PathAttrs, _: &Codec, out: &mut BytesMut) -> bool {
    put_list(&attrs.communities, out, |out, community| out.put_u32(community.0))
}

fn decode_ext(draft: &mut Draft, value: &[u8], _: &Codec) -> Result<(), AttrFault> {
    let mut items = list::<8, _>(value, "a multiple of 8, not 0", ExtCommunity)?;
    // RFC 9135 §8.1: the first Router's MAC counts; others are neither stored nor propagated.
    let first = items.iter().copied().find(|community| community.as_router_mac().is_some());
    items.retain(|community| community.as_router_mac().is_none() || Some(*community) == first);
    items.sort_unstable();
    items.dedup();
    draft.ext_communities = items.into_boxed_slice();
    Ok(())
}

fn encode_ext(attrs: &PathAttrs, _: &Codec, out: &mut BytesMut) -> bool {
    put_list(&attrs.ext_communities, out, |out, community| out.put_slice(&community.0))
}

fn decode_ipv6_ext(draft: &mut Draft, value: &[u8], _: &Codec) -> Result<(), AttrFault> {
    draft.ipv6_ext_communities = set::<20, _>(value, "a multiple of 20, not 0", Ipv6ExtCommunity)?;
    Ok(())
}

fn encode_ipv6_ext(attrs: &PathAttrs, _: &Codec, out: &mut BytesMut) -> bool {
    put_list(&attrs.ipv6_ext_communities, out, |out, community| out.put_slice(&community.0))
}

fn decode_large(draft: &mut Draft, value: &[u8], _: &Codec) -> Result<(), AttrFault> {
    let read = |[a, b, c, d, e, f, g, h, i, j, k, l]: [u8; 12]| LargeCommunity {
        global: u32::from_be_bytes([a, b, c, d]),
        local1: u32::from_be_bytes([e, f, g, h]),
        local2: u32::from_be_bytes([i, j, k, l]),
    };
    draft.large_communities = set(value, "a multiple of 12, not 0", read)?;
    Ok(())
}

fn encode_large(attrs: &PathAttrs, _: &Codec, out: &mut BytesMut) -> bool {
    put_list(&attrs.large_communities, out, |out, community| {
        out.put_u32(community.global);
        out.put_u32(community.local1);
        out.put_u32(community.local2);
    })
}
