//! How much is logged, and orders to log more or less.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::LogLevel;

/// `POST /v1/log`: what is left out stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct LogOrder {
    /// First everything is as configured again.
    #[serde(default)]
    pub reset: bool,
    /// The level of all that has none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<LogLevel>,
    /// Levels of targets: parts of the program as the log names them, such as `fib_sync` or `speaker::daemon::peer_task`,
    /// with what is below them. At most 64.
    #[serde(default)]
    pub targets: BTreeMap<String, LogLevel>,
}

/// How much is logged.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct LogLevels {
    /// What holds where nothing was changed.
    pub configured: String,
    /// Who says so: `log.level` of the configuration, or the environment's `ROOST_LOG`.
    pub by: String,
    /// The level of all that has none of its own, where it was changed; `null` otherwise.
    pub level: Option<LogLevel>,
    /// Targets whose level was changed.
    pub targets: BTreeMap<String, LogLevel>,
}

impl LogLevels {
    /// Whether something is other than configured.
    pub fn is_changed(&self) -> bool {
        self.level.is_some() || !self.targets.is_empty()
    }

    /// What is in force, as `ROOST_LOG` would be written.
    pub fn in_force(&self) -> String {
        let level = self.level.map_or_else(|| self.configured.clone(), |level| level.as_str().to_owned());
        let targets = self.targets.iter().map(|(target, level)| format!("{target}={}", level.as_str()));
        std::iter::once(level).chain(targets).collect::<Vec<_>>().join(",")
    }
}
