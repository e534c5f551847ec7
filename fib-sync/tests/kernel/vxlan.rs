//! A VXLAN device with its far ends, as `ip` and `bridge` show them.

use crate::netns::{bird_routes, in_netns, ip};
use crate::*;
use fib_sync::{Device, DeviceKind};
use std::process::Command;

fn vxlan() -> FibConfig {
    let local = "172.16.1.1".parse().unwrap();
    let kind = DeviceKind::Vxlan { vni: 4096, port: 4789 };
    FibConfig {
        pools: vec![
            Pool::new(net("10.68.0.0/16"), Mode::Vxlan),
            Pool::new(net("10.69.0.0/16"), Mode::VxlanCrossSubnet),
        ],
        devices: vec![Device { name: "vxlan.roost".into(), local, mtu: 0, kind }],
        ..config()
    }
}

fn said(command: &str, arguments: &str) -> String {
    let out = Command::new(command).args(arguments.split(' ')).output().unwrap();
    assert!(out.status.success(), "{command} {arguments}: {}", String::from_utf8_lossy(&out.stderr));
    let mut lines: Vec<String> =
        String::from_utf8_lossy(&out.stdout).lines().map(|line| line.trim_end().to_owned()).collect();
    lines.sort();
    lines.join("\n")
}

/// Permanent entries; the kernel has neighbours of its own for multicast.
fn far_ends() -> String {
    let forwarding = said("bridge", "fdb show dev vxlan.roost");
    let neighbours = said("ip", "neigh show dev vxlan.roost nud permanent");
    format!("{neighbours}\n{forwarding}")
}

const STANDING: &str = "172.16.1.2 lladdr 02:72:ac:10:01:02 PERMANENT\n\
                        172.16.2.3 lladdr 02:72:ac:10:02:03 PERMANENT\n\
                        02:72:ac:10:01:02 dst 172.16.1.2 self permanent\n\
                        02:72:ac:10:02:03 dst 172.16.2.3 self permanent";

#[test]
fn the_device_is_made_and_routes_stand_on_their_far_ends() {
    in_netns(async || {
        node();
        ip("link set eth0 mtu 1460");
        let (fib, _) = start(vxlan()).unwrap();
        let wanted = || {
            [
                via("10.68.2.0/26", &["172.16.1.2"]),
                via("10.69.2.0/26", &["172.16.1.2"]),
                via("10.69.3.0/26", &["172.16.2.3"]),
            ]
        };
        fib.update(wanted());
        until(&fib, "installed", |stats| stats.installed == 3).await;
        let link = said("ip", "-d link show dev vxlan.roost");
        for part in ["mtu 1410", "vxlan id 4096 local 172.16.1.1", "dstport 4789 nolearning", "02:72:ac:10:01:01", "UP"]
        {
            assert!(link.contains(part), "{part}: {link}");
        }
        let routes = [
            "10.68.2.0/26 via 172.16.1.2 dev vxlan.roost proto bird onlink",
            "10.69.2.0/26 via 172.16.1.2 dev eth0 proto bird",
            "10.69.3.0/26 via 172.16.2.3 dev vxlan.roost proto bird onlink",
        ];
        assert_eq!(bird_routes(), routes);
        assert_eq!(far_ends(), STANDING);

        // By hand, one after the other: each is back.
        let began = Instant::now();
        for by_hand in [
            &["ip", "neigh del 172.16.1.2 dev vxlan.roost"][..],
            &["bridge", "fdb del 02:72:ac:10:02:03 dev vxlan.roost dst 172.16.2.3"],
            &["ip", "neigh replace 172.16.2.3 lladdr 02:00:00:00:00:01 dev vxlan.roost nud permanent"],
            &["ip", "link set vxlan.roost down"],
            &["ip", "link set vxlan.roost up"],
        ] {
            said(by_hand[0], by_hand[1]);
        }
        while far_ends() != STANDING || bird_routes() != routes {
            assert!(began.elapsed() < Duration::from_secs(10), "{}\n{:#?}", far_ends(), bird_routes());
            // What tells of changes is itself under test.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }

        // A restart finds all of it, and what is not wanted any more goes with the sweep.
        fib.shutdown(true).await;
        assert_eq!(far_ends(), STANDING, "all stays at exit");
        let (fib, _) = start(vxlan()).unwrap();
        let [_, direct, far] = wanted();
        fib.update([direct, far]);
        fib.flush().await;
        fib.sweep();
        until(&fib, "swept", |stats| stats.adopted == 0 && stats.installed == 2).await;
        fib.flush().await;
        assert_eq!(bird_routes(), routes[1..]);
        let left = "172.16.2.3 lladdr 02:72:ac:10:02:03 PERMANENT\n\
                    02:72:ac:10:02:03 dst 172.16.2.3 self permanent";
        assert_eq!(far_ends(), left);
        said("ip", "link del vxlan.roost");
        until(&fib, "made again", |stats| stats.adds == 1 && stats.installed == 2).await;
        assert_eq!(far_ends(), left);
        fib.shutdown(false).await;
        assert!(bird_routes().is_empty());
    });
}
