//! What the configuration in force is made of: the text of the file, and what was set over the API.
//!
//! The text is kept, and not read again, when something is set: the file may be another one by then, which is not to be in
//! force before somebody says so.
//!
//! What was set is kept in a file beside the control socket, readable by its owner alone, as there may be passwords in it.
//! Under `/run`, as a rule, it lives until the machine is started again. One that is damaged is put aside and the node
//! starts without it: to have no peer at all would be worse than to lack some. That is said until somebody has looked.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use tracing::warn;

use super::whole_file;
use crate::api::configuration::OverlayRow;
use crate::config::overlay::{ENTRIES, ENTRY, Entry, Idle, Key, Overlay, Why};
use crate::config::{self, Config, ConfigErrors, Loaded};

/// Octets of the longest file: each octet of a setting may take six (`\u0000`), indented.
const LONGEST: usize = ENTRIES * ENTRY * 8;

/// What the configuration in force is made of.
#[derive(Clone, Debug)]
pub struct Base {
    /// What mistakes call the file.
    pub name: String,
    /// To which its paths are relative.
    folder: PathBuf,
    /// The file's text.
    pub text: Arc<str>,
    /// What was set over the API.
    pub overlay: Overlay,
    /// What of that is not in force.
    pub idle: Vec<Idle>,
    file: Option<OverlayFile>,
}

impl Base {
    /// What is in force at the start: what was `loaded`, with what the last process was told.
    ///
    /// # Errors
    /// When the file has got mistakes meanwhile, as a password file that went.
    pub fn lay(path: &Path, loaded: Loaded) -> Result<(Loaded, Self)> {
        let file = loaded.config.api.as_ref().map(|api| OverlayFile::beside(&api.socket));
        let overlay = file.as_ref().map(OverlayFile::load).unwrap_or_default();
        let (name, folder) = (path.display().to_string(), path.parent().unwrap_or(Path::new("")).to_owned());
        let mut base = Self { name, folder, text: loaded.text.clone(), overlay, idle: Vec::new(), file };
        if base.overlay.entries().is_empty() {
            return Ok((loaded, base));
        }
        let loaded = base.load(&base.overlay, &loaded.config)?;
        let idle = |Idle { key, why }: &Idle| warn!(event = "start", "{key}, set over the API, is not in force: {why}");
        loaded.idle.iter().for_each(idle);
        base.idle.clone_from(&loaded.idle);
        Ok((loaded, base))
    }

    /// The configuration with this overlay over the same text; `config` is the one in force, whose addresses stay.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn load(&self, overlay: &Overlay, config: &Config) -> Result<Loaded, ConfigErrors> {
        config::load_text_over(&self.name, &self.text, &self.folder, overlay, &config.node.picked)
    }

    /// The lines of the file's peers and pools of these names; those that the file does not have are left out.
    pub fn lines_of(&self, keys: impl IntoIterator<Item = Key>, config: &Config) -> HashMap<Key, usize> {
        let mut overlay = Overlay::default();
        let entries = keys.into_iter().filter_map(|key| Entry::new(key, serde_json::Map::new(), None).ok());
        entries.for_each(|entry| overlay.put(entry));
        let idle = self.load(&overlay, config).map(|loaded| loaded.idle).unwrap_or_default();
        let in_file = idle.into_iter().filter_map(|Idle { key, why }| match why {
            Why::InFile(line) => Some((key, line)),
            Why::Wrong(_) => None,
        });
        in_file.collect()
    }

    /// Keeps an overlay for the next start.
    ///
    /// # Errors
    /// When the folder of the control socket cannot be written to, or is full; the one before is then still kept.
    pub fn keep(&self, overlay: &Overlay) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.store(overlay))
    }

    /// What is not in force, each with the reason.
    pub fn idle(&self) -> Vec<String> {
        self.idle.iter().map(|Idle { key, why }| format!("{key}: {why}")).collect()
    }

    /// What was set, for whoever looks.
    pub fn rows(&self) -> Vec<OverlayRow> {
        let idle = |key: &Key| self.idle.iter().find(|idle| idle.key == *key).map(|idle| idle.why.to_string());
        let row = |entry: &Entry| OverlayRow {
            kind: if matches!(entry.key, Key::Peer(..)) { "peer" } else { "pool" }.to_owned(),
            name: entry.key.name(),
            settings: entry.shown(),
            uid: entry.uid,
            idle: idle(&entry.key),
        };
        self.overlay.entries().iter().map(row).collect()
    }
}

/// The file of a control socket that a start had to put aside, while it is there.
pub fn damaged(socket: &Path) -> Option<PathBuf> {
    whole_file::put_aside(&OverlayFile::beside(socket).path)
}

/// The overlay on disk.
#[derive(Clone, Debug)]
struct OverlayFile {
    path: PathBuf,
}

impl OverlayFile {
    /// The one that belongs to a control socket: `roost.sock` keeps `roost.sock.overlay`.
    fn beside(socket: &Path) -> Self {
        Self { path: whole_file::beside(socket, ".overlay") }
    }

    /// What is kept. What cannot be read is put aside.
    fn load(&self) -> Overlay {
        let what = ("what was set over the API", "set its peers and pools again, then remove it");
        whole_file::load(&self.path, LONGEST, Overlay::from_json, what)
    }

    fn store(&self, overlay: &Overlay) -> io::Result<()> {
        whole_file::replace_secret(&self.path, &overlay.to_json())
    }
}

#[cfg(test)]
mod tests;
