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
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "never: {what}\n{:#?}\n{:#?}",
            fib.stats(),
            &bird_routes().iter().take(20).collect::<Vec<_>>()
        );
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

#[test]
fn a_route_deleted_by_hand_is_back_within_100_ms() {
    in_netns("a_route_deleted_by_hand_is_back_within_100_ms", async || {
        node();
        let (fib, _) = start(config()).unwrap();
        fib.update([
            via("10.65.2.0/26", &["172.16.1.2"]),
            via("fd00:10:2::/122", &["fd00:1::2"]),
            via("10.66.9.0/26", &["172.16.1.2", "172.17.1.2"]),
            via("fd00:10:3::/122", &["fd00:1::2", "fd00:1::3"]),
            blackhole("10.65.1.0/26"),
        ]);
        fib.flush().await;
        let before = bird_routes();
        assert_eq!(before.len(), 5);
        for (n, prefix) in
            ["10.65.2.0/26", "fd00:10:2::/122", "10.66.9.0/26", "blackhole 10.65.1.0/26"].iter().enumerate()
        {
            let gone = Instant::now();
            ip(&format!("route del {prefix}"));
            until(&fib, "repaired", |stats| stats.repairs.deleted > n as u64 && stats.pending == 0).await;
            let took = gone.elapsed();
            assert!(took < Duration::from_millis(100), "{prefix} was back after {took:?}");
            assert_eq!(bird_routes(), before);
        }
        assert_eq!(fib.stats().resyncs, 0, "a deletion that is told needs no dump");
        // Of an IPv6 multipath route one member alone can be taken out.
        ip("-6 route del fd00:10:3::/122 via fd00:1::2 dev eth0");
        until(&fib, "member back", |stats| stats.repairs.total() > 4 && stats.pending == 0).await;
        assert_eq!(bird_routes(), before);
        fib.shutdown(true).await;
        assert_eq!(bird_routes(), before, "routes stay at exit");
    });
}

