//! Prefixes as they stand on the wire, walked lazily (RFC 4271 §4.3, RFC 4760 §5, RFC 7911 §3).

use bytes::{BufMut, Bytes, BytesMut};

use crate::{Family, PathId, Prefix};

/// A run of prefixes of one family, in wire form. Every octet was checked when it was decoded, so the walk cannot fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nlri {
    family: Family,
    add_path: bool,
    wire: Bytes,
}

/// Why a run of prefixes cannot be read. RFC 7606 §5.3
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NlriFault {
    /// A length that an address of the family does not have.
    #[error("prefix length {len}, expected at most {max}")]
    PrefixLength {
        /// What stands there.
        len: u8,
        /// 32 or 128.
        max: u8,
    },
    /// The last prefix is longer than what is left.
    #[error("the last prefix needs {need} octets, {left} are left")]
    Overrun {
        /// Octets it needs, with its length and path id.
        need: usize,
        /// Octets there are.
        left: usize,
    },
}

impl Nlri {
    /// Checks a run of prefixes; an error comes with the offset in `wire` of the prefix that is wrong.
    ///
    /// `family` is one roost holds. Bits behind a prefix's length may be anything (RFC 4271 §4.3).
    pub(super) fn decode(family: Family, add_path: bool, wire: Bytes) -> Result<Self, (usize, NlriFault)> {
        let head = if add_path { 5 } else { 1 };
        let max = family.max_prefix_len();
        let mut rest = &wire[..];
        while !rest.is_empty() {
            let offset = wire.len() - rest.len();
            let Some(&len) = rest.get(head - 1) else {
                return Err((offset, NlriFault::Overrun { need: head, left: rest.len() }));
            };
            if len > max {
                return Err((offset, NlriFault::PrefixLength { len, max }));
            }
            let need = head + usize::from(len.div_ceil(8));
            let Some(tail) = rest.get(need..) else {
                return Err((offset, NlriFault::Overrun { need, left: rest.len() }));
            };
            rest = tail;
        }
        Ok(Self { family, add_path, wire })
    }

    /// The run of these prefixes, in their order. Prefixes of another family are left out; path ids are written only with
    /// `add_path`.
    pub fn from_prefixes(family: Family, add_path: bool, prefixes: impl IntoIterator<Item = (PathId, Prefix)>) -> Self {
        let mut wire = BytesMut::new();
        for (id, prefix) in prefixes {
            if prefix.family() == family {
                put_prefix(&mut wire, add_path, id, &prefix);
            }
        }
        Self { family, add_path, wire: wire.freeze() }
    }

    /// The family of the prefixes.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Whether the prefixes carry path ids.
    pub const fn add_path(&self) -> bool {
        self.add_path
    }

    /// Whether there is no prefix.
    pub fn is_empty(&self) -> bool {
        self.wire.is_empty()
    }

    /// The prefixes in the order of the message.
    pub fn iter(&self) -> NlriIter<'_> {
        NlriIter { v6: self.family == Family::IPV6_UNICAST, add_path: self.add_path, rest: &self.wire }
    }

    /// The wire form.
    pub const fn as_wire(&self) -> &Bytes {
        &self.wire
    }
}

impl<'a> IntoIterator for &'a Nlri {
    type Item = (PathId, Prefix);
    type IntoIter = NlriIter<'a>;

    fn into_iter(self) -> NlriIter<'a> {
        self.iter()
    }
}

/// Walks the prefixes of an [`Nlri`]; the path id is [`PathId::NONE`] where the session carries none.
#[derive(Clone, Debug)]
pub struct NlriIter<'a> {
    v6: bool,
    add_path: bool,
    rest: &'a [u8],
}

impl Iterator for NlriIter<'_> {
    type Item = (PathId, Prefix);

    fn next(&mut self) -> Option<(PathId, Prefix)> {
        let mut id = PathId::NONE;
        let mut rest = self.rest;
        if self.add_path {
            let (octets, tail) = rest.split_first_chunk::<4>()?;
            (id, rest) = (PathId(u32::from_be_bytes(*octets)), tail);
        }
        let (&len, rest) = rest.split_first()?;
        let (octets, rest) = rest.split_at_checked(usize::from(len.div_ceil(8)))?;
        self.rest = rest;
        let prefix = if self.v6 {
            Prefix::from_v6_octets(padded(octets), len)
        } else {
            Prefix::from_v4_octets(padded(octets), len)
        };
        Some((id, prefix))
    }

    /// Each prefix has at least its length octet (and path id) and at most a whole address.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let head = if self.add_path { 5 } else { 1 };
        let longest = head + if self.v6 { 16 } else { 4 };
        (self.rest.len().div_ceil(longest), Some(self.rest.len() / head))
    }
}

fn padded<const N: usize>(octets: &[u8]) -> [u8; N] {
    let mut address = [0; N];
    let len = octets.len().min(N);
    address[..len].copy_from_slice(&octets[..len]);
    address
}

/// Octets a prefix takes on the wire.
pub(super) fn wire_len(add_path: bool, prefix: &Prefix) -> usize {
    usize::from(prefix.len().div_ceil(8)) + if add_path { 5 } else { 1 }
}

/// Writes one prefix.
pub(super) fn put_prefix(out: &mut BytesMut, add_path: bool, id: PathId, prefix: &Prefix) {
    if add_path {
        out.put_u32(id.0);
    }
    let octets = usize::from(prefix.len().div_ceil(8));
    out.put_u8(prefix.len());
    match prefix {
        Prefix::V4 { addr, .. } => out.put_slice(&addr[..octets]),
        Prefix::V6 { addr, .. } => out.put_slice(&addr[..octets]),
    }
}
