//! SIGHUP, `roost reload`, BIRD's `configure`: the configuration is read again while everything runs.
//!
//! [`steps`] says what is to be done; here it is done, in that order, and only that: who is not in
//! the steps takes no notice. A file with mistakes changes nothing, and neither does one the kernel's side refuses. One
//! task does it, so two orders never mix.

mod apply;
mod file_watch;
mod handle;
mod setting;
mod staged;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fib_sync::FibHandle;
use rib::RibConfig;
use tokio::net::TcpListener;
use tokio::signal::unix::Signal;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::apply::Unconfirmed;
pub use self::handle::ReloadHandle;
use self::handle::{Order, State, lock};
use super::dynamic::{Guests, RangeChange};
use super::keys::Keys;
use super::origins::Origins;
use super::overlay::Base;
use super::owner::{OwnerHandle, sleep_until};
use super::replaced::{LONGEST, Replaced};
use super::restart::Restart;
use super::roster::Roster;
use super::{outcome, setup};
use crate::api::configuration::{ConfigSteps, Plan, PlanRequest, SessionEffect, StepRow};
use crate::config::overlay::Idle;
use crate::config::steps::{self, Cost, Step, Steps};
use crate::config::{self, Config, ConfigErrors, Diagnostic, DynamicPeers, Loaded};
use crate::logging::Levels;

/// Orders that wait while one is carried out.
const ORDERS: usize = 8;

/// Mistakes, a line each.
type Mistakes = Vec<String>;

/// Whom a change of the configuration concerns.
pub struct Reload {
    path: PathBuf,
    /// In force.
    config: Config,
    /// What it is made of.
    base: Base,
    /// The same, for those who look.
    shown: watch::Sender<Arc<Config>>,
    concerned: Concerned,
    /// When routes of ours go that stand in a pool another agent has got.
    sweep: Option<Instant>,
    /// Peers that go when others have taken their place.
    replaced: Option<Replaced>,
    /// What goes again unless somebody confirms it.
    unconfirmed: Option<Unconfirmed>,
    orders: mpsc::Receiver<Order>,
    /// What the file was doubtful for when it was last put in force, without the places.
    warned: BTreeSet<String>,
    /// The file may be another one.
    changed: Arc<Notify>,
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
    /// Who makes those that are not listed.
    pub ranges: mpsc::Sender<RangeChange>,
    /// The passwords.
    pub keys: Arc<Keys>,
    /// Who accepts connections.
    pub listeners: Vec<Arc<TcpListener>>,
    /// The node's blocks.
    pub origins: Origins,
    /// The log.
    pub levels: Levels,
}

/// What was read, and what leads to it.
struct Read {
    steps: Steps,
    warnings: Vec<String>,
    text: Arc<str>,
    idle: Vec<Idle>,
}

impl Reload {
    /// `config` is what `base` said at start, with the text of the file at `path`; `warnings` were said of it.
    pub fn new(
        path: &Path,
        config: Arc<Config>,
        base: Base,
        warnings: &[Diagnostic],
        concerned: Concerned,
    ) -> (Self, ReloadHandle) {
        let (sender, orders) = mpsc::channel(ORDERS);
        let now = Instant::now();
        let state = Arc::new(Mutex::new(State::at_start(now, base.idle())));
        let (shown, looks) = watch::channel(config.clone());
        let handle = ReloadHandle { path: path.to_owned(), orders: sender, state: state.clone(), shown: looks };
        let config = Config::clone(&config);
        let (path, sweep, replaced, unconfirmed) = (path.to_owned(), None, None, None);
        let changed = Arc::new(Notify::new());
        let warned = warnings.iter().map(|warning| without_place(&format!("{warning:#}"))).collect();
        (
            Self { path, config, base, shown, concerned, sweep, replaced, unconfirmed, orders, warned, changed, state },
            handle,
        )
    }

