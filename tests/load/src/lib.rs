//! The bench: thousands of BGP speakers in one process, against one daemon, in named scenarios.
//!
//! ```text
//! bench ── a network namespace for each run ── the daemon under test, on port 179
//!   │                                     └── `roost-load speak`: the speakers, each with an address of its own
//!   └── report: a Markdown table with ratios, and JSON with every run
//! ```
//!
//! * [`scenario`] says who speaks and what is measured, as data; [`plan`] makes speakers and bytes of it.
//! * [`generator`] is the process they are in; it starts before the daemon does.
//! * [`engine`] runs the speakers on one thread: readiness, no tasks. What a message costs is a walk over its prefixes and
//!   a bit each ([`held`]), so that the generator takes a fraction of the processor time the daemon takes; its own is
//!   reported beside the daemon's.
//! * [`play`] is a scenario's course: connect, announce, withdraw, flap. Everything is encoded before the clock starts.
//! * [`usage`] is what the daemon's processes cost, [`sockets`] what their connections cost the kernel.
//! * [`asks`] is who looks at the daemon meanwhile.
//! * [`daemons`] writes each daemon's configuration of a plan.
//! * [`repeater`] is the floor: a process that passes bytes on and decides nothing, so the time it takes is what
//!   sockets, copies and the generator cost on the machine. Where routes are the question, it is [`raw`]: what the kernel
//!   needs to take them from a program that does nothing else.
//!
//! What counts as done is what receivers hold: every receiver has every prefix, one by one, not a number of messages.

pub mod asks;
pub mod bench;
pub mod daemons;
pub mod engine;
pub mod figures;
pub mod flaps;
pub mod generator;
pub mod held;
pub mod histogram;
pub mod kernel;
pub mod link;
pub mod plan;
pub mod play;
pub mod raw;
pub mod repeater;
pub mod report;
pub mod scenario;
mod session;
pub mod sockets;
pub mod terms;
pub mod usage;
pub mod watchers;
pub mod wire;
