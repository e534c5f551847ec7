//! A kernel route, and its text as `ip route` would print it.

use crate::view::Links;
use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};
use smallvec::SmallVec;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The next hops of a route; nearly always one.
pub type Hops = SmallVec<[Hop; 1]>;

/// One way out: a gateway on a device, or the device alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hop {
    /// Gateway; `None` when the destination itself is on the link.
    pub via: Option<IpAddr>,
    /// Interface index.
    pub dev: u32,
    /// The gateway is taken to be on the link although no subnet says so (RTNH_F_ONLINK).
    pub onlink: bool,
    /// Extra weight: `ip route` prints one more (rtnh_hops).
    pub weight: u8,
}

impl Hop {
    /// A gateway that a subnet of the device contains.
    pub fn via(gateway: IpAddr, dev: u32) -> Hop {
        Hop { via: Some(gateway), dev, onlink: false, weight: 0 }
    }

    /// A gateway that is reached by this device whatever the subnets say: a tunnel's far end.
    pub fn onlink(gateway: IpAddr, dev: u32) -> Hop {
        Hop { onlink: true, ..Hop::via(gateway, dev) }
    }
}

/// What a route does with a packet. Two unicast forms are equal when they have the same next hops in
/// any order; the order is kept all the same, as an IPv4 deletion has to repeat it.
#[derive(Debug, Clone)]
pub enum Form {
    /// Sends it on.
    Unicast(Hops),
    /// Drops it without a word.
    Blackhole,
    /// Any other rtm_type (`unreachable` is 7, `prohibit` 8, `throw` 9, `local` 2).
    Other(u8),
}

impl PartialEq for Form {
    fn eq(&self, other: &Form) -> bool {
        match (self, other) {
            (Form::Unicast(a), Form::Unicast(b)) if a.len() > 1 && a.len() == b.len() && a != b => {
                let (mut a, mut b) = (a.clone(), b.clone());
                a.sort_unstable();
                b.sort_unstable();
                a == b
            }
            (Form::Unicast(a), Form::Unicast(b)) => a == b,
            (Form::Other(a), Form::Other(b)) => a == b,
            (Form::Blackhole, Form::Blackhole) => true,
            _ => false,
        }
    }
}

impl Eq for Form {}

/// A route as the kernel keeps it. Everything that its keys and our comparison need, no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Destination, without host bits.
    pub prefix: IpNetwork,
    /// RTA_PRIORITY; lower wins. Part of the kernel's key.
    pub metric: u32,
    /// Routing table (RTA_TABLE, which also holds numbers above 255).
    pub table: u32,
    /// Who wrote it (rtm_protocol).
    pub protocol: u8,
    /// IPv4 type of service; part of the IPv4 key. Ours are always 0.
    pub tos: u8,
    /// What it does.
    pub form: Form,
    /// It carries something we never write: a source address, an MTU, an encapsulation, a next-hop object.
    pub extras: bool,
}

impl Route {
    /// Same kernel key: writing one would meet the other.
    pub fn same_key(&self, other: &Route) -> bool {
        self.prefix == other.prefix && self.metric == other.metric && self.table == other.table && self.tos == other.tos
    }

    /// Its next hops; none when it sends nothing on.
    pub fn hops(&self) -> &[Hop] {
        match &self.form {
            Form::Unicast(hops) => hops,
            Form::Blackhole | Form::Other(_) => &[],
        }
    }

    /// Whether one of its next hops is on the interface.
    pub(crate) fn leads_over(&self, dev: u32) -> bool {
        self.hops().iter().any(|hop| hop.dev == dev)
    }

    /// The route as `ip route` prints it, on one line; IPv6's constant `pref medium` is left out.
    pub fn text<'a>(&'a self, links: &'a Links) -> impl fmt::Display + 'a {
        Text { route: self, links }
    }
}

