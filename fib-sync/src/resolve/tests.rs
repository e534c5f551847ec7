use super::*;
use crate::config::{Pool, TABLE_MAIN};
use crate::kernel::{Address, Dump, Link};
use crate::marks::Marks;
use crate::route::Route;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// A node with two uplinks, one link that is down, a tunnel, and a few routes of other people.
fn world() -> View {
    let link = |index, name: &str, up| Link { index, name: name.into(), up, carrier: up, mtu: 1500, ..Link::default() };
    let address = |dev, net: &str| Address { dev, net: net.parse().unwrap() };
    let mut dump = Dump {
        links: vec![
            link(1, "lo", true),
            link(2, "eth0", true),
            link(3, "eth1", true),
            link(4, "eth2", false),
            link(7, "tunl0", true),
            link(8, "tundown", false),
        ],
        addresses: vec![
            address(1, "127.0.0.1/8"),
            address(2, "172.16.1.1/24"),
            address(2, "fd00:1::1/64"),
            address(3, "172.17.1.1/24"),
            address(4, "172.18.1.1/24"),
            address(7, "10.65.1.0/32"),
        ],
        far_ends: vec![],
        routes: Vec::new(),
    };
    let mut add = |prefix: &str, metric, form| {
        let prefix = prefix.parse().unwrap();
        dump.routes.push(Route { prefix, metric, table: TABLE_MAIN, protocol: 4, tos: 0, form, extras: false });
    };
    let hop = |via: Option<&str>, dev, onlink| Hop { via: via.map(|v| v.parse().unwrap()), dev, onlink, weight: 0 };
    let one = |via, dev, onlink| Form::Unicast(Hops::from_slice(&[hop(via, dev, onlink)]));
    add("172.16.1.0/24", 0, one(None, 2, false));
    add("172.17.1.0/24", 0, one(None, 3, false));
    add("172.18.1.0/24", 0, one(None, 4, false));
    add("fd00:1::/64", 256, one(None, 2, false));
    add("0.0.0.0/0", 100, one(Some("172.16.1.254"), 2, false));
    add("192.0.2.0/24", 0, one(Some("169.254.1.1"), 3, true));
    add("198.51.100.0/24", 0, Form::Other(7));
    add("203.0.113.0/24", 20, one(Some("172.17.1.254"), 3, false));
    add("203.0.113.0/24", 10, one(Some("172.18.1.254"), 4, false));
    let both = [hop(Some("172.16.1.254"), 2, false), hop(Some("172.17.1.254"), 3, false)];
    add("100.64.0.0/16", 0, Form::Unicast(Hops::from_slice(&both)));
    add("10.65.1.7/32", 1024, one(None, 3, false));
    let mut view = View::new(Marks::new(&FibConfig::default()));
    view.load(dump, |_, _| false);
    view
}

fn config() -> FibConfig {
    let pool = |cidr: &str, mode, device: &str| Pool {
        device: (!device.is_empty()).then(|| device.to_owned()),
        ..Pool::new(cidr.parse().unwrap(), mode)
    };
    FibConfig {
        pools: vec![
            pool("10.65.0.0/16", Mode::Ipip, ""),
            pool("10.66.0.0/16", Mode::Direct, ""),
            pool("10.70.0.0/16", Mode::HostGw, ""),
            pool("10.67.0.0/16", Mode::IpipCrossSubnet, ""),
            pool("10.68.0.0/16", Mode::Ipip, "tundown"),
            pool("10.69.0.0/16", Mode::IpipCrossSubnet, "nosuch"),
            pool("fd00:65::/64", Mode::Ipip, ""),
        ],
        ..FibConfig::default()
    }
}

fn target(next_hops: &str) -> Target {
    match next_hops {
        "blackhole" => Target::Blackhole,
        _ => Target::via(next_hops.split_whitespace().map(next_hop).collect()),
    }
}

/// An address, and behind a `%` the number of its interface.
fn next_hop(text: &str) -> NextHop {
    let (addr, interface) = text.split_once('%').unwrap_or((text, "0"));
    NextHop { interface: interface.parse().unwrap(), ..addr.parse().unwrap() }
}

