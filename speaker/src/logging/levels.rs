//! How much is logged of what: the configured levels, and what was changed of them since.
//!
//! What is changed lasts until it is taken back or roost is started again; the configured level can change under it, when
//! the file is read again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing_subscriber::filter::ParseError;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::api::model::{LogLevels, LogOrder};
use crate::config::LogLevel;

/// Targets whose level can be another one at the same time.
const TARGETS: usize = 64;

/// The levels in force. Cheap to clone.
#[derive(Clone)]
pub struct Levels(Arc<Mutex<State>>);

struct State {
    /// `log.level`.
    level: LogLevel,
    /// `ROOST_LOG`, which overrules it.
    environment: Option<String>,
    changed: LogOrder,
    filter: reload::Handle<EnvFilter, Registry>,
}

/// What cannot be logged.
#[derive(Debug, thiserror::Error)]
pub enum LevelError {
    /// More targets than anybody needs.
    #[error(
        "{TARGETS} targets can have levels of their own, and with these there would be more; see `roost log --reset`"
    )]
    TooMany,
    /// The filter does not hold together.
    #[error("cannot be a filter of the log: {0}")]
    Filter(#[from] ParseError),
    /// Nothing is logged any more.
    #[error("the log has ended: {0}")]
    Ended(#[from] reload::Error),
}

impl Levels {
    /// Those of the configuration, or of the environment where that says something, and the layer that keeps them.
    ///
    /// # Errors
    /// When what the environment says is no filter.
    pub fn new(
        level: LogLevel,
        environment: Option<String>,
    ) -> Result<(Self, reload::Layer<EnvFilter, Registry>), LevelError> {
        let (layer, filter) = reload::Layer::new(EnvFilter::try_new(environment.as_deref().unwrap_or(level.as_str()))?);
        let state = State { level, environment, changed: LogOrder::default(), filter };
        Ok((Self(Arc::new(Mutex::new(state))), layer))
    }

    /// The configured level is this one from now on.
    ///
    /// # Errors
    /// When nothing is logged any more.
    pub fn configure(&self, level: LogLevel) -> Result<(), LevelError> {
        let mut state = self.lock();
        state.level = level;
        state.put()
    }

    /// Changes levels, all that is asked for or nothing, and says how they are then.
    ///
    /// # Errors
    /// When too many targets have levels of their own, or nothing is logged any more.
    pub fn change(&self, order: LogOrder) -> Result<LogLevels, LevelError> {
        let mut state = self.lock();
        let mut changed = if order.reset { LogOrder::default() } else { state.changed.clone() };
        changed.level = order.level.or(changed.level);
        changed.targets.extend(order.targets);
        if changed.targets.len() > TARGETS {
            return Err(LevelError::TooMany);
        }
        let before = std::mem::replace(&mut state.changed, changed);
        if let Err(error) = state.put() {
            state.changed = before;
            return Err(error);
        }
        Ok(state.shown())
    }

    /// Whether `ROOST_LOG` counts, and not the configured level.
    pub fn are_overruled(&self) -> bool {
        self.lock().environment.is_some()
    }

    /// How they are.
    pub fn shown(&self) -> LogLevels {
        self.lock().shown()
    }

    /// One that panicked while it held the lock has left a whole value behind.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&self) -> Result<(), LevelError> {
        Ok(self.filter.reload(EnvFilter::try_new(self.text())?)?)
    }

    fn configured(&self) -> &str {
        self.environment.as_deref().unwrap_or(self.level.as_str())
    }

    /// As `ROOST_LOG` has it: of two directives for the same target the later one counts.
    fn text(&self) -> String {
        let LogOrder { level, targets, .. } = &self.changed;
        let level = level.map(|level| level.as_str().to_owned());
        let targets = targets.iter().map(|(target, level)| format!("{target}={}", level.as_str()));
        [self.configured().to_owned()].into_iter().chain(level).chain(targets).collect::<Vec<_>>().join(",")
    }

    fn shown(&self) -> LogLevels {
        let LogOrder { level, targets, .. } = self.changed.clone();
        LogLevels {
            configured: self.configured().to_owned(),
            by: if self.environment.is_some() { "ROOST_LOG" } else { "log.level" }.to_owned(),
            level,
            targets,
        }
    }
}

#[cfg(test)]
mod tests;
