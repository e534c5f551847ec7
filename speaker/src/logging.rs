//! Logs: text on a terminal, JSON lines elsewhere or on request, levels per target.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Starts logging to standard error. `ROOST_LOG` (such as `info,fib_sync=debug`) overrules the configured level.
///
/// # Errors
/// When a filter cannot be read, or logging was started before.
pub fn start(log: &Log) -> anyhow::Result<()> {
    let filter = match std::env::var("ROOST_LOG") {
        Ok(filter) => EnvFilter::try_new(filter)?,
        Err(_) => EnvFilter::try_new(log.level.as_str())?,
    };
    let terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(terminal);
    let started = if log.format == LogFormat::Json || (log.format == LogFormat::Auto && !terminal) {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.try_init()
    };
    started.map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
}
