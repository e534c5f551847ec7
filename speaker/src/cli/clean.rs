//! `roost fib clean`: what roost has left in the kernel, listed and on request removed, when no daemon runs.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, bail};

use super::{EXIT_FAILED, EXIT_OK};
use crate::config;
use crate::daemon::fib_config;

/// Writes the commands that remove it, and runs them if `yes`. `socket` is the one of the command line.
///
/// # Errors
/// When a daemon runs, the file has mistakes, or the kernel can't be asked.
pub(super) fn clean(path: &Path, socket: &Path, yes: bool, out: &mut impl Write) -> anyhow::Result<u8> {
    let config = config::load(path)?.config;
    let configured = config.api.as_ref().map(|api| api.socket.as_path());
    for socket in configured.into_iter().chain([socket]) {
        if UnixStream::connect(socket).is_ok() {
            bail!("roost runs (it answers on {}): end it first, or it restores what is removed", socket.display());
        }
    }
    let cleaned = fib_sync::clean(fib_config(&config), yes).context("cannot clean up the kernel")?;
    let mut failed = 0;
    for one in &cleaned {
        match &one.error {
            None => writeln!(out, "{}", one.command)?,
            Some(error) => writeln!(out, "{}   # failed: {error}", one.command)?,
        }
        failed += usize::from(one.error.is_some());
    }
    match (cleaned.len(), yes) {
        (0, _) => writeln!(out, "Nothing of ours is in the kernel.")?,
        (number, false) => writeln!(out, "{number} to remove; nothing was done: --yes runs these commands.")?,
        (number, true) => writeln!(out, "{} of {number} removed.", number - failed)?,
    }
    Ok(if failed == 0 { EXIT_OK } else { EXIT_FAILED })
}
