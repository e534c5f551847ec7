//! Path attributes in few octets, for whoever keeps many sets of them.
//!
//! A [`PathAttrs`] takes some 250 octets with what it points at, most of them for attributes that are not there. Packed,
//! a usual set takes 20 to 50 in one piece, equal sets are equal octets, and hashing and comparing are those of octets.
//! This is a form for memory, not for the wire or a disk: it is read by the program that wrote it.
//!
//! Two octets say what is there; then the next hop, single numbers, lists with their lengths in front, and the AS_PATH
//! up to the end.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{
    Aggregator, AsPath, AttrCode, AttrFlags, Community, ExtCommunity, Ipv6ExtCommunity, LargeCommunity, NextHop,
    Origin, PartialBits, PathAttrs, RawAttr,
};
use crate::{Asn, RouterId};

const NEXT_HOP: u16 = 2;
const MED: u16 = 1 << 4;
const LOCAL_PREF: u16 = 1 << 5;
const ATOMIC_AGGREGATE: u16 = 1 << 6;
const AGGREGATOR: u16 = 1 << 7;
const ORIGINATOR_ID: u16 = 1 << 8;
const CLUSTER_LIST: u16 = 1 << 9;
const COMMUNITIES: u16 = 1 << 10;
const EXT_COMMUNITIES: u16 = 1 << 11;
const IPV6_EXT_COMMUNITIES: u16 = 1 << 12;
const LARGE_COMMUNITIES: u16 = 1 << 13;
const OTC: u16 = 1 << 14;
/// Unknown attributes or Partial bits.
const REST: u16 = 1 << 15;

impl PathAttrs {
    /// Appends the packed form.
    pub fn pack(&self, out: &mut Vec<u8>) {
        let has_rest = !self.unknown.is_empty() || self.partial != PartialBits::default();
        let there = [
            (MED, self.med.is_some()),
            (LOCAL_PREF, self.local_pref.is_some()),
            (ATOMIC_AGGREGATE, self.atomic_aggregate),
            (AGGREGATOR, self.aggregator.is_some()),
            (ORIGINATOR_ID, self.originator_id.is_some()),
            (CLUSTER_LIST, !self.cluster_list.is_empty()),
            (COMMUNITIES, !self.communities.is_empty()),
            (EXT_COMMUNITIES, !self.ext_communities.is_empty()),
            (IPV6_EXT_COMMUNITIES, !self.ipv6_ext_communities.is_empty()),
            (LARGE_COMMUNITIES, !self.large_communities.is_empty()),
            (OTC, self.otc.is_some()),
            (REST, has_rest),
        ];
        let (kind, next_hop, next_hop_len) = next_hop_octets(&self.next_hop);
        let flags = there.into_iter().filter(|(_, there)| *there).fold(0, |flags, (flag, _)| flags | flag);
        out.extend((flags | kind << NEXT_HOP | self.origin as u16).to_be_bytes());
        out.extend(&next_hop[..next_hop_len]);
        let numbers = [self.med, self.local_pref, self.originator_id.map(|id| id.0), self.otc.map(|asn| asn.0)];
        numbers.into_iter().flatten().for_each(|number| out.extend(number.to_be_bytes()));
        if let Some(Aggregator { asn, address }) = self.aggregator {
            out.extend(asn.0.to_be_bytes());
            out.extend(address.octets());
        }
        put_list(out, self.cluster_list.iter().map(|id| id.0.to_be_bytes()));
        put_list(out, self.communities.iter().map(|community| community.0.to_be_bytes()));
        put_list(out, self.ext_communities.iter().map(|community| community.0));
        put_list(out, self.ipv6_ext_communities.iter().map(|community| community.0));
        put_list(out, self.large_communities.iter().map(large_octets));
        if has_rest {
            out.push(self.partial.0);
            put_len(out, self.unknown.len());
            for RawAttr { flags, code, value } in &self.unknown {
                out.extend([flags.0, code.0]);
                put_len(out, value.len());
                out.extend(&**value);
            }
        }
        out.extend(self.as_path.as_wire());
    }

