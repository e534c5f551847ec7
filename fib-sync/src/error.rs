//! What can go wrong when starting, or while talking to the kernel at all.

use std::io;

/// Why the kernel's routes can't be looked after.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FibError {
    /// The configuration asks for something that can't be done.
    #[error("fib: {0}")]
    Config(String),
    /// The thread, its runtime or its sockets could not be made.
    #[error("fib: cannot {what}: {source}")]
    Start {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The kernel's tables could not be read.
    #[error("fib: cannot read the kernel's links, addresses and routes: {0}")]
    Dump(io::Error),
    /// The thread has ended.
    #[error("fib: the route thread has ended")]
    Gone,
}
