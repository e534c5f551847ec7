//! The same for IPv6, whose prefixes travel in MP_REACH_NLRI (RFC 4760).

use crate::harness::wire::code::*;
use crate::harness::wire::v6;
use crate::harness::{Neighbor, OURS, Open, Peer, Roost, Setup, Update};

fn both(kind: Neighbor, number: usize, roost: &Roost) -> Peer {
    roost.peer_with(number, Open::new(kind.asn).ipv6().id(Roost::peer_id(number)))
}

#[test]
fn ipv6_to_an_external_peer_has_our_configured_address() {
    let kinds = [Neighbor::client().both(), Neighbor::ebgp(65002).both()];
    let roost = Setup::with(kinds.clone()).start();
    let (mut from, mut to) = (both(kinds[0].clone(), 0, &roost), both(kinds[1].clone(), 1, &roost));
    let route = from.route6(&["2001:db8:1::/48"]);
    from.update(&route).settle(&roost);
    let all = to.adj_out(2);
    let (_, told) = all.first_key_value().expect("one route");
    assert_eq!(told.next_hop, v6("2001:db8:ffff::1"));
    assert_eq!((told.family, told.path()), (Some((2, 1)), vec![OURS]));
    assert!(!told.has(NEXT_HOP), "RFC 7606 §5.1: no NEXT_HOP beside MP_REACH_NLRI alone");
    assert_eq!(told.order[0], MP_REACH, "RFC 7606 §5.1: MP_REACH_NLRI first");
}

#[test]
fn ipv6_inside_keeps_its_next_hop() {
    let kinds = [Neighbor::client().both(), Neighbor::client().both()];
    let roost = Setup::with(kinds.clone()).start();
    let (mut from, mut to) = (both(kinds[0].clone(), 0, &roost), both(kinds[1].clone(), 1, &roost));
    let route = from.route6(&["2001:db8:1::/48"]);
    from.update(&route);
    let told = to.await_route("2001:db8:1::/48");
    assert_eq!(told.next_hop, v6("2001:db8::a"));
    from.update(&Update::new().unreach6(&["2001:db8:1::/48"]));
    assert_eq!(to.await_withdrawal("2001:db8:1::/48").family, Some((2, 1)));
}

#[test]
fn ipv6_is_not_told_to_a_peer_without_it() {
    let roost = Setup::with([Neighbor::client().both(), Neighbor::client()]).start();
    let mut from = both(Neighbor::client(), 0, &roost);
    let mut to = roost.peer(1);
    let route = from.route6(&["2001:db8:1::/48"]);
    from.update(&route).settle(&roost);
    assert_eq!(to.adj_out_prefixes(), [""; 0]);
    assert_eq!(roost.about(1)["advertised"].as_u64(), Some(1), "the marker");
}
