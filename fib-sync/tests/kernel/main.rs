//! The real kernel, in namespaces made for the occasion: every form of route as exact text, every way
//! in which Linux loses a route, and everything foreign left alone.
//!
//! A veth named `tunl0` stands in for the ipip device, which not every kernel has: it accepts the same
//! routes and prints them the same way.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod devices;
mod flap;
mod forms;
mod inspect;
mod interfaces;
mod netns;
mod next_hops;
mod ownership;
mod repair;
mod vxlan;

use fib_sync::{FibConfig, FibHandle, FibStats, Metric, Mode, Pool, RowFilter, State, Target, start};
use ipnetwork::IpNetwork;
use netns::{bird_routes, ip};
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
    let pool = |cidr: &str, mode| Pool::new(net(cidr), mode);
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
    (net(prefix), Some(Target::via(next_hops.iter().map(|text| text.parse().unwrap()).collect())))
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
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "never: {what}\n{:#?}\n{:#?}",
            fib.stats(),
            &bird_routes().iter().take(20).collect::<Vec<_>>()
        );
        // Between two looks: counters only answer.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    began.elapsed()
}
