//! Daemons that the lab has say all they do, told to say less: writing a log is not what is measured.

use std::path::PathBuf;

use anyhow::Result;
use roost_tests::daemon::{Files, Program};

/// GoBGP that logs errors.
#[derive(Debug)]
pub struct Gobgp;

impl Program for Gobgp {
    fn kind(&self) -> &'static str {
        "gobgp"
    }

    fn command(&self, files: &Files) -> (PathBuf, Vec<String>) {
        let (program, args) = roost_tests::Gobgp::default().command(files);
        (program, args.into_iter().map(|arg| if arg == "debug" { "error".to_owned() } else { arg }).collect())
    }

    fn control(&self, files: &Files, command: &str) -> Result<String> {
        roost_tests::Gobgp::default().control(files, command)
    }

    fn ready(&self) -> &'static str {
        "global"
    }
}

/// OpenBGPD without `-v`.
#[derive(Debug)]
pub struct Openbgpd;

impl Program for Openbgpd {
    fn kind(&self) -> &'static str {
        "openbgpd"
    }

    fn command(&self, files: &Files) -> (PathBuf, Vec<String>) {
        let (program, args) = roost_tests::Openbgpd.command(files);
        (program, args.into_iter().map(|arg| arg.replace(" -d -v ", " -d ")).collect())
    }

    fn control(&self, files: &Files, command: &str) -> Result<String> {
        roost_tests::Openbgpd.control(files, command)
    }

    fn ready(&self) -> &'static str {
        "show"
    }
}
