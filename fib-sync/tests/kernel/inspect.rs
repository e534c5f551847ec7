//! A look at the kernel, and its own answer to where an address leads.

use crate::netns::{in_netns, ip};
use fib_sync::netlink::{Inspector, Lookup, SeenRoute};
use std::net::IpAddr;

fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn devices_routes_neighbours_and_far_ends_are_seen_as_they_are() {
    in_netns(async || {
        crate::node();
        ip("link set eth0 mtu 1460");
        ip("link add vx0 type vxlan id 4096 dstport 4789 local 172.16.1.1 nolearning");
        ip("link set vx0 up");
        ip("link set peer1 down");
        ip("neigh add 172.16.2.3 lladdr 02:72:ac:10:02:03 dev vx0 nud permanent");
        let fdb = ["fdb", "add", "02:72:ac:10:02:03", "dst", "172.16.2.3", "dev", "vx0", "self"];
        assert!(std::process::Command::new("bridge").args(fdb).status().unwrap().success());
        ip("route add 10.65.3.0/26 via 172.17.1.2 dev eth1 proto bird");
        ip("route add blackhole 10.65.1.0/26 proto bird");
        ip("route add 10.65.4.0/26 proto bird nexthop via 172.16.1.2 dev eth0 nexthop via 172.17.1.2 dev eth1");
        ip("route add 10.7.0.0/24 via 172.16.1.2 table 100 proto bird");
        let mut inspector = Inspector::open().unwrap();
        let seen = inspector.look(&[254]).await.unwrap();

        let device = |name: &str| seen.device(name).unwrap();
        assert_eq!((device("eth0").kind.as_str(), device("eth0").mtu, device("eth0").carrier), ("veth", 1460, true));
        assert!(device("eth1").up && !device("eth1").carrier);
        assert_eq!(device("vx0").vxlan, Some((4096, 4789, Some(addr("172.16.1.1")))));
        assert_eq!(device("vx0").kind, "vxlan");
        assert_eq!(seen.with_address(addr("172.17.1.1")).map(|device| device.name.as_str()), Some("eth1"));

        let route = |prefix: &str| -> &SeenRoute {
            seen.routes.iter().find(|route| route.prefix == prefix.parse().unwrap()).unwrap()
        };
        assert!(route("10.65.1.0/26").drops && route("10.65.1.0/26").hops.is_empty());
        assert!(route("10.65.3.0/26").hops[0].linkdown, "{:?}", route("10.65.3.0/26"));
        let down: Vec<(&str, bool)> =
            route("10.65.4.0/26").hops.iter().map(|hop| (hop.device.as_str(), hop.linkdown)).collect();
        assert_eq!(down, [("eth0", false), ("eth1", true)]);
        assert!(seen.routes.iter().all(|route| route.table == 254));
        assert!(inspector.look(&[100]).await.unwrap().routes.iter().any(|route| route.text.contains("10.7.0.0/24")));

        let neighbour = seen
            .neighbours
            .iter()
            .find(|neighbour| neighbour.device == "vx0" && neighbour.address == addr("172.16.2.3"));
        assert_eq!(neighbour.map(|neighbour| neighbour.state), Some("PERMANENT"));
        assert!(
            seen.forwarding.iter().any(|entry| entry.device == "vx0" && entry.node == addr("172.16.2.3")),
            "{:?}",
            seen.forwarding
        );
    });
}

#[test]
fn the_kernel_says_which_route_an_address_goes_by() {
    in_netns(async || {
        crate::node();
        ip("route add 10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird");
        ip("route add blackhole 10.65.1.0/26 proto bird");
        ip("route add unreachable 10.66.0.0/16");
        ip("-6 route add fd00:2::/64 via fd00:1::2 dev eth0 proto bird");
        let mut inspector = Inspector::open().unwrap();
        let seen = inspector.look(&[]).await.unwrap();
        assert!(seen.routes.is_empty());
        let mut ask = async |address: &str| inspector.lookup(addr(address)).await.unwrap();
        let text = |lookup: Lookup| match lookup {
            Lookup::Route(route) => route.text,
            Lookup::Nowhere(error) => error.text,
        };
        assert_eq!(text(ask("10.65.2.9").await), "10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird");
        assert_eq!(text(ask("192.0.2.1").await), "default via 172.16.1.254 dev eth0 proto static metric 100");
        assert_eq!(text(ask("fd00:2::9").await), "fd00:2::/64 via fd00:1::2 dev eth0 proto bird metric 1024");
        let Lookup::Route(own) = ask("172.16.1.1").await else { panic!("an address of the node") };
        assert!(own.local, "{own:?}");
        let errno = |lookup: Lookup| match lookup {
            Lookup::Route(route) => panic!("{route:?}"),
            Lookup::Nowhere(error) => error.errno(),
        };
        assert_eq!(errno(ask("10.65.1.9").await), Some(libc::EINVAL));
        assert_eq!(errno(ask("10.66.0.1").await), Some(libc::EHOSTUNREACH));
        ip("route del default");
        assert_eq!(errno(ask("192.0.2.1").await), Some(libc::ENETUNREACH));
    });
}
