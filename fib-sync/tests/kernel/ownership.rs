//! What is ours is kept, what is not is left alone.

use crate::netns::{bird_routes, in_netns, ip};
use crate::*;

#[test]
fn foreign_routes_are_never_touched() {
    in_netns(async || {
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
            "conflict: the kernel has `10.66.2.0/26 via 172.17.1.9 dev eth1 proto static`, which is not ours; if an earlier \
             configuration of ours wrote it, name its protocol and table in fib.adopt"
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
    in_netns(async || {
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
fn a_route_into_the_nodes_subnet_never_takes_the_way_to_a_neighbour() {
    in_netns(async || {
        node();
        let own = ["172.16.1.1".parse().unwrap(), "fd00:1::1".parse().unwrap()];
        let protect = vec![net("10.96.0.0/12"), net("0.0.0.0/0")];
        let (fib, _) = start(FibConfig { protect, protect_subnets_of: own.to_vec(), ..config() }).unwrap();
        let way = || ip("route get 172.16.1.2") + &ip("-6 route get fd00:1::2");
        let before = way();
        fib.update([
            via("172.16.1.2/32", &["172.17.1.9"]),
            via("172.16.1.0/24", &["172.17.1.9"]),
            via("fd00:1::2/128", &["fd00:1::9"]),
            via("10.96.0.1/32", &["172.17.1.9"]),
            via("0.0.0.0/0", &["172.17.1.9"]),
            via("172.16.2.2/32", &["172.17.1.9"]),
        ]);
        fib.flush().await;
        assert_eq!(bird_routes(), ["172.16.2.2 via 172.17.1.9 dev eth1 proto bird"]);
        assert_eq!(way(), before);
        assert_eq!((fib.stats().withheld, fib.stats().conflicts), (5, 0));
        let state = state(&fib, "172.16.1.2/32").await.to_string();
        assert!(state.contains("172.16.1.0/24, a subnet of this node"), "{state}");

        // The node's address moves into another subnet, and the protection with it.
        ip("addr del 172.16.1.1/24 dev eth0");
        ip("addr add 172.16.1.1/31 dev eth0");
        until(&fib, "a neighbour no longer", |stats| stats.withheld == 3).await;
        let learned = ["172.16.1.0/24", "172.16.1.2", "172.16.2.2"];
        assert_eq!(bird_routes(), learned.map(|prefix| format!("{prefix} via 172.17.1.9 dev eth1 proto bird")));
    });
}

#[test]
fn the_kernel_never_holds_more_learned_routes_than_allowed() {
    in_netns(async || {
        node();
        let (fib, _) = start(FibConfig { max_routes: 100, ..config() }).unwrap();
        let all = |range: std::ops::Range<u32>| range.map(|n| format!("10.66.{}.{}/26", n / 4, n % 4 * 64));
        fib.update(all(0..500).map(|prefix| via(&prefix, &["172.16.1.2"])).chain([blackhole("10.65.1.0/26")]));
        fib.flush().await;
        assert_eq!(bird_routes().len(), 101);
        let stats = fib.stats();
        assert_eq!((stats.installed, stats.withheld, stats.over_limit), (101, 400, 400));

        let (installed, waiting): (Vec<_>, Vec<_>) =
            fib.rows(RowFilter::Within(net("10.66.0.0/16"))).await.into_iter().partition(|row| row.kernel.is_some());
        fib.update(installed[..40].iter().map(|row| (row.prefix, None)));
        fib.flush().await;
        // The lowest that waited took the places.
        for row in &waiting[..40] {
            assert_eq!(state(&fib, &row.prefix.to_string()).await, State::Installed, "{}", row.prefix);
        }
        assert_eq!((bird_routes().len(), fib.stats().over_limit), (101, 360));
    });
}

#[test]
fn of_two_writers_the_other_is_named_and_not_raced() {
    in_netns(async || {
        node();
        let (fib, _) = start(config()).unwrap();
        fib.update([via("10.66.2.0/26", &["172.16.1.2"]), via("10.66.3.0/26", &["172.16.1.2"])]);
        fib.flush().await;
        for round in 1..=5 {
            ip("route replace 10.66.2.0/26 via 172.17.1.9 dev eth1 proto bird");
            until(&fib, "repaired, or given up", |stats| stats.repairs.changed == round || stats.withheld == 1).await;
            until(&fib, "at rest", |stats| stats.pending == 0).await;
        }
        assert_eq!(fib.stats().repairs.changed, 4);
        let said = state(&fib, "10.66.2.0/26").await.to_string();
        assert!(said.contains("took it away 5 times, and `10.66.2.0/26 via 172.17.1.9 dev eth1 proto bird`"), "{said}");
        assert_eq!(
            bird_routes(),
            ["10.66.2.0/26 via 172.17.1.9 dev eth1 proto bird", "10.66.3.0/26 via 172.16.1.2 dev eth0 proto bird"]
        );
        // Another route is not kept waiting, and this one comes in its time.
        ip("route del 10.66.3.0/26");
        until(&fib, "the other restored", |stats| stats.repairs.deleted == 1 && stats.installed == 1).await;
        let took = until(&fib, "restored", |stats| stats.repairs.changed == 5 && stats.installed == 2).await;
        assert!(took < Duration::from_secs(3), "{took:?}");
    });
}
