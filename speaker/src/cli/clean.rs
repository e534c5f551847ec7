//! `roost fib clean`: what roost has left in the kernel, listed and on request removed, when no daemon runs.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Serialize;

use super::{EXIT_FAILED, EXIT_OK};
use crate::config;
use crate::daemon::fib_config;

/// What `--json` prints.
#[derive(Serialize)]
struct Cleaned {
    /// Whether the commands were run.
    done: bool,
    commands: Vec<Removal>,
}

#[derive(Serialize)]
struct Removal {
    /// What removes it, as a shell would be told.
    command: String,
    /// Why it is still there; `null` when it is gone, or was only listed.
    error: Option<String>,
}

/// Writes the commands that remove it, and runs them if `yes`. `socket` is the one of the command line.
///
/// # Errors
/// When a daemon runs, the file has mistakes, or the kernel can't be asked.
pub(super) fn clean(path: &Path, socket: &Path, yes: bool, json: bool, out: &mut impl Write) -> anyhow::Result<u8> {
    let config = config::load(path)?.config;
    let configured = config.api.as_ref().map(|api| api.socket.as_path());
    for socket in configured.into_iter().chain([socket]) {
        if UnixStream::connect(socket).is_ok() {
            bail!("roost runs (it answers on {}): end it first, or it restores what is removed", socket.display());
        }
    }
    let cleaned = fib_sync::clean(fib_config(&config), yes).context("cannot clean up the kernel")?;
    let failed = cleaned.iter().filter(|one| one.error.is_some()).count();
    let exit = if failed == 0 { EXIT_OK } else { EXIT_FAILED };
    if json {
        let removal =
            |one: fib_sync::Cleaned| Removal { command: one.command, error: one.error.map(|error| error.to_string()) };
        let commands = cleaned.into_iter().map(removal).collect();
        serde_json::to_writer(&mut *out, &Cleaned { done: yes, commands })?;
        writeln!(out)?;
        return Ok(exit);
    }
    for one in &cleaned {
        match &one.error {
            None => writeln!(out, "{}", one.command)?,
            Some(error) => writeln!(out, "{}   # failed: {error}", one.command)?,
        }
    }
    match (cleaned.len(), yes) {
        (0, _) => writeln!(out, "Nothing of ours is in the kernel.")?,
        (number, false) => writeln!(out, "{number} to remove; nothing was done: --yes runs these commands.")?,
        (number, true) => writeln!(out, "{} of {number} removed.", number - failed)?,
    }
    Ok(exit)
}
