//! What is announced of tunnels with routes of our own.
//!
//! A prefix in a pool in a VXLAN says that its packets may come in a VXLAN (RFC 9012 §4.1), and how this end of it is
//! called inside (RFC 9135 §8.1): what the kernel says of the device, whoever made it. So nodes whose devices were made by
//! different agents find each other, and a device that gets another address is announced again. Where that may go is the
//! RIB's to say (`rib`'s `export.rs`).
//!
//! Pools of the ipip modes say nothing: peers there may be BIRD, whose announcements are the same without, and all that
//! could be said the receiver's own pools say already.

use std::collections::BTreeMap;

use bgp_proto::Prefix;
use bgp_proto::attr::{ExtCommunity, TunnelType};
use fib_sync::{FibConfig, Mac};

/// Which prefixes are in a VXLAN, and what its devices are called.
#[derive(Default)]
pub struct Tunnels {
    pools: FibConfig,
    macs: BTreeMap<String, Mac>,
}

impl Tunnels {
    /// From now on these pools.
    pub fn set_pools(&mut self, pools: FibConfig) {
        self.pools = pools;
    }

    /// From now on these addresses, by the device's name.
    pub fn set_macs(&mut self, macs: BTreeMap<String, Mac>) {
        self.macs = macs;
    }

    /// What a prefix of ours says, sorted.
    pub fn of(&self, prefix: &Prefix) -> Box<[ExtCommunity]> {
        let Some(pool) = self.pools.pool_of((*prefix).into()).filter(|pool| pool.mode.is_vxlan()) else {
            return Box::default();
        };
        let mac = pool.tunnel().and_then(|device| self.macs.get(device));
        let mac = mac.map(|Mac(mac)| ExtCommunity::router_mac(*mac));
        [ExtCommunity::encapsulation(TunnelType::VXLAN)].into_iter().chain(mac).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fib_sync::{Mode, Pool};

    #[test]
    fn what_lies_in_a_vxlan_says_so_and_names_its_device() {
        let pool = |cidr: &str, mode, device: Option<&str>| {
            let device = device.map(str::to_owned);
            Pool { device, ..Pool::new(cidr.parse().expect("a range"), mode) }
        };
        let mut tunnels = Tunnels::default();
        tunnels.set_pools(FibConfig {
            pools: vec![
                pool("10.65.0.0/16", Mode::Ipip, None),
                pool("10.68.0.0/16", Mode::VxlanCrossSubnet, Some("vxlan.calico")),
                pool("10.68.7.0/24", Mode::Direct, None),
                pool("fd00:10::/32", Mode::Vxlan, None),
            ],
            ..FibConfig::default()
        });
        tunnels.set_macs([("vxlan.calico".to_owned(), Mac([0x66, 1, 2, 3, 4, 5]))].into());
        for (prefix, said) in [
            ("10.68.1.0/26", "encap:vxlan router-mac:66:01:02:03:04:05"), // RFC 9012 §4.1, RFC 9135 §8.1
            ("10.68.1.9/32", "encap:vxlan router-mac:66:01:02:03:04:05"),
            ("fd00:10:1::/122", "encap:vxlan"),
            ("10.65.1.0/26", ""),
            ("10.68.7.0/26", ""),
            ("10.0.0.0/8", ""),
        ] {
            let of = tunnels.of(&prefix.parse().expect("a prefix"));
            assert!(of.is_sorted());
            assert_eq!(of.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), said, "{prefix}");
        }
    }
}
