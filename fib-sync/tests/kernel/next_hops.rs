//! What is told of watched next hops when links, routes and addresses change.

use crate::netns::{in_netns, ip};
use crate::*;
use fib_sync::NextHop;

fn addr(text: &str) -> NextHop {
    text.parse().unwrap()
}

/// Waits for the next news and gives it: who can be used, on a link or not.
async fn news(fib: &FibHandle, what: &str) -> Vec<(String, bool, bool)> {
    let news = async {
        loop {
            let news = fib.take_next_hop_changes();
            if !news.is_empty() {
                return news;
            }
            fib.next_hops_changed().await;
        }
    };
    let news = tokio::time::timeout(Duration::from_secs(1), news).await;
    let news = news.unwrap_or_else(|_| panic!("no news within a second: {what}"));
    news.into_iter().map(|(addr, report)| (addr.to_string(), report.usable, report.on_link)).collect()
}

#[test]
fn a_watched_next_hop_is_followed_though_no_route_uses_it() {
    in_netns(async || {
        node();
        ip("route del default");
        let (fib, _) = start(config()).unwrap();
        fib.watch_next_hops(["172.17.1.9", "192.0.2.9", "fd00:1::2"].map(|text| (addr(text), true)));
        let first = news(&fib, "first answers").await;
        let of = |text: &str, usable, on_link| (text.to_owned(), usable, on_link);
        assert_eq!(first, [of("172.17.1.9", true, true), of("192.0.2.9", false, false), of("fd00:1::2", true, true)]);

        ip("link set eth1 down");
        assert_eq!(news(&fib, "link down").await, [of("172.17.1.9", false, false)]);
        ip("link set eth1 up");
        assert_eq!(news(&fib, "link up").await, [of("172.17.1.9", true, true)]);
        ip("route add 192.0.2.0/24 via 172.17.1.7");
        assert_eq!(news(&fib, "route").await, [of("192.0.2.9", true, false)]);
        ip("addr add 172.17.1.9/24 dev eth1");
        assert_eq!(news(&fib, "own").await, [of("172.17.1.9", false, false)]);
        ip("addr del 172.17.1.9/24 dev eth1");
        assert_eq!(news(&fib, "not own").await, [of("172.17.1.9", true, true)]);
        ip("addr del fd00:1::1/64 dev eth0");
        assert_eq!(news(&fib, "IPv6 subnet gone").await, [of("fd00:1::2", false, false)]);

        // Of our own making.
        fib.watch_next_hops([(addr("192.0.2.9"), false), (addr("198.51.100.9"), true)]);
        assert_eq!(news(&fib, "another").await, [of("198.51.100.9", false, false)]);
        fib.update([via("198.51.100.0/24", &["172.17.1.9"])]);
        assert_eq!(news(&fib, "our own route").await, [of("198.51.100.9", true, false)]);
        ip("route del 192.0.2.0/24");
        fib.flush().await;
        assert_eq!(fib.take_next_hop_changes(), [], "nobody asks for it any more");
    });
}

#[test]
fn a_link_local_next_hop_carries_both_families_on_its_interface() {
    // RFC 2545 §3, RFC 8950 §3
    in_netns(async || {
        node();
        let index = |name: &str| {
            let line = ip(&format!("-o link show dev {name}"));
            line.split(':').next().and_then(|number| number.trim().parse::<u32>().ok()).unwrap()
        };
        let on = |name: &str| NextHop { interface: index(name), ..addr("fe80::99") };
        let to =
            |prefix: &str, next_hops: &[NextHop]| (net(prefix), Some(Target::via(next_hops.iter().copied().collect())));
        let (fib, _) = start(config()).unwrap();
        let (eth0, eth1) = (on("eth0"), on("eth1"));
        fib.watch_next_hops([(eth0, true), (addr("fe80::99"), true)]);
        fib.update([
            to("10.66.2.0/26", &[eth0]),
            to("fd00:10:2::/122", &[eth1]),
            to("fd00:10:3::/122", &[eth0, eth1]),
            to("fd00:10:4::/122", &[addr("fe80::99")]),
        ]);
        fib.flush().await;
        let routes = || bird_routes().join("\n").replace(" metric 1024", "").replace(" pref medium", "");
        let all = "10.66.2.0/26 via inet6 fe80::99 dev eth0 proto bird\n\
                   fd00:10:2::/122 via fe80::99 dev eth1 proto bird\n\
                   fd00:10:3::/122 proto bird | nexthop via fe80::99 dev eth0 weight 1 | nexthop via fe80::99 dev eth1 weight 1";
        assert_eq!(routes(), all);
        let nameless = state(&fib, "fd00:10:4::/122").await.to_string();
        assert!(nameless.contains("fe80::99 is link-local and names no interface"), "{nameless}");
        assert_eq!(news(&fib, "both").await, [("fe80::99".to_owned(), false, false), (eth0.to_string(), true, true)]);

        ip("link set eth0 down");
        assert_eq!(news(&fib, "link down").await, [(eth0.to_string(), false, false)]);
        fib.flush().await;
        let down = state(&fib, "10.66.2.0/26").await.to_string();
        assert!(down.ends_with("is on a link that is down"), "{down}");
        ip("link set eth0 up");
        until(&fib, "all back", |stats| stats.installed == 3 && routes() == all).await;
    });
}
