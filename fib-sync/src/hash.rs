//! Maps keyed by prefixes and addresses. A route's way through the engine is some twenty look-ups, so the hash is a fast one;
//! its keys come from peers, so it has a random seed.

use foldhash::fast::RandomState;

pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
pub(crate) type HashSet<K> = std::collections::HashSet<K, RandomState>;

/// For what there is one of for each route. Entries lie side by side as they came, and the table has but their places: it
/// stays in the processor's caches and is grown in a moment, and whoever comes again in the same order finds the next entry
/// where the processor has looked ahead already. In a plain map of 100,000 routes half of the planning was waiting for
/// memory.
pub(crate) type IndexMap<K, V> = indexmap::IndexMap<K, V, RandomState>;
