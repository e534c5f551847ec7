//! ExaBGP: no table and no kernel, but every octet of an UPDATE is the test's own.
//!
//! It starts a program of ours and talks with it: lines from the program's standard output are its commands, and what
//! it receives from its peers it writes to the program, as JSON. The program is five lines of shell: commands come from
//! a fifo, JSON goes to a file.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::{Files, Program, env_command};
use crate::peers;

/// ExaBGP. Its config must hold [`Exabgp::PROCESS`] and name `api` in its neighbours.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exabgp;

impl Exabgp {
    /// The section of a config that starts the program; `DIR` is to be replaced by the daemon's folder.
    pub const PROCESS: &'static str = "process api { run DIR/api; encoder json; }\n";
}

impl Program for Exabgp {
    fn kind(&self) -> &'static str {
        "exabgp"
    }

    fn command(&self, files: &Files) -> (PathBuf, Vec<String>) {
        let dir = files.dir.display();
        let script = format!(
            "#!/bin/sh\n[ -p {dir}/commands ] || mkfifo {dir}/commands\necho ready >>{dir}/events\n\
             cat <>{dir}/commands &\nexec cat >>{dir}/events\n"
        );
        let api = files.dir.join("api");
        std::fs::write(&api, script).unwrap_or_else(|error| panic!("cannot write {}: {error}", api.display()));
        std::fs::set_permissions(&api, std::fs::Permissions::from_mode(0o755))
            .unwrap_or_else(|error| panic!("cannot chmod {}: {error}", api.display()));
        let environment = [
            ("PYTHONPATH", peers::exabgp().display().to_string()),
            ("exabgp_daemon_user", "root".to_owned()),
            ("exabgp_daemon_drop", "false".to_owned()),
            ("exabgp_log_all", "true".to_owned()),
            ("exabgp_log_level", "INFO".to_owned()),
            ("exabgp_log_destination", "stdout".to_owned()),
            ("exabgp_api_cli", "false".to_owned()),
            ("exabgp_tcp_attempts", "0".to_owned()),
        ];
        let config = files.config.display().to_string();
        let python = PathBuf::from("/usr/bin/python3");
        env_command(&environment, &python, ["-m", "exabgp.application.main", &config].into_iter())
    }

    /// `events` returns what it has told so far, anything else is a command of its API.
    fn control(&self, files: &Files, command: &str) -> Result<String> {
        if command == "events" {
            let events = std::fs::read_to_string(files.dir.join("events")).context("no event yet")?;
            ensure!(!events.is_empty(), "no event yet");
            return Ok(events);
        }
        let path = files.dir.join("commands");
        // Not blocking: without a reader this is an error and not a wait for ever.
        let mut fifo = OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(&path);
        let fifo = fifo.as_mut().map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        fifo.write_all(format!("{command}\n").as_bytes())?;
        Ok(String::new())
    }

    fn ready(&self) -> &'static str {
        "events"
    }
}