struct Text<'a> {
    route: &'a Route,
    links: &'a Links,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Text { route, links } = self;
        match &route.form {
            Form::Unicast(_) => {}
            Form::Blackhole => f.write_str("blackhole ")?,
            Form::Other(kind) => f.write_str(type_name(*kind))?,
        }
        match route.prefix {
            net if net.prefix() == 0 => f.write_str("default")?,
            net if is_host(net) => write!(f, "{}", net.ip())?,
            net => write!(f, "{net}")?,
        }
        if route.tos != 0 {
            write!(f, " tos {:#04x}", route.tos)?;
        }
        let single = match route.hops() {
            [hop] => Some(hop),
            _ => None,
        };
        if let Some(hop) = single {
            hop_text(f, hop, links, route.prefix)?;
        } else if route.prefix.is_ipv6() && route.hops().is_empty() {
            f.write_str(" dev lo")?;
        }
        if route.table != crate::config::TABLE_MAIN {
            write!(f, " table {}", route.table)?;
        }
        f.write_str(" proto ")?;
        match protocol_name(route.protocol) {
            Some(name) => f.write_str(name)?,
            None => write!(f, "{}", route.protocol)?,
        }
        if route.metric != 0 {
            write!(f, " metric {}", route.metric)?;
        }
        if let Some(hop) = single {
            return f.write_str(if hop.onlink { " onlink" } else { "" });
        }
        for hop in route.hops() {
            f.write_str(" nexthop")?;
            hop_text(f, hop, links, route.prefix)?;
            write!(f, " weight {}", u16::from(hop.weight) + 1)?;
            f.write_str(if hop.onlink { " onlink" } else { "" })?;
        }
        Ok(())
    }
}

fn hop_text(f: &mut fmt::Formatter<'_>, hop: &Hop, links: &Links, prefix: IpNetwork) -> fmt::Result {
    if let Some(via) = hop.via {
        f.write_str(" via ")?;
        if via.is_ipv6() && prefix.is_ipv4() {
            f.write_str("inet6 ")?;
        }
        write!(f, "{via}")?;
    }
    match links.name(hop.dev) {
        Some(name) => write!(f, " dev {name}"),
        None => write!(f, " dev if{}", hop.dev),
    }
}

fn type_name(kind: u8) -> &'static str {
    match kind {
        2 => "local ",
        3 => "broadcast ",
        4 => "anycast ",
        5 => "multicast ",
        7 => "unreachable ",
        8 => "prohibit ",
        9 => "throw ",
        10 => "nat ",
        _ => "unknown ",
    }
}

/// Names of iproute2's `rt_protos`.
fn protocol_name(protocol: u8) -> Option<&'static str> {
    Some(match protocol {
        0 => "unspec",
        1 => "redirect",
        2 => "kernel",
        3 => "boot",
        4 => "static",
        8 => "gated",
        9 => "ra",
        10 => "mrt",
        11 => "zebra",
        12 => "bird",
        13 => "dnrouted",
        14 => "xorp",
        15 => "ntk",
        16 => "dhcp",
        18 => "keepalived",
        42 => "babel",
        186 => "bgp",
        187 => "isis",
        188 => "ospf",
        189 => "rip",
        192 => "eigrp",
        _ => return None,
    })
}

/// The network of this length that holds the address. A length beyond the family's is its longest.
pub(crate) fn network(address: IpAddr, length: u8) -> IpNetwork {
    match address {
        IpAddr::V4(a) => {
            let length = length.min(32);
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            let net = Ipv4Network::new(Ipv4Addr::from(u32::from(a) & mask), length);
            IpNetwork::V4(net.expect("the length was cut to 32 above"))
        }
        IpAddr::V6(a) => {
            let length = length.min(128);
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            let net = Ipv6Network::new(Ipv6Addr::from(u128::from(a) & mask), length);
            IpNetwork::V6(net.expect("the length was cut to 128 above"))
        }
    }
}

/// The network without its host bits.
pub(crate) fn masked(net: IpNetwork) -> IpNetwork {
    network(net.ip(), net.prefix())
}

pub(crate) fn contains(net: IpNetwork, address: IpAddr) -> bool {
    net.is_ipv4() == address.is_ipv4() && network(address, net.prefix()).ip() == masked(net).ip()
}

