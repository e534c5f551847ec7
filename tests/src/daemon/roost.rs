//! roost itself, run and asked as a person would: the built binary and its command line.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Files, Program};
use crate::{netns::text_of, peers};

/// The roost binary of this checkout.
#[derive(Debug, Clone, Copy, Default)]
pub struct Roost;

impl Program for Roost {
    fn kind(&self) -> &'static str {
        "roost"
    }

    fn command(&self, files: &Files) -> (PathBuf, Vec<String>) {
        (peers::roost(), vec!["run".into(), "--config".into(), files.config.display().to_string()])
    }

    /// `command` is what follows `roost --socket S`, e.g. `show peers --json`.
    fn control(&self, files: &Files, command: &str) -> Result<String> {
        let mut roost = Command::new(peers::roost());
        roost.arg("--socket").arg(&files.socket).args(command.split_whitespace());
        let output = roost.output().context("cannot run roost")?;
        text_of(output, || format!("roost {command}"))
    }

    fn ready(&self) -> &'static str {
        "show status"
    }
}
