//! Which path wins, who is told, and in which bytes.
//!
//! [`Rib`] holds every path of every peer, decides each prefix that changed once, and keeps for each kind of peer what
//! it is to be told. It has one owner and no thread, socket or clock:
//!
//! ```text
//! UPDATEs ─ apply() ─► table ─ settle() ─┬─► update groups ─ poll_chunk() ─► bytes for each peer
//!   originate(), set_next_hop() ─┘       └─► take_fib_changes() ─► the kernel
//! ```
//!
//! The owner works in turns: `apply` what was read, `settle` a slice, then fetch, and again until nothing is left. What
//! concerns all paths of a peer or of a next hop (a session's end, another policy) takes several turns; the owner hears
//! others in between, and keeps back the news of a peer for as long as [`Rib::is_busy`] with its former ones. Every queue
//! inside is a map keyed by prefix, so a slow peer or a busy kernel costs no more than the table and gets the last word
//! instead of the history.
//!
//! # Example
//!
//! ```
//! use std::net::IpAddr;
//! use bgp_proto::{Asn, RouterId};
//! use rib::{FibRoute, Origination, Rib, RibConfig};
//!
//! let mut rib = Rib::new(RibConfig::new(Asn(64512), RouterId(0x0a000001)));
//! let block = "10.65.1.0/26".parse().unwrap();
//! rib.originate(block, Origination::new(&block, true));
//! while rib.settle(1000) {}
//! assert_eq!(rib.take_fib_changes(), [(block, Some(FibRoute::Blackhole.into()))]);
//! ```
#![forbid(unsafe_code)]

pub mod decide;
pub mod policy;

mod attrs;
mod changes;
mod config;
mod core;
mod export;
mod fib;
mod group;
mod import;
mod index;
mod ingress;
mod limit;
mod long_lived;
mod membership;
mod memory;
mod next_hop;
mod peer;
mod rib;
mod rules;
mod settle;
mod slab;
mod table;
mod told;
mod view;
mod walk;

pub use config::{Origination, RibConfig};
pub use decide::Step;
pub use export::Withheld;
pub use fib::{FibRoute, Tunnel, Via};
pub use group::{GroupKey, PeerKind};
pub use import::Rejection;
pub use limit::{Excess, LimitEvent, PathLimit, Reached};
pub use memory::{Held, MemoryView};
pub use next_hop::NextHopState;
pub use peer::{NextHopMode, PeerCounters, PeerId, PeerSettings, Session};
pub use policy::Policy;
pub use rib::Rib;
pub use rules::{ExportRules, LocalAs, PathRules, PrivateAs};
pub use table::{PathCount, TableSize};
pub use told::Told;
pub use view::{GroupView, PathView, PeerView, RouteFilter, RouteView};
