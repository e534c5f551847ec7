//! `reload: watch`: whoever changes the configuration file need tell nobody.
//!
//! The kernel says what happens in a folder (inotify(7)). The file's name alone is not enough: an editor puts another file in
//! its place, and kubelet never touches a mounted ConfigMap's files, but turns the link `..data` to another folder. So each
//! name on the way to the file is looked for in its folder, links followed, and the way is looked at anew after each event.
//!
//! A file counts when it was closed by a writer or moved to its place, so half of one is read only where somebody writes it
//! in two goes. Deletion says nothing: what is in force stays. However many events come while the file is read, they are
//! one order to read it again.
//!
//! Why not look every few seconds: a change would be late by that, and the file be read for nothing all day.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::Notify;
use tracing::{error, info};

use super::ReloadHandle;
use crate::config::ReloadBy;

/// Links on the way to a file, at most: as many as the kernel follows (path_resolution(7)).
const LINKS: usize = 40;
/// Until another attempt where the file cannot be watched.
const AGAIN: Duration = Duration::from_secs(10);

/// Tells `changed` when the file may be another one, as long as the configuration wants it.
pub async fn keep(reload: ReloadHandle, changed: Arc<Notify>) {
    let mut config = reload.watch();
    while config.wait_for(|config| config.reload == ReloadBy::Watch).await.is_ok() {
        let failed = tokio::select! {
            error = follow(&reload.path, &changed) => Some(error),
            wanted = async { config.wait_for(|config| config.reload != ReloadBy::Watch).await.is_ok() } => {
                if !wanted {
                    return;
                }
                None
            }
        };
        match failed {
            None => info!(event = "reload", "the configuration file is not watched any more"),
            Some(error) => {
                error!(
                    event = "reload",
                    "{} is not watched, and changes are taken over by order only: {error}; next attempt in {AGAIN:?}. Where it \
                     is too many files, raise fs.inotify.max_user_instances",
                    reload.path.display()
                );
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Ends only with an error.
async fn follow(path: &Path, changed: &Notify) -> io::Error {
    let mut watch = match FileWatch::new(path) {
        Ok(watch) => watch,
        Err(error) => return error,
    };
    info!("{} is watched: what changes there is taken over", path.display());
    // It may have changed between the last reading and the first watch.
    changed.notify_one();
    loop {
        match watch.changed().await {
            Ok(()) => changed.notify_one(),
            Err(error) => return error,
        }
    }
}

/// A file, by all names on the way to it.
pub struct FileWatch {
    path: PathBuf,
    inotify: Inotify,
    /// The same, as tokio reads it: by name a pipe, but all that it asks is to be read without waiting.
    told: Receiver,
    /// Names looked for in each folder.
    names: BTreeMap<i32, Vec<OsString>>,
}

/// What the kernel says (inotify(7)).
#[derive(Debug, PartialEq, Eq)]
struct Event {
    folder: i32,
    what: AddWatchFlags,
    name: OsString,
}

impl FileWatch {
    /// Watches the file at `path` from now on, whether it is there or not.
    ///
    /// # Errors
    /// When the kernel has no more watches to give.
    pub fn new(path: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let told = Receiver::from_owned_fd_unchecked(inotify.as_fd().try_clone_to_owned()?)?;
        let mut watch = Self { path: std::path::absolute(path)?, inotify, told, names: BTreeMap::new() };
        watch.look()?;
        Ok(watch)
    }

    /// Completes when there may be another file at the path. Can be dropped and called again.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub async fn changed(&mut self) -> io::Result<()> {
        let mut octets = [0; 4_096];
        loop {
            self.told.readable().await?;
            let read = match self.told.try_read(&mut octets) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                read => read?,
            };
            let matters = events(&octets[..read]).iter().any(|event| self.matters(event));
            let before = self.names.clone();
            self.look()?;
            // The way may have turned after it was looked at and before its folders were watched: then the first event of
            // one of them is all that tells.
            if (matters || self.names != before) && self.path.exists() {
                return Ok(());
            }
        }
    }

    /// The way to the file as it is now. Watches of folders that are not on it any more stay until those are gone: their
    /// events do not matter.
    fn look(&mut self) -> io::Result<()> {
        let watched = AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_CREATE;
        self.names.clear();
        for (at, name) in way(&self.path) {
            match self.inotify.add_watch(&at, watched | AddWatchFlags::IN_ONLYDIR) {
                Ok(folder) => self.names.entry(folder.as_raw()).or_default().push(name),
                // A folder that went away meanwhile, or may be passed but not read, tells nothing.
                Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Of a file that was just made it is the end of writing that counts; of a link or a folder there is no such thing.
    fn matters(&self, Event { folder, what, name }: &Event) -> bool {
        let looked_for = self.names.get(folder).is_some_and(|names| names.contains(name));
        let made = what.contains(AddWatchFlags::IN_CREATE) && !what.contains(AddWatchFlags::IN_ISDIR);
        // Some were lost: this may have been among them.
        what.contains(AddWatchFlags::IN_Q_OVERFLOW) || (looked_for && (!made || self.is_link(name)))
    }

    fn is_link(&self, name: &OsString) -> bool {
        let mut steps = way(&self.path).into_iter().filter(|(_, step)| step == name);
        steps.any(|(folder, step)| folder.join(step).is_symlink())
    }
}

/// Events as they stand in memory, one after the other.
fn events(mut octets: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some((head, rest)) = octets.split_first_chunk::<16>() {
        let [folder, what, _cookie, len] =
            [0, 4, 8, 12].map(|at| u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
        let Some((name, next)) = rest.split_at_checked(len as usize) else { break };
        let name = name.split(|octet| *octet == 0).next().unwrap_or_default();
        events.push(Event {
            folder: folder.cast_signed(),
            what: AddWatchFlags::from_bits_truncate(what),
            name: OsStr::from_bytes(name).to_owned(),
        });
        octets = next;
    }
    events
}

/// Each name on the way to a file with the folder it is looked for in, links followed; it ends where there is nothing.
fn way(path: &Path) -> Vec<(PathBuf, OsString)> {
    let (mut way, mut links, mut at) = (Vec::new(), 0, PathBuf::from("/"));
    let mut left: VecDeque<OsString> = names(path);
    while let Some(name) = left.pop_front() {
        if name == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&name);
        way.push((at.clone(), name));
        match std::fs::read_link(&next) {
            Ok(target) if links < LINKS => {
                links += 1;
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                names(&target).into_iter().rev().for_each(|name| left.push_front(name));
            }
            _ => at = next,
        }
    }
    way
}

/// The names of a path, `..` among them.
fn names(path: &Path) -> VecDeque<OsString> {
    let names = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    names.map(|part| part.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests;
