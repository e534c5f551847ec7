//! The way to whoever carries changes of the configuration out, and what is known of it meanwhile.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bgp_proto::Prefix;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::info;

use super::{Mistakes, apply};
use crate::api::apply::{Applied, Apply};
use crate::api::configuration::{ConfigStatus, ConfigSteps, ConfigText, OverlayRow, Plan, PlanRequest};
use crate::api::{Caller, Problem, Reread, Setting};
use crate::config::overlay::Key;
use crate::config::{self, Config};
use crate::daemon::overlay::Base;
use crate::daemon::rows;

/// Nobody carries anything out any more.
const ENDING: &str = "the daemon is ending";

/// What is known of the configuration, for those who look.
pub struct State {
    pub generation: u64,
    /// When the one in force was read.
    pub in_force: Instant,
    /// When the file was read last.
    pub read: Instant,
    pub error: Option<String>,
    pub waiting: Vec<&'static str>,
    /// What waits to be confirmed, and until when.
    pub unconfirmed: Option<(String, Instant)>,
    pub gone_back: Option<String>,
    /// What was set over the API and is not in force.
    pub idle: Vec<String>,
}

impl State {
    pub fn at_start(now: Instant, idle: Vec<String>) -> Self {
        let (error, waiting, unconfirmed, gone_back) = (None, Vec::new(), None, None);
        Self { generation: 1, in_force: now, read: now, error, waiting, unconfirmed, gone_back, idle }
    }
}

/// What somebody wants, and who waits for the answer.
pub enum Order {
    /// Read the file, and change nothing with `check`.
    Read { check: bool, answer: oneshot::Sender<Result<ConfigSteps, Mistakes>> },
    /// Say what another text would mean.
    Plan { request: PlanRequest, answer: oneshot::Sender<Result<Plan, Mistakes>> },
    /// Put another text in force.
    Apply { apply: Apply, answer: oneshot::Sender<Result<Applied, Problem>> },
    /// Keep it, or go back.
    Confirm { undo: bool, answer: oneshot::Sender<Result<(), Problem>> },
    /// Set a peer or a pool over the API, or take it back.
    Set { setting: Setting, caller: Caller, answer: oneshot::Sender<Result<ConfigSteps, Problem>> },
    /// Say what is in force: the text, and what was set.
    Text { answer: oneshot::Sender<(Arc<str>, Vec<OverlayRow>)> },
    /// Say of what the configuration in force is made.
    Base { answer: oneshot::Sender<Base> },
    /// Say what was set.
    Overlay { answer: oneshot::Sender<Vec<OverlayRow>> },
}

/// The way to [`Reload`](super::Reload). Cheap to clone.
#[derive(Clone)]
pub struct ReloadHandle {
    pub(super) path: PathBuf,
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) state: Arc<Mutex<State>>,
    pub(super) shown: watch::Receiver<Arc<Config>>,
}

impl ReloadHandle {
    /// Reads the file again, and puts it in force where `check` does not forbid it.
    pub async fn read(&self, check: bool) -> Reread {
        let outcome =
            self.order(|answer| Order::Read { check, answer }).await.unwrap_or_else(|| Err(vec![ENDING.to_owned()]));
        Reread { file: self.path.display().to_string(), outcome }
    }

    /// What would be done to put this text in force.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn plan(&self, request: PlanRequest) -> Result<Plan, Mistakes> {
        self.order(|answer| Order::Plan { request, answer }).await.unwrap_or_else(|| Err(vec![ENDING.to_owned()]))
    }

    /// Puts a text in force, for good or until it is confirmed.
    ///
    /// # Errors
    /// 422 for mistakes, 409 when it cannot be kept or another one waits.
    pub async fn apply(&self, apply: Apply, caller: Caller) -> Result<Applied, Problem> {
        info!(event = "reload", "{} is to be put in force: {caller}", apply.name);
        let done = self.order(|answer| Order::Apply { apply, answer }).await;
        done.unwrap_or_else(|| Err(Problem::unavailable(ENDING)))
    }

    /// Keeps what waits to be confirmed, or goes back with `undo`.
    ///
    /// # Errors
    /// 409 when nothing waits, or the file cannot have its text.
    pub async fn confirm(&self, undo: bool, caller: Caller) -> Result<ConfigStatus, Problem> {
        info!(event = "reload", undo, "what waits to be confirmed has its answer: {caller}");
        let done = self.order(|answer| Order::Confirm { undo, answer }).await;
        done.unwrap_or_else(|| Err(Problem::unavailable(ENDING)))?;
        Ok(self.status())
    }

    /// Sets a peer or a pool over the API, or takes it back.
    ///
    /// # Errors
    /// 422 for wrong settings, 409 for what the file has, 404 for what was not set; then nothing has changed.
    pub async fn set(&self, setting: Setting, caller: Caller) -> Result<ConfigSteps, Problem> {
        let done = self.order(|answer| Order::Set { setting, caller, answer }).await;
        done.unwrap_or_else(|| Err(Problem::unavailable(ENDING)))
    }

    /// The configuration in force as it is written.
    ///
    /// # Errors
    /// When the daemon is ending.
    pub async fn text(&self) -> Result<ConfigText, Problem> {
        let (text, overlay) =
            self.order(|answer| Order::Text { answer }).await.ok_or_else(|| Problem::unavailable(ENDING))?;
        let shown = tokio::task::spawn_blocking(move || config::shown(&text)).await;
        let text = shown.map_err(|_| Problem::unavailable(ENDING))?;
        let ConfigStatus { file, generation, .. } = self.status();
        Ok(ConfigText { file, generation, text, overlay })
    }

    /// What was set over the API.
    pub async fn overlay(&self) -> Vec<OverlayRow> {
        self.order(|answer| Order::Overlay { answer }).await.unwrap_or_default()
    }

    /// The lines of the file's pools; those that were set over the API have none.
    pub async fn lines_of_pools(&self) -> HashMap<Prefix, usize> {
        let Some(base) = self.order(|answer| Order::Base { answer }).await else { return HashMap::new() };
        let config = self.config();
        let lines = move || base.lines_of(config.pools.iter().map(|pool| Key::Pool(pool.cidr)), &config);
        let lines = tokio::task::spawn_blocking(lines).await.unwrap_or_default().into_iter();
        lines.filter_map(|(key, line)| if let Key::Pool(cidr) = key { Some((cidr, line)) } else { None }).collect()
    }

    /// The answer; none when the daemon is ending.
    async fn order<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Option<T> {
        let (answer, receive) = oneshot::channel();
        self.orders.send(order(answer)).await.ok()?;
        receive.await.ok()
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
            unconfirmed: state.unconfirmed.clone().map(apply::shown),
            gone_back: state.gone_back.clone(),
            idle: state.idle.clone(),
        }
    }
}

pub fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
