//! GoBGP, asked through its own client on a Unix socket.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Files, Program};
use crate::{netns::text_of, peers};

/// gobgpd. With `recover`, it says in its OPEN that it has restarted (`-r`).
#[derive(Debug, Clone, Copy, Default)]
pub struct Gobgp {
    /// Pass `-r`.
    pub recover: bool,
}

impl Program for Gobgp {
    fn kind(&self) -> &'static str {
        "gobgp"
    }

    fn command(&self, files: &Files) -> (PathBuf, Vec<String>) {
        // A socket that a killed one left behind keeps the next from starting.
        let _ = std::fs::remove_file(&files.socket);
        let mut args: Vec<String> =
            ["-p", "--pprof-disable", "-l", "debug", "-t", "toml", "-f"].map(str::to_owned).into();
        args.extend([files.config.display().to_string(), "--api-hosts".into(), target(files)]);
        if self.recover {
            args.push("-r".to_owned());
        }
        (peers::gobgp("gobgpd"), args)
    }

    /// `command` is what follows `gobgp`, e.g. `neighbor -j`.
    fn control(&self, files: &Files, command: &str) -> Result<String> {
        let mut gobgp = Command::new(peers::gobgp("gobgp"));
        gobgp.arg("--target").arg(target(files)).args(command.split_whitespace());
        let output = gobgp.output().context("cannot run gobgp")?;
        text_of(output, || format!("gobgp {command}"))
    }

    fn ready(&self) -> &'static str {
        "global"
    }
}

fn target(files: &Files) -> String {
    format!("unix://{}", files.socket.display())
}
