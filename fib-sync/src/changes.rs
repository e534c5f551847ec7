//! Which prefixes have another row than before, by name only, for as long as somebody watches.

use ipnetwork::IpNetwork;
use std::fmt::Debug;

/// Prefixes named at most between two turns: a megabyte.
const MANY: usize = 32_768;

/// Who is told what changes. Called by the route thread at the end of a turn, which must not wait there.
pub trait Watcher: Debug + Send + Sync {
    /// Rows of these prefixes have changed, come or gone; `None`: of more than can be named. Says whether to go on.
    fn changed(&self, prefixes: Option<&[IpNetwork]>) -> bool;
}

/// What was noted in this turn.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    noting: bool,
    prefixes: Vec<IpNetwork>,
    too_many: bool,
}

impl Changes {
    /// From now on, or no longer.
    pub(crate) fn set(&mut self, noting: bool) {
        if self.noting != noting {
            *self = Changes { noting, ..Changes::default() };
        }
    }

    pub(crate) fn note(&mut self, prefix: IpNetwork) {
        if !self.noting || self.prefixes.last() == Some(&prefix) {
            return;
        }
        self.too_many |= self.prefixes.len() == MANY;
        if !self.too_many {
            self.prefixes.push(prefix);
        }
    }

    /// Tells what was noted, if anything was.
    pub(crate) fn tell(&mut self, watcher: Option<&dyn Watcher>) {
        if self.prefixes.is_empty() {
            return;
        }
        let named = (!self.too_many).then_some(&self.prefixes[..]);
        if watcher.is_some_and(|watcher| watcher.changed(named)) {
            (self.prefixes, self.too_many) = (Vec::new(), false);
        } else {
            self.set(false);
        }
    }
}
