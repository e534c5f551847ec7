//! Blocks and addresses announced at run time, kept so that a restart loses none.
//!
//! The list lies beside the control socket, under `/run` as a rule: it lives exactly as long as the kernel's routes do.
//! After a kill the blocks are announced again before the first session is up, so peers that waited (RFC 4724) see no
//! change; after a reboot there is nothing to keep, and the agent announces anew.
//!
//! There are at most [`MOST`] of them, so the file, too, is read to a bound and no further, whoever has written it.
//!
//! Written as a whole, beside the old one, then renamed: a crash leaves the old list or the new one, never half of it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use bgp_proto::Prefix;

use super::whole_file;
use crate::config::Config;

/// Prefixes that can be announced at run time: far more than a node has pods.
pub const MOST: usize = 1 << 17;
/// The longest line of the list: eight groups of an IPv6 address, its length, the line end.
const LINE: usize = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128\n".len();
/// Characters of a wrong line that an error shows.
const SHOWN: usize = 64;

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
    /// When they would be too many, or the list cannot be written; then nothing has changed.
    pub fn announce(&mut self, prefixes: &[Prefix]) -> Result<BTreeSet<Prefix>, AnnouncedError> {
        let before = self.all();
        let mut next = self.at_run_time.clone();
        next.extend(prefixes.iter().filter(|prefix| !self.configured.contains(prefix)));
        if next.len() > MOST {
            return Err(AnnouncedError::TooMany(next.len()));
        }
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
        for prefix in prefixes {
            next.remove(prefix);
        }
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

/// Why prefixes cannot be announced, or the list not be had.
#[derive(Debug, thiserror::Error)]
pub enum AnnouncedError {
    /// More than [`MOST`].
    #[error(
        "at most {MOST} prefixes can be announced at run time, and these would make it {0}: withdraw some, or announce blocks that cover them"
    )]
    TooMany(usize),
    /// The list cannot be read, or is none.
    #[error("{}: cannot read the list of announced blocks: {why}; remove the file to start without it, and let the agent announce its blocks again", path.display())]
    Read {
        /// The list's.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The list cannot be written.
    #[error("{}: cannot write the list of announced blocks: {error}", path.display())]
    Write {
        /// The list's.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
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
    /// When the file is there and cannot be read, or is no list of at most [`MOST`] prefixes.
    pub fn load(&self) -> Result<BTreeSet<Prefix>, AnnouncedError> {
        self.read().map_err(|why| AnnouncedError::Read { path: self.path.clone(), why })
    }

    fn read(&self) -> Result<BTreeSet<Prefix>, String> {
        let mut prefixes = BTreeSet::new();
        let text = whole_file::read(&self.path, MOST * LINE).map_err(|error| error.to_string())?.unwrap_or_default();
        for (line, number) in text.lines().map(str::trim).zip(1..).filter(|(line, _)| !line.is_empty()) {
            let prefix = line.parse().map_err(|error| {
                let shown: String = line.chars().take(SHOWN).collect();
                format!("line {number}: {shown:?} is no prefix: {error}")
            })?;
            prefixes.insert(prefix);
        }
        if prefixes.len() > MOST {
            return Err(format!("it has {} prefixes, of at most {MOST}", prefixes.len()));
        }
        Ok(prefixes)
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
        whole_file::replace(&self.path, &text).map_err(|error| AnnouncedError::Write { path: self.path.clone(), error })
    }
}

#[cfg(test)]
mod tests;
