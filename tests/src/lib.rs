//! The test lab: network namespaces joined by wires, routing daemons inside them, and eyes on the kernel.
//!
//! Used by the integration tests beside it (`tests/tests/*.rs`) and by nothing else. No BGP is spoken here: the lab
//! starts programs, cuts wires, and reads what `ip route` and `ip monitor` say, so that a test judges roost by what
//! the kernel and other people's daemons see, never by roost's own opinion.
//!
//! ```text
//! Lab ── Netns ── Daemon (Bird2 | Frr | … | Roost)  one process inside the namespace, log file in the lab's folder
//!  │       ├───── RouteWatch                          `ip monitor route` with the moment each line was read
//!  │       └───── Stream                              numbered packets to another namespace, and which were lost
//!  └──── Lan                                          a namespace holding a bridge; nodes are plugged into it
//! ```
//!
//! Invariants: everything a lab makes carries the lab's name and the pid of the test process, and is gone when the
//! [`Lab`] is dropped, also after a panic; what a killed test run left behind is swept when the next lab is made.
//! A step of the lab that fails panics with the command, its output and the tails of all daemon logs, since a lab
//! that is not what the test says is a failed test.
//!
//! Waiting is always for an event or, where the kernel offers only a listing, a poll every 20 ms under a limit
//! ([`wait::until`]); there is no sleep that hopes.

pub mod daemon;
pub mod lab;
pub mod netns;
pub mod peers;
pub mod probe;
pub mod process;
pub mod purity;
pub mod speaker;
pub mod stream;
pub mod two_nodes;
pub mod two_subnets;
pub mod vm;
pub mod wait;
pub mod watch;

pub use daemon::{
    Daemon, Program, bird1::Bird1, bird2::Bird2, exabgp::Exabgp, frr::Frr, gobgp::Gobgp, openbgpd::Openbgpd,
    roost::Roost,
};
pub use lab::{Lab, Lan};
pub use netns::Netns;
pub use probe::probe;
pub use process::Process;
pub use speaker::{Kind, Peer, Speaker};
pub use stream::Stream;
pub use two_nodes::two_nodes;
pub use two_subnets::two_subnets;
pub use wait::{PATIENCE, promptly, until};
pub use watch::{Lines, RouteWatch};
