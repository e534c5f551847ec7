//! What the caller decides once: which routes are ours, which pool is reached how.

use crate::FibError;
use crate::desired::{Reason, Target};
use crate::device::Device;
use crate::route::{Route, contains};
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

/// The metric of the least preferred of [`Metric::FromPreference`]: a metric is positive where it is a signed number.
const LEAST_PREFERRED: u32 = 0x7fff_ffff;

/// How routes are written, and which prefixes travel through a tunnel.
#[derive(Debug, Clone)]
pub struct FibConfig {
    /// Protocol id that marks a route as ours, 5–255 (0–4 belong to the kernel and to people).
    pub protocol: u8,
    /// Metric of the routes.
    pub metric: Metric,
    /// Routing table the routes go to.
    pub table: u32,
    /// Ranges with their encapsulation; a prefix in none of them is routed directly.
    pub pools: Vec<Pool>,
    /// Tunnel devices to make and to keep.
    pub devices: Vec<Device>,
    /// The node's addresses: where packets of tunnels that other programs own start from.
    pub addresses: Vec<IpAddr>,
    /// Protocol ids and tables of earlier runs: routes that carry them at start are ours, too.
    pub adopt: Vec<(u8, u32)>,
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
            metric: Metric::None,
            table: TABLE_MAIN,
            pools: Vec::new(),
            devices: Vec::new(),
            addresses: Vec::new(),
            adopt: Vec::new(),
            local_subnets: Vec::new(),
            protect: Vec::new(),
            protect_subnets_of: Vec::new(),
            max_routes: MAX_ROUTES,
            rescan: Duration::from_secs(60),
        }
    }
}

/// The kernel's metric of a route, of which the lowest wins; part of the kernel's key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Metric {
    /// None, which is 0 for IPv4 and 1024 for IPv6, as with `ip route add` without a metric.
    #[default]
    None,
    /// This one. 0 is none.
    Fixed(u32),
    /// 2147483647 less the preference of a learned route: routes of several programs, or of several tables of one, then
    /// rank in the kernel as they do in BGP. A blackhole is nobody's choice and has none.
    FromPreference,
}

impl Metric {
    fn of(self, prefix: IpNetwork, target: &Target) -> u32 {
        let metric = match (self, target) {
            (Metric::Fixed(metric), _) => metric,
            // The most preferred must not end as none, which is 1024 for IPv6.
            (Metric::FromPreference, Target::Via(via)) => {
                LEAST_PREFERRED.saturating_sub(via.preference).max(prefix.is_ipv6().into())
            }
            (Metric::None, _) | (Metric::FromPreference, Target::Blackhole) => 0,
        };
        match metric {
            // The kernel turns an IPv6 metric of 0 into 1024 too.
            0 if prefix.is_ipv6() => IPV6_DEFAULT_METRIC,
            metric => metric,
        }
    }
}

/// What marks a route as ours and says where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) protocol: u8,
    pub(crate) metric: u32,
    pub(crate) table: u32,
}

impl Key {
    pub(crate) fn is_of(&self, route: &Route) -> bool {
        let Key { protocol, metric, table } = *self;
        (route.protocol, route.metric, route.table, route.tos) == (protocol, metric, table, 0)
    }
}

/// A range of pod addresses and how its packets reach another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// The range.
    pub cidr: IpNetwork,
    /// How packets for it travel.
    pub mode: Mode,
    /// Tunnel device of the other modes than direct; `None` is `tunl0` or, of the vxlan modes, `vxlan.roost`.
    pub device: Option<String>,
    /// Whether learned routes of the range are installed; if not, they are another program's.
    pub install: bool,
    /// Whether blackholes of the range are.
    pub blackholes: bool,
    /// Whether neighbour and forwarding entries are written to the VXLAN device; if not, they are another program's.
    pub far_ends: bool,
    /// Protocol id; `None` is [`FibConfig::protocol`]. Where routes are another program's: theirs, and left alone.
    pub protocol: Option<u8>,
    /// Metric; `None` is [`FibConfig::metric`].
    pub metric: Option<Metric>,
    /// Routing table; `None` is [`FibConfig::table`].
    pub table: Option<u32>,
}

