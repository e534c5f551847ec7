//! BIRD's control socket: the line protocol that `birdc` and `birdcl`, bird_exporter, Calico's probes and
//! `calicoctl node status` speak, answered by the same [`Backend`](crate::api::Backend) as the API.
//!
//! The layout is that of BIRD 1.6, octet by octet, because Calico's readers want its words and columns; `birdc` of BIRD 2
//! prints whatever comes. `tests/tests/birdc.rs` asks both and compares.
//!
//! A client is greeted, sends a line, gets an answer (`reply`), and so on. An answer is written while it is made, so
//! that a million routes cost no more memory than a hundred, and whoever does not read is dropped. Each command
//! (`command`) has a file of its own: `status`, `protocols`, `routes`, `orders`.
//!
//! Where roost differs from what BIRD would say, by intent:
//!
//! * The time of a route is when its session came up, or roost started: roost keeps none for each path.
//! * Of the counters of `show protocols all` those that roost does not have are `---`, as BIRD's own gaps are.
//! * Why a session is down is said in roost's words. Paths that import refused are always kept, so `filtered` shows them.
//! * A route's gateway and interface are those of the kernel's route. Of a path that is not in the kernel roost knows no
//!   interface; that is `on ?`.
//! * Routes come in order of prefix, and not of a hash.

mod clock;
mod command;
mod names;
mod orders;
mod protocols;
mod reply;
mod routes;
mod server;
mod status;

pub use server::{serve, serve_stream};

use std::net::IpAddr;

use bgp_proto::Family;

/// What BIRD calls itself on the socket: the layout's version, then ours.
const VERSION: &str = concat!("1.6.8+roost-", env!("CARGO_PKG_VERSION"));

/// Which peers and routes a socket shows. BIRD 1.6 is a program for each family, with a socket each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    Both,
    /// Those of one family: peers by their address, routes by their prefix.
    Only(Family),
}

impl Scope {
    /// Whether peers with such addresses, and routes to them, are shown.
    fn shows(self, address: IpAddr) -> bool {
        let family = if address.is_ipv4() { Family::IPV4_UNICAST } else { Family::IPV6_UNICAST };
        self == Scope::Both || self == Scope::Only(family)
    }

    /// The families shown, by their names in the API.
    fn families(self) -> Vec<String> {
        let shown = Family::SUPPORTED.into_iter().filter(|&family| self == Scope::Both || self == Scope::Only(family));
        shown.map(|family| family.to_string()).collect()
    }
}
