//! The running daemon: who starts whom, and who ends whom.
//!
//! ```text
//! listeners ─ Doors ─┐
//!                    ▼
//!   sockets ─ PeerTask (one a peer) ─ news ─► Owner ─ OutQueue ─► PeerTask
//!                                               │
//!                                               └─ changes keyed by prefix ─► fib-sync (its own thread)
//! ```
//!
//! The kernel is read before the first session starts, so that what we say about a restart is true (see [`restart`]).
//! On SIGTERM and SIGINT the kernel routes stay, and sessions with graceful restart are closed without a Cease: those
//! peers keep sending packets here until we are back. Others are told with a Cease.

mod absence;
mod announced;
mod backend;
mod backlog;
mod conn;
mod descriptors;
mod drain;
mod dynamic;
mod early;
pub(crate) mod examination;
mod exports;
mod foresight;
mod groups;
mod health;
mod kernel_foresight;
mod kernel_routes;
mod keys;
mod known_peers;
mod last_run;
mod last_words;
mod listener;
mod memory;
mod metrics;
mod names;
mod news;
mod node_address;
mod operator;
mod origins;
mod out_queue;
mod outcome;
mod overlay;
mod owner;
mod pace;
mod peer_status;
mod peer_task;
mod policies;
mod pools;
mod prefixes;
mod reload;
mod replaced;
mod restart;
mod roster;
mod routes;
mod rows;
mod rules;
mod run;
mod service_manager;
pub(crate) mod setup;
mod stamps;
mod tally;
mod targets;
mod totals;
mod tunnels;
mod unopened;
mod verdict;
mod watched;
mod whole_file;
mod why;

pub use backend::Daemon;
pub use examination::of_file as examination_of_file;
pub use run::run;
pub(crate) use setup::fib as fib_config;
