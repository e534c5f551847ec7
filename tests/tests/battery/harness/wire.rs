//! Messages as octets, right or wrong: every field can be given as it should not be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::OURS;

/// Message types.
pub const OPEN: u8 = 1;
pub const UPDATE: u8 = 2;
pub const NOTIFICATION: u8 = 3;
pub const KEEPALIVE: u8 = 4;
pub const ROUTE_REFRESH: u8 = 5;

/// Attribute type codes.
pub mod code {
    pub const ORIGIN: u8 = 1;
    pub const AS_PATH: u8 = 2;
    pub const NEXT_HOP: u8 = 3;
    pub const MED: u8 = 4;
    pub const LOCAL_PREF: u8 = 5;
    pub const ATOMIC_AGGREGATE: u8 = 6;
    pub const AGGREGATOR: u8 = 7;
    pub const COMMUNITIES: u8 = 8;
    pub const ORIGINATOR_ID: u8 = 9;
    pub const CLUSTER_LIST: u8 = 10;
    pub const MP_REACH: u8 = 14;
    pub const MP_UNREACH: u8 = 15;
    pub const EXT_COMMUNITIES: u8 = 16;
    pub const AS4_PATH: u8 = 17;
    pub const AS4_AGGREGATOR: u8 = 18;
    pub const IPV6_EXT_COMMUNITIES: u8 = 25;
    pub const LARGE_COMMUNITIES: u8 = 32;
    pub const OTC: u8 = 35;
}

/// Attribute flags.
pub const WELL_KNOWN: u8 = 0x40;
pub const OPTIONAL: u8 = 0x80;
pub const OPT_TRANS: u8 = 0xc0;
pub const EXTENDED: u8 = 0x10;

/// A header with any length and type.
pub fn header(length: u16, kind: u8) -> Vec<u8> {
    [&[0xff; 16][..], &length.to_be_bytes(), &[kind]].concat()
}

/// A message with the right length.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).expect("a message has at most 65,535 octets");
    [header(length, kind), body.to_vec()].concat()
}

pub fn keepalive() -> Vec<u8> {
    message(KEEPALIVE, &[])
}

pub fn notification(code: u8, subcode: u8, data: &[u8]) -> Vec<u8> {
    message(NOTIFICATION, &[&[code, subcode], data].concat())
}

/// A ROUTE-REFRESH; subtype 0 asks, 1 begins, 2 ends.
pub fn refresh(afi: u16, subtype: u8, safi: u8) -> Vec<u8> {
    message(ROUTE_REFRESH, &[&afi.to_be_bytes()[..], &[subtype, safi]].concat())
}

/// The capabilities of a peer that speaks the battery's usual dialect: IPv4, both refreshes, four-octet AS numbers.
#[derive(Clone, Debug)]
pub struct Open {
    pub version: u8,
    pub field: u16,
    pub hold: u16,
    pub id: [u8; 4],
    /// The octets behind "Optional Parameters Length", and that length when it is not theirs.
    pub capabilities: Vec<(u8, Vec<u8>)>,
    raw: Option<(u8, Vec<u8>)>,
}

impl Open {
    /// The usual dialect.
    pub fn new(asn: u32) -> Self {
        Self::bare(asn).family(1, 1).cap(2, &[]).cap(70, &[]).cap(65, &asn.to_be_bytes())
    }

    /// No capability: BGP as of RFC 4271.
    pub fn bare(asn: u32) -> Self {
        let field = u16::try_from(asn).unwrap_or(23456);
        Self { version: 4, field, hold: 90, id: [10, 0, 0, 99], capabilities: Vec::new(), raw: None }
    }

    pub fn cap(mut self, code: u8, value: &[u8]) -> Self {
        self.capabilities.push((code, value.to_vec()));
        self
    }

    pub fn without(mut self, code: u8) -> Self {
        self.capabilities.retain(|(other, _)| *other != code);
        self
    }

    pub fn family(self, afi: u16, safi: u8) -> Self {
        let [high, low] = afi.to_be_bytes();
        self.cap(1, &[high, low, 0, safi])
    }

    /// IPv6 unicast beside IPv4.
    pub fn ipv6(self) -> Self {
        self.family(2, 1)
    }

    pub fn version(mut self, version: u8) -> Self {
        self.version = version;
        self
    }

    pub fn field(mut self, asn: u16) -> Self {
        self.field = asn;
        self
    }

    pub fn hold(mut self, hold: u16) -> Self {
        self.hold = hold;
        self
    }

    pub fn id(mut self, id: [u8; 4]) -> Self {
        self.id = id;
        self
    }

    /// The octets from "Optional Parameters Length" on, whatever they are.
    pub fn parameters(mut self, length: u8, octets: &[u8]) -> Self {
        self.raw = Some((length, octets.to_vec()));
        self
    }

    pub fn has(&self, code: u8) -> bool {
        self.capabilities.iter().any(|(other, _)| *other == code)
    }

