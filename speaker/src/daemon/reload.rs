//! SIGHUP, and the order to do what it does: `pools` and `fib` of the configuration are read again while everything runs.
//!
//! The kernel's routes move to the new settings, each new before old, and no session takes notice. Everything else of the
//! file is read at start; where it has changed, that is said. A file with mistakes changes nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fib_sync::FibHandle;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use super::owner::{OwnerHandle, sleep_until};
use super::restart::Restart;
use super::setup;
use crate::api::Reread;
use crate::config::{self, Config, Fib, Password};

/// Orders that wait while one is carried out.
const ORDERS: usize = 8;

/// What is read again, and whom it concerns.
pub struct Reload {
    path: PathBuf,
    /// In force.
    config: Config,
    fib: Option<FibHandle>,
    owner: OwnerHandle,
    restart: Arc<Restart>,
    /// When routes of ours go that stand in a pool another agent has got.
    sweep: Option<Instant>,
    orders: mpsc::Receiver<Order>,
    read_at: Arc<Mutex<Instant>>,
}

struct Order {
    /// Change nothing.
    check: bool,
    answer: oneshot::Sender<Result<Vec<String>, Vec<String>>>,
}

/// The way to [`Reload`]. Cheap to clone.
#[derive(Clone)]
pub struct ReloadHandle {
    path: PathBuf,
    orders: mpsc::Sender<Order>,
    read_at: Arc<Mutex<Instant>>,
}

impl ReloadHandle {
    /// Reads the file again, and puts it in force where `check` does not forbid it.
    pub async fn read(&self, check: bool) -> Reread {
        let (answer, receive) = oneshot::channel();
        let ended = || vec!["the daemon is ending".to_owned()];
        let outcome = match self.orders.send(Order { check, answer }).await {
            Ok(()) => receive.await.unwrap_or_else(|_| Err(ended())),
            Err(_) => Err(ended()),
        };
        Reread { file: self.path.display().to_string(), outcome }
    }

    /// When the configuration in force was read.
    pub fn read_at(&self) -> Instant {
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reload {
    /// `config` is what the file at `path` said at start.
    pub fn new(
        path: &Path,
        config: Config,
        fib: Option<FibHandle>,
        owner: OwnerHandle,
        restart: Arc<Restart>,
    ) -> (Self, ReloadHandle) {
        let (sender, orders) = mpsc::channel(ORDERS);
        let read_at = Arc::new(Mutex::new(Instant::now()));
        let handle = ReloadHandle { path: path.to_owned(), orders: sender, read_at: read_at.clone() };
        (Self { path: path.to_owned(), config, fib, owner, restart, sweep: None, orders, read_at }, handle)
    }

    /// Waits for signals and orders. Ends only with its task.
    pub async fn keep(mut self, mut hangup: Signal) {
        loop {
            tokio::select! {
                _ = hangup.recv() => drop(self.again("SIGHUP").await),
                Some(Order { check, answer }) = self.orders.recv() => {
                    let outcome = if check { self.check().await } else { self.again("order").await };
                    let _ = answer.send(outcome); // who asked may be gone
                }
                () = sleep_until(self.sweep) => {
                    self.sweep = None;
                    // Before the startup is over, its own sweep is yet to come.
                    if let Some(fib) = self.fib.as_ref().filter(|_| self.restart.is_swept()) {
                        fib.sweep();
                    }
                }
            }
        }
    }

    /// What the file says now, with its warnings; or its mistakes.
    async fn read(&self) -> Result<(Config, Vec<String>), Vec<String>> {
        let path = self.path.clone();
        // A file system that hangs holds up nothing but this.
        let read = tokio::task::spawn_blocking(move || config::load(&path)).await;
        let loaded = read.map_err(|error| vec![format!("the file cannot be read: {error}")])?;
        let loaded = loaded.map_err(|errors| errors.0.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        Ok((loaded.config, loaded.warnings.iter().map(|warning| format!("{warning:#}")).collect()))
    }

    async fn check(&self) -> Result<Vec<String>, Vec<String>> {
        let (read, mut said) = self.read().await?;
        said.extend(self.needs_restart(&read));
        Ok(said)
    }

    /// Warnings, and last what was done; or why nothing was.
    async fn again(&mut self, why: &str) -> Result<Vec<String>, Vec<String>> {
        let outcome = self.take_over().await;
        match &outcome {
            Ok(said) => {
                let (done, warnings) = said.split_last().expect("what was done is said last");
                warnings.iter().for_each(|warning| warn!("{why}: {warning}"));
                info!("{why}: {done}");
            }
            Err(mistakes) => error!("{why}: nothing of the configuration changes: {}", mistakes.join("; ")),
        }
        outcome
    }

    async fn take_over(&mut self) -> Result<Vec<String>, Vec<String>> {
        let (read, mut said) = self.read().await?;
        said.extend(self.needs_restart(&read));
        let next = next(&self.config, &read);
        let changed = (&next.pools, &next.fib) != (&self.config.pools, &self.config.fib);
        if let Some(fib) = self.fib.as_ref().filter(|_| changed) {
            let stay = |error| vec![format!("pools and fib stay as they were: {error}")];
            let pools = setup::fib(&next);
            fib.reconfigure(pools.clone()).await.map_err(stay)?;
            // What is said of tunnels follows the pools. An owner that has ended has nothing to say.
            let _ = self.owner.ask(move |owner| owner.set_pools(pools)).await;
            self.sweep = Some(Instant::now() + next.router.startup_wait.max(Duration::from_secs(1)));
        }
        let now = if changed { "in force as they are now" } else { "as they were" };
        said.push(format!("pools and fib are {now}"));
        self.config = next;
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Ok(said)
    }

    /// That there is more in the file than a running daemon takes over.
    fn needs_restart(&self, read: &Config) -> Option<String> {
        let all = without_secrets(&next(&self.config, read)) == without_secrets(read);
        (!all).then(|| {
            "pools and fib (but for fib.enabled) are read again; what else has changed needs a restart".to_owned()
        })
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
