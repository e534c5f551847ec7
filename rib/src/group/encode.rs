//! A slice of a group's log as UPDATEs.
//!
//! Entries go into buckets by what is said (the outgoing attributes, compared by value: behind `next hop self` five
//! hundred nodes' blocks say the same) and by who must not hear it (the peer it came from, if that is a member). Each
//! bucket is packed into as few messages as hold it.
//!
//! An entry whose path moved from A to B is an announcement to all but B and a withdrawal for B alone.

use std::hash::BuildHasher;

use bgp_proto::attr::PathAttrs;
use bgp_proto::message::{pack_reach, pack_unreach};
use bgp_proto::{PathId, Prefix};
use bytes::{Bytes, BytesMut};
use hashbrown::{HashMap, HashTable};

use super::GroupKey;
use super::log::{Entry, Log};
use super::ring::Chunk;
use crate::attrs::AttrId;
use crate::core::Core;
use crate::export::outgoing;
use crate::peer::PeerId;

/// Prefixes with the same attributes and the same audience.
struct Bucket {
    /// Who must not hear it; [`PeerId::LOCAL`] is never a member, so it stands for nobody.
    but: PeerId,
    out: u32,
    /// Octets of messages per 16 octets of prefixes, attributes counted in.
    cost: usize,
    nlri: Vec<(PathId, Prefix)>,
}

/// Working memory, kept from slice to slice.
#[derive(Default)]
pub(crate) struct Scratch {
    buffer: BytesMut,
    withdrawn: Vec<(PathId, Prefix)>,
    only: Vec<(PeerId, PathId, Prefix)>,
    buckets: Vec<Bucket>,
    by_said: HashMap<(PeerId, u32), usize, foldhash::fast::RandomState>,
    outs: Vec<PathAttrs>,
    by_value: HashTable<u32>,
    by_attrs: HashMap<(AttrId, PeerId, bool), u32, foldhash::fast::RandomState>,
    /// The bucket of the entry before: prefixes of one UPDATE stand side by side in the log.
    last: Option<((AttrId, PeerId, bool), usize)>,
    hasher: foldhash::fast::RandomState,
}

/// Who asks for a slice.
pub(crate) struct Reader<'a> {
    pub(crate) key: &'a GroupKey,
    /// The group's number: a source is left out of its own paths if it is a member.
    pub(crate) group: u32,
    /// Tombstones before this position are unknown to the member.
    pub(crate) skip_below: u64,
}

/// Writes about [`RibConfig::chunk_size`](crate::RibConfig::chunk_size) octets of the log from a position on. The number says how many prefixes had attributes too
/// large for a message; they are withdrawn (RFC 8654 §4: better told nothing than something old).
pub(crate) fn slice(scratch: &mut Scratch, core: &Core, log: &Log, reader: &Reader<'_>, from: u64) -> (Chunk, usize) {
    scratch.clear();
    let tail = log.tail();
    let mut chunk = Chunk { from, to: tail, written_at: tail, ..Chunk::default() };
    let mut size = 0;
    for (pos, entry) in log.walk(from) {
        if size >= core.config.chunk_size {
            chunk.to = pos;
            break;
        }
        chunk.entries += 1;
        if entry.is_gone() && pos < reader.skip_below {
            chunk.private = true;
            continue;
        }
        size += scratch.add(core, reader, entry);
    }
    let too_large = scratch.write(reader.key, &mut chunk);
    (chunk, too_large)
}

/// Withdrawals alone, for whoever asks.
pub(crate) fn withdrawals(
    scratch: &mut Scratch,
    key: &GroupKey,
    nlri: impl Iterator<Item = (PathId, Prefix)>,
) -> Bytes {
    scratch.buffer.clear();
    pack_unreach(&mut scratch.buffer, &key.codec, key.family, nlri);
    Bytes::copy_from_slice(&scratch.buffer)
}

impl Scratch {
    fn clear(&mut self) {
        self.buffer.clear();
        self.withdrawn.clear();
        self.only.clear();
        self.buckets.clear();
        self.by_said.clear();
        self.outs.clear();
        self.by_value.clear();
        self.by_attrs.clear();
        self.last = None;
    }

