//! BIRD 1.6, the line from which the BIRD inside Kubernetes network plugins comes: one program per address family.

use std::path::PathBuf;

use anyhow::Result;

use super::{Files, Program, ask_bird, bird2::bird_arguments};
use crate::peers;

/// BIRD 1.6: `bird` for IPv4 or `bird6` for IPv6.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bird1 {
    /// Run `bird6`.
    pub ipv6: bool,
    /// Pass `-R`.
    pub recover: bool,
}

impl Program for Bird1 {
    fn kind(&self) -> &'static str {
        if self.ipv6 { "bird6" } else { "bird1" }
    }

    fn command(&self, files: &Files) -> (PathBuf, Vec<String>) {
        (peers::bird1(self.ipv6), bird_arguments(files, self.recover))
    }

    fn control(&self, files: &Files, command: &str) -> Result<String> {
        ask_bird(&files.socket, command)
    }

    fn ready(&self) -> &'static str {
        "show status"
    }
}
