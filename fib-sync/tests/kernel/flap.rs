//! A link with a few of many routes goes and comes back: Linux says nothing of its IPv4 routes, and nothing is read back.

use crate::netns::{bird_routes, in_netns, ip};
use crate::*;

const MANY: u32 = 5_000;
const FEW: u32 = 10;

fn block(n: u32) -> IpNetwork {
    IpNetwork::new(std::net::Ipv4Addr::from(0x0b00_0000 + n * 64).into(), 26).unwrap()
}

#[test]
fn a_link_that_flaps_costs_its_own_routes() {
    in_netns(async || {
        node();
        // What is lost is not to be had another way.
        ip("route del default");
        let (fib, _) = start(config()).unwrap();
        let to = |gateway: &str| Some(Target::via([gateway.parse().unwrap()].into_iter().collect()));
        fib.update((0..MANY).map(|n| (block(n), to(if n < FEW { "172.17.1.2" } else { "172.16.1.2" }))));
        fib.update([
            via("10.66.8.0/26", &["172.17.1.2", "172.17.1.3"]),
            via("10.66.9.0/26", &["172.16.1.2", "172.17.1.2"]),
        ]);
        fib.flush().await;
        let before = bird_routes();
        assert_eq!(before.len(), MANY as usize + 2);
        let losses = [
            ("link set eth1 down", "link set eth1 up"),
            ("addr del 172.17.1.1/24 dev eth1", "addr add 172.17.1.1/24 dev eth1"),
        ];
        let lost = FEW as usize + 1;
        for (down, up) in losses {
            let start = fib.stats();
            ip(down);
            until(&fib, "known to be gone", |stats| stats.withheld == lost && stats.replaces > start.replaces).await;
            fib.flush().await;
            let left = bird_routes();
            assert_eq!(left.len(), before.len() - lost, "{down}");
            assert!(left.contains(&"10.66.9.0/26 via 172.16.1.2 dev eth0 proto bird".to_owned()), "{down}");
            ip(up);
            until(&fib, "back", |stats| stats.withheld == 0 && stats.replaces == start.replaces + 2).await;
            fib.flush().await;
            assert_eq!(bird_routes(), before, "{up}");
            let now = fib.stats();
            assert_eq!((now.adds - start.adds, now.deletes - start.deletes), (lost as u64, 0), "{up}");
        }
        let stats = fib.stats();
        assert_eq!((stats.resyncs, stats.errors), (0, 0), "nothing had to be read back");
        // The device goes down first, and by the time its leg is to be left out the whole route is gone.
        ip("link del eth1");
        until(&fib, "known to be gone with its device", |stats| stats.withheld == lost).await;
        fib.flush().await;
        let left = bird_routes();
        assert_eq!(left.len(), before.len() - lost);
        assert!(left.contains(&"10.66.9.0/26 via 172.16.1.2 dev eth0 proto bird".to_owned()));
        assert!(fib.stats().resyncs <= 1);
    });
}
