//! Which prefixes' paths have changed, by name only, for as long as somebody wants to know.
//!
//! Beyond [`MANY`] between two questions they are not named any more: whoever asks then looks at all of them.

use bgp_proto::Prefix;

use crate::core::Core;
use crate::rib::Rib;

/// Prefixes named at most: a megabyte.
const MANY: usize = 32_768;

/// What was noted since the last question.
#[derive(Default)]
pub(crate) struct Changes {
    noting: bool,
    prefixes: Vec<Prefix>,
    too_many: bool,
}

impl Core {
    /// What is said of a dest has changed; of one that is undecided it is noted when it is decided.
    pub(crate) fn note_change(&mut self, dest: u32) {
        let (changes, dest) = (&mut self.changes, &self.table.dests[dest]);
        if !changes.noting || dest.dirty || changes.prefixes.last() == Some(&dest.prefix) {
            return;
        }
        changes.too_many |= changes.prefixes.len() == MANY;
        if !changes.too_many {
            changes.prefixes.push(dest.prefix);
        }
    }
}

impl Rib {
    /// From now on, or no longer, prefixes are noted whose paths come, go or get another rank.
    pub fn note_changes(&mut self, noting: bool) {
        if self.core.changes.noting != noting {
            self.core.changes = Changes { noting, ..Changes::default() };
        }
    }

    /// Those noted since the last call, some of them more than once; `None`: there were too many to name. What is
    /// undecided comes later.
    pub fn take_changes(&mut self) -> Option<Vec<Prefix>> {
        let changes = &mut self.core.changes;
        let prefixes = std::mem::take(&mut changes.prefixes);
        if std::mem::take(&mut changes.too_many) { None } else { Some(prefixes) }
    }
}
