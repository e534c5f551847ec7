//! Maps keyed by prefixes and addresses. A route's way through the engine is some twenty look-ups, so the hash is a fast one;
//! its keys come from peers, so it has a random seed.

pub(crate) use foldhash::fast::RandomState;

pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
pub(crate) type HashSet<K> = std::collections::HashSet<K, RandomState>;
