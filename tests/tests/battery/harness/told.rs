//! What roost says: its messages read without its own codec.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::wire::code;

/// An UPDATE of roost, in parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Announced prefixes of either field, with their path ids (0 where the session has none).
    pub announced: Vec<(u32, String)>,
    /// Withdrawn prefixes of either field.
    pub withdrawn: Vec<(u32, String)>,
    /// Attributes by code: flags and value. Without the two that hold prefixes.
    pub attrs: BTreeMap<u8, (u8, Vec<u8>)>,
    /// The attributes' codes in the order of the message, those two included.
    pub order: Vec<u8>,
    /// The next hop, from NEXT_HOP or from MP_REACH_NLRI.
    pub next_hop: Vec<u8>,
    /// Octets of the message.
    pub length: usize,
    /// AFI and SAFI of an MP_REACH_NLRI or MP_UNREACH_NLRI.
    pub family: Option<(u16, u8)>,
}

impl Told {
    /// Reads the body of an UPDATE; `add_path` says whether prefixes carry ids.
    pub fn read(body: &[u8], add_path: bool) -> Self {
        let mut told = Self { length: body.len() + 19, ..Self::default() };
        let withdrawn = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let (withdrawn, rest) = body[2..].split_at(withdrawn);
        let attrs = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        let (mut attrs, nlri) = rest[2..].split_at(attrs);
        told.withdrawn = prefixes(withdrawn, add_path, false);
        told.announced = prefixes(nlri, add_path, false);
        while let [flags, code, ..] = attrs {
            let (head, length) = match flags & 0x10 != 0 {
                true => (4, usize::from(u16::from_be_bytes([attrs[2], attrs[3]]))),
                false => (3, usize::from(attrs[2])),
            };
            let value = &attrs[head..head + length];
            told.attribute(*flags, *code, value, add_path);
            attrs = &attrs[head + length..];
        }
        told
    }

    fn attribute(&mut self, flags: u8, code: u8, value: &[u8], add_path: bool) {
        self.order.push(code);
        match code {
            code::MP_REACH => {
                let length = usize::from(value[3]);
                self.family = Some((u16::from_be_bytes([value[0], value[1]]), value[2]));
                self.next_hop = value[4..4 + length].to_vec();
                self.announced.extend(prefixes(&value[4 + length + 1..], add_path, value[1] == 2));
            }
            code::MP_UNREACH => {
                self.family = Some((u16::from_be_bytes([value[0], value[1]]), value[2]));
                self.withdrawn.extend(prefixes(&value[3..], add_path, value[1] == 2));
            }
            _ => {
                if code == code::NEXT_HOP {
                    self.next_hop = value.to_vec();
                }
                let before = self.attrs.insert(code, (flags, value.to_vec()));
                assert_eq!(before, None, "attribute {code} stands twice in a message of roost");
            }
        }
    }

    /// Whether it is the End-of-RIB of a family.
    pub fn is_end_of_rib(&self, afi: u16) -> bool {
        let nothing = self.announced.is_empty() && self.withdrawn.is_empty() && self.attrs.is_empty();
        nothing && if afi == 1 { self.order.is_empty() } else { self.family == Some((afi, 1)) }
    }

    /// The value of an attribute.
    #[track_caller]
    pub fn value(&self, code: u8) -> &[u8] {
        match self.attrs.get(&code) {
            Some((_, value)) => value,
            None => panic!("attribute {code} is missing: {self:?}"),
        }
    }

    pub fn has(&self, code: u8) -> bool {
        self.attrs.contains_key(&code)
    }

    /// An attribute of four octets.
    #[track_caller]
    pub fn number(&self, code: u8) -> u32 {
        let value = self.value(code);
        u32::from_be_bytes(value.try_into().unwrap_or_else(|_| panic!("attribute {code} is {value:?}")))
    }

    /// The AS_PATH when it is one sequence of four-octet numbers, or empty.
    #[track_caller]
    pub fn path(&self) -> Vec<u32> {
        let mut rest = self.value(code::AS_PATH);
        let mut path = Vec::new();
        while let [kind, count, tail @ ..] = rest {
            assert_eq!(*kind, 2, "AS_PATH {:?} has more than sequences", self.value(code::AS_PATH));
            let (asns, tail) = tail.split_at(usize::from(*count) * 4);
            path.extend(asns.chunks(4).map(|asn| u32::from_be_bytes([asn[0], asn[1], asn[2], asn[3]])));
            rest = tail;
        }
        path
    }

    pub fn announces(&self, prefix: &str) -> bool {
        self.announced.iter().any(|(_, other)| other == prefix)
    }

    pub fn withdraws(&self, prefix: &str) -> bool {
        self.withdrawn.iter().any(|(_, other)| other == prefix)
    }
}

/// NLRI as text.
fn prefixes(mut octets: &[u8], add_path: bool, v6: bool) -> Vec<(u32, String)> {
    let mut out = Vec::new();
    while !octets.is_empty() {
        let mut id = 0;
        if add_path {
            id = u32::from_be_bytes([octets[0], octets[1], octets[2], octets[3]]);
            octets = &octets[4..];
        }
        let length = octets[0];
        let (prefix, rest) = octets[1..].split_at(usize::from(length.div_ceil(8)));
        let mut address = [0; 16];
        address[..prefix.len()].copy_from_slice(prefix);
        let text = match v6 {
            true => Ipv6Addr::from(address).to_string(),
            false => Ipv4Addr::new(address[0], address[1], address[2], address[3]).to_string(),
        };
        out.push((id, format!("{text}/{length}")));
        octets = rest;
    }
    out
}
