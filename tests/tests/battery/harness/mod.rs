//! What the cases are told with: a roost of their own, raw peers, messages that may be wrong, and what came back.
//!
//! ```text
//! Setup ── start ──► Roost ── peer(0) ──► Peer          one process, one address each, `127.a.b.…`
//!                      │                   ├─ send(…)     octets of [`wire`], right or wrong
//!                      └─ table() ─► Row   └─ expect_…    messages read by [`told`]
//! ```
//!
//! The reader and the writer here are the battery's own: roost's codec is what is on trial, so it must not be the judge
//! of its own bytes. Nothing sleeps in the hope of being late enough: what must *not* happen is proven by something sent
//! afterwards whose effect is awaited ([`Peer::settle`], [`Peer::adj_out`]).
//!
//! Several test programs include it, and each uses a part.
#![allow(dead_code, unused_imports)]

mod address;
mod innocent;
mod peer;
mod roost;
mod table;
pub mod told;
pub mod wire;

pub use address::{Loopback, Loopback6};
pub use innocent::Innocent;
pub use peer::{Event, Peer, capabilities, dial};
pub use roost::{Neighbor, Roost, Setup, is_marker};
pub use table::get;
pub use told::Told;
pub use wire::{Open, Update, header, keepalive, message, notification, refresh};

use std::time::Duration;

/// How long a case waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Our AS in every case.
pub const OURS: u32 = 65000;
/// Our identifier, and our cluster id.
pub const OUR_ID: [u8; 4] = [10, 0, 0, 1];
