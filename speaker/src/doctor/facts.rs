//! What the checks judge: a machine's state, recorded. No check asks the machine itself, so each can be tested on states
//! that no test machine has.

use std::collections::BTreeMap;
use std::net::IpAddr;

use fib_sync::netlink::{SeenDevice, SeenRoute, Snapshot};
use ipnetwork::IpNetwork;

use super::firewall::Ruleset;
use crate::api::model::{Examination, PoolRow};

/// One machine at one moment.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// How things are meant to be.
    pub meant: Examination,
    /// The network namespace looked at.
    pub netns: String,
    /// Files of `/proc/sys/net`, by their path in it: `ipv4/ip_forward`.
    pub sysctls: BTreeMap<String, String>,
    /// Devices, addresses, routes, neighbours.
    pub kernel: Snapshot,
    /// Every chain that forwarded packets go through.
    pub firewalls: Vec<Ruleset>,
    /// Which tools have told them; empty where there was none.
    pub firewall_tools: Vec<String>,
    /// Processes of this network namespace, but for the daemon and ourselves.
    pub processes: Vec<Process>,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// The name the kernel knows it by (`/proc/PID/comm`), at most 15 octets.
    pub name: String,
}

impl Facts {
    /// Whether what was looked at is what the daemon works with, if one runs.
    pub fn is_of_daemon(&self) -> bool {
        self.meant.process.as_ref().is_none_or(|process| process.netns == self.netns)
    }

    /// A number of `/proc/sys/net`; `None` where the file is not there.
    pub fn sysctl(&self, path: &str) -> Option<u32> {
        self.sysctls.get(path)?.trim().parse().ok()
    }

    /// Pools whose learned routes roost writes.
    pub fn pools(&self) -> impl Iterator<Item = (&PoolRow, IpNetwork)> {
        self.meant.pools.iter().filter(|pool| pool.install).filter_map(|pool| Some((pool, pool.cidr.parse().ok()?)))
    }

    /// The tunnel devices of these pools, each once.
    pub fn tunnels(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.pools().filter_map(|(pool, _)| pool.device.as_deref()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The node's addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.meant.addresses.iter().filter_map(|text| text.parse::<IpNetwork>().ok()).map(|net| net.ip())
    }

    /// The device with the node's address of this family.
    pub fn underlay(&self, v4: bool) -> Option<&SeenDevice> {
        self.addresses().filter(|address| address.is_ipv4() == v4).find_map(|address| self.kernel.with_address(address))
    }

    /// Whether pods of this family are reached through this node.
    pub fn forwards(&self, v4: bool) -> bool {
        match self.meant.pools.is_empty() {
            true => self.addresses().any(|address| address.is_ipv4() == v4),
            false => self.pools().any(|(_, cidr)| cidr.is_ipv4() == v4),
        }
    }

    /// Routes of roost's protocol ids in its tables, by which packets are sent on.
    pub fn routes(&self) -> impl Iterator<Item = &SeenRoute> {
        let meant = &self.meant;
        let marks = move |route: &&SeenRoute| {
            (route.protocol, route.table) == (meant.protocol, meant.table)
                || meant.pools.iter().any(|pool| (route.protocol, route.table) == (pool.protocol, pool.table))
        };
        self.kernel.routes.iter().filter(marks).filter(|route| !route.hops.is_empty())
    }

    /// Devices that these routes lead out of and that are no tunnels, each once.
    pub fn uplinks(&self) -> Vec<&str> {
        let tunnels = self.tunnels();
        let names = self.routes().flat_map(|route| &route.hops).map(|hop| hop.device.as_str());
        let mut names: Vec<&str> = names.filter(|name| !tunnels.contains(name)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Devices that lead to pods of this node: those of routes to single addresses of a pool, without a gateway.
    pub fn pod_devices(&self) -> Vec<&str> {
        let of_pool = |route: &&SeenRoute| self.meant.pools.iter().any(|pool| is_inside(&pool.cidr, route.prefix));
        let single = |route: &&SeenRoute| route.prefix.prefix() == if route.prefix.is_ipv4() { 32 } else { 128 };
        let hops = self.kernel.routes.iter().filter(of_pool).filter(single).flat_map(|route| &route.hops);
        let mut names: Vec<&str> = hops.filter(|hop| hop.via.is_none()).map(|hop| hop.device.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Whether the prefix lies in the range; the range itself does.
pub fn is_inside(range: &str, prefix: IpNetwork) -> bool {
    range.parse::<IpNetwork>().is_ok_and(|range| {
        range.is_ipv4() == prefix.is_ipv4() && range.prefix() <= prefix.prefix() && range.contains(prefix.ip())
    })
}
