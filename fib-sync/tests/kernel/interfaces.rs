//! Interfaces and addresses, without any route.

use crate::netns::{in_netns, ip};
use fib_sync::netlink::Interfaces;
use std::time::Duration;
use tokio::time::timeout;

#[test]
fn interfaces_come_in_order_of_index_and_changes_of_addresses_are_told() {
    in_netns(async || {
        ip("link add eth0 index 20 type veth peer name peer0 index 10");
        ip("addr add 172.16.1.1/24 dev eth0");
        ip("addr add 172.16.1.2/24 dev eth0");
        ip("addr add fd00:1::1/64 dev eth0 nodad");
        let mut interfaces = Interfaces::open().unwrap();
        let seen = async |interfaces: &mut Interfaces, name: &str| {
            let all = interfaces.read().await.unwrap();
            let indices: Vec<u32> = all.iter().map(|interface| interface.index).collect();
            assert!(indices.is_sorted() && indices.ends_with(&[10, 20]), "{all:?}");
            let found = all.into_iter().find(|interface| interface.name == name).unwrap();
            found.addresses.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(seen(&mut interfaces, "eth0").await, ["172.16.1.1/24", "172.16.1.2/24", "fd00:1::1/64"]);

        // The links stay down: nothing else gets or loses an address. But the kernel tells a link's state up to a second late.
        let news = async |interfaces: &mut Interfaces, limit| timeout(limit, interfaces.changed()).await.is_ok();
        while news(&mut interfaces, Duration::from_millis(1100)).await {}
        assert_eq!(seen(&mut interfaces, "eth0").await.len(), 3);
        assert!(!news(&mut interfaces, Duration::from_millis(50)).await, "reading is no news");
        ip("addr add 10.9.0.1/16 dev peer0");
        assert!(news(&mut interfaces, Duration::from_secs(20)).await, "an address that came");
        assert_eq!(seen(&mut interfaces, "peer0").await, ["10.9.0.1/16"]);
        ip("addr del 10.9.0.1/16 dev peer0");
        assert!(news(&mut interfaces, Duration::from_secs(20)).await, "an address that went");
        assert_eq!(seen(&mut interfaces, "peer0").await, [""; 0]);
    });
}
