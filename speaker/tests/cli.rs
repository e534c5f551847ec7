//! The command line: its arguments, its tables, and the binary against a made-up daemon.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod fake;

#[path = "cli/arguments.rs"]
mod arguments;
#[path = "cli/binary.rs"]
mod binary;
#[path = "cli/tables.rs"]
mod tables;
#[path = "cli/terminal.rs"]
mod terminal;
#[path = "cli/watch.rs"]
mod watch;
