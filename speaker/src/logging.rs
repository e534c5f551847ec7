//! Logs: text on a terminal, JSON lines elsewhere or on request; levels per target, which can be changed while it runs.
//! Lines that say what happened go into the journal, too, whatever their level.

mod levels;

use std::io::{self, IsTerminal};
use std::sync::Arc;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

pub use self::levels::{LevelError, Levels};
use crate::config::{Log, LogFormat};
use crate::journal::{EventLayer, Journal};

/// Starts logging to standard error, and to the journal. `ROOST_LOG` (such as `info,fib_sync=debug`) overrules the
/// configured level.
///
/// # Errors
/// When a filter cannot be read, or logging was started before.
pub fn start(log: &Log, journal: Arc<Journal>) -> anyhow::Result<Levels> {
    let (levels, filter) = Levels::new(log.level, std::env::var("ROOST_LOG").ok())?;
    let terminal = io::stderr().is_terminal();
    let layer = fmt::layer().with_writer(io::stderr).with_ansi(terminal);
    let json = log.format == LogFormat::Json || (log.format == LogFormat::Auto && !terminal);
    let layer = if json { layer.json().flatten_event(true).boxed() } else { layer.boxed() };
    let registry = tracing_subscriber::registry().with(layer.with_filter(filter)).with(EventLayer::of(journal));
    registry.try_init().map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))?;
    Ok(levels)
}
