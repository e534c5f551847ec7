//! `roost log`: how much the daemon logs.

use std::io::Write;
use std::str::FromStr;

use super::client::Client;
use super::render;
use crate::api::model::{LogLevels, LogOrder};
use crate::config::LogLevel;

/// `[TARGET=]LEVEL`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelArg {
    target: Option<String>,
    level: LogLevel,
}

impl FromStr for LevelArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (target, level) = match text.split_once('=') {
            Some((target, level)) => (Some(target.to_owned()), level),
            None => (None, text),
        };
        let level = LogLevel::ALL.into_iter().find(|known| known.as_str() == level).ok_or_else(|| {
            let known = LogLevel::ALL.map(LogLevel::as_str).join(", ");
            format!("expected a level ({known}), or TARGET=LEVEL, such as fib_sync=debug")
        })?;
        Ok(Self { target, level })
    }
}

/// Changes what is named, and says how it is then.
pub(super) async fn log(
    client: &Client,
    levels: Vec<LevelArg>,
    reset: bool,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let levels: LogLevels = if levels.is_empty() && !reset {
        client.get("/v1/log").await?
    } else {
        let mut order = LogOrder { reset, ..LogOrder::default() };
        for LevelArg { target, level } in levels {
            match target {
                Some(target) => drop(order.targets.insert(target, level)),
                None => order.level = Some(level),
            }
        }
        client.post("/v1/log", &order).await?
    };
    if json {
        out.write_all(&client.json(&levels)?)?;
        writeln!(out)?;
    } else {
        out.write_all(render::log(&levels).as_bytes())?;
    }
    Ok(())
}