    /// The attributes of octets that [`PathAttrs::pack`] wrote; `None` for others that cannot be read.
    pub fn unpack(packed: &[u8]) -> Option<Self> {
        let mut from = Reader(packed);
        let flags = u16::from_be_bytes(from.array()?);
        let has = |flag: u16| flags & flag != 0;
        let next_hop = from.next_hop(flags >> NEXT_HOP & 3)?;
        let mut number = |flag| if has(flag) { from.number().map(Some) } else { Some(None) };
        let [med, local_pref, originator_id, otc] =
            [number(MED)?, number(LOCAL_PREF)?, number(ORIGINATOR_ID)?, number(OTC)?];
        let aggregator = match has(AGGREGATOR) {
            true => Some(Aggregator { asn: Asn(from.number()?), address: Ipv4Addr::from(from.number()?) }),
            false => None,
        };
        Some(Self {
            origin: [Origin::Igp, Origin::Egp, Origin::Incomplete].into_iter().nth(usize::from(flags & 3))?,
            next_hop,
            med,
            local_pref,
            atomic_aggregate: has(ATOMIC_AGGREGATE),
            aggregator,
            originator_id: originator_id.map(RouterId),
            otc: otc.map(Asn),
            cluster_list: from.list(has(CLUSTER_LIST), |id| RouterId(u32::from_be_bytes(id)))?,
            communities: from.list(has(COMMUNITIES), |community| Community(u32::from_be_bytes(community)))?,
            ext_communities: from.list(has(EXT_COMMUNITIES), ExtCommunity)?,
            ipv6_ext_communities: from.list(has(IPV6_EXT_COMMUNITIES), Ipv6ExtCommunity)?,
            large_communities: from.list(has(LARGE_COMMUNITIES), large)?,
            partial: if has(REST) { PartialBits(from.array::<1>()?[0]) } else { PartialBits::default() },
            unknown: if has(REST) { from.unknown()? } else { Box::default() },
            as_path: AsPath::from_wire(from.0.into()),
        })
    }
}

/// The kind of next hop, and its octets up to a length.
fn next_hop_octets(next_hop: &NextHop) -> (u16, [u8; 32], usize) {
    let mut octets = [0; 32];
    let mut put = |at: usize, part: &[u8]| octets[at..at + part.len()].copy_from_slice(part);
    let (kind, len) = match next_hop {
        NextHop::Addr(std::net::IpAddr::V4(addr)) => {
            put(0, &addr.octets());
            (0, 4)
        }
        NextHop::Addr(std::net::IpAddr::V6(addr)) => {
            put(0, &addr.octets());
            (1, 16)
        }
        NextHop::WithLinkLocal { global, link_local } => {
            put(0, &global.octets());
            put(16, &link_local.octets());
            (2, 32)
        }
        NextHop::OnInterface { addr, interface } => {
            put(0, &addr.octets());
            put(16, &interface.to_be_bytes());
            (3, 20)
        }
    };
    (kind, octets, len)
}

fn large_octets(community: &LargeCommunity) -> [u8; 12] {
    let parts = [community.global, community.local1, community.local2].map(u32::to_be_bytes);
    std::array::from_fn(|at| parts[at / 4][at % 4])
}

fn large(octets: [u8; 12]) -> LargeCommunity {
    let part = |at: usize| u32::from_be_bytes(std::array::from_fn(|octet| octets[at * 4 + octet]));
    LargeCommunity { global: part(0), local1: part(1), local2: part(2) }
}

/// An empty list is one that is not there.
fn put_list<const N: usize>(out: &mut Vec<u8>, list: impl ExactSizeIterator<Item = [u8; N]>) {
    if list.len() > 0 {
        put_len(out, list.len());
        list.for_each(|item| out.extend(item));
    }
}

/// Seven bits an octet, the lowest first; the eighth says that more follow.
fn put_len(out: &mut Vec<u8>, mut len: usize) {
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn octets(&mut self, count: usize) -> Option<&'a [u8]> {
        let (octets, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(octets)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.octets(N)?.try_into().ok()
    }

    fn number(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn len(&mut self) -> Option<usize> {
        let mut len = 0;
        for shift in (0..32).step_by(7) {
            let [octet] = self.array()?;
            len |= usize::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                return Some(len);
            }
        }
        None
    }

    fn list<const N: usize, T>(&mut self, there: bool, item: impl Fn([u8; N]) -> T) -> Option<Box<[T]>> {
        if !there {
            return Some(Box::default());
        }
        let count = self.len()?;
        let (items, _) = self.octets(count.checked_mul(N)?)?.as_chunks();
        Some(items.iter().map(|octets| item(*octets)).collect())
    }

    fn next_hop(&mut self, kind: u16) -> Option<NextHop> {
        let mut address = || self.array().map(|octets: [u8; 16]| Ipv6Addr::from(octets));
        Some(match kind {
            1 => NextHop::Addr(address()?.into()),
            2 => NextHop::WithLinkLocal { global: address()?, link_local: address()? },
            3 => NextHop::OnInterface { addr: address()?, interface: self.number()? },
            _ => NextHop::Addr(Ipv4Addr::from(self.number()?).into()),
        })
    }

    fn unknown(&mut self) -> Option<Box<[RawAttr]>> {
        let count = self.len()?;
        (0..count)
            .map(|_| {
                let [flags, code] = self.array()?;
                let len = self.len()?;
                Some(RawAttr { flags: AttrFlags(flags), code: AttrCode(code), value: self.octets(len)?.into() })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
