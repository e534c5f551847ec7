//! Which rows a client may hold, where it is told only of those that pass a filter.
//!
//! A row that leaves the filter is told as one that is gone. One that never passed is not told at all, or each change of
//! anybody's row would be.

use std::collections::HashSet;

use crate::api::model::WatchNews;
use crate::journal::Topic;

/// Rows that are kept in mind, by name: some two megabytes for a client.
const ROWS: usize = 32_768;

/// Rows of filtered topics that were told.
pub(super) struct Held {
    /// Topics with a filter. Of others all is told.
    topics: Vec<Topic>,
    /// `None`: more than are kept in mind, so it may be any.
    rows: Option<HashSet<(Topic, String)>>,
}

impl Held {
    /// Nothing yet.
    pub fn nothing(topics: Vec<Topic>) -> Self {
        Self { topics, rows: Some(HashSet::new()) }
    }

    /// The client begins anew.
    pub fn forget(&mut self) {
        self.rows = Some(HashSet::new());
    }

    /// Whether this has to be told; it is, then.
    pub fn tell(&mut self, news: &WatchNews) -> bool {
        let (topic, name, is_there) = match news {
            WatchNews::Route { prefix, paths } => (Topic::Routes, prefix, !paths.is_empty()),
            WatchNews::Fib { prefix, row } => (Topic::Fib, prefix, row.is_some()),
            WatchNews::Peer { peer, row } => (Topic::Peers, peer, row.is_some()),
            _ => return true,
        };
        let Some(rows) = self.rows.as_mut().filter(|_| self.topics.contains(&topic)) else { return true };
        let row = (topic, name.clone());
        if !is_there {
            return rows.remove(&row);
        }
        if rows.insert(row) && rows.len() > ROWS {
            self.rows = None;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model::{FibRow, KernelState};

    fn fib(prefix: String, is_there: bool) -> WatchNews {
        let kernel = KernelState { state: "failed".to_owned(), route: None, reason: None };
        let row = FibRow { prefix: prefix.clone(), wanted: "blackhole".to_owned(), kernel };
        WatchNews::Fib { prefix, row: is_there.then_some(row) }
    }

    #[test]
    fn what_is_gone_is_told_to_those_who_may_hold_it() {
        let mut held = Held::nothing(vec![Topic::Fib]);
        let mut told = |name: &str, is_there| held.tell(&fib(name.to_owned(), is_there));
        assert!(!told("a", false), "it never was there");
        assert!(told("a", true) && told("a", true) && told("a", false));
        assert!(!told("a", false), "it was told");
        assert!(held.tell(&WatchNews::Peer { peer: "x".to_owned(), row: None }), "another topic has no filter");
    }

    #[test]
    fn beyond_what_is_kept_in_mind_all_is_told() {
        let mut held = Held::nothing(vec![Topic::Fib]);
        for n in 0..ROWS {
            assert!(held.tell(&fib(n.to_string(), true)));
        }
        assert!(!held.tell(&fib("x".to_owned(), false)));
        assert!(held.tell(&fib("y".to_owned(), true)) && held.tell(&fib("x".to_owned(), false)));
    }
}
