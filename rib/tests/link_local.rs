//! Next hops that are only link-local belong to the link of the session they came by (RFC 2545 §3).
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::net::Ipv6Addr;
use std::sync::Arc;

use bgp_proto::attr::{NextHop, PathAttrs};
use bgp_proto::message::{Codec, Nlri, Reach, Update};
use bgp_proto::{Asn, FamilySet, PathId, Prefix, RouterId};
use rib::{FibRoute, NextHopState, PeerId, PeerSettings, Rib, RibConfig, Session};

const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

fn up(rib: &mut Rib, n: u32, interface: Option<u32>) -> PeerId {
    let (id, asn) = (PeerId(n), Asn(64512));
    rib.peer_add(id, PeerSettings::new(ROUTER.into()));
    let codec = Codec { four_octet_as: true, families: FamilySet::ALL, ..Codec::INITIAL };
    rib.peer_up(
        id,
        Session {
            codec,
            external: false,
            local_asn: asn,
            peer_asn: asn,
            peer_id: RouterId(100 + n),
            local_addr: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2).into(),
            interface,
            enhanced_refresh: true,
            long_lived: false,
        },
    );
    id
}

fn announce(rib: &mut Rib, from: PeerId, prefix: &str, next_hop: NextHop) {
    let prefix: Prefix = prefix.parse().unwrap();
    let nlri = Nlri::from_prefixes(prefix.family(), false, [(PathId::NONE, prefix)]);
    let reach = Reach { attrs: Arc::new(PathAttrs::originated(next_hop)), nlri };
    rib.apply(from, &Update { reach: [reach].into_iter().collect(), ..Update::default() });
}

fn via(rib: &mut Rib) -> Vec<(String, FibRoute)> {
    while rib.settle(1000) {}
    let changes = rib.take_fib_changes();
    let mut routes: Vec<_> =
        changes.into_iter().map(|(prefix, route)| (prefix.to_string(), FibRoute::clone(&route.unwrap()))).collect();
    routes.sort();
    routes
}

#[test]
fn one_address_on_two_links_is_two_next_hops() {
    let mut rib = Rib::new(RibConfig::new(Asn(64512), RouterId(1)));
    let (left, right) = (up(&mut rib, 0, Some(2)), up(&mut rib, 1, Some(3)));
    announce(&mut rib, left, "fd00:1::/64", NextHop::Addr(ROUTER.into()));
    announce(
        &mut rib,
        right,
        "fd00:2::/64",
        NextHop::WithLinkLocal { global: Ipv6Addr::UNSPECIFIED, link_local: ROUTER },
    );
    announce(&mut rib, right, "10.2.0.0/16", NextHop::Addr(ROUTER.into()));
    let on = |interface| NextHop::OnInterface { addr: ROUTER, interface };
    let to =
        |prefix: &str, next_hops: &[NextHop]| (prefix.to_owned(), FibRoute::Via(next_hops.iter().copied().collect()));
    let routes = via(&mut rib);
    assert_eq!(routes, [to("10.2.0.0/16", &[on(3)]), to("fd00:1::/64", &[on(2)]), to("fd00:2::/64", &[on(3)])]);
    assert_eq!(rib.take_next_hops(), [(on(2), true), (on(3), true)]);

    // The same prefix by both links is one route over both, and one link less when that one is down.
    announce(&mut rib, right, "fd00:1::/64", NextHop::Addr(ROUTER.into()));
    assert_eq!(via(&mut rib), [to("fd00:1::/64", &[on(2), on(3)])]);
    rib.set_next_hop(on(2), NextHopState { usable: false, ..NextHopState::default() });
    assert_eq!(via(&mut rib), [to("fd00:1::/64", &[on(3)])]);
}

#[test]
fn a_global_address_is_taken_as_it_is() {
    let mut rib = Rib::new(RibConfig::new(Asn(64512), RouterId(1)));
    let peer = up(&mut rib, 0, Some(2));
    let global: Ipv6Addr = "2001:db8::1".parse().unwrap();
    announce(&mut rib, peer, "fd00:1::/64", NextHop::WithLinkLocal { global, link_local: ROUTER });
    let route = FibRoute::Via([NextHop::Addr(global.into())].into_iter().collect());
    assert_eq!(via(&mut rib), [("fd00:1::/64".to_owned(), route)]);
    rib.set_next_hop(
        NextHop::WithLinkLocal { global, link_local: ROUTER },
        NextHopState { metric: 9, ..Default::default() },
    );
    assert_eq!(rib.take_next_hops(), [(NextHop::Addr(global.into()), true)]);
}
