//! Maps keyed by prefixes and addresses. Their keys come from peers, so the hash has a random seed; the one of the standard
//! library, made to withstand more than that, took a tenth of the route thread's time.

use foldhash::fast::RandomState;

pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
pub(crate) type HashSet<K> = std::collections::HashSet<K, RandomState>;
