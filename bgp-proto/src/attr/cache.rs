//! Attribute blocks a session has seen lately, by their octets.
//!
//! A peer with a table to tell sends the same attributes again and again, each time with other prefixes. A block that
//! is octet for octet one we have read gives the same `Arc`: no parsing, no allocation, and the RIB finds the interned
//! value by its address.
//!
//! A slot is chosen by hash and holds the last block that fell into it: no list to keep in order, and a peer that
//! builds collisions only loses its own shortcut. Bounded: [`SLOTS`] blocks of at most [`MAX_BLOCK`] octets a session.
//! Only blocks without any fault are kept, so a hit needs no second look.
//!
//! A block is kept the second time it comes: peers that pack well send most blocks once, and for those a copy would be
//! waste.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use super::{NextHop, PathAttrs};
use crate::message::Codec;

/// Blocks remembered.
const SLOTS: usize = 1 << 6;
/// Longer blocks are read anew each time.
const MAX_BLOCK: usize = 1024;

/// Remembers the attribute blocks of one session; at most 64 blocks of 1,024 octets with what they say.
#[derive(Debug, Default)]
pub struct AttrCache {
    slots: Box<[Slot]>,
    hits: u64,
    misses: u64,
}

#[derive(Debug, Default)]
struct Slot {
    /// The hash of the last block that was read for this slot.
    seen: u64,
    entry: Option<Entry>,
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
    len: usize,
    hash: u64,
}

impl<'a> Key<'a> {
    /// `parts` are ranges of the message, in its order.
    pub fn new(message: &'a [u8], parts: [Range<usize>; 3], next_hop: Option<NextHop>, codec: &Codec) -> Self {
        let len = parts.iter().map(ExactSizeIterator::len).sum();
        let mut hash = len as u64;
        if len <= MAX_BLOCK {
            let mut mix = |word: u64| hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
            for part in &parts {
                let (words, rest) = message[part.clone()].as_chunks::<8>();
                words.iter().for_each(|word| mix(u64::from_le_bytes(*word)));
                rest.iter().for_each(|&octet| mix(octet.into()));
            }
            match next_hop.map(|next_hop| next_hop.addr()) {
                Some(IpAddr::V4(addr)) => mix(u32::from(addr).into()),
                Some(IpAddr::V6(addr)) => mix(u128::from(addr) as u64),
                None => {}
            }
        }
        Self { message, parts, next_hop, codec: (codec.four_octet_as, codec.external), len, hash }
    }

    fn octets(&self) -> impl Iterator<Item = &'a [u8]> {
        let message = self.message;
        self.parts.iter().map(move |part| &message[part.clone()])
    }

    fn is_of(&self, entry: &Entry) -> bool {
        let mut raw = &entry.raw[..];
        self.codec == entry.codec
            && self.next_hop == entry.next_hop
            && raw.len() == self.len
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
        Self { slots: (0..SLOTS).map(|_| Slot::default()).collect(), hits: 0, misses: 0 }
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
        let attrs = self.slot(key)?.entry.as_ref().filter(|entry| key.is_of(entry)).map(|entry| entry.attrs.clone());
        match attrs {
            Some(_) => self.hits += 1,
            None => self.misses += 1,
        }
        attrs
    }

    /// Notes a block that was read without any fault; remembers it if it was noted before.
    pub(crate) fn insert(&mut self, key: &Key<'_>, attrs: &Arc<PathAttrs>) {
        let Some(slot) = self.slot(key) else { return };
        if std::mem::replace(&mut slot.seen, key.hash) == key.hash {
            let raw = key.octets().collect::<Vec<_>>().concat().into_boxed_slice();
            slot.entry = Some(Entry { raw, next_hop: key.next_hop, codec: key.codec, attrs: attrs.clone() });
        }
    }

    /// The one slot a block can be in: its hash's upper bits, which are mixed best. `None`: not for this cache.
    fn slot(&mut self, key: &Key<'_>) -> Option<&mut Slot> {
        if key.len > MAX_BLOCK {
            return None;
        }
        self.slots.get_mut((key.hash >> 58) as usize)
    }
}
