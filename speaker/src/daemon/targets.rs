//! From what the RIB wants of the kernel to what the kernel side is told.
//!
//! Routes of one node say the same of its tunnel, and arrive together: those that follow each other share what is said.

use std::sync::Arc;

use bgp_proto::attr::NextHop;
use fib_sync::{Mac, Target};
use rib::{FibRoute, Tunnel};

use super::owner::for_kernel;

/// What is said of tunnels, as the RIB has it.
type Said = Box<[(NextHop, Tunnel)]>;

/// Translates one after the other.
#[derive(Default)]
pub struct Targets {
    /// What was said of tunnels last, and what became of it.
    last: Option<(Said, Arc<Vec<fib_sync::Tunnel>>)>,
}

impl Targets {
    /// The kernel side's form of a route.
    pub fn of(&mut self, route: FibRoute) -> Target {
        match route {
            FibRoute::Blackhole => Target::Blackhole,
            FibRoute::Via(via) => Target::Via(fib_sync::Via {
                next_hops: via.next_hops.iter().map(for_kernel).collect(),
                preference: via.local_pref,
                tunnels: self.tunnels(via.tunnels),
            }),
        }
    }

    fn tunnels(&mut self, said: Said) -> Option<Arc<Vec<fib_sync::Tunnel>>> {
        if said.is_empty() {
            return None;
        }
        if let Some((last, tunnels)) = &self.last
            && *last == said
        {
            return Some(tunnels.clone());
        }
        let tunnels = Arc::new(said.iter().map(tunnel).collect());
        self.last = Some((said, Arc::clone(&tunnels)));
        Some(tunnels)
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
    fn what_is_said_of_a_tunnel_is_handed_on_and_shared() {
        let via = |mac: u8, other| {
            let next_hop: NextHop = std::net::IpAddr::from([172, 16, 1, 2]).into();
            let tunnels = [(next_hop, Tunnel { mac: Some([2, 0, 0, 0, 0, mac]), other })].into();
            FibRoute::Via(rib::Via { tunnels, ..[next_hop].into_iter().collect() })
        };
        let said = |targets: &mut Targets, route| match targets.of(route) {
            Target::Via(via) => via.tunnels.expect("something is said"),
            Target::Blackhole => panic!("a route"),
        };
        let mut targets = Targets::default();
        let first = said(&mut targets, via(1, None));
        assert_eq!(
            *first,
            [fib_sync::Tunnel { node: [172, 16, 1, 2].into(), mac: Some(Mac([2, 0, 0, 0, 0, 1])), other: None }]
        );
        assert!(Arc::ptr_eq(&first, &said(&mut targets, via(1, None))));
        let other = said(&mut targets, via(1, Some(TunnelType::IP_IN_IP)));
        assert_eq!(other[0].other.as_deref(), Some("ip-in-ip"));
        let plain = FibRoute::Via([std::net::IpAddr::from([172, 16, 1, 2]).into()].into_iter().collect());
        assert!(matches!(targets.of(plain), Target::Via(via) if via.tunnels.is_none()));
    }
}
