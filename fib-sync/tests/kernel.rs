//! The real kernel, in namespaces made for the occasion: every form of route as exact text, every way
//! in which Linux loses a route, and everything foreign left alone.
//!
//! A veth named `tunl0` stands in for the ipip device, which not every kernel has: it accepts the same
//! routes and prints them the same way.
#![allow(clippy::unwrap_used, missing_docs)]

mod netns;

use fib_sync::{FibConfig, FibHandle, FibStats, Mode, Pool, RowFilter, State, Target, start};
use ipnetwork::IpNetwork;
use netns::{bird_routes, in_netns, ip};
use std::time::{Duration, Instant};

/// Two uplinks with both families, and a tunnel.
fn node() {
    ip("link add eth0 type veth peer name peer0");
    ip("link add eth1 type veth peer name peer1");
    ip("addr add 172.16.1.1/24 dev eth0");
    ip("addr add 172.17.1.1/24 dev eth1");
    ip("addr add fd00:1::1/64 dev eth0 nodad");
    for link in ["eth0", "peer0", "eth1", "peer1"] {
        ip(&format!("link set {link} up"));
    }
    tunnel();
    ip("route add default via 172.16.1.254 dev eth0 proto static metric 100");
}

fn tunnel() {
    ip("link add tunl0 type veth peer name far");
    ip("link set far up");
    ip("link set tunl0 up");
}

fn config() -> FibConfig {
    let pool = |cidr: &str, mode| Pool { cidr: net(cidr), mode, device: None };
    FibConfig {
        pools: vec![
            pool("10.65.0.0/16", Mode::Ipip),
            pool("10.66.0.0/16", Mode::Direct),
            pool("10.67.0.0/16", Mode::IpipCrossSubnet),
        ],
        // Whatever is repaired below is repaired because of an event.
        rescan: Duration::from_secs(3600),
        ..FibConfig::default()
    }
}

fn net(text: &str) -> IpNetwork {
    text.parse().unwrap()
}

fn via(prefix: &str, next_hops: &[&str]) -> (IpNetwork, Option<Target>) {
    (net(prefix), Some(Target::Via(next_hops.iter().map(|text| text.parse().unwrap()).collect())))
}

fn blackhole(prefix: &str) -> (IpNetwork, Option<Target>) {
    (net(prefix), Some(Target::Blackhole))
}

async fn state(fib: &FibHandle, prefix: &str) -> State {
    fib.rows(RowFilter::Exact(net(prefix))).await.remove(0).state
}

/// Waits until the counters say so; gives the time it took.
async fn until(fib: &FibHandle, what: &str, done: impl Fn(FibStats) -> bool) -> Duration {
    let began = Instant::now();
    while !done(fib.stats()) {
        assert!(began.elapsed() < Duration::from_secs(10), "never: {what}\n{:#?}\n{:#?}", fib.stats(), bird_routes());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    began.elapsed()
}

#[test]
fn every_form_reads_as_documented() {
    in_netns("every_form_reads_as_documented", async || {
        node();
        let (fib, adopted) = start(config()).unwrap();
        assert_eq!((adopted.ipv4, adopted.ipv6), (0, 0));
        fib.update([
            via("10.66.2.0/26", &["172.16.1.2"]),
            via("10.66.3.0/26", &["172.16.2.3"]),
            via("10.65.2.0/26", &["172.16.1.2"]),
            via("10.65.3.0/26", &["172.16.2.3"]),
            via("10.67.2.0/26", &["172.16.1.2"]),
            via("10.67.3.0/26", &["172.16.2.3"]),
            via("10.66.9.0/26", &["172.16.1.2", "172.17.1.2"]),
            via("10.65.77.0/26", &["172.16.1.2", "172.16.1.4"]),
            via("10.66.8.0/26", &["172.16.2.3", "172.16.3.3"]),
            via("10.65.1.9/32", &["172.16.1.2"]),
            blackhole("10.65.1.0/26"),
            blackhole("10.65.200.1/32"),
            via("203.0.113.0/24", &["172.16.1.254"]),
            via("fd00:10:2::/122", &["fd00:1::2"]),
            via("fd00:10:3::/122", &["fd00:1::2", "fd00:1::3"]),
            blackhole("fd00:10:1::/122"),
            blackhole("fd00:10:1::7/128"),
        ]);
        fib.flush().await;
        assert_eq!(
            bird_routes(),
            [
                "blackhole 10.65.1.0/26 proto bird",
                "10.65.1.9 via 172.16.1.2 dev tunl0 proto bird onlink",
                "10.65.2.0/26 via 172.16.1.2 dev tunl0 proto bird onlink",
                "10.65.3.0/26 via 172.16.2.3 dev tunl0 proto bird onlink",
                "10.65.77.0/26 proto bird | nexthop via 172.16.1.2 dev tunl0 weight 1 onlink | nexthop via 172.16.1.4 dev tunl0 weight 1 onlink",
                "10.66.2.0/26 via 172.16.1.2 dev eth0 proto bird",
                "10.66.3.0/26 via 172.16.1.254 dev eth0 proto bird",
                "10.66.8.0/26 via 172.16.1.254 dev eth0 proto bird",
                "10.66.9.0/26 proto bird | nexthop via 172.16.1.2 dev eth0 weight 1 | nexthop via 172.17.1.2 dev eth1 weight 1",
                "10.67.2.0/26 via 172.16.1.2 dev eth0 proto bird",
                "10.67.3.0/26 via 172.16.2.3 dev tunl0 proto bird onlink",
                "203.0.113.0/24 via 172.16.1.254 dev eth0 proto bird",
                "blackhole fd00:10:1::/122 dev lo proto bird metric 1024 pref medium",
                "fd00:10:2::/122 via fd00:1::2 dev eth0 proto bird metric 1024 pref medium",
                "fd00:10:3::/122 proto bird metric 1024 pref medium | nexthop via fd00:1::2 dev eth0 weight 1 | nexthop via fd00:1::3 dev eth0 weight 1",
            ]
        );
        let rows = fib.rows(RowFilter::All).await;
        assert_eq!(rows.len(), 17);
        for row in rows {
            let wanted = if row.prefix.prefix() >= 32 && row.target == Some(Target::Blackhole) && row.kernel.is_none() {
                State::Skipped
            } else {
                State::Installed
            };
            assert_eq!(row.state, wanted, "{}", row.prefix);
        }
        assert_eq!(fib.stats().errors, 0);
        fib.shutdown(false).await;
        assert_eq!(bird_routes(), [""; 0]);
    });
}
