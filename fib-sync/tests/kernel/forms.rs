//! Every form of route, as the exact text of `ip route`.

use crate::netns::{bird_routes, in_netns, ip};
use crate::*;

#[test]
fn every_form_reads_as_documented() {
    in_netns(async || {
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
fn changes_are_replacements_and_metrics_move_without_a_hole() {
    in_netns(async || {
        node();
        let (fib, _) = start(FibConfig { metric: Metric::Fixed(1024), ..config() }).unwrap();
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
        let (fib, adopted) = start(FibConfig { metric: Metric::Fixed(7), ..config() }).unwrap();
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
    in_netns(async || {
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