/// Takes something away and gives it back; routes must be as before within a second of that.
async fn back(fib: &FibHandle, before: &[String], what: &str) {
    let began = Instant::now();
    loop {
        fib.flush().await;
        if bird_routes() == before {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(1), "{what}: {:#?}", bird_routes());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[test]
fn links_addresses_and_tunnels_come_and_go() {
    in_netns("links_addresses_and_tunnels_come_and_go", async || {
        node();
        let (fib, _) = start(config()).unwrap();
        fib.update([
            via("10.65.2.0/26", &["172.16.1.2"]),
            via("10.66.2.0/26", &["172.16.1.2"]),
            via("10.66.3.0/26", &["172.16.2.3"]),
            via("10.66.9.0/26", &["172.16.1.2", "172.17.1.2"]),
            via("10.67.2.0/26", &["172.16.1.2"]),
            via("fd00:10:2::/122", &["fd00:1::2"]),
            blackhole("10.65.1.0/26"),
        ]);
        fib.flush().await;
        let before = bird_routes();
        assert_eq!(before.len(), 7);

        ip("link set eth0 down");
        until(&fib, "withheld", |stats| stats.withheld > 0 && stats.pending == 0).await;
        fib.flush().await;
        assert_eq!(
            bird_routes(),
            [
                "blackhole 10.65.1.0/26 proto bird",
                "10.65.2.0/26 via 172.16.1.2 dev tunl0 proto bird onlink",
                "10.66.9.0/26 via 172.17.1.2 dev eth1 proto bird",
                // 172.16.1.2 is in no subnet of an up interface now.
                "10.67.2.0/26 via 172.16.1.2 dev tunl0 proto bird onlink",
            ]
        );
        assert!(state(&fib, "10.66.2.0/26").await.to_string().contains("172.16.1.2 is unreachable"));
        ip("link set eth0 up");
        ip("addr add fd00:1::1/64 dev eth0 nodad");
        ip("route add default via 172.16.1.254 dev eth0 proto static metric 100");
        back(&fib, &before, "link down and up").await;

        ip("link set eth0 down");
        ip("link set eth0 up");
        ip("addr add fd00:1::1/64 dev eth0 nodad");
        ip("route add default via 172.16.1.254 dev eth0 proto static metric 100");
        back(&fib, &before, "a short flap").await;

        ip("addr del 172.16.1.1/24 dev eth0");
        ip("addr add 172.16.1.1/24 dev eth0");
        ip("route add default via 172.16.1.254 dev eth0 proto static metric 100");
        back(&fib, &before, "the last address").await;

        ip("link set peer0 down");
        ip("link set peer0 up");
        let carrier = bird_routes();
        assert!(carrier.len() == before.len(), "carrier loss takes nothing away: {carrier:#?}");
        back(&fib, &before, "carrier").await;

        ip("link set tunl0 down");
        until(&fib, "withheld", |stats| stats.withheld == 1).await;
        let reason = state(&fib, "10.65.2.0/26").await.to_string();
        assert!(reason.contains("tunl0 is down") && reason.contains("ip link set tunl0 up"), "{reason}");
        assert!(!bird_routes().iter().any(|route| route.contains("10.65.2.0")), "nothing leaves unencapsulated");
        ip("link set tunl0 up");
        back(&fib, &before, "tunnel down and up").await;

        ip("link del tunl0");
        until(&fib, "withheld", |stats| stats.withheld == 1).await;
        let reason = state(&fib, "10.65.2.0/26").await.to_string();
        assert!(reason.contains("tunl0 does not exist") && reason.contains("modprobe ipip"), "{reason}");
        // Takes the index that might be guessed.
        ip("link add other type veth peer name otherpeer");
        tunnel();
        back(&fib, &before, "tunnel with another index").await;

        ip("link del eth1");
        ip("link add eth1 type veth peer name peer1");
        ip("link set peer1 up");
        ip("link set eth1 up");
        ip("addr add 172.17.1.1/24 dev eth1");
        back(&fib, &before, "a device made anew").await;
        let stats = fib.stats();
        assert_eq!((stats.installed, stats.failed, stats.conflicts), (7, 0, 0));
    });
}

#[test]
fn foreign_routes_are_never_touched() {
    in_netns("foreign_routes_are_never_touched", async || {
        node();
        let (fib, _) = start(config()).unwrap();
        // Same prefix and metric, there before ours is wanted.
        ip("route add 10.66.2.0/26 via 172.17.1.9 dev eth1 proto static");
        ip("-6 route add fd00:10:2::/122 via fd00:1::9 dev eth0 proto static metric 1024");
        // Same prefix, another metric.
        ip("route add 10.66.3.0/26 via 172.17.1.9 dev eth1 proto static metric 50");
        ip("-6 route add fd00:10:3::/122 via fd00:1::9 dev eth0 proto static metric 50");
        let foreign = || {
            let all = ip("-4 route show") + &ip("-6 route show");
            all.lines()
                .filter(|line| line.contains("proto static"))
                .map(|line| line.trim().to_owned())
                .collect::<Vec<_>>()
        };
        let before = foreign();
        assert_eq!(before.len(), 5);
        fib.update([
            via("10.66.2.0/26", &["172.16.1.2"]),
            via("10.66.3.0/26", &["172.16.1.2"]),
            via("fd00:10:2::/122", &["fd00:1::2"]),
            via("fd00:10:3::/122", &["fd00:1::2"]),
        ]);
        fib.flush().await;
        assert_eq!(foreign(), before);
        assert_eq!(
            bird_routes(),
            [
                "10.66.3.0/26 via 172.16.1.2 dev eth0 proto bird",
                "fd00:10:3::/122 via fd00:1::2 dev eth0 proto bird metric 1024 pref medium",
            ]
        );
        assert_eq!(
            state(&fib, "10.66.2.0/26").await.to_string(),
            "conflict: the kernel has `10.66.2.0/26 via 172.17.1.9 dev eth1 proto static`, which is not ours"
        );
        assert_eq!(fib.stats().conflicts, 2);

        // The foreign one goes: ours comes, by itself.
        ip("route del 10.66.2.0/26 proto static");
        ip("-6 route del fd00:10:2::/122 proto static");
        until(&fib, "no conflict", |stats| stats.conflicts == 0 && stats.installed == 4).await;
        assert_eq!(bird_routes().len(), 4);

        // Somebody replaces ours: theirs now. Ours is back once it goes.
        ip("route replace 10.66.2.0/26 via 172.17.1.9 dev eth1 proto static");
        until(&fib, "conflict", |stats| stats.conflicts == 1).await;
        assert!(foreign().iter().any(|route| route.starts_with("10.66.2.0/26")));
        ip("route del 10.66.2.0/26");
        until(&fib, "no conflict", |stats| stats.conflicts == 0).await;

        // A stray under our own protocol id that nobody wants is somebody's, and stays.
        ip("route add 10.99.0.0/24 via 172.16.1.9 dev eth0 proto bird");
        ip("link set eth1 down");
        fib.sweep();
        fib.flush().await;
        assert!(bird_routes().contains(&"10.99.0.0/24 via 172.16.1.9 dev eth0 proto bird".to_owned()));

        // Deleting ours spares the neighbours under other metrics.
        ip("link set eth1 up");
        ip("route add 10.66.3.0/26 via 172.17.1.9 dev eth1 proto static metric 50");
        fib.update([(net("10.66.3.0/26"), None), (net("fd00:10:3::/122"), None)]);
        fib.flush().await;
        assert_eq!(foreign().iter().filter(|route| route.contains(".3.0/26") || route.contains(":3::")).count(), 2);
        assert!(!bird_routes().iter().any(|route| route.contains(".3.0/26") || route.contains(":3::")));
    });
}

#[test]
fn what_was_there_at_start_is_adopted_and_swept_on_request() {
    in_netns("what_was_there_at_start_is_adopted_and_swept_on_request", async || {
        node();
        // As another speaker left them: wanted as they are, wanted otherwise, unwanted.
        ip("route add 10.65.2.0/26 via 172.16.1.2 dev tunl0 onlink proto bird");
        ip(
            "route add 10.65.77.0/26 proto bird nexthop via 172.16.1.4 dev tunl0 onlink nexthop via 172.16.1.2 dev tunl0 onlink",
        );
        ip("route add blackhole 10.65.1.0/26 proto bird");
        ip("-6 route add fd00:10:2::/122 via fd00:1::2 dev eth0 proto bird");
        ip("route add 10.66.2.0/26 via 172.16.1.9 dev eth0 proto bird");
        ip("route add 10.66.4.0/26 via 172.16.1.2 dev eth0 proto bird metric 512");
        for n in 0..50 {
            ip(&format!("route add 10.70.{n}.0/24 via 172.16.1.2 dev eth0 proto bird"));
        }
        ip("route add 10.71.0.0/24 proto bird nexthop via 172.17.1.9 dev eth1 nexthop via 172.16.1.9 dev eth0");
        let (fib, adopted) = start(config()).unwrap();
        assert_eq!((adopted.ipv4, adopted.ipv6), (56, 1));
        assert_eq!(fib.stats().adopted, 57);
        let mut monitor = std::process::Command::new("ip")
            .args(["monitor", "route"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();

        fib.update([
            via("10.65.2.0/26", &["172.16.1.2"]),
            via("10.65.77.0/26", &["172.16.1.2", "172.16.1.4"]),
            blackhole("10.65.1.0/26"),
            via("fd00:10:2::/122", &["fd00:1::2"]),
        ]);
        fib.flush().await;
        let stats = fib.stats();
        assert_eq!((stats.adds, stats.replaces, stats.deletes), (0, 0, 0), "wanted ones are not touched");
        assert_eq!((stats.installed, stats.adopted), (4, 53));

        fib.update([via("10.66.2.0/26", &["172.16.1.2"]), via("10.66.4.0/26", &["172.16.1.2"])]);
        fib.flush().await;
        let stats = fib.stats();
        // A wrong one is replaced in place; one under another metric makes room after its successor.
        assert_eq!((stats.adds, stats.replaces, stats.deletes), (1, 1, 1));
        assert_eq!(stats.adopted, 51, "unwanted ones wait");
        assert_eq!(bird_routes().iter().filter(|route| route.starts_with("10.70.")).count(), 50);
        assert_eq!(fib.rows(RowFilter::Within(net("10.70.0.0/16"))).await[0].state, State::Adopted);

        fib.sweep();
        fib.flush().await;
        assert_eq!(
            bird_routes(),
            [
                "blackhole 10.65.1.0/26 proto bird",
                "10.65.2.0/26 via 172.16.1.2 dev tunl0 proto bird onlink",
                "10.65.77.0/26 proto bird | nexthop via 172.16.1.4 dev tunl0 weight 1 onlink | nexthop via 172.16.1.2 dev tunl0 weight 1 onlink",
                "10.66.2.0/26 via 172.16.1.2 dev eth0 proto bird",
                "10.66.4.0/26 via 172.16.1.2 dev eth0 proto bird",
                "fd00:10:2::/122 via fd00:1::2 dev eth0 proto bird metric 1024 pref medium",
            ]
        );
        assert_eq!((fib.stats().adopted, fib.stats().errors), (0, 0));
        fib.shutdown(true).await;

        monitor.kill().unwrap();
        let heard = monitor.wait_with_output().unwrap().stdout;
        let heard = String::from_utf8(heard).unwrap();
        for untouched in ["10.65.2.0/26", "10.65.77.0/26", "10.65.1.0/26", "fd00:10:2::/122", "Deleted 10.66.2.0/26"] {
            assert!(!heard.contains(untouched), "{untouched} in:\n{heard}");
        }
    });
}

#[test]
fn changes_are_replacements_and_metrics_move_without_a_hole() {
    in_netns("changes_are_replacements_and_metrics_move_without_a_hole", async || {
        node();
        let (fib, _) = start(FibConfig { metric: Some(1024), ..config() }).unwrap();
        fib.update([via("10.66.2.0/26", &["172.16.1.2"]), via("fd00:10:2::/122", &["fd00:1::2"])]);
        fib.flush().await;
        for (v4, v6, count) in [
            (vec!["172.16.1.3"], vec!["fd00:1::3"], 2),
            (vec!["172.16.1.3", "172.17.1.3"], vec!["fd00:1::3", "fd00:1::4"], 4),
            (vec!["172.17.1.3"], vec!["fd00:1::4"], 6),
        ] {
            fib.update([via("10.66.2.0/26", &v4), via("fd00:10:2::/122", &v6)]);
            fib.flush().await;
            let stats = fib.stats();
            assert_eq!((stats.adds, stats.replaces, stats.deletes, stats.errors), (2, count, 0, 0));
        }
        fib.update([blackhole("10.66.2.0/26"), blackhole("fd00:10:2::/122")]);
        fib.flush().await;
        assert_eq!(
            bird_routes(),
            [
                "blackhole 10.66.2.0/26 proto bird metric 1024",
                "blackhole fd00:10:2::/122 dev lo proto bird metric 1024 pref medium",
            ]
        );
        fib.update([via("10.66.2.0/26", &["172.16.1.2"]), via("fd00:10:2::/122", &["fd00:1::2"])]);
        fib.flush().await;
        fib.shutdown(true).await;

        // The next run has another metric: new before old, never neither.
        let (fib, adopted) = start(FibConfig { metric: Some(7), ..config() }).unwrap();
        assert_eq!((adopted.ipv4, adopted.ipv6), (1, 1));
        fib.update([via("10.66.2.0/26", &["172.16.1.2"]), via("fd00:10:2::/122", &["fd00:1::2"])]);
        fib.flush().await;
        assert_eq!(
            bird_routes(),
            [
                "10.66.2.0/26 via 172.16.1.2 dev eth0 proto bird metric 7",
                "fd00:10:2::/122 via fd00:1::2 dev eth0 proto bird metric 7 pref medium",
            ]
        );
    });
}

#[test]
fn a_table_above_255_and_an_ipv6_next_hop_for_ipv4() {
    in_netns("a_table_above_255_and_an_ipv6_next_hop_for_ipv4", async || {
        node();
        let (fib, _) = start(FibConfig { table: 5000, protocol: 186, ..config() }).unwrap();
        fib.update([
            via("10.66.2.0/26", &["172.16.1.2"]),
            via("10.66.3.0/26", &["fd00:1::2"]),
            via("10.66.4.0/26", &["fd00:1::2", "172.16.1.2"]),
            via("fd00:10:2::/122", &["fd00:1::2"]),
        ]);
        fib.flush().await;
        let lines = |text: String| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
        assert_eq!(
            lines(ip("-4 route show table 5000")),
            [
                "10.66.2.0/26 via 172.16.1.2 dev eth0 proto bgp",
                "10.66.3.0/26 via inet6 fd00:1::2 dev eth0 proto bgp",
                "10.66.4.0/26 proto bgp",
                "nexthop via 172.16.1.2 dev eth0 weight 1",
                "nexthop via inet6 fd00:1::2 dev eth0 weight 1",
            ]
        );
        assert_eq!(
            lines(ip("-6 route show table 5000")),
            ["fd00:10:2::/122 via fd00:1::2 dev eth0 proto bgp metric 1024 pref medium"]
        );
        ip("route del 10.66.3.0/26 table 5000");
        until(&fib, "repaired", |stats| stats.repairs.deleted == 1 && stats.installed == 4).await;
        fib.shutdown(false).await;
        assert_eq!(ip("-4 route show table 5000") + &ip("-6 route show table 5000"), "");
    });
}

#[test]
fn a_kernel_error_is_shown_with_the_kernels_words() {
    in_netns("a_kernel_error_is_shown_with_the_kernels_words", async || {
        node();
        // The gateway is on this link by a route in the table, but the kernel's own lookup meets a
        // rule first: the sort of disagreement that only shows when writing.
        ip("rule add pref 10 to 172.17.1.2 unreachable");
        let (fib, _) = start(config()).unwrap();
        fib.update([via("10.66.2.0/26", &["172.17.1.2"]), via("10.66.3.0/26", &["172.16.1.2"])]);
        fib.flush().await;
        let row = fib.rows(RowFilter::Troubled).await.remove(0);
        assert!(matches!(&row.state, State::Failed { error, errno: Some(_) } if !error.is_empty()), "{:?}", row.state);
        assert_eq!(bird_routes(), ["10.66.3.0/26 via 172.16.1.2 dev eth0 proto bird"]);
        ip("rule del pref 10");
        until(&fib, "retried", |stats| stats.installed == 2).await;
    });
}

#[test]
fn many_routes_at_once_and_all_flushed_by_hand() {
    in_netns("many_routes_at_once_and_all_flushed_by_hand", async || {
        const COUNT: u32 = 20_000;
        node();
        let (fib, _) = start(config()).unwrap();
        let prefix = |n: u32| IpNetwork::new(std::net::Ipv4Addr::from(0x0b00_0000 + n * 64).into(), 26).unwrap();
        let to = |gateway: &str| Some(Target::Via([gateway.parse().unwrap()].into_iter().collect()));
        let first = to("172.16.1.2");
        fib.update((0..COUNT).map(|n| (prefix(n), first.clone())));
        fib.flush().await;
        assert_eq!((fib.stats().installed, fib.stats().errors), (COUNT as usize, 0));
        let second = to("172.16.1.3");
        fib.update((0..COUNT).map(|n| (prefix(n), second.clone())));
        fib.flush().await;
        assert_eq!((fib.stats().replaces, fib.stats().errors), (u64::from(COUNT), 0));

        // One prefix among many is one operation.
        let before = fib.stats();
        fib.update([(prefix(77), first)]);
        fib.flush().await;
        assert_eq!((fib.stats().replaces - before.replaces, fib.stats().adds), (1, before.adds));

        // `ip` deletes round by round until nothing is left or ten rounds are over; we are not slower.
        ip("route flush proto bird");
        until(&fib, "all back", |stats| stats.repairs.total() >= u64::from(COUNT) && stats.installed == COUNT as usize)
            .await;
        fib.flush().await;
        assert_eq!(bird_routes().len(), COUNT as usize);
        fib.update((0..COUNT).map(|n| (prefix(n), None)));
        fib.flush().await;
        assert_eq!(bird_routes(), [""; 0]);
    });
}
