//! TCP MD5 keys (RFC 2385) that change while sessions are up.
//!
//! Every password file is read again each second and on SIGHUP. A new key goes to the listeners here, and through a
//! [`Key`] to the peers' tasks, which give it to their live sockets: no session is reset. Until the other end has the
//! new key too, each end drops what the other sends, and TCP sends it again; so a session survives when both ends change
//! within its hold time.
//!
//! Why read and not wait for inotify: a mounted Kubernetes Secret changes by a swap of symbolic links two folders away,
//! a network file system changes without a word. A file of one line, read once a second, costs nothing and sees both.
//!
//! A configuration that is read again can bring other passwords: [`Keys::reconfigure`].
//!
//! A file found with new content is believed when the next look finds the same: whoever writes it may be half-way.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow};
use bgp_proto::Prefix;
use tokio::net::TcpListener;
use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tracing::{error, info};

use crate::config::{self, Config, Password, Secret};
use crate::net::tcp;

/// Time between two looks at the password files.
const LOOK: Duration = Duration::from_secs(1);

/// What is known of a password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    /// The one in force.
    secret: Option<Secret>,
    /// Why the file's content of now is not.
    trouble: Option<String>,
}

/// The key of one peer, or of a range of them, as it is at the moment.
#[derive(Clone, Debug)]
pub struct Key(watch::Receiver<Known>);

/// Of a session without a password.
impl Default for Key {
    fn default() -> Self {
        Self(watch::channel(Known::default()).1)
    }
}

impl Key {
    /// The key in force; `None` for a session without.
    pub fn secret(&self) -> Option<Secret> {
        self.0.borrow().secret.clone()
    }

    /// Why the password file cannot be used as it is now, while the key it had before stays in force.
    pub fn trouble(&self) -> Option<String> {
        self.0.borrow().trouble.clone()
    }

    /// Completes when something about it has changed. Can be dropped and called again.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // A password written in the configuration.
            std::future::pending().await
        }
    }
}

/// The passwords of all peers.
pub struct Keys {
    /// The folder of the configuration, to which its paths are relative.
    folder: PathBuf,
    /// A short lock, never held across a wait.
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    files: BTreeMap<PathBuf, watch::Sender<Known>>,
    users: BTreeMap<User, Option<Password>>,
}

/// What the last look found in each file.
type Seen = HashMap<PathBuf, Result<Secret, String>>;

/// Whom a listener knows a key for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum User {
    Peer(IpAddr),
    Range(Prefix),
}

