//! What the bytes of BGP mean, and what its RFCs say happens next.
//!
//! Three layers, each usable alone:
//!
//! * plain values: [`Asn`], [`RouterId`], [`Family`], [`Prefix`], [`PathId`];
//! * [`attr`] and [`message`]: the codec, from bytes to values and back;
//! * [`fsm`]: sessions and peers as state machines that take time and bytes and give bytes and events back.
//!
//! The crate holds no socket, no clock and no executor: `Instant`s are arguments, so every timer can be tested in
//! virtual time, and a driver needs four verbs (`handle_*`, `command`, `poll_*`) to run a peer over any transport.
#![forbid(unsafe_code)]

// The bodies of the fuzz targets, which unit tests share, know this crate by its name.
#[cfg(test)]
extern crate self as bgp_proto;

pub mod attr;
pub mod fsm;
pub mod message;

mod family;
mod ids;
mod prefix;

pub use family::{Family, FamilySet};
pub use ids::{AS_TRANS, Asn, PathId, RouterId};
pub use prefix::{Prefix, PrefixError};
