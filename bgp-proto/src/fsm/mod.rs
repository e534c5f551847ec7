//! What a speaker does next: sessions and peers as state machines without I/O (RFC 4271 §8).
//!
//! [`Peer`] is the configured neighbour and the only thing a driver talks to. It owns at most two sessions, each one
//! TCP connection's life from OpenSent to Established, dials, waits, and decides which of two colliding connections
//! stays. Time, bytes and what happened to sockets go in; messages, socket wishes and events come out:
//!
//! ```text
//! handle_bytes   handle_io   handle_timeout   command   sent   blocked        (all take `now`)
//! poll_transmit  poll_io     poll_timeout     poll_event
//! ```
//!
//! A driver's turn is: feed what happened, then empty `poll_transmit` (queue the bytes to their sockets), then
//! `poll_io` (so that a NOTIFICATION is queued before the `Close` behind it), then `poll_event`, and sleep until
//! `poll_timeout`. No call blocks, none reads a clock, and none draws randomness except from the seed given to
//! [`Peer::new`]: the same inputs give the same trace.
//!
//! [`graceful`] is the bookkeeping around lost sessions whose routes may stay (RFC 4724), as machines of the same shape.
//!
//! Why the peer's and the session's state are apart: RFC 4271 §8.2.1 demands one FSM per connection, two at a time
//! during a collision. One FSM with "the other socket" bolted on cannot express two connections in OpenSent. And the
//! states of a session carry what they own (`OpenConfirm(Negotiated)`), so "established but nothing negotiated" cannot
//! be written.
//!
//! Knowingly different from RFC 4271 §8.2.2 (the golden table in the tests marks each cell):
//! * a refused or unreachable connection attempt goes to Active, not Idle (all daemons of the field do): the
//!   ConnectRetry timer already paces the attempts, and in Idle we could not be called;
//! * a NOTIFICATION is never answered by another one, not even in OpenSent;
//! * losing the connection of a healthy session goes to Active, not Idle: the peer that comes back is let in at once,
//!   only our own dialling waits. Mistakes (errors in messages, refused OPENs) do cost time in Idle.

mod backoff;
mod collision;
mod config;
mod counters;
mod down;
pub mod graceful;
mod io;
mod marks;
mod negotiated;
mod open;
mod peer;
mod session;

pub use collision::{Contender, Direction, Phase, Verdict, collide};
pub use config::{Fqdn, GrConfig, PeerAs, PeerConfig};
pub use counters::{Counters, MessageCounts};
pub use down::DownReason;
pub use io::{CLOSE_GRACE, Command, ConnId, ConnectError, IoAction, IoInput, PeerEvent, State};
pub use negotiated::Negotiated;
pub use open::{OpenRefused, local_open, negotiate};
pub use peer::{MAX_QUEUED_EVENTS, Peer};
