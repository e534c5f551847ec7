//! Reads a fuzzer's octets from the front; what is not there reads as zeros, so every input means something.

use bgp_proto::message::Codec;
use bgp_proto::{Family, FamilySet};

/// Memory a target may hold at any time of an execution, in octets.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// For an empty input.
    pub fixed: usize,
    /// For each octet of the input.
    pub per_octet: usize,
}

impl Bound {
    /// For an input of this length.
    pub fn of(&self, len: usize) -> usize {
        self.fixed + self.per_octet * len
    }
}

/// What is left of the input.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn octet(&mut self) -> u8 {
        let Some((&octet, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        octet
    }

    pub fn pair(&mut self) -> u16 {
        u16::from_be_bytes([self.octet(), self.octet()])
    }

    /// At most `len` octets.
    pub fn take(&mut self, len: usize) -> &'a [u8] {
        let (front, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        front
    }

    /// Octets with their length in front, in one octet.
    pub fn short(&mut self) -> &'a [u8] {
        let len = self.octet();
        self.take(len.into())
    }

    /// Octets with their length in front, in two octets.
    pub fn long(&mut self) -> &'a [u8] {
        let len = self.pair();
        self.take(len.into())
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// A session, a bit for each of its facts.
    pub fn codec(&mut self) -> Codec {
        let bits = self.octet();
        let has = |bit: u8| bits & 1 << bit != 0;
        let mut families = FamilySet::EMPTY;
        if !has(2) {
            families.insert(Family::IPV4_UNICAST);
        }
        if !has(3) {
            families.insert(Family::IPV6_UNICAST);
        }
        let add_path = match (has(4), has(5)) {
            (false, _) => FamilySet::EMPTY,
            (true, false) => families,
            (true, true) => [Family::IPV4_UNICAST].into_iter().collect(),
        };
        Codec {
            four_octet_as: !has(0),
            extended_message: has(1),
            families,
            // Path ids are written where they are sent: what was read can be written with the same codec.
            add_path_rx: add_path,
            add_path_tx: add_path,
            ipv4_over_ipv6: !has(6),
            external: has(7),
        }
    }
}
