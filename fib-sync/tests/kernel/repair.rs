//! Every way in which Linux loses a route, and how soon it is back.

use crate::netns::{bird_routes, in_netns, ip};
use crate::*;

/// Something was taken away and given back: routes must be as before within a second of that. One by several ways is there
/// by one of them, and has the other back when its link is no longer news.
async fn back(fib: &FibHandle, before: &[String], what: &str) {
    let began = Instant::now();
    let is_there = |have: &[String], line: &String| {
        let prefix = line.split(' ').next().unwrap_or_default();
        have.contains(line) || line.contains("nexthop") && have.iter().any(|line| line.starts_with(prefix))
    };
    loop {
        fib.flush().await;
        let have = bird_routes();
        if have == before {
            break;
        }
        let late = Duration::from_secs(if before.iter().all(|line| is_there(&have, line)) { 3 } else { 1 });
        assert!(began.elapsed() < late, "{what}: {have:#?}");
        // Between two looks: what tells of changes is itself under test.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[test]
fn a_route_deleted_by_hand_is_back_within_100_ms() {
    in_netns(async || {
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
            // Until it has looked once more, the engine takes the next deletion for possibly older than its write.
            fib.flush().await;
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

#[test]
fn links_addresses_and_tunnels_come_and_go() {
    in_netns(async || {
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
fn a_kernel_error_is_shown_with_the_kernels_words() {
    in_netns(async || {
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
    in_netns(async || {
        const COUNT: u32 = 20_000;
        node();
        let (fib, _) = start(config()).unwrap();
        let prefix = |n: u32| IpNetwork::new(std::net::Ipv4Addr::from(0x0b00_0000 + n * 64).into(), 26).unwrap();
        let to = |gateway: &str| Some(Target::via([gateway.parse().unwrap()].into_iter().collect()));
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

#[test]
fn routes_of_others_that_vanish_silently_are_not_believed_in() {
    in_netns(async || {
        node();
        let (fib, _) = start(config()).unwrap();
        // All foreign routes on a link go when it goes, goes down, or loses its last address: the
        // kernel tells none of it. What resolved through them resolves otherwise, what was in
        // conflict with them is installed, and nothing has to be read back.
        for (n, loss) in ["link del cali", "link set cali down", "addr del 169.254.7.1/32 dev cali"].iter().enumerate()
        {
            ip("link add cali type veth peer name pod");
            ip("link set pod up");
            ip("link set cali up");
            ip("addr add 169.254.7.1/32 dev cali");
            ip("route add 10.65.1.9/32 dev cali proto 80 scope link");
            ip("route add 10.66.7.0/26 via 10.65.1.9 dev cali onlink proto 80");
            ip("route add 192.0.2.0/24 via 10.65.1.9 dev cali onlink proto 80");
            fib.update([via("10.66.7.0/26", &["172.16.1.2"]), via("10.66.8.0/26", &["192.0.2.1"])]);
            fib.flush().await;
            assert_eq!(fib.stats().conflicts, 1);
            // Nothing of ours may hang on the link, or it would be looked for.
            fib.update([(net("10.66.8.0/26"), None)]);
            fib.flush().await;
            ip(loss);
            until(&fib, "conflict over", |stats| stats.conflicts == 0 && stats.installed == 1).await;
            fib.update([via("10.66.8.0/26", &["192.0.2.1"])]);
            fib.flush().await;
            assert_eq!(
                bird_routes(),
                [
                    "10.66.7.0/26 via 172.16.1.2 dev eth0 proto bird",
                    "10.66.8.0/26 via 172.16.1.254 dev eth0 proto bird"
                ],
                "{loss}"
            );
            if n > 0 {
                ip("link del cali");
            }
            fib.update([(net("10.66.7.0/26"), None), (net("10.66.8.0/26"), None)]);
            fib.flush().await;
        }
        assert_eq!((fib.stats().resyncs, fib.stats().errors), (0, 0));
    });
}

#[test]
fn an_interface_with_a_name_that_is_no_text_takes_nothing_away() {
    use std::os::unix::ffi::OsStrExt;
    in_netns(async || {
        node();
        let odd = |arguments: &[&[u8]]| {
            let arguments = arguments.iter().map(|bytes| std::ffi::OsStr::from_bytes(bytes));
            assert!(std::process::Command::new("ip").args(arguments).status().unwrap().success());
        };
        odd(&[b"link", b"add", b"\xff\xfe0", b"type", b"veth", b"peer", b"name", b"odd"]);
        // In the first dump …
        let (fib, _) = start(config()).unwrap();
        fib.update([via("10.66.2.0/26", &["172.16.1.2"]), via("10.66.3.0/26", &["172.30.1.2"])]);
        fib.flush().await;
        assert!(fib.stats().refused > 0, "this kernel and crate know such names; choose something more exotic");
        assert_eq!(bird_routes().len(), 2);
        // … and in notifications: its routes count like any other's.
        let refused = fib.stats().refused;
        odd(&[b"addr", b"add", b"172.30.1.1/24", b"dev", b"\xff\xfe0"]);
        odd(&[b"link", b"set", b"\xff\xfe0", b"up"]);
        ip("link set odd up");
        until(&fib, "moved", |_| bird_routes().iter().any(|route| route.starts_with("10.66.3.0/26 via 172.30.1.2")))
            .await;
        assert!(fib.stats().refused > refused);
    });
}
