//! BIRD 2, the daemon whose place roost takes.

use std::path::PathBuf;

use anyhow::Result;

use super::{Files, Program, ask_bird};
use crate::peers;

/// BIRD 2. With `recover`, it starts in graceful-restart recovery (`-R`), as Kubernetes nodes run it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bird2 {
    /// Pass `-R`.
    pub recover: bool,
}

impl Program for Bird2 {
    fn kind(&self) -> &'static str {
        "bird2"
    }

    fn command(&self, files: &Files) -> (PathBuf, Vec<String>) {
        (peers::bird2(), bird_arguments(files, self.recover))
    }

    fn control(&self, files: &Files, command: &str) -> Result<String> {
        ask_bird(&files.socket, command)
    }

    fn ready(&self) -> &'static str {
        "show status"
    }
}

/// `-f`: foreground, and the log where the config says (`log stderr all`); `-P` and `-s` so that many can run at once.
pub(super) fn bird_arguments(files: &Files, recover: bool) -> Vec<String> {
    let pid = files.dir.join("pid");
    let mut args: Vec<String> = ["-f", "-c"].map(str::to_owned).into();
    args.push(files.config.display().to_string());
    args.extend(["-s".to_owned(), files.socket.display().to_string(), "-P".to_owned(), pid.display().to_string()]);
    if recover {
        args.push("-R".to_owned());
    }
    args
}