    /// Looks after the file, as long as the configuration wants that.
    pub fn watch_file(&self, handle: ReloadHandle) -> impl Future<Output = ()> + use<> {
        file_watch::keep(handle, self.changed.clone())
    }

    /// Waits for signals and orders until told to end; then the peers' connections are closed without a word.
    pub async fn keep(mut self, mut hangup: Signal, farewell: CancellationToken) {
        let changed = self.changed.clone();
        loop {
            tokio::select! {
                () = farewell.cancelled() => return self.concerned.roster.farewell().await,
                () = self.concerned.roster.ended() => {}
                () = changed.notified() => drop(self.again("the file has changed").await),
                _ = hangup.recv() => drop(self.again("SIGHUP").await),
                Some(order) = self.orders.recv() => self.obey(order).await,
                () = sleep_until(self.unconfirmed.as_ref().map(|waits| waits.until)) => self.not_confirmed().await,
                () = sleep_until(self.replaced.as_ref().map(|replaced| replaced.look)) => self.let_go().await,
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

    async fn obey(&mut self, order: Order) {
        // Who asked may be gone.
        match order {
            Order::Read { check: true, answer } => drop(answer.send(self.check().await)),
            Order::Read { check: false, answer } => drop(answer.send(self.again("order").await)),
            Order::Plan { request, answer } => drop(answer.send(self.plan(request).await)),
            Order::Apply { apply, answer } => drop(answer.send(self.apply(apply).await)),
            Order::Confirm { undo, answer } => drop(answer.send(self.confirm(undo).await)),
            Order::Set { setting, caller, answer } => drop(answer.send(self.set(setting, caller).await)),
            Order::Text { answer } => drop(answer.send((self.base.text.clone(), self.base.rows()))),
            Order::Base { answer } => drop(answer.send(self.base.clone())),
            Order::Overlay { answer } => drop(answer.send(self.base.rows())),
        }
    }

    /// What leads to what `load` has read, and its warnings; or its mistakes.
    async fn read(
        &self,
        load: impl FnOnce() -> Result<Loaded, ConfigErrors> + Send + 'static,
    ) -> Result<Read, Mistakes> {
        // A file system that hangs holds up nothing but this.
        let read = tokio::task::spawn_blocking(load).await;
        let loaded = read.map_err(|error| vec![format!("the file cannot be read: {error}")])?;
        let loaded = loaded.map_err(|errors| errors.0.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let steps = steps::between(&self.with_replaced(), &loaded.config).map_err(|error| vec![error.to_string()])?;
        let warnings = loaded.warnings.iter().map(|warning| format!("{warning:#}")).collect();
        Ok(Read { steps, warnings, text: loaded.text, idle: loaded.idle })
    }

    /// What is in force: who waits to go is still there.
    fn with_replaced(&self) -> Config {
        let mut now = self.config.clone();
        now.peers.extend(self.replaced.iter().flat_map(|replaced| replaced.peers.clone()));
        now
    }

    async fn read_file(&self) -> Result<Read, Mistakes> {
        let (path, overlay) = (self.path.clone(), self.base.overlay.clone());
        self.read(move || config::load_over(&path, &overlay)).await
    }

    async fn check(&self) -> Result<ConfigSteps, Mistakes> {
        let Read { steps, warnings, .. } = self.read_file().await?;
        Ok(self.announced_steps(&steps, warnings))
    }

    async fn plan(&self, PlanRequest { name, text }: PlanRequest) -> Result<Plan, Mistakes> {
        let Read { steps, warnings, .. } = self.read_text(name, text).await?;
        let Concerned { owner, roster, origins, fib, .. } = &self.concerned;
        let outcome = outcome::of(&steps, roster.known(), owner, origins, fib.as_ref()).await;
        Ok(outcome.into_plan(self.announced_steps(&steps, warnings)))
    }

    /// The steps as they would be done.
    fn announced_steps(&self, steps: &Steps, warnings: Vec<String>) -> ConfigSteps {
        let generation = lock(&self.state).generation;
        let needs_restart = steps.waiting.iter().map(ToString::to_string).collect();
        let replaced = Replaced::by(&steps.steps, self.replaced.as_ref());
        let steps = steps.steps.iter().map(|step| self.row_of(step, replaced.as_ref())).collect();
        ConfigSteps { generation, steps, needs_restart, warnings }
    }

    /// Reads the file and puts it in force; says what was done, or why nothing was.
    async fn again(&mut self, why: &str) -> Result<ConfigSteps, Mistakes> {
        if let Some(unconfirmed) = &mut self.unconfirmed {
            unconfirmed.read_later = true;
            let refused = format!("{}; the file is read then", unconfirmed.in_the_way());
            warn!(event = "reload-refused", "{why}: {refused}");
            return Err(vec![refused]);
        }
        let began = Instant::now();
        let outcome = match self.read_file().await {
            Ok(read) => self.take_over(read).await.map(|done| self.with_new_warnings(done)),
            Err(mistakes) => Err(mistakes),
        };
        let mut state = lock(&self.state);
        state.read = began;
        match &outcome {
            Ok(_) => (state.error, state.gone_back) = (None, None),
            Err(mistakes) => {
                let mistakes = mistakes.join("; ");
                error!(event = "reload-refused", "{why}: nothing of the configuration changes: {mistakes}");
                state.error = Some(mistakes);
            }
        }
        drop(state);
        outcome.inspect(|done| self.told(why, began, done))
    }

    /// Those of before were said before.
    fn with_new_warnings(&mut self, mut done: ConfigSteps) -> ConfigSteps {
        let before =
            std::mem::replace(&mut self.warned, done.warnings.iter().map(|text| without_place(text)).collect());
        done.warnings.retain(|warning| !before.contains(&without_place(warning)));
        done
    }

    /// The log's part of a change.
    fn told(&self, why: &str, began: Instant, done: &ConfigSteps) {
        done.warnings.iter().for_each(|warning| warn!(event = "reload", "{why}: {warning}"));
        done.steps.iter().for_each(|step| info!(event = "reload", "{why}: {}", step.text));
        if !done.needs_restart.is_empty() {
            warn!(
                event = "reload",
                "{why}: needs a restart, and stays as it was until then: {}",
                done.needs_restart.join(", ")
            );
        }
        let (steps, took) = (done.steps.len(), began.elapsed());
        info!(event = "reload", generation = done.generation, steps, ?took, "{why}: the configuration is in force");
    }

    /// Carries the steps out. The kernel's side comes first, as it alone can refuse.
    async fn take_over(&mut self, read: Read) -> Result<ConfigSteps, Mistakes> {
        let Read { steps: Steps { steps, waiting, next }, warnings, text, idle } = read;
        if steps.iter().any(|step| matches!(step, Step::Kernel(_))) {
            self.change_kernel(&next).await?;
        }
        self.concerned.keys.reconfigure(&next, &self.concerned.listeners);
        self.replaced = Replaced::by(&steps, self.replaced.as_ref());
        let mut done = Vec::with_capacity(steps.len());
        for step in &steps {
            let row = self.row_of(step, self.replaced.as_ref());
            let waits = self.replaced.as_ref().is_some_and(|replaced| replaced.waits(step));
            let ends = !waits && self.carry_out(step, &next).await;
            done.push(StepRow { ends, ..row });
        }
        self.is_made_of(text, idle);
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

    /// Peers whose place others have taken go, once nothing is lost by that.
    async fn let_go(&mut self) {
        let Concerned { owner, roster, .. } = &mut self.concerned;
        let Some(replaced) = &mut self.replaced else { return };
        let Some(outcome) = replaced.may_go(roster.known(), owner).await else { return };
        match outcome {
            Ok(()) => info!(
                event = "reload",
                peers = replaced.peers.len(),
                "peers go, as all their routes are there by others"
            ),
            Err(why) => {
                warn!(
                    event = "reload",
                    peers = replaced.peers.len(),
                    "peers go, though not all is well after {LONGEST:?}: {why}"
                )
            }
        }
        for peer in self.replaced.take().into_iter().flat_map(|replaced| replaced.peers) {
            roster.remove(&peer).await;
        }
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
        let Concerned { owner, roster, origins, levels, .. } = &mut self.concerned;
        match step {
            Step::Kernel(_) | Step::Readiness | Step::Reload(_) => {}
            Step::LogLevel(level) => {
                if let Err(error) = levels.configure(*level) {
                    warn!(event = "reload", "log.level: {error}");
                }
            }
            Step::Announce(block) => origins.reconfigure(&[*block], &[]).await,
            Step::Withdraw(block) => origins.reconfigure(&[], &[*block]).await,
            Step::Decide(_) => {
                let settings = setup::rib(next);
                // A drain is no matter of the configuration.
                let decide = move |owner: &mut super::owner::Owner| {
                    let leaving = owner.rib.config().leaving;
                    owner.rib.reconfigure(RibConfig { leaving, ..settings });
                };
                let _ = owner.ask(decide).await;
            }
            Step::AddRange(range) => return self.change_range(range, Guests::Stay(None), next).await,
            Step::ChangeRange { to, .. } => {
                let guests = if to.template.enabled { Guests::Stay(step.reset()) } else { Guests::Leave };
                return self.change_range(to, guests, next).await;
            }
            Step::RemoveRange(range) => return self.change_range(range, Guests::Leave, next).await,
            Step::AddPeer(peer) => roster.add(next, peer).await,
            Step::ChangePeer { to, .. } => {
                return roster.change(next, to, step.ends().map(|(_, why)| why), owner).await;
            }
            Step::RemovePeer(peer) => return roster.remove(peer).await,
        }
        false
    }
}

impl Reload {
    fn row_of(&self, step: &Step, replaced: Option<&Replaced>) -> StepRow {
        row_of(step, replaced, self.concerned.levels.are_overruled())
    }

    /// Says whether that ended a session.
    async fn change_range(&self, range: &DynamicPeers, guests: Guests, next: &Config) -> bool {
        let (answer, done) = oneshot::channel();
        let config = Arc::new(next.clone());
        let change = RangeChange { config, prefix: range.prefix, guests, answer };
        self.concerned.ranges.send(change).await.is_ok() && done.await.unwrap_or(false)
    }
}

/// Lines above it come and go.
fn without_place(warning: &str) -> String {
    warning.split_once(": warning: ").map_or(warning, |(_, what)| what).to_owned()
}

/// The step as the API has it, before anything is done; `overruled`: the configured level of the log has no say.
fn row_of(step: &Step, replaced: Option<&Replaced>, overruled: bool) -> StepRow {
    let text = match (step, replaced) {
        (Step::RemovePeer(peer), Some(replaced)) if replaced.waits(step) => replaced.text(peer),
        (Step::LogLevel(level), _) if overruled => {
            let level = level.as_str();
            format!(
                "log.level: {level}, and nothing changes, as ROOST_LOG overrules it: `roost log {level}` does until the next \
                 start; for good, start roost without ROOST_LOG"
            )
        }
        _ => step.to_string(),
    };
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
        Step::Announce(_)
        | Step::Withdraw(_)
        | Step::Decide(_)
        | Step::Readiness
        | Step::LogLevel(_)
        | Step::Reload(_)
        | Step::Kernel(_) => (None, None),
        Step::RemoveRange(_) => (None, Some(SessionEffect::Ends)),
        Step::ChangeRange { .. } if step.reset().is_some() => (None, Some(SessionEffect::Resets)),
        Step::ChangeRange { .. } => (None, Some(SessionEffect::Stays)),
        Step::AddRange(_) => (None, None),
    };
    let peer = peer.map(config::PeerSettings::name).or_else(|| step.range().map(|range| range.prefix.to_string()));
    StepRow { text, peer, session, ends: false }
}

#[cfg(test)]
mod tests;
