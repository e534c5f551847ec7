//! What becomes of routes when a session ends for a moment (RFC 4724, RFC 8538).
//!
//! Two pure machines, of the same shape as [`Peer`](super::Peer): time is an argument, events are polled.
//!
//! * [`Helper`], one for each peer: the peer went away. Do its routes stay, until when, and which of them go when it is
//!   back? (RFC 4724 §4.2, the Receiving Speaker)
//! * [`Deferral`], one for the speaker: *we* restarted. Whose End-of-RIB is awaited before what was left behind from
//!   before the restart (kernel routes nobody has announced again) may be swept? (RFC 4724 §4.1, the Restarting Speaker)
//!
//! Neither holds routes: they say "retain", "flush", "purge what is still stale", and the RIB does it. So they can be
//! tested by tables, and the RIB needs no timer.

mod deferral;
mod helper;

pub use deferral::{Deferral, DeferralEnd, DeferralEvent, Whom};
pub use helper::{GrEvent, Helper};

#[cfg(test)]
mod tests;