/// The result as text: a route's part after the prefix, or the reason.
fn text(prefix: &str, wanted: &str, config: &FibConfig, view: &View, desired: &Desired) -> String {
    let prefix: IpNetwork = prefix.parse().unwrap();
    let subnets: Vec<IpNetwork> = view.links.subnets(&["tunl0", "tundown"]).collect();
    let world = Underlay { config, view, desired };
    let target = target(wanted);
    let known: BTreeMap<NextHop, Facts> =
        target.next_hops().map(|next_hop| (next_hop, Facts::find(next_hop, &world, &subnets))).collect();
    match resolve(prefix, &target, config, view, |next_hop| known.get(&next_hop)) {
        Resolved::Form(form) => {
            let route = Route { prefix, metric: 0, table: TABLE_MAIN, protocol: 12, tos: 0, form, extras: false };
            route
                .text(&view.links)
                .to_string()
                .replace(&format!("{prefix} "), "")
                .replace("proto bird nexthop", "nexthop")
                .replace(" proto bird", "")
        }
        Resolved::Skipped => "skipped".into(),
        Resolved::Withheld(reason) => reason.to_string(),
    }
}

#[test]
fn every_mode_with_every_sort_of_next_hop() {
    let (config, view, desired) = (config(), world(), Desired::default());
    let unreachable = "is unreachable: no subnet of an up interface and no route leads to it";
    let table = [
        // prefix            next hops                     comes to
        ("10.66.2.0/26", "172.16.1.2", "via 172.16.1.2 dev eth0"),
        ("10.66.2.0/26", "172.16.2.3", "via 172.16.1.254 dev eth0"),
        ("10.1.0.0/24", "172.17.1.2", "via 172.17.1.2 dev eth1"),
        ("10.70.2.0/26", "172.16.1.2", "via 172.16.1.2 dev eth0"),
        (
            "10.70.2.0/26",
            "172.16.2.3",
            "next hop 172.16.2.3 is on none of this node's subnets (172.16.1.0/24 on eth0, 172.17.1.0/24 on eth1), and pool \
             10.70.0.0/16 (host-gw) takes no gateway in between; give the pool mode ipip-cross-subnet or \
             vxlan-cross-subnet, or mode direct if the gateways know its addresses",
        ),
        ("10.70.2.0/26", "172.16.2.3 172.16.1.2", "via 172.16.1.2 dev eth0"),
        ("0.0.0.0/0", "172.16.1.254", "default via 172.16.1.254 dev eth0"),
        ("10.65.2.0/26", "172.16.1.2", "via 172.16.1.2 dev tunl0 onlink"),
        ("10.65.2.0/26", "172.16.2.3", "via 172.16.2.3 dev tunl0 onlink"),
        ("10.67.2.0/26", "172.16.1.2", "via 172.16.1.2 dev eth0"),
        ("10.67.2.0/26", "172.16.2.3", "via 172.16.2.3 dev tunl0 onlink"),
        ("10.67.2.0/26", "172.18.1.2", "via 172.18.1.2 dev tunl0 onlink"),
        // Several.
        (
            "10.66.2.0/26",
            "172.17.1.2 172.16.1.2",
            "nexthop via 172.16.1.2 dev eth0 weight 1 nexthop via 172.17.1.2 dev eth1 weight 1",
        ),
        ("10.66.2.0/26", "172.16.2.3 172.16.3.3", "via 172.16.1.254 dev eth0"),
        (
            "10.66.2.0/26",
            "100.64.1.1",
            "nexthop via 172.16.1.254 dev eth0 weight 1 nexthop via 172.17.1.254 dev eth1 weight 1",
        ),
        ("10.65.2.0/26", "172.16.1.2 172.16.1.2", "via 172.16.1.2 dev tunl0 onlink"),
        (
            "10.65.2.0/26",
            "172.16.1.4 172.16.1.2",
            "nexthop via 172.16.1.2 dev tunl0 weight 1 onlink nexthop via 172.16.1.4 dev tunl0 weight 1 onlink",
        ),
        (
            "10.67.2.0/26",
            "172.16.2.3 172.16.3.3",
            "nexthop via 172.16.2.3 dev tunl0 weight 1 onlink nexthop via 172.16.3.3 dev tunl0 weight 1 onlink",
        ),
        // Several, of which one is nearer.
        ("10.67.2.0/26", "172.16.1.2 172.16.2.3", "via 172.16.1.2 dev eth0"),
        ("10.67.2.0/26", "172.16.2.3 172.16.1.2", "via 172.16.1.2 dev eth0"),
        ("10.65.2.0/26", "172.16.2.3 172.16.1.2", "via 172.16.1.2 dev tunl0 onlink"),
        ("10.66.2.0/26", "172.16.2.3 172.16.1.2", "via 172.16.1.2 dev eth0"),
        ("10.66.2.0/26", "172.16.1.1 172.16.1.2", "via 172.16.1.2 dev eth0"),
        ("10.69.2.0/26", "172.16.2.3 172.16.1.2", "via 172.16.1.2 dev eth0"),
        // The resolving route's own peculiarities.
        ("10.66.2.0/26", "192.0.2.9", "via 169.254.1.1 dev eth1 onlink"),
        ("10.66.2.0/26", "203.0.113.9", "via 172.17.1.254 dev eth1"),
        ("10.66.2.0/26", "172.18.1.2", "via 172.16.1.254 dev eth0"),
        ("10.66.2.0/26", "10.65.1.7", "via 10.65.1.7 dev eth1"),
        ("10.66.2.0/26", "fd00:1::2", "via inet6 fd00:1::2 dev eth0"),
        ("fd00:66::/122", "fd00:1::2", "via fd00:1::2 dev eth0"),
        // A link is named.
        ("10.66.2.0/26", "fe80::2%3", "via inet6 fe80::2 dev eth1"),
        ("fd00:66::/122", "fe80::2%2", "via fe80::2 dev eth0"),
        ("fd00:66::/122", "fe80::2%4", "next hop fe80::2%4 is on a link that is down"),
        ("fd00:66::/122", "fe80::2%9", "next hop fe80::2%9 is on a link that is down"),
        // Blackholes.
        ("10.65.1.0/26", "blackhole", "blackhole"),
        ("10.65.1.9/32", "blackhole", "skipped"),
        ("fd00:65::1/128", "blackhole", "skipped"),
        // Withheld.
        ("10.66.2.0/26", "198.51.100.9", "next hop 198.51.100.9 falls into 198.51.100.0/24, which drops its packets"),
        ("10.66.2.0/26", "172.16.1.1", "next hop 172.16.1.1 is an address of this node"),
        ("10.65.2.0/26", "172.16.1.1", "next hop 172.16.1.1 is an address of this node"),
        ("10.66.2.0/26", "0.0.0.0", "next hop 0.0.0.0 can't be a gateway"),
        ("10.66.2.0/26", "224.0.0.5", "next hop 224.0.0.5 can't be a gateway"),
        (
            "fd00:66::/122",
            "fe80::1",
            "next hop fe80::1 is link-local and names no interface; announce a global next hop",
        ),
        ("fd00:66::/122", "172.16.1.2", "next hop 172.16.1.2 is IPv4 and can't carry an IPv6 prefix"),
        ("fd00:66::/122", "fd00:9::2", &format!("next hop fd00:9::2 {unreachable}")),
        ("10.66.2.0/26", "", "it has no next hop"),
        (
            "fd00:65::/122",
            "fd00:1::2",
            "its pool is tunnelled through tunl0, but ipip carries only IPv4 over IPv4; give the pool mode `direct` or `vxlan`",
        ),
        (
            "10.65.2.0/26",
            "fd00:1::2",
            "its pool is tunnelled through tunl0, but ipip carries only IPv4 over IPv4; give the pool mode `direct` or `vxlan`",
        ),
        (
            "10.68.2.0/26",
            "172.16.1.2",
            "tunnel device tundown is down and the route must not leave unencapsulated; `ip link set tundown up`",
        ),
        (
            "10.69.2.0/26",
            "172.16.2.3",
            "tunnel device nosuch does not exist and the route must not leave unencapsulated; create it (`modprobe ipip` makes tunl0)",
        ),
    ];
    for (prefix, next_hops, expected) in table {
        let got = text(prefix, next_hops, &config, &view, &desired);
        assert_eq!(got, expected, "{prefix} via {next_hops}");
    }
}

