//! What is told of watched next hops when links, routes and addresses change.

use crate::netns::{in_netns, ip};
use crate::*;
use std::net::IpAddr;

fn addr(text: &str) -> IpAddr {
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
