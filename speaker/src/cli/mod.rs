//! The `roost` command: its arguments, and what each of them does.
//!
//! A client of the same API as everybody else. What it prints is made by pure functions in [`render`], so that every
//! table has a golden test; `--json` passes the API's answer through untouched.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

pub use args::{
    Args, Command, DrainArgs, FibArgs, FibCommand, MoreKeys, NewPeer, Output, PeerOrder, PeersArgs, PoolOrder,
    RouteArgs, Show, WatchArgs, Whom,
};
pub use client::{Client, ClientError};
pub use log::LevelArg;

mod apply;
mod args;
mod birdcl;
mod clean;
mod client;
mod doctor;
mod drain;
mod generate;
mod log;
mod look;
mod overlay;
mod progress;
pub mod render;
mod run;
mod watch;

/// All went well.
pub const EXIT_OK: u8 = 0;
/// It could not be done; standard error says why.
pub const EXIT_FAILED: u8 = 1;
/// The command line is wrong.
pub const EXIT_USAGE: u8 = 2;
/// No daemon answers on the socket.
pub const EXIT_NO_DAEMON: u8 = 3;

/// The whole program: reads the command line, does it, and says how it went.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print(); // nothing is left to tell when the terminal is gone
            return ExitCode::from(if error.use_stderr() { EXIT_USAGE } else { EXIT_OK });
        }
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    match run::run(args, &mut out).and_then(|code| out.flush().map(|()| code).map_err(anyhow::Error::from)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let code = exit_code(&error);
            if code != EXIT_OK {
                let _ = writeln!(io::stderr(), "roost: {error:#}");
            }
            ExitCode::from(code)
        }
    }
}

/// The exit code of an error. A reader that has seen enough (`roost show routes | head`) is none.
fn exit_code(error: &anyhow::Error) -> u8 {
    if let Some(error) = error.downcast_ref::<ClientError>() {
        return error.exit_code();
    }
    match error.downcast_ref::<io::Error>() {
        Some(error) if error.kind() == io::ErrorKind::BrokenPipe => EXIT_OK,
        _ => EXIT_FAILED,
    }
}
