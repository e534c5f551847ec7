//! What paths say of the tunnels to their next hops: where it goes, and what the kernel is to have of it.

use bgp_proto::attr::TunnelType;
use rib::{Tunnel, Via};

use super::*;

const PREFIX: &str = "10.68.2.0/26";

fn said(mac: Option<u8>, tunnel: Option<TunnelType>) -> Box<[ExtCommunity]> {
    let tunnel = tunnel.map(ExtCommunity::encapsulation);
    let mac = mac.map(|last| ExtCommunity::router_mac([0xaa, 0x77, 0, 0, 0, last]));
    tunnel.into_iter().chain(mac).collect()
}

fn announce(world: &mut World, from: usize, mac: Option<u8>, tunnel: Option<TunnelType>) {
    let mut attrs = path(from, &[]);
    attrs.ext_communities = said(mac, tunnel);
    world.announce(from, attrs, PREFIX);
}

/// What the kernel is to have, if it is to have something else than before.
fn changed(world: &mut World) -> Option<Via> {
    match &*world.rib.take_fib_changes().pop()?.1? {
        FibRoute::Via(via) => Some(via.clone()),
        FibRoute::Blackhole => None,
    }
}

#[test]
fn an_internal_path_brings_its_mac_and_a_changed_one_changes_the_route() {
    // RFC 9012 §4.1, RFC 9135 §8.1
    let mut world = World::new();
    let (near, far) = (world.peer(OWN, |_| ()), world.peer(OWN, |_| ()));
    announce(&mut world, near, Some(1), Some(TunnelType::VXLAN));
    let tunnel = |at: usize, mac: u8, other| (addr(at).into(), Tunnel { mac: Some([0xaa, 0x77, 0, 0, 0, mac]), other });
    assert_eq!(*changed(&mut world).unwrap().tunnels, [tunnel(near, 1, None)]);
    announce(&mut world, near, Some(1), None);
    assert_eq!(changed(&mut world), None, "VXLAN goes without saying");
    announce(&mut world, near, Some(2), Some(TunnelType::VXLAN));
    assert_eq!(*changed(&mut world).unwrap().tunnels, [tunnel(near, 2, None)]);
    // One as good stands beside it, each with its own.
    announce(&mut world, far, Some(3), Some(TunnelType::IP_IN_IP));
    let via = changed(&mut world).unwrap();
    assert_eq!(via.next_hops.to_vec(), [addr(near).into(), addr(far).into()]);
    assert_eq!(*via.tunnels, [tunnel(near, 2, None), tunnel(far, 3, Some(TunnelType::IP_IN_IP))]);
    announce(&mut world, near, None, None);
    assert_eq!(*changed(&mut world).unwrap().tunnels, [tunnel(far, 3, Some(TunnelType::IP_IN_IP))]);
}

#[test]
fn what_an_external_peer_says_of_tunnels_is_neither_used_nor_told() {
    // RFC 9012 §11
    let mut world = World::new();
    let outer = world.peer(THEIRS, |_| ());
    let inner = world.peer(OWN, |_| ());
    let mut attrs = path(outer, &[65001]);
    let kept = ExtCommunity([0, 2, 0, 1, 0, 0, 0, 1]);
    attrs.ext_communities = [kept].into_iter().chain(said(Some(1), Some(TunnelType::VXLAN))).collect();
    world.announce(outer, attrs, PREFIX);
    assert!(changed(&mut world).unwrap().tunnels.is_empty());
    assert_eq!(*world.told(inner, PREFIX).unwrap().ext_communities, [kept]);
    assert_eq!(world.path(PREFIX).received.ext_communities.len(), 3, "who looks sees what was said");
}
