//! SIGHUP, `roost reload`, BIRD's `configure`: the configuration is read again while everything runs.
//!
//! [`steps`] says what is to be done; here it is done, in that order, and only that: who is not in
//! the steps takes no notice. A file with mistakes changes nothing, and neither does one the kernel's side refuses. One
//! task does it, so two orders never mix.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fib_sync::FibHandle;
use tokio::net::TcpListener;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::keys::Keys;
use super::origins::Origins;
use super::owner::{OwnerHandle, sleep_until};
use super::restart::Restart;
use super::roster::Roster;
use super::{rows, setup};
use crate::api::Reread;
use crate::api::configuration::{ConfigStatus, ConfigSteps, SessionEffect, StepRow};
use crate::config::steps::{self, Cost, Step, Steps};
use crate::config::{self, Config};

/// Orders that wait while one is carried out.
const ORDERS: usize = 8;

/// Mistakes, a line each.
type Mistakes = Vec<String>;

/// Whom a change of the configuration concerns.
pub struct Reload {
    path: PathBuf,
    /// In force.
    config: Config,
    /// The same, for those who look.
    shown: watch::Sender<Arc<Config>>,
    concerned: Concerned,
    /// When routes of ours go that stand in a pool another agent has got.
    sweep: Option<Instant>,
    orders: mpsc::Receiver<Order>,
    state: Arc<Mutex<State>>,
}

/// Who has to know of a change.
pub struct Concerned {
    /// The kernel side, if there is one.
    pub fib: Option<FibHandle>,
    /// The table.
    pub owner: OwnerHandle,
    /// The phase of the process.
    pub restart: Arc<Restart>,
    /// The listed peers.
    pub roster: Roster,
    /// The passwords.
    pub keys: Arc<Keys>,
    /// Who accepts connections.
    pub listeners: Vec<Arc<TcpListener>>,
    /// The node's blocks.
    pub origins: Origins,
}

/// What is known of the configuration, for those who look.
struct State {
    generation: u64,
    /// When the one in force was read.
    in_force: Instant,
    /// When the file was read last.
    read: Instant,
    error: Option<String>,
    waiting: Vec<&'static str>,
}

struct Order {
    /// Change nothing.
    check: bool,
    answer: oneshot::Sender<Result<ConfigSteps, Mistakes>>,
}