impl Pool {
    /// A pool whose routes are installed as all others are.
    pub fn new(cidr: IpNetwork, mode: Mode) -> Pool {
        let (protocol, metric, table) = (None, None, None);
        Pool { cidr, mode, device: None, install: true, blackholes: true, far_ends: true, protocol, metric, table }
    }

    /// Whether what is to be done with its packets is for us to write.
    pub(crate) fn installs(&self, target: &Target) -> bool {
        match target {
            Target::Via(_) => self.install,
            Target::Blackhole => self.blackholes,
        }
    }

    /// The tunnel device, if this pool has one.
    pub fn tunnel(&self) -> Option<&str> {
        let usual = match self.mode {
            Mode::Direct | Mode::HostGw => return None,
            Mode::Ipip | Mode::IpipCrossSubnet => "tunl0",
            Mode::Vxlan | Mode::VxlanCrossSubnet => "vxlan.roost",
        };
        Some(self.device.as_deref().unwrap_or(usual))
    }
}

/// How packets for a pool travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Unencapsulated, through whatever resolves the next hop.
    Direct,
    /// Unencapsulated, and only to next hops on a link of the node: never through a gateway, which would have to know the
    /// range.
    HostGw,
    /// Always in the tunnel, also between neighbours.
    Ipip,
    /// In the tunnel unless the next hop is in one of the node's own subnets.
    IpipCrossSubnet,
    /// Always in a VXLAN device, whose entries for the far ends are written along (RFC 7348).
    Vxlan,
    /// In the VXLAN device unless the next hop is in one of the node's own subnets.
    VxlanCrossSubnet,
}

impl Mode {
    /// Whether there is a tunnel at all.
    pub(crate) fn is_tunnel(self) -> bool {
        !matches!(self, Mode::Direct | Mode::HostGw)
    }

    /// Whether the tunnel is a VXLAN.
    pub fn is_vxlan(self) -> bool {
        matches!(self, Mode::Vxlan | Mode::VxlanCrossSubnet)
    }

    /// Whether nodes of our own subnets are reached without the tunnel.
    pub(crate) fn spares_neighbours(self) -> bool {
        matches!(self, Mode::IpipCrossSubnet | Mode::VxlanCrossSubnet)
    }
}

impl FibConfig {
    /// The key of the route that is wanted, or why it is for another program to write.
    pub(crate) fn key_of(&self, prefix: IpNetwork, target: &Target) -> Result<Key, Reason> {
        let pool = self.pool_of(prefix);
        if let Some(pool) = pool.filter(|pool| !pool.installs(target)) {
            return Err(Reason::OthersPool(pool.cidr));
        }
        Ok(Key {
            protocol: pool.and_then(|pool| pool.protocol).unwrap_or(self.protocol),
            metric: pool.and_then(|pool| pool.metric).unwrap_or(self.metric).of(prefix, target),
            table: pool.and_then(|pool| pool.table).unwrap_or(self.table),
        })
    }

    /// The smallest pool that holds the prefix.
    pub fn pool_of(&self, prefix: IpNetwork) -> Option<&Pool> {
        self.pools
            .iter()
            .filter(|pool| pool.cidr.prefix() <= prefix.prefix() && contains(pool.cidr, prefix.ip()))
            .max_by_key(|pool| pool.cidr.prefix())
    }

