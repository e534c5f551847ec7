//! Another configuration while routes stand.
//!
//! Nothing is taken down to be built up again: each wanted prefix gets the form and the key it has now, and its plan leads
//! there, new before old. Former protocol ids and tables stay known, so what was written under them is found, and goes.

use super::{Engine, fights::Fights};
use crate::FibError;
use crate::config::FibConfig;
use crate::marks::Marks;
use crate::protect::Protected;
use std::time::Instant;

impl Engine {
    /// From now on this configuration. Of a pool that becomes another program's our routes stay until the next
    /// [`Engine::sweep`], for that program to write its own before.
    ///
    /// # Errors
    /// When the configuration can't be run; then the former one stays.
    pub fn reconfigure(&mut self, now: Instant, mut config: FibConfig) -> Result<(), FibError> {
        config.check()?;
        config.adopt.extend(self.view.marks.ours());
        self.view.marks = Marks::new(&config);
        self.protected = Protected::new(&config.protect);
        self.tunnels = config.tunnels().into_iter().map(|name| (name.to_owned(), Default::default())).collect();
        self.fights = Fights::default();
        for (prefix, entry) in self.desired.iter_mut() {
            entry.cause = None;
            match config.key_of(prefix, &entry.target) {
                Ok(_) => drop(self.adopted.remove(&prefix)),
                Err(_) if self.view.routes.at(prefix).iter().any(|held| held.ours) => drop(self.adopted.insert(prefix)),
                Err(_) => {}
            }
            self.dirty.insert(prefix);
        }
        self.config = config;
        self.devices.changed = true;
        self.limit_places();
        self.look_at_links();
        self.protect();
        // What is in tables that did not matter before.
        self.doubt(now);
        Ok(())
    }

    /// Whether pools are in VXLANs.
    pub fn has_far_ends(&self) -> bool {
        !self.config.vxlan_names().is_empty()
    }

    /// Tables that matter, each once.
    pub fn tables(&self) -> &[u32] {
        self.view.marks.tables()
    }
}
