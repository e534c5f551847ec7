//! Named lists of prefixes, as routers have had them for thirty years: `10.0.0.0/8 ge 24 le 26`.
//!
//! A lookup costs one hash probe per distinct length in the list, not one comparison per entry: a list of all blocks of
//! a large cluster is as cheap as one pool.

use bgp_proto::{Family, Prefix};
use hashbrown::HashMap;
use smallvec::SmallVec;

/// One entry: prefixes inside `prefix` whose length is in a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixListEntry {
    /// The block.
    pub prefix: Prefix,
    /// The shortest length that matches; none: see [`PrefixRange`].
    pub ge: Option<u8>,
    /// The longest length that matches; none: see [`PrefixRange`].
    pub le: Option<u8>,
}

/// The range an entry means: neither bound: exactly the prefix; only `ge`: up to host routes; only `le`: from the
/// prefix's own length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixRange {
    /// Shortest length.
    pub ge: u8,
    /// Longest length.
    pub le: u8,
}

/// A list of entries; a prefix is in it if any entry matches.
#[derive(Clone, Debug, Default)]
pub struct PrefixList {
    name: String,
    entries: Vec<PrefixListEntry>,
    ranges: HashMap<Prefix, SmallVec<[PrefixRange; 1]>, foldhash::fast::RandomState>,
    /// Lengths of the blocks, by family.
    lengths: [Vec<u8>; 2],
}

impl PartialEq for PrefixList {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.entries == other.entries
    }
}

impl Eq for PrefixList {}

impl PrefixListEntry {
    /// Exactly this prefix.
    pub fn exact(prefix: Prefix) -> Self {
        Self { prefix, ge: None, le: None }
    }

    /// The range of lengths it matches.
    pub fn range(&self) -> PrefixRange {
        let own = self.prefix.len();
        let longest = if self.ge.is_some() { self.prefix.family().max_prefix_len() } else { own };
        PrefixRange { ge: self.ge.unwrap_or(own).max(own), le: self.le.unwrap_or(longest) }
    }
}

impl PrefixList {
    /// A list of these entries.
    pub fn new(name: impl Into<String>, entries: impl IntoIterator<Item = PrefixListEntry>) -> Self {
        let mut list = Self { name: name.into(), entries: entries.into_iter().collect(), ..Self::default() };
        for entry in &list.entries {
            list.ranges.entry(entry.prefix).or_default().push(entry.range());
            let lengths = &mut list.lengths[usize::from(entry.prefix.family() == Family::IPV6_UNICAST)];
            if !lengths.contains(&entry.prefix.len()) {
                lengths.push(entry.prefix.len());
            }
        }
        list
    }

    /// Its name, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its entries as they were given.
    pub fn entries(&self) -> &[PrefixListEntry] {
        &self.entries
    }

    /// Whether an entry matches.
    pub fn contains(&self, prefix: &Prefix) -> bool {
        let lengths = &self.lengths[usize::from(prefix.family() == Family::IPV6_UNICAST)];
        lengths.iter().filter(|&&len| len <= prefix.len()).any(|&len| {
            let Ok(block) = Prefix::new(prefix.addr(), len) else { return false };
            let ranges = self.ranges.get(&block).map(|ranges| &ranges[..]).unwrap_or_default();
            ranges.iter().any(|range| (range.ge..=range.le).contains(&prefix.len()))
        })
    }
}