#[test]
fn own_subnets_can_be_given_and_then_decide_alone() {
    let (view, desired) = (world(), Desired::default());
    let config = FibConfig { local_subnets: vec!["172.16.1.0/25".parse().unwrap()], ..config() };
    let go = |next_hop| text("10.67.2.0/26", next_hop, &config, &view, &desired);
    assert_eq!(go("172.16.1.2"), "via 172.16.1.2 dev eth0");
    assert_eq!(go("172.16.1.200"), "via 172.16.1.200 dev tunl0 onlink");
    assert_eq!(go("172.17.1.2"), "via 172.17.1.2 dev tunl0 onlink");
}

#[test]
fn our_own_routes_resolve_next_hops_but_never_themselves() {
    let (config, mut view) = (config(), world());
    let desired = |wanted: &[(&str, &str)]| {
        let mut desired = Desired::default();
        for (prefix, next_hops) in wanted {
            desired.want(prefix.parse().unwrap(), target(next_hops), SystemTime::UNIX_EPOCH);
        }
        desired
    };
    // A learned subnet leads on.
    let learned = desired(&[("172.20.0.0/16", "172.17.1.9"), ("172.21.0.0/16", "172.20.0.1")]);
    assert_eq!(text("10.66.2.0/26", "172.20.5.5", &config, &view, &learned), "via 172.17.1.9 dev eth1");
    assert_eq!(text("10.66.2.0/26", "172.21.5.5", &config, &view, &learned), "via 172.17.1.9 dev eth1");
    // A prefix with its next hop inside is not the way there.
    let itself = desired(&[("172.20.0.0/16", "172.20.0.1")]);
    assert_eq!(text("172.20.0.0/16", "172.20.0.1", &config, &view, &itself), "via 172.16.1.254 dev eth0");
    // Two that lean on each other stand on the default route, or fall together.
    let leaning = desired(&[("172.20.0.0/16", "172.21.0.1"), ("172.21.0.0/16", "172.20.0.1")]);
    assert_eq!(text("172.20.0.0/16", "172.21.0.1", &config, &view, &leaning), "via 172.16.1.254 dev eth0");
    // The node's own default route beats a learned one …
    let default = desired(&[("0.0.0.0/0", "172.17.1.254")]);
    assert_eq!(text("10.66.2.0/26", "172.16.2.3", &config, &view, &default), "via 172.16.1.254 dev eth0");
    // … which is the last resort.
    view.routes.remove("0.0.0.0/0".parse().unwrap(), |_| true);
    assert_eq!(text("10.66.2.0/26", "172.16.2.3", &config, &view, &default), "via 172.17.1.254 dev eth1");
    let groundless = desired(&[("0.0.0.0/0", "172.16.2.3")]);
    assert!(text("0.0.0.0/0", "172.16.2.3", &config, &view, &groundless).contains("is unreachable"));
    assert!(text("172.20.0.0/16", "172.21.0.1", &config, &view, &leaning).contains("is unreachable"));
    assert!(text("172.20.0.0/16", "172.20.0.1", &config, &view, &itself).contains("is unreachable"));
    // A tunnelled prefix carries pods, not nodes; a dropped one nobody.
    let inside = desired(&[("10.65.0.0/24", "172.16.1.2"), ("10.66.7.0/24", "blackhole")]);
    assert!(text("10.66.2.0/26", "10.65.0.5", &config, &view, &inside).contains("is unreachable"));
    assert!(text("10.66.2.0/26", "10.66.7.5", &config, &view, &inside).contains("falls into 10.66.7.0/24"));
}