/// First and last address.
pub(crate) fn bounds(net: IpNetwork) -> (IpAddr, IpAddr) {
    (net.network(), net.broadcast())
}

/// A single address: /32 or /128.
pub(crate) fn is_host(net: IpNetwork) -> bool {
    net.prefix() == if net.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Link;

    fn links() -> Links {
        let mut links = Links::default();
        for (index, name) in [(1, "lo"), (2, "eth0"), (7, "tunl0")] {
            links.set(Link { index, name: name.into(), up: true, carrier: true, mtu: 1500, ..Link::default() });
        }
        links
    }

    fn route(prefix: &str, metric: u32, form: Form) -> Route {
        Route { prefix: prefix.parse().unwrap(), metric, table: 254, protocol: 12, tos: 0, form, extras: false }
    }

    fn hop(via: &str, dev: u32, onlink: bool) -> Hop {
        Hop { onlink, ..Hop::via(via.parse().unwrap(), dev) }
    }

    #[test]
    fn text_is_what_ip_route_prints() {
        let one = |via, dev, onlink| Form::Unicast(Hops::from_slice(&[hop(via, dev, onlink)]));
        let two = Form::Unicast(Hops::from_slice(&[hop("10.0.0.1", 7, true), hop("10.0.0.2", 2, false)]));
        let device = Form::Unicast(Hops::from_slice(&[Hop { via: None, dev: 2, onlink: false, weight: 0 }]));
        let table = [
            (route("10.66.2.0/26", 0, one("172.16.1.2", 2, false)), "10.66.2.0/26 via 172.16.1.2 dev eth0 proto bird"),
            (
                route("10.65.2.0/26", 1024, one("172.16.1.2", 7, true)),
                "10.65.2.0/26 via 172.16.1.2 dev tunl0 proto bird metric 1024 onlink",
            ),
            (route("10.65.1.9/32", 0, one("172.16.1.2", 9, false)), "10.65.1.9 via 172.16.1.2 dev if9 proto bird"),
            (route("10.65.1.0/26", 0, Form::Blackhole), "blackhole 10.65.1.0/26 proto bird"),
            (route("fd02::/122", 1024, Form::Blackhole), "blackhole fd02::/122 dev lo proto bird metric 1024"),
            (
                route("10.65.77.0/26", 0, two),
                "10.65.77.0/26 proto bird nexthop via 10.0.0.1 dev tunl0 weight 1 onlink nexthop via 10.0.0.2 dev eth0 weight 1",
            ),
            (route("0.0.0.0/0", 0, one("fe80::1", 2, false)), "default via inet6 fe80::1 dev eth0 proto bird"),
            (
                Route { protocol: 80, table: 100, tos: 8, ..route("10.1.0.0/24", 0, device) },
                "10.1.0.0/24 tos 0x08 dev eth0 table 100 proto 80",
            ),
            (
                Route { protocol: 4, ..route("10.1.0.0/24", 5, Form::Other(7)) },
                "unreachable 10.1.0.0/24 proto static metric 5",
            ),
        ];
        for (route, text) in table {
            assert_eq!(route.text(&links()).to_string(), text);
        }
    }

    #[test]
    fn networks_are_masked_at_every_length() {
        let v4: IpAddr = "10.1.2.3".parse().unwrap();
        assert_eq!(network(v4, 0).to_string(), "0.0.0.0/0");
        assert_eq!(network(v4, 26).to_string(), "10.1.2.0/26");
        assert_eq!(network(v4, 99).to_string(), "10.1.2.3/32");
        let v6: IpAddr = "fd00::1:2".parse().unwrap();
        assert_eq!(network(v6, 0).to_string(), "::/0");
        assert_eq!(network(v6, 128).to_string(), "fd00::1:2/128");
        assert!(contains("10.1.2.0/24".parse().unwrap(), v4) && !contains("10.1.3.0/24".parse().unwrap(), v4));
        assert!(contains("0.0.0.0/0".parse().unwrap(), v4) && !contains("0.0.0.0/0".parse().unwrap(), v6));
    }
}