impl Keys {
    /// The passwords of a configuration that was loaded from `folder`.
    pub fn new(config: &Config, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), book: Mutex::new(Book::default().next(config)) }
    }

    /// Takes over the passwords of another configuration, and tells the listeners what has changed. Files that were known
    /// stay as they are known.
    pub fn reconfigure(&self, config: &Config, listeners: &[Arc<TcpListener>]) {
        let mut book = self.book();
        let next = book.next(config);
        let keys = |book: &Book| -> BTreeMap<User, Secret> {
            let key =
                |(user, password): (&User, &Option<Password>)| Some((*user, book.key(password.as_ref()).secret()?));
            book.users.iter().filter_map(key).collect()
        };
        let (before, now) = (keys(&book), keys(&next));
        let users: BTreeSet<_> = before.keys().chain(now.keys()).collect();
        for user in users.into_iter().filter(|user| before.get(user) != now.get(user)) {
            let failed = |listener: &Arc<TcpListener>| user.set_key(listener, now.get(user)).err();
            for error in listeners.iter().filter_map(failed) {
                error!(event = "password", "{error:#}");
            }
        }
        *book = next;
    }

    /// The key of a peer with this password.
    pub fn of(&self, password: Option<&Password>) -> Key {
        self.book().key(password)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells a listener the keys of all who may connect.
    ///
    /// # Errors
    /// When the kernel takes no more of them.
    pub fn arm(&self, listener: &TcpListener) -> Result<()> {
        let book = self.book();
        book.users.iter().try_for_each(|(user, password)| match book.key(password.as_ref()).secret() {
            Some(key) => user.set_key(listener, Some(&key)),
            None => Ok(()),
        })
    }

    /// Reads the files again and again, and when `hangup` is caught. Ends only with its task.
    pub async fn keep(self: Arc<Self>, listeners: Vec<Arc<TcpListener>>, mut hangup: Signal) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = Seen::new();
        loop {
            let at_once = tokio::select! {
                _ = looks.tick() => false,
                _ = hangup.recv() => {
                    info!(files = self.book().files.len(), "SIGHUP: password files are read again");
                    true
                }
            };
            self.look(&mut seen, at_once, &listeners).await;
        }
    }

    /// One look at all files. What is new is taken when the look before found the same, or at once.
    async fn look(self: &Arc<Self>, seen: &mut Seen, at_once: bool, listeners: &[Arc<TcpListener>]) {
        let paths: Vec<_> = self.book().files.keys().cloned().collect();
        if paths.is_empty() {
            return;
        }
        let folder = self.folder.clone();
        let read = move || {
            let read = |path: PathBuf| (config::read_password(&folder.join(&path)), path);
            paths.into_iter().map(read).collect::<Vec<_>>()
        };
        // A file system that hangs holds up nothing but this.
        let Ok(found) = tokio::task::spawn_blocking(read).await else { return };
        for (found, path) in found {
            let before = seen.insert(path.clone(), found.clone());
            if at_once || before.as_ref() == Some(&found) {
                self.take(&path, &found, listeners);
            }
        }
    }

    /// Puts what was found in a file in force, or says why not.
    fn take(&self, path: &Path, found: &Result<Secret, String>, listeners: &[Arc<TcpListener>]) {
        let book = self.book();
        let Some(file) = book.files.get(path) else { return };
        let known = file.borrow().clone();
        match found {
            Err(why) if known.trouble.as_ref() != Some(why) => {
                error!(
                    event = "password", file = %path.display(),
                    "password_file: {why}; the password it had before stays in force: write one line with the password"
                );
                file.send_replace(Known { trouble: Some(why.clone()), ..known });
            }
            Ok(secret) if known.secret.as_ref() != Some(secret) => {
                let users = book.users.iter().filter(
                    |(_, password)| matches!(password, Some(Password::File { path: other, .. }) if other == path),
                );
                let mut count = 0;
                for (user, _) in users {
                    count += 1;
                    for error in listeners.iter().filter_map(|listener| user.set_key(listener, Some(secret)).err()) {
                        error!(event = "password", "{error:#}; it connects to us with the old one only");
                    }
                }
                info!(event = "password", file = %path.display(), peers = count, "a TCP MD5 key has changed; sessions go on with the new one");
                file.send_replace(Known { secret: Some(secret.clone()), trouble: None });
            }
            Ok(_) if known.trouble.is_some() => {
                info!(event = "password", file = %path.display(), "the password file can be read again; its password is the one in force");
                file.send_replace(Known { trouble: None, ..known });
            }
            Ok(_) | Err(_) => {}
        }
    }
}

impl Book {
    /// Of another configuration; what is known of a file is kept.
    fn next(&self, config: &Config) -> Self {
        let peers = config.peers.iter().map(|peer| (User::Peer(peer.address), peer.password.clone()));
        let ranges =
            config.dynamic_peers.iter().map(|range| (User::Range(range.prefix), range.template.password.clone()));
        let mut next = Self { users: peers.chain(ranges).collect(), files: BTreeMap::new() };
        for password in next.users.values() {
            if let Some(Password::File { path, secret }) = password {
                let new = || watch::Sender::new(Known { secret: secret.clone(), trouble: None });
                let known = || self.files.get(path).cloned().unwrap_or_else(new);
                next.files.entry(path.clone()).or_insert_with(known);
            }
        }
        next
    }

    fn key(&self, password: Option<&Password>) -> Key {
        let file = match password {
            Some(Password::File { path, .. }) => self.files.get(path),
            Some(Password::Inline(_)) | None => None,
        };
        let fixed = || watch::channel(Known { secret: password.and_then(Password::secret).cloned(), trouble: None }).1;
        Key(file.map_or_else(fixed, watch::Sender::subscribe))
    }
}

impl User {
    /// RFC 2385 §2: what a listener does not find signed with this key is dropped. `None`: nothing is signed any more.
    fn set_key(self, listener: &TcpListener, key: Option<&Secret>) -> Result<()> {
        let (set, who) = match self {
            Self::Peer(address) => (tcp::set_listener_key(listener, address, key), format!("peer {address}")),
            Self::Range(range) => {
                (tcp::set_listener_range_key(listener, &range, key), format!("the dynamic peers in {range}"))
            }
        };
        set.map_err(|error| {
            // 963 keys a listener with the 128 KiB of Linux 6.18, about 150 with the 20 KiB it was before 6.8.
            let full = error.kind() == std::io::ErrorKind::OutOfMemory;
            let remedy = if full { "; raise net.core.optmem_max, by some 150 bytes a key" } else { "" };
            anyhow!("cannot set the TCP MD5 key of {who}: {error}{remedy}")
        })
    }
}

#[cfg(test)]
mod tests;
