//! Logs: text on a terminal, JSON lines elsewhere or on request; levels per target, which can be changed while it runs.

mod levels;

use std::io::{self, IsTerminal};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

pub use self::levels::{LevelError, Levels};
use crate::config::{Log, LogFormat};

/// Starts logging to standard error. `ROOST_LOG` (such as `info,fib_sync=debug`) overrules the configured level.
///
/// # Errors
/// When a filter cannot be read, or logging was started before.
pub fn start(log: &Log) -> anyhow::Result<Levels> {
    let (levels, filter) = Levels::new(log.level, std::env::var("ROOST_LOG").ok())?;
    let terminal = io::stderr().is_terminal();
    let layer = fmt::layer().with_writer(io::stderr).with_ansi(terminal);
    let json = log.format == LogFormat::Json || (log.format == LogFormat::Auto && !terminal);
    let layer = if json { layer.json().flatten_event(true).boxed() } else { layer.boxed() };
    let started = tracing_subscriber::registry().with(filter).with(layer).try_init();
    started.map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))?;
    Ok(levels)
}
