//! What no peer may take over: ranges a learned route neither equals nor lies in.
//!
//! A /25 or a /32 inside the node's own subnet beats the connected route and takes the way to its neighbours along: the
//! mesh, the API server, the router. So the subnets of the node's addresses are protected without a word; others
//! (service ranges, a management network) are listed. A wider route is none of its business: the connected one wins.
//!
//! Not by default: the default route, which a switch is asked for; and other nodes' addresses outside our subnets, which
//! are reached by learned routes where each rack has its own subnet.

use crate::config::FibConfig;
use crate::desired::Reason;
use crate::route::{contains, masked};
use ipnetwork::IpNetwork;

#[derive(Debug, Clone, Default)]
pub(crate) struct Protected {
    /// The default routes among those that are listed. They protect themselves, not all there is.
    defaults: Vec<IpNetwork>,
    listed: Ranges,
    subnets: Ranges,
}

impl Protected {
    pub(crate) fn new(listed: &[IpNetwork]) -> Protected {
        let (defaults, listed): (Vec<_>, Vec<_>) = listed.iter().copied().partition(|net| net.prefix() == 0);
        let defaults = defaults.into_iter().map(masked).collect();
        Protected { defaults, listed: Ranges::new(listed), subnets: Ranges::default() }
    }

    /// The subnets of the node's addresses; whether that is news.
    pub(crate) fn set_subnets(&mut self, subnets: impl IntoIterator<Item = IpNetwork>) -> bool {
        let subnets = Ranges::new(subnets);
        let changed = subnets != self.subnets;
        self.subnets = subnets;
        changed
    }

    /// Why a learned route of this prefix is not installed.
    pub(crate) fn find(&self, prefix: IpNetwork, config: &FibConfig) -> Option<Reason> {
        if self.defaults.contains(&prefix) {
            return Some(Reason::Protected(prefix));
        }
        if let Some(range) = self.listed.around(prefix) {
            return Some(Reason::Protected(range));
        }
        let subnet = self.subnets.around(prefix)?;
        // Pods in the node's own subnet: whoever made the range a pool has said that peers announce it. A pool that is
        // wider than the subnet says nothing of nodes.
        let pods = config.pool_of(prefix).is_some_and(|pool| pool.cidr.prefix() >= subnet.prefix());
        (!pods).then_some(Reason::NodeSubnet(subnet))
    }
}

/// Ranges in order, none in another: one search finds the one around a prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Ranges(Vec<IpNetwork>);

impl Ranges {
    fn new(all: impl IntoIterator<Item = IpNetwork>) -> Ranges {
        let mut all: Vec<IpNetwork> = all.into_iter().map(masked).collect();
        // By address, then by length: the outer one comes first.
        all.sort_unstable();
        all.dedup_by(|inner, outer| contains(*outer, inner.ip()));
        Ranges(all)
    }

    fn around(&self, prefix: IpNetwork) -> Option<IpNetwork> {
        let after = self.0.partition_point(|range| range.ip() <= prefix.ip());
        let range = *self.0.get(after.checked_sub(1)?)?;
        (range.prefix() <= prefix.prefix() && contains(range, prefix.ip())).then_some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Mode, Pool};

    fn net(text: &str) -> IpNetwork {
        text.parse().unwrap()
    }

    #[test]
    fn equal_and_inside_is_protected_and_wider_is_not() {
        let pool = |cidr: &str| Pool::new(net(cidr), Mode::Direct);
        let config = FibConfig {
            pools: vec![pool("172.16.1.128/25"), pool("172.20.0.0/14"), pool("172.24.5.0/24")],
            ..FibConfig::default()
        };
        let listed = ["10.96.3.0/24", "10.96.0.0/12", "10.128.0.0/16", "0.0.0.0/0", "fd00:96::/108"];
        let mut protected = Protected::new(&listed.map(net));
        let subnets = ["172.16.1.1/24", "172.20.1.1/24", "172.24.5.1/24", "192.0.2.7/32", "fd00:1::1/64"];
        assert!(protected.set_subnets(subnets.map(net)));
        assert!(!protected.set_subnets(subnets.map(net)), "no news");
        let listed = |range| Some(Reason::Protected(net(range)));
        let subnet = |range| Some(Reason::NodeSubnet(net(range)));
        let table = [
            // The list; the outermost range names itself.
            ("10.96.0.0/12", listed("10.96.0.0/12")),
            ("10.96.3.4/32", listed("10.96.0.0/12")),
            ("10.111.255.255/32", listed("10.96.0.0/12")),
            ("10.112.0.0/16", None),
            ("10.0.0.0/8", None),
            ("10.128.7.0/24", listed("10.128.0.0/16")),
            ("fd00:96::5/128", listed("fd00:96::/108")),
            ("fd00:96::/64", None),
            // A listed default route protects itself alone; one that is not listed, nothing.
            ("0.0.0.0/0", listed("0.0.0.0/0")),
            ("::/0", None),
            ("0.0.0.0/1", None),
            // The node's subnets.
            ("172.16.1.0/24", subnet("172.16.1.0/24")),
            ("172.16.1.2/32", subnet("172.16.1.0/24")),
            ("172.16.0.0/16", None),
            ("172.16.2.2/32", None),
            ("192.0.2.7/32", subnet("192.0.2.7/32")),
            ("fd00:1::9/128", subnet("fd00:1::/64")),
            // A pool in a subnet, or as large, holds pods; one around it does not make nodes pods.
            ("172.16.1.192/26", None),
            ("172.24.5.64/26", None),
            ("172.20.1.64/26", subnet("172.20.1.0/24")),
            ("172.20.2.64/26", None),
        ];
        for (prefix, expected) in table {
            assert_eq!(protected.find(net(prefix), &config), expected, "{prefix}");
        }
    }
}
