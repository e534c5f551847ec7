//! SIGHUP: `pools` and `fib` of the configuration are read again while everything runs.
//!
//! The kernel's routes move to the new settings, each new before old, and no session takes notice. Everything else of the
//! file is read at start; where it has changed, that is said. A file with mistakes changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fib_sync::FibHandle;
use tokio::signal::unix::Signal;
use tracing::{error, info, warn};

use super::restart::Restart;
use super::{owner::sleep_until, setup};
use crate::config::{self, Config, Fib, Password};

/// What is read again, and whom it concerns.
pub struct Reload {
    path: PathBuf,
    /// In force.
    config: Config,
    fib: FibHandle,
    restart: Arc<Restart>,
    /// When routes of ours go that stand in a pool another agent has got.
    sweep: Option<Instant>,
}

impl Reload {
    /// `config` is what the file at `path` said at start.
    pub fn new(path: &Path, config: Config, fib: FibHandle, restart: Arc<Restart>) -> Self {
        Self { path: path.to_owned(), config, fib, restart, sweep: None }
    }

    /// Waits for signals. Ends only with its task.
    pub async fn keep(mut self, mut hangup: Signal) {
        loop {
            tokio::select! {
                _ = hangup.recv() => self.again().await,
                () = sleep_until(self.sweep) => {
                    self.sweep = None;
                    // Before the startup is over, its own sweep is yet to come.
                    if self.restart.is_swept() {
                        self.fib.sweep();
                    }
                }
            }
        }
    }

    async fn again(&mut self) {
        let path = self.path.clone();
        // A file system that hangs holds up nothing but this.
        let Ok(read) = tokio::task::spawn_blocking(move || config::load(&path)).await else { return };
        let read = match read {
            Ok(loaded) => loaded,
            Err(errors) => return error!("SIGHUP: the configuration has mistakes, so nothing changes: {errors}"),
        };
        for warning in &read.warnings {
            warn!("{warning:#}");
        }
        let read = read.config;
        let next = next(&self.config, &read);
        if without_secrets(&next) != without_secrets(&read) {
            warn!("SIGHUP: pools and fib (but for fib.enabled) are read again; what else has changed needs a restart");
        }
        if (&next.pools, &next.fib) == (&self.config.pools, &self.config.fib) {
            return info!("SIGHUP: pools and fib are as they were");
        }
        if let Err(error) = self.fib.reconfigure(setup::fib(&next)).await {
            return error!("SIGHUP: pools and fib stay as they were: {error}");
        }
        info!(pools = next.pools.len(), "SIGHUP: pools and fib are in force as they are now");
        self.sweep = Some(Instant::now() + next.router.startup_wait.max(Duration::from_secs(1)));
        self.config = next;
    }
}

/// What of `read` can be put in force after `now`.
fn next(now: &Config, read: &Config) -> Config {
    let fib = Fib { enabled: now.fib.enabled, ..read.fib.clone() };
    Config { pools: read.pools.clone(), fib, ..now.clone() }
}

/// Contents of password files come and go by themselves.
fn without_secrets(config: &Config) -> Config {
    let mut config = config.clone();
    let ranges = config.dynamic_peers.iter_mut().map(|range| &mut range.template.password);
    for password in config.peers.iter_mut().map(|peer| &mut peer.password).chain(ranges) {
        if let Some(Password::File { secret, .. }) = password {
            *secret = None;
        }
    }
    config
}

#[cfg(test)]
mod tests;
