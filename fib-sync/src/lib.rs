//! How the Linux kernel gets to the routes it should hold, and stays there.
//!
//! A caller hands in *wanted* routes: a prefix with its next hops, or "drop what falls in here". This
//! crate resolves the next hops, picks the device (a plain gateway or a tunnel, by the pool the prefix
//! belongs to), writes the routes in batches and keeps watching: a route deleted by hand, a link that
//! went down and up, an address that came back: the routes are there again by themselves.
//!
//! ```text
//! FibHandle::update ─► pending map ─► Engine: wanted × kernel view ─► plan ─► Kernel::begin ─► a thread that writes
//!                                        ▲                                                        │
//!                                        └── results, notifications, dumps ◄──────────────────────┘
//! ```
//!
//! * [`Engine`] is the whole logic. It has no socket and no clock; time is an argument.
//! * [`Kernel`] is what it needs from a kernel. [`netlink`] is the real one, [`memory`] one that
//!   forgets, refuses and overruns on demand, the way Linux does.
//! * [`FibHandle::watch_next_hops`] follows next hops for somebody who has yet to choose between paths.
//! * [`start`] puts both on their own thread. The thread has its own single-threaded runtime because
//!   netlink's ping-pong costs three times as much on a shared multi-threaded one. A second thread writes: while the
//!   kernel takes one batch, the next is decided.
//!
//! # What is ours
//!
//! A route is ours when it carries our protocol id, stands in our table, **and** we wrote it, found it
//! at start, or want exactly that prefix. Each pool may have an id, a table and a metric of its own, or
//! be another program's altogether. Everything else is foreign and is neither replaced nor deleted. That
//! needs care, because the kernel's IPv4 key is (destination, tos, metric) and its IPv6 key (destination,
//! metric): the protocol is in neither, and a replace rewrites whoever comes first. So a route is first
//! created exclusively, and only what is known to be ours is ever replaced.
//!
//! Routes into a VXLAN need two entries more for the node at the other end: the module `far_ends`. The
//! device is made where it is missing and asked for: `engine/devices.rs`.
#![forbid(unsafe_code)]

mod by_prefix;
mod changes;
mod clean;
mod config;
mod desired;
mod device;
mod driver;
mod engine;
mod errnos;
mod error;
mod far_ends;
mod foresight;
mod handle;
mod hash;
mod intake;
mod kernel;
mod lag;
mod latency;
mod marks;
pub mod memory;
pub mod netlink;
mod next_hop;
mod next_hops;
mod plan;
mod protect;
mod resolve;
mod route;
mod rows;
mod shared;
mod stats;
mod view;
mod watched;

pub use changes::Watcher;
pub use clean::{Cleaned, clean};
pub use config::{FibConfig, MAX_ROUTES, Metric, Mode, Pool};
pub use desired::{Reason, State, Target, Tunnel, Via};
pub use device::{Device, DeviceKind};
pub use engine::{Covering, Engine, Explanation, Found, Overview, Way};
pub use errnos::Errnos;
pub use error::FibError;
pub use far_ends::{FarEntry, Mac, Part};
pub use foresight::{Excerpt, Foreseen, OtherWish};
pub use handle::{Adopted, FibHandle, start, start_on};
pub use kernel::{Address, Dump, Event, Failure, Kernel, KernelError, Link, LinkKind, RouteChange};
pub use latency::Latency;
pub use next_hop::NextHop;
pub use next_hops::NextHopError;
pub use plan::{Leave, Op, Plan, plan};
pub use route::{Form, Hop, Hops, Route};
pub use rows::{FibRow, RowFilter};
pub use stats::{FibStats, Repairs};
pub use view::Links;
pub use watched::NextHopReport;
