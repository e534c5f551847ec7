//! What the caller decides once: which routes are ours, which pool is reached how.

use crate::FibError;
use crate::route::contains;
use ipnetwork::IpNetwork;
use std::net::IpAddr;
use std::time::Duration;

/// RTPROT_BIRD of the kernel's `rtnetlink.h`; `ip route` prints it as `proto bird`.
pub const PROTOCOL_BIRD: u8 = 12;
/// RT_TABLE_MAIN: the table that `ip route` shows, and the one next hops are resolved in.
pub const TABLE_MAIN: u32 = 254;
/// What the kernel makes of an IPv6 route without a metric (IP6_RT_PRIO_USER).
pub const IPV6_DEFAULT_METRIC: u32 = 1024;
/// Unless told otherwise: ten times the largest mesh, about a whole Internet. The kernel takes routes until its memory
/// is gone, and with it whatever else runs on the node.
pub const MAX_ROUTES: usize = 1_000_000;

/// How routes are written, and which prefixes travel through a tunnel.
#[derive(Debug, Clone)]
pub struct FibConfig {
    /// Protocol id that marks a route as ours, 5–255 (0–4 belong to the kernel and to people).
    pub protocol: u8,
    /// Metric of every route; `None` is 0 for IPv4 and 1024 for IPv6, which is what `ip route add`
    /// without a metric gives.
    pub metric: Option<u32>,
    /// Routing table the routes go to.
    pub table: u32,
    /// Ranges with their encapsulation; a prefix in none of them is routed directly.
    pub pools: Vec<Pool>,
    /// The node's own subnets, for [`Mode::IpipCrossSubnet`]. Empty: every subnet of an up interface
    /// that is no tunnel of a pool.
    pub local_subnets: Vec<IpNetwork>,
    /// Ranges that no learned route may equal or lie in; such a one is withheld. A default route among them protects
    /// itself alone.
    pub protect: Vec<IpNetwork>,
    /// Addresses of the node whose subnets, as the interfaces have them, are protected likewise, but for pools in them.
    pub protect_subnets_of: Vec<IpAddr>,
    /// So many learned routes are installed; the rest are withheld until there is room. Own blocks don't count.
    pub max_routes: usize,
    /// How often everything is read back and compared although nothing was heard.
    pub rescan: Duration,
}

impl Default for FibConfig {
    fn default() -> Self {
        FibConfig {
            protocol: PROTOCOL_BIRD,
            metric: None,
            table: TABLE_MAIN,
            pools: Vec::new(),
            local_subnets: Vec::new(),
            protect: Vec::new(),
            protect_subnets_of: Vec::new(),
            max_routes: MAX_ROUTES,
            rescan: Duration::from_secs(60),
        }
    }
}

/// A range of pod addresses and how its packets reach another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// The range.
    pub cidr: IpNetwork,
    /// How packets for it travel.
    pub mode: Mode,
    /// Tunnel device for the ipip modes; `None` is `tunl0`.
    pub device: Option<String>,
}

impl Pool {
    /// The tunnel device, if this pool has one.
    pub fn tunnel(&self) -> Option<&str> {
        (self.mode != Mode::Direct).then(|| self.device.as_deref().unwrap_or("tunl0"))
    }
}

/// How packets for a pool travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Unencapsulated, through whatever resolves the next hop.
    Direct,
    /// Always in the tunnel, also between neighbours.
    Ipip,
    /// In the tunnel unless the next hop is in one of the node's own subnets.
    IpipCrossSubnet,
}

impl FibConfig {
    /// The metric a route of this prefix gets in the kernel.
    pub fn metric_of(&self, prefix: IpNetwork) -> u32 {
        match (self.metric, prefix) {
            // The kernel turns an IPv6 metric of 0 into 1024 too.
            (None | Some(0), IpNetwork::V6(_)) => IPV6_DEFAULT_METRIC,
            (metric, _) => metric.unwrap_or(0),
        }
    }

