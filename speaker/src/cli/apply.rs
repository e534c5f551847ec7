//! `roost apply` and `roost confirm`.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use axum::http::Method;

use super::client::Client;
use super::render;
use super::run::pass;
use crate::api::apply::{ApplyRequest, ConfirmRequest, LONGEST_WAIT};

/// Reads `--confirm`, in seconds.
pub(super) fn time(text: &str) -> Result<u64, String> {
    let whole = crate::config::duration(text).filter(|time| time.subsec_nanos() == 0).map(|time| time.as_secs());
    whole
        .filter(|seconds| (1..=LONGEST_WAIT).contains(seconds))
        .ok_or_else(|| "expected 1s to 1d in whole seconds, such as 60s or 10m".to_owned())
}

/// Sends the file, and says what was done.
pub(super) async fn apply(
    client: &Client,
    file: &Path,
    confirm: Option<u64>,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    let body = client.json(&ApplyRequest { name, text, confirm })?;
    if json {
        return pass(client, Method::POST, "/v1/apply", Some(body), out).await;
    }
    out.write_all(render::applied(&client.post_bytes("/v1/apply", body).await?).as_bytes())?;
    Ok(())
}

/// Keeps it, or goes back.
pub(super) async fn confirm(client: &Client, undo: bool, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let body = client.json(&ConfirmRequest { undo })?;
    if json {
        return pass(client, Method::POST, "/v1/confirm", Some(body), out).await;
    }
    out.write_all(render::confirmed(&client.post_bytes("/v1/confirm", body).await?).as_bytes())?;
    Ok(())
}