    /// The capabilities as they stand in their parameter.
    pub fn capability_octets(&self) -> Vec<u8> {
        let one = |(code, value): &(u8, Vec<u8>)| [&[*code, value.len() as u8], &value[..]].concat();
        self.capabilities.iter().flat_map(one).collect()
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut body = vec![self.version];
        body.extend(self.field.to_be_bytes());
        body.extend(self.hold.to_be_bytes());
        body.extend(self.id);
        let capabilities = self.capability_octets();
        match &self.raw {
            Some((length, octets)) => {
                body.push(*length);
                body.extend(octets);
            }
            None if capabilities.is_empty() => body.push(0),
            None => {
                let length = u8::try_from(capabilities.len()).expect("longer ones are written with `parameters`");
                body.extend([length + 2, 2, length]);
                body.extend(capabilities);
            }
        }
        message(OPEN, &body)
    }
}

/// An UPDATE in parts. Lengths are right unless said otherwise.
#[derive(Clone, Debug, Default)]
pub struct Update {
    withdrawn: Vec<u8>,
    attrs: Vec<(u8, Vec<u8>)>,
    nlri: Vec<u8>,
    withdrawn_length: Option<u16>,
    attrs_length: Option<u16>,
}

impl Update {
    pub fn new() -> Self {
        Self::default()
    }

    /// An attribute with its flags, in the extended form when it is long.
    pub fn attr(mut self, flags: u8, code: u8, value: &[u8]) -> Self {
        self.attrs.push((code, attribute(flags, code, value)));
        self
    }

    /// The same in front of all others.
    pub fn attr_first(mut self, flags: u8, code: u8, value: &[u8]) -> Self {
        self.attrs.insert(0, (code, attribute(flags, code, value)));
        self
    }

    /// The attribute instead of the one of its code.
    pub fn set(mut self, flags: u8, code: u8, value: &[u8]) -> Self {
        let octets = attribute(flags, code, value);
        match self.attrs.iter_mut().find(|(other, _)| *other == code) {
            Some(place) => place.1 = octets,
            None => self.attrs.push((code, octets)),
        }
        self
    }

    pub fn without(mut self, code: u8) -> Self {
        self.attrs.retain(|(other, _)| *other != code);
        self
    }

    /// Octets among the attributes, whatever they are.
    pub fn raw(mut self, octets: &[u8]) -> Self {
        self.attrs.push((0, octets.to_vec()));
        self
    }

    pub fn origin(self, origin: u8) -> Self {
        self.set(WELL_KNOWN, code::ORIGIN, &[origin])
    }

    /// AS_PATH: one sequence of four-octet numbers.
    pub fn path(self, asns: &[u32]) -> Self {
        self.set(WELL_KNOWN, code::AS_PATH, &sequence(asns))
    }

    /// AS_PATH: one sequence of two-octet numbers.
    pub fn path2(self, asns: &[u16]) -> Self {
        self.set(WELL_KNOWN, code::AS_PATH, &sequence2(asns))
    }

    /// AS_PATH: one AS_CONFED_SEQUENCE.
    pub fn confederation(self, asns: &[u32]) -> Self {
        self.set(WELL_KNOWN, code::AS_PATH, &segment(3, asns))
    }

    /// AS_PATH: segments as they are, kind and numbers.
    pub fn segments(self, segments: &[(u8, &[u32])]) -> Self {
        let octets: Vec<u8> = segments.iter().flat_map(|(kind, asns)| segment(*kind, asns)).collect();
        self.set(WELL_KNOWN, code::AS_PATH, &octets)
    }

    /// OTC (RFC 9234 §5).
    pub fn otc(self, asn: u32) -> Self {
        self.set(OPT_TRANS, code::OTC, &asn.to_be_bytes())
    }

    pub fn next_hop(self, next_hop: [u8; 4]) -> Self {
        self.set(WELL_KNOWN, code::NEXT_HOP, &next_hop)
    }

    pub fn med(self, med: u32) -> Self {
        self.set(OPTIONAL, code::MED, &med.to_be_bytes())
    }

    pub fn local_pref(self, value: u32) -> Self {
        self.set(WELL_KNOWN, code::LOCAL_PREF, &value.to_be_bytes())
    }

    pub fn communities(self, communities: &[u32]) -> Self {
        let value: Vec<u8> = communities.iter().flat_map(|community| community.to_be_bytes()).collect();
        self.set(OPT_TRANS, code::COMMUNITIES, &value)
    }

    pub fn originator(self, id: [u8; 4]) -> Self {
        self.set(OPTIONAL, code::ORIGINATOR_ID, &id)
    }

    pub fn clusters(self, ids: &[[u8; 4]]) -> Self {
        self.set(OPTIONAL, code::CLUSTER_LIST, &ids.concat())
    }

    /// MP_REACH_NLRI with IPv6 prefixes; the next hop as octets.
    pub fn reach6(self, next_hop: &[u8], prefixes: &[&str]) -> Self {
        self.set(OPTIONAL, code::MP_REACH, &mp_reach(2, 1, next_hop, &prefix_octets(prefixes)))
    }

