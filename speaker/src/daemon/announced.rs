//! Blocks and addresses announced at run time, kept so that a restart loses none.
//!
//! The list lies beside the control socket, under `/run` as a rule: it lives exactly as long as the kernel's routes do.
//! After a kill the blocks are announced again before the first session is up, so peers that waited (RFC 4724) see no
//! change; after a reboot there is nothing to keep, and the agent announces anew.
//!
//! Written as a whole, beside the old one, then renamed: a crash leaves the old list or the new one, never half of it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use bgp_proto::Prefix;

use crate::config::Config;

/// What this node originates: the configuration's blocks, and what was announced at run time.
#[derive(Debug)]
pub struct Announced {
    configured: BTreeSet<Prefix>,
    at_run_time: BTreeSet<Prefix>,
    file: Option<AnnouncedFile>,
}

impl Announced {
    /// The configuration's blocks and those the last process was told.
    ///
    /// # Errors
    /// When the list is there and cannot be read.
    pub fn load(config: &Config) -> Result<Self, AnnouncedError> {
        let file = config.api.as_ref().map(|api| AnnouncedFile::beside(&api.socket));
        let at_run_time = file.as_ref().map(AnnouncedFile::load).transpose()?.unwrap_or_default();
        Ok(Self { configured: config.node.blocks.iter().copied().collect(), at_run_time, file })
    }

    /// All of them, in order.
    pub fn all(&self) -> BTreeSet<Prefix> {
        &self.configured | &self.at_run_time
    }

    /// Whether the prefix is a block of the configuration, which only the configuration can take away.
    pub fn is_configured(&self, prefix: &Prefix) -> bool {
        self.configured.contains(prefix)
    }

    /// Adds prefixes and keeps them; says which of them are new.
    ///
    /// # Errors
    /// When the list cannot be written; then nothing has changed.
    pub fn announce(&mut self, prefixes: &[Prefix]) -> Result<BTreeSet<Prefix>, AnnouncedError> {
        let before = self.all();
        let mut next = self.at_run_time.clone();
        next.extend(prefixes.iter().filter(|prefix| !self.configured.contains(prefix)));
        self.replace(next)?;
        Ok(&self.all() - &before)
    }

    /// Takes prefixes away and keeps the rest; says which of them were there.
    ///
    /// # Errors
    /// When the list cannot be written; then nothing has changed.
    pub fn withdraw(&mut self, prefixes: &[Prefix]) -> Result<BTreeSet<Prefix>, AnnouncedError> {
        let before = self.all();
        let mut next = self.at_run_time.clone();
        next.retain(|prefix| !prefixes.contains(prefix));
        self.replace(next)?;
        Ok(&before - &self.all())
    }

    fn replace(&mut self, next: BTreeSet<Prefix>) -> Result<(), AnnouncedError> {
        if next != self.at_run_time {
            if let Some(file) = &self.file {
                file.store(&next)?;
            }
            self.at_run_time = next;
        }
        Ok(())
    }
}

/// The list on disk.
#[derive(Debug)]
pub struct AnnouncedFile {
    path: PathBuf,
}

/// Why the list cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot {what} the list of announced blocks: {source}", path.display())]
pub struct AnnouncedError {
    path: PathBuf,
    what: &'static str,
    source: io::Error,
}

impl AnnouncedFile {
    /// The list that belongs to a control socket: `roost.sock` keeps `roost.sock.announced`.
    pub fn beside(socket: &Path) -> Self {
        let mut path = socket.as_os_str().to_owned();
        path.push(".announced");
        Self { path: path.into() }
    }

    /// What was announced when the last process ended; nothing when there is no file.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or is no list of prefixes.
    pub fn load(&self) -> Result<BTreeSet<Prefix>, AnnouncedError> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(self.error("read", error)),
        };
        let bad = |text: &str| {
            self.error("read", io::Error::new(io::ErrorKind::InvalidData, format!("{text:?} is no prefix")))
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(|line| line.parse().map_err(|_| bad(line))).collect()
    }

    /// Replaces the list.
    ///
    /// # Errors
    /// When the directory cannot be written to; the old list is then still there.
    pub fn store(&self, prefixes: &BTreeSet<Prefix>) -> Result<(), AnnouncedError> {
        let mut text = String::new();
        for prefix in prefixes {
            text.push_str(&format!("{prefix}\n"));
        }
        let mut fresh = self.path.as_os_str().to_owned();
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        std::fs::write(&fresh, text)
            .and_then(|()| std::fs::rename(&fresh, &self.path))
            .map_err(|error| self.error("write", error))
    }

    fn error(&self, what: &'static str, source: io::Error) -> AnnouncedError {
        AnnouncedError { path: self.path.clone(), what, source }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_announced_is_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let file = AnnouncedFile::beside(&dir.path().join("roost.sock"));
        assert!(file.load().unwrap().is_empty());
        let blocks = ["10.65.1.0/26", "10.65.9.9/32", "fd00::/122"].map(|text| text.parse().unwrap());
        file.store(&BTreeSet::from(blocks)).unwrap();
        assert_eq!(file.load().unwrap(), BTreeSet::from(blocks));
        file.store(&BTreeSet::new()).unwrap();
        assert!(file.load().unwrap().is_empty());
    }

    #[test]
    fn a_damaged_list_is_named_and_not_taken_for_an_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("roost.sock");
        std::fs::write(dir.path().join("roost.sock.announced"), "10.65.1.0/26\nrubbish\n").unwrap();
        let error = AnnouncedFile::beside(&socket).load().unwrap_err().to_string();
        assert!(error.contains("roost.sock.announced") && error.contains("\"rubbish\""), "{error}");
    }
}
