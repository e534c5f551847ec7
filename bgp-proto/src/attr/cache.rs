//! Attribute blocks a session has seen lately, by their octets.
//!
//! A peer with a table to tell sends the same attributes again and again, each time with other prefixes. A block that
//! is octet for octet one we have read gives the same `Arc`: no parsing, no allocation, and the RIB finds the interned
//! value by its address.
//!
//! A slot is chosen by hash and holds the last block that fell into it: no list to keep in order, and a peer that
//! builds collisions only loses its own shortcut. Bounded: [`SLOTS`] blocks of at most [`MAX_BLOCK`] octets a session.
//! Only blocks without any fault are kept, so a hit needs no second look.

use std::ops::Range;
use std::sync::Arc;

use super::{NextHop, PathAttrs};
use crate::message::Codec;

/// Blocks remembered.
const SLOTS: usize = 64;
/// Longer blocks are read anew each time.
const MAX_BLOCK: usize = 1024;

/// Remembers the attribute blocks of one session; at most 64 blocks of 1,024 octets with what they say.
#[derive(Debug, Default)]
pub struct AttrCache {
    slots: Box<[Option<Entry>]>,
    hits: u64,
    misses: u64,
}

#[derive(Debug)]
struct Entry {
    raw: Box<[u8]>,
    /// The next hop that is not among the octets, because it came in MP_REACH_NLRI.
    next_hop: Option<NextHop>,
    /// What reading depends on: width of AS numbers, external peer.
    codec: (bool, bool),
    attrs: Arc<PathAttrs>,
}

/// A block's octets: those of the message without MP_REACH_NLRI and MP_UNREACH_NLRI.
pub(crate) struct Key<'a> {
    message: &'a [u8],
    parts: [Range<usize>; 3],
    next_hop: Option<NextHop>,
    codec: (bool, bool),
}

impl<'a> Key<'a> {
    /// `parts` are ranges of the message, in its order.
    pub fn new(message: &'a [u8], parts: [Range<usize>; 3], next_hop: Option<NextHop>, codec: &Codec) -> Self {
        Self { message, parts, next_hop, codec: (codec.four_octet_as, codec.external) }
    }

    fn octets(&self) -> impl Iterator<Item = &'a [u8]> {
        let message = self.message;
        self.parts.iter().map(move |part| &message[part.clone()])
    }

    fn len(&self) -> usize {
        self.parts.iter().map(ExactSizeIterator::len).sum()
    }

    fn slot(&self) -> usize {
        let mut hash = self.len() as u64;
        let mut mix = |word: u64| hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        for part in self.octets() {
            let (words, rest) = part.as_chunks::<8>();
            words.iter().for_each(|word| mix(u64::from_le_bytes(*word)));
            rest.iter().for_each(|&octet| mix(octet.into()));
        }
        if let Some(next_hop) = self.next_hop {
            match next_hop.addr() {
                std::net::IpAddr::V4(addr) => mix(u32::from(addr).into()),
                std::net::IpAddr::V6(addr) => mix(u128::from(addr) as u64),
            }
        }
        // The best mixed bits are the upper ones.
        (hash >> 48) as usize % SLOTS
    }

    fn is_of(&self, entry: &Entry) -> bool {
        let mut raw = &entry.raw[..];
        self.codec == entry.codec
            && self.next_hop == entry.next_hop
            && raw.len() == self.len()
            && self.octets().all(|part| {
                let (front, back) = raw.split_at(part.len());
                raw = back;
                front == part
            })
    }
}

impl AttrCache {
    /// An empty cache for one session.
    pub fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| None).collect(), hits: 0, misses: 0 }
    }

    /// A cache that remembers nothing, and allocates nothing.
    pub fn disabled() -> Self {
        Self::default()
    }

    /// Blocks that had not to be read, and blocks that had.
    pub const fn hits_and_misses(&self) -> (u64, u64) {
        (self.hits, self.misses)
    }

    /// The attributes of a block seen before.
    pub(crate) fn find(&mut self, key: &Key<'_>) -> Option<Arc<PathAttrs>> {
        if self.slots.is_empty() || key.len() > MAX_BLOCK {
            return None;
        }
        let entry = self.slots[key.slot()].as_ref().filter(|entry| key.is_of(entry));
        match entry {
            Some(_) => self.hits += 1,
            None => self.misses += 1,
        }
        entry.map(|entry| entry.attrs.clone())
    }

    /// Remembers a block that was read without any fault.
    pub(crate) fn insert(&mut self, key: &Key<'_>, attrs: &Arc<PathAttrs>) {
        if self.slots.is_empty() || key.len() > MAX_BLOCK {
            return;
        }
        let raw = key.octets().collect::<Vec<_>>().concat().into_boxed_slice();
        let entry = Entry { raw, next_hop: key.next_hop, codec: key.codec, attrs: attrs.clone() };
        self.slots[key.slot()] = Some(entry);
    }
}