    pub fn unreach6(self, prefixes: &[&str]) -> Self {
        self.set(OPTIONAL, code::MP_UNREACH, &[&[0, 2, 1], &prefix_octets(prefixes)[..]].concat())
    }

    pub fn announce(mut self, prefixes: &[&str]) -> Self {
        self.nlri.extend(prefix_octets(prefixes));
        self
    }

    /// With a path id in front of each.
    pub fn announce_ids(mut self, prefixes: &[(u32, &str)]) -> Self {
        for (id, prefix) in prefixes {
            self.nlri.extend(id.to_be_bytes());
            self.nlri.extend(prefix_octets(&[prefix]));
        }
        self
    }

    pub fn withdraw(mut self, prefixes: &[&str]) -> Self {
        self.withdrawn.extend(prefix_octets(prefixes));
        self
    }

    pub fn withdraw_ids(mut self, prefixes: &[(u32, &str)]) -> Self {
        for (id, prefix) in prefixes {
            self.withdrawn.extend(id.to_be_bytes());
            self.withdrawn.extend(prefix_octets(&[prefix]));
        }
        self
    }

    pub fn nlri_raw(mut self, octets: &[u8]) -> Self {
        self.nlri.extend(octets);
        self
    }

    pub fn withdrawn_raw(mut self, octets: &[u8]) -> Self {
        self.withdrawn.extend(octets);
        self
    }

    pub fn withdrawn_length(mut self, length: u16) -> Self {
        self.withdrawn_length = Some(length);
        self
    }

    pub fn attrs_length(mut self, length: u16) -> Self {
        self.attrs_length = Some(length);
        self
    }

    pub fn encode(&self) -> Vec<u8> {
        let attrs: Vec<u8> = self.attrs.iter().flat_map(|(_, octets)| octets.clone()).collect();
        let length = |octets: &[u8]| u16::try_from(octets.len()).expect("a message has at most 65,535 octets");
        let mut body = Vec::new();
        body.extend(self.withdrawn_length.unwrap_or(length(&self.withdrawn)).to_be_bytes());
        body.extend(&self.withdrawn);
        body.extend(self.attrs_length.unwrap_or(length(&attrs)).to_be_bytes());
        body.extend(attrs);
        body.extend(&self.nlri);
        message(UPDATE, &body)
    }
}

/// The octets of one attribute.
pub fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("an attribute has at most 65,535 octets");
    if length > 255 || flags & EXTENDED != 0 {
        [&[flags | EXTENDED, code], &length.to_be_bytes()[..], value].concat()
    } else {
        [&[flags, code, length as u8], value].concat()
    }
}

/// A path segment of four-octet numbers; several when there are more than 255.
pub fn sequence(asns: &[u32]) -> Vec<u8> {
    asns.chunks(255).flat_map(|asns| segment(2, asns)).collect()
}

/// One path segment of four-octet numbers, of any kind.
pub fn segment(kind: u8, asns: &[u32]) -> Vec<u8> {
    let numbers = asns.iter().flat_map(|asn| asn.to_be_bytes());
    [kind, asns.len() as u8].into_iter().chain(numbers).collect()
}

/// One sequence of two-octet numbers.
pub fn sequence2(asns: &[u16]) -> Vec<u8> {
    [2, asns.len() as u8].into_iter().chain(asns.iter().flat_map(|asn| asn.to_be_bytes())).collect()
}

/// The value of an MP_REACH_NLRI.
pub fn mp_reach(afi: u16, safi: u8, next_hop: &[u8], nlri: &[u8]) -> Vec<u8> {
    let [high, low] = afi.to_be_bytes();
    [&[high, low, safi, next_hop.len() as u8], next_hop, &[0], nlri].concat()
}

/// Prefixes as NLRI, cut after their last octet.
pub fn prefix_octets(prefixes: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for prefix in prefixes {
        let (address, length) = prefix.split_once('/').unwrap_or_else(|| panic!("{prefix} has no length"));
        let length: u8 = length.parse().unwrap_or_else(|error| panic!("{prefix}: {error}"));
        let octets = match address.parse().unwrap_or_else(|error| panic!("{prefix}: {error}")) {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        out.push(length);
        out.extend(&octets[..usize::from(length.div_ceil(8))]);
    }
    out
}

/// An IPv6 address as octets.
pub fn v6(address: &str) -> [u8; 16] {
    address.parse::<Ipv6Addr>().unwrap_or_else(|error| panic!("{address}: {error}")).octets()
}

/// An IPv4 address as octets.
pub fn v4(address: &str) -> [u8; 4] {
    address.parse::<Ipv4Addr>().unwrap_or_else(|error| panic!("{address}: {error}")).octets()
}

/// `65000:100` as a community of ours.
pub fn community(value: u16) -> u32 {
    OURS << 16 | u32::from(value)
}