    /// The smallest pool that holds the prefix.
    pub fn pool_of(&self, prefix: IpNetwork) -> Option<&Pool> {
        self.pools
            .iter()
            .filter(|pool| pool.cidr.prefix() <= prefix.prefix() && contains(pool.cidr, prefix.ip()))
            .max_by_key(|pool| pool.cidr.prefix())
    }

    /// Names of all tunnel devices, each once.
    pub fn tunnels(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.pools.iter().filter_map(Pool::tunnel).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    pub(crate) fn is_local_subnet(&self, address: IpAddr) -> bool {
        self.local_subnets.iter().any(|net| contains(*net, address))
    }

    /// Refuses what can't be run.
    pub(crate) fn check(&self) -> Result<(), FibError> {
        let bad = |what: String| Err(FibError::Config(what));
        if self.protocol < 5 {
            return bad(format!(
                "protocol id {} belongs to the kernel or to hand-made routes; use 5–255 (12 is bird)",
                self.protocol
            ));
        }
        // RT_TABLE_UNSPEC, and RT_TABLE_LOCAL which the kernel keeps for itself.
        if matches!(self.table, 0 | 255) {
            return bad(format!("table {} can't hold our routes; use 254 (main) or another", self.table));
        }
        if self.rescan.is_zero() {
            return bad("rescan must be longer than zero".into());
        }
        for pool in &self.pools {
            let Some(name) = pool.tunnel() else { continue };
            // IFNAMSIZ counts the closing zero.
            if name.is_empty() || name.len() > 15 || name.contains(['/', ' ']) {
                return bad(format!("pool {}: {name:?} is no device name (1–15 characters)", pool.cidr));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(cidr: &str, mode: Mode) -> Pool {
        Pool { cidr: cidr.parse().unwrap(), mode, device: None }
    }

    #[test]
    fn the_smallest_pool_decides_and_a_supernet_is_in_no_pool() {
        let config = FibConfig {
            pools: vec![pool("10.64.0.0/10", Mode::Ipip), pool("10.65.0.0/16", Mode::Direct)],
            ..FibConfig::default()
        };
        let mode = |p: &str| config.pool_of(p.parse().unwrap()).map(|pool| pool.mode);
        assert_eq!(mode("10.65.3.0/26"), Some(Mode::Direct));
        assert_eq!(mode("10.66.3.0/26"), Some(Mode::Ipip));
        assert_eq!(mode("10.64.0.0/10"), Some(Mode::Ipip));
        assert_eq!(mode("10.0.0.0/8"), None);
        assert_eq!(mode("fd00::/64"), None);
        assert_eq!(config.tunnels(), ["tunl0"]);
    }

    #[test]
    fn nonsense_is_refused_with_what_to_write_instead() {
        let refused = |config: FibConfig| config.check().unwrap_err().to_string();
        assert!(refused(FibConfig { protocol: 2, ..FibConfig::default() }).contains("use 5–255"));
        assert!(refused(FibConfig { table: 255, ..FibConfig::default() }).contains("254 (main)"));
        let mut long = pool("10.0.0.0/8", Mode::Ipip);
        long.device = Some("a-name-of-16-chr".into());
        assert!(refused(FibConfig { pools: vec![long], ..FibConfig::default() }).contains("1–15"));
        assert!(FibConfig::default().check().is_ok());
    }

    #[test]
    fn ipv6_metric_zero_is_1024_like_in_the_kernel() {
        let (v4, v6) = ("10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap());
        let config = |metric| FibConfig { metric, ..FibConfig::default() };
        assert_eq!([config(None).metric_of(v4), config(None).metric_of(v6)], [0, 1024]);
        assert_eq!([config(Some(0)).metric_of(v4), config(Some(0)).metric_of(v6)], [0, 1024]);
        assert_eq!([config(Some(7)).metric_of(v4), config(Some(7)).metric_of(v6)], [7, 7]);
    }
}