/// The way to [`Reload`]. Cheap to clone.
#[derive(Clone)]
pub struct ReloadHandle {
    path: PathBuf,
    orders: mpsc::Sender<Order>,
    state: Arc<Mutex<State>>,
    shown: watch::Receiver<Arc<Config>>,
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
        lock(&self.state).in_force
    }

    /// The configuration in force, for who has to look often.
    pub fn watch(&self) -> watch::Receiver<Arc<Config>> {
        self.shown.clone()
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        self.shown.borrow().clone()
    }

    /// What `show status` says of it.
    pub fn status(&self) -> ConfigStatus {
        let state = lock(&self.state);
        ConfigStatus {
            file: self.path.display().to_string(),
            generation: state.generation,
            read_at: rows::wall(state.read),
            error: state.error.clone(),
            needs_restart: state.waiting.iter().map(ToString::to_string).collect(),
        }
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reload {
    /// `config` is what the file at `path` said at start.
    pub fn new(path: &Path, config: Arc<Config>, concerned: Concerned) -> (Self, ReloadHandle) {
        let (sender, orders) = mpsc::channel(ORDERS);
        let now = Instant::now();
        let state = State { generation: 1, in_force: now, read: now, error: None, waiting: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let (shown, looks) = watch::channel(config.clone());
        let handle = ReloadHandle { path: path.to_owned(), orders: sender, state: state.clone(), shown: looks };
        let config = Config::clone(&config);
        (Self { path: path.to_owned(), config, shown, concerned, sweep: None, orders, state }, handle)
    }

    /// Waits for signals and orders until told to end; then the peers' connections are closed without a word.
    pub async fn keep(mut self, mut hangup: Signal, farewell: CancellationToken) {
        loop {
            tokio::select! {
                () = farewell.cancelled() => return self.concerned.roster.farewell().await,
                () = self.concerned.roster.ended() => {}
                _ = hangup.recv() => drop(self.again("SIGHUP").await),
                Some(Order { check, answer }) = self.orders.recv() => {
                    let outcome = if check { self.check().await } else { self.again("order").await };
                    let _ = answer.send(outcome); // who asked may be gone
                }
                () = sleep_until(self.sweep) => {
                    self.sweep = None;
                    // Before the startup is over, its own sweep is yet to come.
                    let swept = self.concerned.restart.is_swept();
                    if let Some(fib) = self.concerned.fib.as_ref().filter(|_| swept) {
                        fib.sweep();
                    }
                }
            }
        }
    }

    /// What leads to what the file says now, and its warnings; or its mistakes.
    async fn read(&self) -> Result<(Steps, Vec<String>), Mistakes> {
        let path = self.path.clone();
        // A file system that hangs holds up nothing but this.
        let read = tokio::task::spawn_blocking(move || config::load(&path)).await;
        let loaded = read.map_err(|error| vec![format!("the file cannot be read: {error}")])?;
        let loaded = loaded.map_err(|errors| errors.0.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let steps = steps::between(&self.config, &loaded.config).map_err(|error| vec![error.to_string()])?;
        Ok((steps, loaded.warnings.iter().map(|warning| format!("{warning:#}")).collect()))
    }

    async fn check(&self) -> Result<ConfigSteps, Mistakes> {
        let (Steps { steps, waiting, .. }, warnings) = self.read().await?;
        let generation = lock(&self.state).generation;
        let needs_restart = waiting.iter().map(ToString::to_string).collect();
        Ok(ConfigSteps { generation, steps: steps.iter().map(row).collect(), needs_restart, warnings })
    }

    /// Reads the file and puts it in force; says what was done, or why nothing was.
    async fn again(&mut self, why: &str) -> Result<ConfigSteps, Mistakes> {
        let began = Instant::now();
        let outcome = match self.read().await {
            Ok((steps, warnings)) => self.take_over(steps, warnings).await,
            Err(mistakes) => Err(mistakes),
        };
        let mut state = lock(&self.state);
        state.read = began;
        match &outcome {
            Ok(done) => {
                state.error = None;
                done.warnings.iter().for_each(|warning| warn!("{why}: {warning}"));
                done.steps.iter().for_each(|step| info!("{why}: {}", step.text));
                if !done.needs_restart.is_empty() {
                    warn!("{why}: needs a restart, and stays as it was until then: {}", done.needs_restart.join(", "));
                }
                let (steps, took) = (done.steps.len(), began.elapsed());
                info!(generation = done.generation, steps, ?took, "{why}: the configuration is in force");
            }
            Err(mistakes) => {
                let mistakes = mistakes.join("; ");
                error!("{why}: nothing of the configuration changes: {mistakes}");
                state.error = Some(mistakes);
            }
        }
        drop(state);
        outcome
    }

    /// Carries the steps out. The kernel's side comes first, as it alone can refuse.
    async fn take_over(&mut self, steps: Steps, warnings: Vec<String>) -> Result<ConfigSteps, Mistakes> {
        let Steps { steps, waiting, next } = steps;
        if steps.iter().any(|step| matches!(step, Step::Kernel(_))) {
            self.change_kernel(&next).await?;
        }
        self.concerned.keys.reconfigure(&next, &self.concerned.listeners);
        let mut done = Vec::with_capacity(steps.len());
        for step in &steps {
            let ends = self.carry_out(step, &next).await;
            done.push(StepRow { ends, ..row(step) });
        }
        let mut state = lock(&self.state);
        if self.config != next {
            state.generation += 1;
            self.shown.send_replace(Arc::new(next.clone()));
            self.config = next;
        }
        state.in_force = Instant::now();
        state.waiting.clone_from(&waiting);
        let needs_restart = waiting.iter().map(ToString::to_string).collect();
        Ok(ConfigSteps { generation: state.generation, steps: done, needs_restart, warnings })
    }

    async fn change_kernel(&mut self, next: &Config) -> Result<(), Mistakes> {
        let Some(fib) = &self.concerned.fib else { return Ok(()) };
        let pools = setup::fib(next);
        fib.reconfigure(pools.clone()).await.map_err(|error| vec![format!("the kernel's side refuses it: {error}")])?;
        // What is said of tunnels follows the pools. An owner that has ended has nothing to say.
        let _ = self.concerned.owner.ask(move |owner| owner.set_pools(pools)).await;
        self.sweep = Some(Instant::now() + next.router.startup_wait.max(Duration::from_secs(1)));
        Ok(())
    }

    /// Says whether that ended a session.
    async fn carry_out(&mut self, step: &Step, next: &Config) -> bool {
        let Concerned { owner, roster, origins, .. } = &mut self.concerned;
        match step {
            Step::Kernel(_) | Step::Readiness => {}
            Step::Announce(block) => origins.reconfigure(&[*block], &[]).await,
            Step::Withdraw(block) => origins.reconfigure(&[], &[*block]).await,
            Step::Decide(_) => {
                let settings = setup::rib(next);
                let _ = owner.ask(move |owner| owner.rib.reconfigure(settings)).await;
            }
            Step::AddPeer(peer) => roster.add(next, peer).await,
            Step::ChangePeer { to, .. } => {
                return roster.change(next, to, step.ends().map(|(_, why)| why), owner).await;
            }
            Step::RemovePeer(peer) => return roster.remove(peer).await,
        }
        false
    }
}

/// The step as the API has it, before anything is done.
fn row(step: &Step) -> StepRow {
    let (peer, session) = match step {
        Step::AddPeer(peer) => (Some(peer), peer.enabled.then_some(SessionEffect::Begins)),
        Step::RemovePeer(peer) => (Some(peer), peer.enabled.then_some(SessionEffect::Ends)),
        Step::ChangePeer { to, changes } => {
            let most = changes.iter().map(|change| change.cost).max();
            let effect = match most {
                Some(Cost::Reset(_)) => SessionEffect::Resets,
                Some(Cost::Begins) => SessionEffect::Begins,
                Some(Cost::Ends) => SessionEffect::Ends,
                _ => SessionEffect::Stays,
            };
            (Some(to), (to.enabled || effect == SessionEffect::Ends).then_some(effect))
        }
        Step::Announce(_) | Step::Withdraw(_) | Step::Decide(_) | Step::Readiness | Step::Kernel(_) => (None, None),
    };
    StepRow { text: step.to_string(), peer: peer.map(config::PeerSettings::name), session, ends: false }
}
