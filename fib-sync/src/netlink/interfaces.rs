//! The node's interfaces with their addresses, and word of every change: for whoever looks for the node's own address.
//!
//! A kernel connection without routing tables: it works where this crate writes no routes, and a hundred thousand
//! routes that change are never heard of here.

use super::NetlinkKernel;
use crate::kernel::{Kernel, Link};
use ipnetwork::IpNetwork;
use rtnetlink::MulticastGroup;
use std::collections::BTreeMap;
use std::io;

/// Events taken at once; which they were does not matter.
const EVENTS: usize = 4096;

const GROUPS: [MulticastGroup; 2] = [MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr];

/// A network interface with its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Index, unique while it exists.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Addresses with the length of their subnet, host bits kept; in the kernel's order, IPv4 first.
    pub addresses: Vec<IpNetwork>,
}

/// The interfaces of the network namespace the thread was in when this was opened.
pub struct Interfaces(NetlinkKernel);

impl Interfaces {
    /// Begins to listen. Must be called inside a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// When the system refuses a netlink socket.
    pub fn open() -> io::Result<Interfaces> {
        NetlinkKernel::listening(Vec::new(), &GROUPS).map(Interfaces)
    }

    /// All interfaces in order of index, up or down.
    ///
    /// # Errors
    /// When the kernel could not be asked, or its interfaces changed again and again meanwhile.
    pub async fn read(&mut self) -> io::Result<Vec<Interface>> {
        let dump = self.0.dump().await?;
        let empty = |link: Link| (link.index, Interface { index: link.index, name: link.name, addresses: Vec::new() });
        let mut interfaces: BTreeMap<u32, Interface> = dump.links.into_iter().map(empty).collect();
        for address in dump.addresses {
            if let Some(interface) = interfaces.get_mut(&address.dev) {
                interface.addresses.push(address.net);
            }
        }
        Ok(interfaces.into_values().collect())
    }

    /// Waits until an address came or went since the last call, or may have. May be dropped while waiting.
    pub async fn changed(&mut self) {
        self.0.ready().await;
        let mut events = Vec::new();
        while !self.0.drain(EVENTS, &mut events) {
            events.clear();
        }
    }
}
