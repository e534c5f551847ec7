//! From what the RIB wants of the kernel to what the kernel side is told.
//!
//! Routes of one node arrive together and lead to the same: those that follow each other share what they are translated to.

use std::sync::Arc;

use bgp_proto::attr::NextHop;
use fib_sync::{Mac, Target};
use rib::{FibRoute, Tunnel};

use super::owner::for_kernel;

/// Translates one after the other.
#[derive(Default)]
pub struct Targets {
    /// What came last, and what became of it.
    last: Option<(Arc<FibRoute>, Target)>,
}

impl Targets {
    /// The kernel side's form of a route.
    pub fn of(&mut self, route: Arc<FibRoute>) -> Target {
        if let Some((last, target)) = &self.last
            && *last == route
        {
            return target.clone();
        }
        let target = match &*route {
            FibRoute::Blackhole => Target::Blackhole,
            FibRoute::Via(via) => Target::via(fib_sync::Via {
                next_hops: via.next_hops.iter().map(for_kernel).collect(),
                preference: via.local_pref,
                tunnels: via.tunnels.iter().map(tunnel).collect(),
            }),
        };
        self.last = Some((route, target.clone()));
        target
    }
}

fn tunnel((next_hop, Tunnel { mac, other }): &(NextHop, Tunnel)) -> fib_sync::Tunnel {
    let other = other.map(|tunnel| tunnel.to_string().into());
    fib_sync::Tunnel { node: next_hop.addr(), mac: mac.map(Mac), other }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bgp_proto::attr::TunnelType;

    #[test]
    fn what_is_said_of_a_tunnel_is_handed_on_and_routes_in_a_row_share_it() {
        let via = |mac: u8, other| {
            let next_hop: NextHop = std::net::IpAddr::from([172, 16, 1, 2]).into();
            let tunnels = [(next_hop, Tunnel { mac: Some([2, 0, 0, 0, 0, mac]), other })].into();
            Arc::new(FibRoute::Via(rib::Via { tunnels, ..[next_hop].into_iter().collect() }))
        };
        let told = |targets: &mut Targets, route| match targets.of(route) {
            Target::Via(via) => via,
            Target::Blackhole => panic!("a route"),
        };
        let mut targets = Targets::default();
        let first = told(&mut targets, via(1, None));
        assert_eq!(
            first.tunnels,
            [fib_sync::Tunnel { node: [172, 16, 1, 2].into(), mac: Some(Mac([2, 0, 0, 0, 0, 1])), other: None }]
        );
        assert!(Arc::ptr_eq(&first, &told(&mut targets, via(1, None))));
        let other = told(&mut targets, via(1, Some(TunnelType::IP_IN_IP)));
        assert_eq!(other.tunnels[0].other.as_deref(), Some("ip-in-ip"));
        let plain = FibRoute::Via([std::net::IpAddr::from([172, 16, 1, 2]).into()].into_iter().collect());
        assert!(told(&mut targets, plain.into()).tunnels.is_empty());
        assert_eq!(targets.of(FibRoute::Blackhole.into()), Target::Blackhole);
    }
}