#[test]
fn a_long_chain_ends_and_a_wide_tree_is_cut() {
    let (config, mut view) = (config(), world());
    view.routes.remove("0.0.0.0/0".parse().unwrap(), |_| true);
    let mut chain = Desired::default();
    for n in 20..30 {
        let prefix = format!("172.{n}.0.0/16").parse().unwrap();
        let next = if n == 29 { "172.17.1.9".to_owned() } else { format!("172.{}.0.1", n + 1) };
        chain.want(prefix, target(&next), SystemTime::UNIX_EPOCH);
    }
    assert_eq!(text("10.66.2.0/26", "172.27.0.1", &config, &view, &chain), "via 172.17.1.9 dev eth1");
    assert!(text("10.66.2.0/26", "172.20.0.1", &config, &view, &chain).contains("is unreachable"));
    let mut tree = Desired::default();
    let all: Vec<String> = (20..84).map(|n| format!("172.{n}.0.1")).collect();
    for n in 20..84 {
        tree.want(format!("172.{n}.0.0/16").parse().unwrap(), target(&all.join(" ")), SystemTime::UNIX_EPOCH);
    }
    let began = std::time::Instant::now();
    assert!(text("10.66.2.0/26", "172.20.0.1", &config, &view, &tree).starts_with("next hop 172.20.0.1"));
    assert!(began.elapsed() < std::time::Duration::from_secs(1), "64^4 ways are not all walked");
}