    /// Names of the VXLAN devices.
    pub(crate) fn vxlan_names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.pools.iter().filter(|pool| pool.mode.is_vxlan()).filter_map(Pool::tunnel).map(str::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        names
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
        let written = self.pools.iter().filter(|pool| pool.install || pool.blackholes);
        for protocol in written.clone().filter_map(|pool| pool.protocol).chain([self.protocol]) {
            if protocol < 5 {
                return bad(format!(
                    "protocol id {protocol} belongs to the kernel or to hand-made routes; use 5–255 (12 is bird)"
                ));
            }
        }
        for table in written.filter_map(|pool| pool.table).chain([self.table]) {
            // RT_TABLE_UNSPEC, and RT_TABLE_LOCAL which the kernel keeps for itself.
            if matches!(table, 0 | 255) {
                return bad(format!("table {table} can't hold our routes; use 254 (main) or another"));
            }
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
    use crate::desired::Via;

    fn pool(cidr: &str, mode: Mode) -> Pool {
        Pool::new(cidr.parse().unwrap(), mode)
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
        let with = |pool: Pool| FibConfig { pools: vec![pool], ..FibConfig::default() };
        let kernel = || Pool { protocol: Some(2), ..pool("10.0.0.0/8", Mode::Direct) };
        assert!(refused(with(kernel())).contains("id 2 belongs"));
        assert!(refused(with(Pool { table: Some(0), ..pool("10.0.0.0/8", Mode::Direct) })).contains("table 0"));
        assert!(with(Pool { install: false, blackholes: false, ..kernel() }).check().is_ok(), "theirs may be any");
        let mut long = pool("10.0.0.0/8", Mode::Ipip);
        long.device = Some("a-name-of-16-chr".into());
        assert!(refused(FibConfig { pools: vec![long], ..FibConfig::default() }).contains("1–15"));
        assert!(FibConfig::default().check().is_ok());
    }

    #[test]
    fn a_pool_says_where_its_routes_stand_and_else_the_whole_does() {
        let config = FibConfig {
            metric: Metric::Fixed(7),
            pools: vec![
                Pool {
                    metric: Some(Metric::None),
                    protocol: Some(186),
                    table: Some(100),
                    ..pool("10.65.0.0/16", Mode::Direct)
                },
                Pool { install: false, blackholes: true, ..pool("10.66.0.0/16", Mode::Direct) },
            ],
            ..FibConfig::default()
        };
        let via = Target::via(["172.16.1.2".parse().unwrap()].into_iter().collect());
        let key = |prefix: &str, target: &Target| config.key_of(prefix.parse().unwrap(), target);
        assert_eq!(key("10.1.0.0/24", &via), Ok(Key { protocol: 12, metric: 7, table: 254 }));
        assert_eq!(key("10.65.1.0/24", &via), Ok(Key { protocol: 186, metric: 0, table: 100 }));
        let theirs = Reason::OthersPool("10.66.0.0/16".parse().unwrap());
        assert_eq!(theirs.to_string(), "pool 10.66.0.0/16 is another agent's (install: false)");
        assert_eq!(key("10.66.1.0/24", &via), Err(theirs));
        assert_eq!(key("10.66.1.0/24", &Target::Blackhole), Ok(Key { protocol: 12, metric: 7, table: 254 }));
    }

    #[test]
    fn metrics_are_none_or_a_number_or_follow_the_preference() {
        let (v4, v6) = ("10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap());
        let both = |metric: Metric, target: &Target| [metric.of(v4, target), metric.of(v6, target)];
        let via = |preference| Target::via(Via { preference, ..Via::default() });
        for metric in [Metric::None, Metric::Fixed(0)] {
            assert_eq!(both(metric, &via(100)), [0, 1024], "IPv6 has no metric 0");
            assert_eq!(both(metric, &Target::Blackhole), [0, 1024]);
        }
        assert_eq!(both(Metric::Fixed(7), &via(100)), [7, 7]);
        assert_eq!(both(Metric::Fixed(7), &Target::Blackhole), [7, 7]);
        for (preference, metrics) in [
            (2_147_482_623, [1024, 1024]),
            (2_147_483_135, [512, 512]),
            (100, [2_147_483_547, 2_147_483_547]),
            (0, [2_147_483_647, 2_147_483_647]),
            (2_147_483_647, [0, 1]),
            (u32::MAX, [0, 1]),
        ] {
            assert_eq!(both(Metric::FromPreference, &via(preference)), metrics, "{preference}");
        }
        assert_eq!(both(Metric::FromPreference, &Target::Blackhole), [0, 1024]);
    }
}
