//! DeviceKind devices of our making, as `ip` shows them. The veth named `tunl0` stands in for the one of the ipip module.

use crate::netns::{bird_routes, in_netns, ip};
use crate::*;
use fib_sync::{Device, DeviceKind};
use std::process::Command;

fn vxlan(vni: u32) -> FibConfig {
    let kind = DeviceKind::Vxlan { vni, port: 4789 };
    FibConfig {
        pools: vec![Pool::new(net("10.68.0.0/16"), Mode::Vxlan)],
        devices: vec![Device { name: "vxlan.roost".into(), local: local(), mtu: 0, kind }],
        ..config()
    }
}

fn ipip(name: &str, address: Option<&str>) -> FibConfig {
    let kind = DeviceKind::Ipip { address: address.map(net) };
    FibConfig {
        pools: vec![Pool { device: Some(name.to_owned()), ..Pool::new(net("10.65.0.0/16"), Mode::Ipip) }],
        devices: vec![Device { name: name.to_owned(), local: local(), mtu: 0, kind }],
        ..config()
    }
}

fn local() -> std::net::IpAddr {
    "172.16.1.1".parse().unwrap()
}

fn shown(name: &str) -> String {
    let out = Command::new("ip").args(["-d", "link", "show", "dev", name]).output().unwrap();
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// Waits until `ip` shows all of these.
async fn shows(name: &str, parts: &[&str]) {
    let began = Instant::now();
    loop {
        let (link, addresses) = (shown(name), ip("-o addr show"));
        let missing: Vec<_> =
            parts.iter().filter(|part| !link.contains(**part) && !addresses.contains(**part)).collect();
        if missing.is_empty() {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{missing:?}\n{link}\n{addresses}");
        // What tells of changes is itself under test.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

const FAR: &str = "10.68.2.0/26";
const ROUTE: &str = "10.68.2.0/26 via 172.16.1.2 dev vxlan.roost proto bird onlink";

#[test]
fn tunl0_is_set_up_and_kept_whatever_is_done_to_it() {
    in_netns(async || {
        node();
        ip("link set tunl0 down");
        ip("link set eth0 mtu 1460");
        let (fib, _) = start(ipip("tunl0", Some("10.65.1.1/32"))).unwrap();
        fib.update([via("10.65.2.0/26", &["172.16.1.2"])]);
        until(&fib, "installed", |stats| stats.installed == 1).await;
        shows("tunl0", &["mtu 1440", "alias roost 10.65.1.1/32", "tunl0    inet 10.65.1.1/32", ",UP"]).await;
        let routes = ["10.65.2.0/26 via 172.16.1.2 dev tunl0 proto bird onlink"];
        assert_eq!(bird_routes(), routes);
        for by_hand in [
            "link set tunl0 mtu 1300",
            "link set tunl0 down",
            "addr del 10.65.1.1/32 dev tunl0",
            "link set tunl0 alias mine",
            "link set tunl0 mtu 1200",
        ] {
            ip(by_hand);
            shows("tunl0", &["mtu 1440", "alias roost 10.65.1.1/32", "tunl0    inet 10.65.1.1/32", ",UP"]).await;
            until(&fib, "installed again", |stats| stats.installed == 1).await;
            fib.flush().await;
            assert_eq!(bird_routes(), routes, "after ip {by_hand}");
        }
        ip("link set eth0 mtu 1500");
        shows("tunl0", &["mtu 1480"]).await;

        let direct = FibConfig { pools: vec![Pool::new(net("10.65.0.0/16"), Mode::Direct)], ..config() };
        fib.reconfigure(direct).await.unwrap();
        fib.flush().await;
        let link = shown("tunl0");
        assert!(
            !link.contains("alias") && !link.contains(",UP") && !ip("addr show dev tunl0").contains("10.65.1.1"),
            "{link}"
        );
        assert_eq!(bird_routes(), ["10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird"]);
    });
}

/// Where the kernel has no ipip it says so, and where it has it the device is made.
#[test]
fn an_ipip_device_is_made_or_the_reason_names_the_module() {
    in_netns(async || {
        node();
        let (fib, _) = start(ipip("ipip5", Some("10.65.1.1/32"))).unwrap();
        fib.update([via("10.65.2.0/26", &["172.16.1.2"])]);
        if Command::new("ip").args("link add probe type ipip local 10.9.9.9".split(' ')).status().unwrap().success() {
            until(&fib, "installed", |stats| stats.installed == 1).await;
            return shows("ipip5", &["ipip remote any local 172.16.1.1", "mtu 1480", "ipip5    inet 10.65.1.1/32"])
                .await;
        }
        until(&fib, "withheld", |stats| stats.withheld == 1 && stats.errors > 0).await;
        let why = state(&fib, "10.65.2.0/26").await.to_string();
        for part in
            ["Operation not supported", "`link add ipip5 up mtu 1480 type ipip local 172.16.1.1`", "modprobe ipip"]
        {
            assert!(why.contains(part), "{part}: {why}");
        }
        let warnings = fib.warnings();
        assert!(warnings.len() == 1 && why.contains(&*warnings[0]), "{warnings:?}");
    });
}

#[test]
fn a_leftover_is_made_anew_and_a_strangers_device_left_alone_and_named() {
    in_netns(async || {
        node();
        let (fib, _) = start(vxlan(42)).unwrap();
        fib.update([via(FAR, &["172.16.1.2"])]);
        until(&fib, "installed", |stats| stats.installed == 1).await;
        shows("vxlan.roost", &["vxlan id 42", "alias roost"]).await;
        fib.shutdown(true).await;
        assert_eq!(bird_routes(), [ROUTE]);

        // Another VNI since the last run.
        let (fib, _) = start(vxlan(43)).unwrap();
        fib.update([via(FAR, &["172.16.1.2"])]);
        shows("vxlan.roost", &["vxlan id 43", "alias roost"]).await;
        until(&fib, "installed", |stats| stats.installed == 1).await;
        fib.flush().await;
        assert_eq!(bird_routes(), [ROUTE]);
        let neighbours = ip("neigh show dev vxlan.roost nud permanent");
        assert!(neighbours.contains("172.16.1.2 lladdr 02:72:ac:10:01:02"), "{neighbours}");
        fib.shutdown(false).await;
        assert!(bird_routes().is_empty() && shown("vxlan.roost").is_empty(), "a clean-up takes the device, too");

        ip("link add vxlan.roost up type vxlan id 42 dstport 4789 local 172.16.1.1 nolearning");
        let before = shown("vxlan.roost");
        let (fib, _) = start(vxlan(44)).unwrap();
        fib.update([via(FAR, &["172.16.1.2"])]);
        until(&fib, "withheld", |stats| stats.withheld == 1).await;
        fib.flush().await;
        let why = state(&fib, FAR).await.to_string();
        assert!(
            why.contains("it is `vxlan id 42 dstport 4789 local 172.16.1.1`") && why.contains("manage: false"),
            "{why}"
        );
        assert_eq!(shown("vxlan.roost"), before);
        ip("link set vxlan.roost down");
        ip("link set vxlan.roost name vxlan.other");
        until(&fib, "made beside it", |stats| stats.installed == 1).await;

        // One network, two devices.
        fib.reconfigure(vxlan(42)).await.unwrap();
        until(&fib, "withheld", |stats| stats.withheld == 1 && stats.errors > 0).await;
        let why = state(&fib, FAR).await.to_string();
        assert!(why.contains("device vxlan.other has VNI 42 on port 4789 already; `ip link del vxlan.other`"), "{why}");
        ip("link del vxlan.other");
        until(&fib, "made at last", |stats| stats.installed == 1).await;
        shows("vxlan.roost", &["vxlan id 42", "alias roost"]).await;
        assert_eq!(fib.warnings(), []);
    });
}

#[test]
fn a_device_that_is_deleted_again_and_again_is_made_each_time_and_never_refused() {
    in_netns(async || {
        node();
        let (fib, _) = start(vxlan(42)).unwrap();
        fib.update([via(FAR, &["172.16.1.2"])]);
        until(&fib, "installed", |stats| stats.installed == 1).await;
        for round in 1..=5 {
            shows("vxlan.roost", &["alias roost"]).await;
            ip("link del vxlan.roost");
            until(&fib, "made again", |stats| stats.adds > round && stats.installed == 1).await;
        }
        assert_eq!(fib.stats().errors, 0);
    });
}

#[test]
fn a_device_nobody_wants_any_more_goes_after_what_led_over_it() {
    in_netns(async || {
        node();
        ip("link set eth0 mtu 1460");
        let (fib, _) = start(vxlan(42)).unwrap();
        fib.update([via(FAR, &["172.16.1.2"])]);
        until(&fib, "installed", |stats| stats.installed == 1).await;
        shows("vxlan.roost", &["mtu 1410", "alias roost"]).await;
        ip("link set eth0 mtu 1500");
        shows("vxlan.roost", &["mtu 1450"]).await;

        // Unmanaged, it is as somebody else has it: then only a warning.
        fib.reconfigure(FibConfig { devices: Vec::new(), addresses: vec![local()], ..vxlan(42) }).await.unwrap();
        fib.flush().await;
        assert!(!shown("vxlan.roost").contains("alias"), "{}", shown("vxlan.roost"));
        ip("link set eth0 mtu 1460");
        let began = Instant::now();
        while fib.warnings().is_empty() {
            assert!(began.elapsed() < Duration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(2)).await; // counters only answer
        }
        assert!(
            fib.warnings()[0].contains("has MTU 1450, and 1410 is what fits into the 1460 of eth0"),
            "{:?}",
            fib.warnings()
        );

        fib.reconfigure(vxlan(42)).await.unwrap();
        shows("vxlan.roost", &["mtu 1410", "alias roost"]).await;
        assert_eq!(bird_routes(), [ROUTE]);
        fib.reconfigure(FibConfig { pools: vec![Pool::new(net("10.68.0.0/16"), Mode::Direct)], ..config() })
            .await
            .unwrap();
        fib.flush().await;
        assert_eq!(bird_routes(), ["10.68.2.0/26 via 172.16.1.2 dev eth0 proto bird"]);
        assert_eq!(shown("vxlan.roost"), "");
    });
}
