//! `roost drain` waits until the node is drained, and says meanwhile what it waits for.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::bail;

use super::args::DrainArgs;
use super::client::Client;
use super::render;
use crate::api::model::{DrainOrder, DrainPhase, DrainState};

/// Between two questions.
const LOOK: Duration = Duration::from_millis(200);

/// Reads `--settle` and `--timeout`, in seconds; how many there may be is for the daemon to say.
pub(super) fn time(text: &str) -> Result<u64, String> {
    let whole = crate::config::duration(text).filter(|time| time.subsec_nanos() == 0);
    whole.map(|time| time.as_secs()).ok_or_else(|| "expected whole seconds, such as 90s, 2m or 90".to_owned())
}

/// Drains, and returns when it is done; with `--no-wait` when it has begun.
pub(super) async fn drain(client: &Client, args: DrainArgs, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let DrainArgs { message, settle, timeout, until_restart, no_wait } = args;
    let order = DrainOrder { message, settle, timeout, until_restart };
    let mut state: DrainState = client.post("/v1/drain", &order).await?;
    let mut told = String::new();
    while state.state == DrainPhase::Leaving && !no_wait {
        let news = match state.awaited {
            0 => "everything was sent: peers have a while to take other ways".to_owned(),
            1 => "1 session has not been sent everything yet".to_owned(),
            many => format!("{many} sessions have not been sent everything yet"),
        };
        if news != told {
            writeln!(io::stderr(), "roost: {news} (the sessions end in {} s at most)", state.ends_in.unwrap_or(0))?;
            told = news;
        }
        tokio::time::sleep(LOOK).await;
        state = client.get("/v1/drain").await?;
    }
    show(client, &state, json, out)?;
    if state.state == DrainPhase::Off {
        bail!("somebody has taken the node back into service meanwhile (roost undrain)");
    }
    Ok(())
}

/// Takes the node back.
pub(super) async fn undrain(client: &Client, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let state: DrainState = client.post_bytes("/v1/undrain", bytes::Bytes::new()).await?;
    show(client, &state, json, out)
}

fn show(client: &Client, state: &DrainState, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    if json {
        out.write_all(&client.json(state)?)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}", render::drain(state))?;
    }
    Ok(())
}