    /// Returns about how many octets the entry adds.
    fn add(&mut self, core: &Core, reader: &Reader<'_>, entry: &Entry) -> usize {
        let prefix = core.table.dests[entry.dest].prefix;
        let path_id = if reader.key.is_add_path() { entry.path_id } else { PathId::NONE };
        let octets = 1 + usize::from(prefix.len().div_ceil(8)) + if reader.key.is_add_path() { 4 } else { 0 };
        if entry.is_gone() {
            self.withdrawn.push((path_id, prefix));
            return octets;
        }
        let said = (entry.attrs, entry.source, entry.keep_med);
        let (at, head) = match self.last {
            Some((last, at)) if last == said => (at, 0),
            _ => {
                let is_member = core.peers.find(entry.source).is_some_and(|peer| peer.is_member_of(reader.group));
                let out = self.out(core, reader.key, entry);
                self.bucket(reader.key, if is_member { entry.source } else { PeerId::LOCAL }, out)
            }
        };
        self.last = Some((said, at));
        let bucket = &mut self.buckets[at];
        bucket.nlri.push((path_id, prefix));
        let mut size = octets * bucket.cost / 16 + head;
        if entry.mixed && !bucket.but.is_local() {
            self.only.push((bucket.but, path_id, prefix));
            size += octets;
        }
        size
    }

    /// The number of what is said about an entry.
    fn out(&mut self, core: &Core, key: &GroupKey, entry: &Entry) -> u32 {
        if let Some(&out) = self.by_attrs.get(&(entry.attrs, entry.source, entry.keep_med)) {
            return out;
        }
        let said = outgoing(key, &core.peers.source(entry.source), &core.attrs.attrs(entry.attrs), entry.keep_med);
        let (hasher, outs) = (&self.hasher, &mut self.outs);
        let hash = hasher.hash_one(&said);
        let out = match self.by_value.find(hash, |&at| outs[at as usize] == said) {
            Some(&out) => out,
            None => {
                let out = outs.len() as u32;
                outs.push(said);
                self.by_value.insert_unique(hash, out, |&at| hasher.hash_one(&outs[at as usize]));
                out
            }
        };
        self.by_attrs.insert((entry.attrs, entry.source, entry.keep_med), out);
        out
    }

    /// The place of the bucket, and the octets it costs if it is new.
    fn bucket(&mut self, key: &GroupKey, but: PeerId, out: u32) -> (usize, usize) {
        if let Some(&at) = self.by_said.get(&(but, out)) {
            return (at, 0);
        }
        let head = 23 + attrs_len(&self.outs[out as usize]);
        let room = key.codec.max_len().saturating_sub(head).max(64);
        self.by_said.insert((but, out), self.buckets.len());
        self.buckets.push(Bucket { but, out, cost: 16 * key.codec.max_len() / room, nlri: Vec::new() });
        (self.buckets.len() - 1, head)
    }

    fn write(&mut self, key: &GroupKey, chunk: &mut Chunk) -> usize {
        let (codec, family) = (&key.codec, key.family);
        self.only.sort_by_key(|(peer, ..)| *peer);
        for part in self.only.chunk_by(|a, b| a.0 == b.0) {
            let begin = self.buffer.len();
            pack_unreach(&mut self.buffer, codec, family, part.iter().map(|&(_, path_id, prefix)| (path_id, prefix)));
            chunk.only.push((part[0].0, begin, self.buffer.len()));
        }
        chunk.common = self.buffer.len();
        if !self.withdrawn.is_empty() {
            pack_unreach(&mut self.buffer, codec, family, self.withdrawn.drain(..));
        }
        let mut too_large = 0;
        // "Nobody" first; the sort is stable, so equal audiences keep the order of the log.
        self.buckets.sort_by_key(|bucket| (!bucket.but.is_local(), bucket.but));
        for bucket in &self.buckets {
            let begin = self.buffer.len();
            let attrs = &self.outs[bucket.out as usize];
            if pack_reach(&mut self.buffer, codec, family, attrs, bucket.nlri.iter().copied()).is_err() {
                too_large += bucket.nlri.len();
                self.buffer.truncate(begin);
                pack_unreach(&mut self.buffer, codec, family, bucket.nlri.iter().copied());
            }
            match chunk.all_but.last_mut() {
                _ if bucket.but.is_local() => {}
                Some((but, _, end)) if *but == bucket.but => *end = self.buffer.len(),
                _ => chunk.all_but.push((bucket.but, begin, self.buffer.len())),
            }
        }
        chunk.bytes = Bytes::copy_from_slice(&self.buffer);
        too_large
    }
}

/// About how many octets the attributes take, next hop included.
fn attrs_len(attrs: &PathAttrs) -> usize {
    64 + attrs.as_path.as_wire().len()
        + attrs.cluster_list.len() * 4
        + attrs.communities.len() * 4
        + attrs.ext_communities.len() * 8
        + attrs.ipv6_ext_communities.len() * 20
        + attrs.large_communities.len() * 12
        + attrs.unknown.iter().map(|raw| raw.value.len() + 4).sum::<usize>()
}
