//! Long messages (RFC 8654): between those who agreed on them, and what others are told instead.

use crate::harness::wire::{OPT_TRANS, attribute, code};
use crate::harness::{Neighbor, Open, Peer, Roost, Setup, Update};

const PREFIX: &str = "10.1.0.0/16";

/// A peer with long messages, one with, one without.
fn three() -> (Roost, Peer, Peer, Peer) {
    let roost = Setup::with([Neighbor::client(), Neighbor::client(), Neighbor::client()]).start();
    let open = |number| Open::new(65000).id(Roost::peer_id(number));
    let from = roost.peer_with(0, open(0).cap(6, &[]));
    let long = roost.peer_with(1, open(1).cap(6, &[]));
    let short = roost.peer_with(2, open(2));
    (roost, from, long, short)
}

/// A route with many communities: attributes of over 4,096 octets.
fn fat(peer: &Peer) -> Update {
    peer.route(&[PREFIX]).communities(&(0..2000).collect::<Vec<_>>())
}

#[test]
fn a_route_too_long_for_one_peer_is_told_to_the_others() {
    let (roost, mut from, mut long, mut short) = three();
    let route = fat(&from);
    from.update(&route).settle(&roost);
    assert_eq!(long.told(PREFIX).value(code::COMMUNITIES).len(), 8000);
    assert_eq!(short.adj_out_prefixes(), [""; 0]);
}

#[test]
fn a_route_that_grows_too_long_for_a_peer_is_withdrawn_from_it() {
    // RFC 8654 §5
    let (roost, mut from, mut long, mut short) = three();
    let (thin, fat) = (from.route(&[PREFIX]), fat(&from));
    from.update(&thin).settle(&roost);
    short.await_route(PREFIX);
    from.update(&fat).settle(&roost);
    short.await_withdrawal(PREFIX);
    assert_eq!(long.told(PREFIX).value(code::COMMUNITIES).len(), 8000);
    from.update(&thin).settle(&roost);
    short.await_route(PREFIX);
}

#[test]
fn a_route_that_reflection_makes_too_long_is_withdrawn() {
    // It fits as it comes; ORIGINATOR_ID and CLUSTER_LIST push it over.
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX]);
    let room = 4096 - route.encode().len() - 4;
    let full = route.raw(&attribute(OPT_TRANS, 200, &vec![1; room]));
    assert_eq!(full.encode().len(), 4096);
    from.update(&full).settle(&roost);
    assert_eq!(roost.prefixes(0), [PREFIX]);
    assert_eq!(to.adj_out_prefixes(), [""; 0]);
}

#[test]
fn a_route_that_fits_to_the_octet_is_told() {
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX]);
    // ORIGINATOR_ID and CLUSTER_LIST take 7 octets each.
    let room = 4096 - route.encode().len() - 4 - 14;
    let full = route.raw(&attribute(OPT_TRANS, 200, &vec![1; room]));
    from.update(&full).settle(&roost);
    assert_eq!(to.told(PREFIX).length, 4096);
}

#[test]
fn many_prefixes_fill_long_messages_and_short_ones() {
    let (roost, mut from, mut long, mut short) = three();
    let prefixes: Vec<String> = (0..3000).map(|n| format!("10.{}.{}.0/24", n / 250, n % 250)).collect();
    let route = from.route(&prefixes.iter().map(String::as_str).collect::<Vec<_>>());
    from.update(&route).settle(&roost);
    for (peer, limit) in [(&mut long, 65_535), (&mut short, 4096)] {
        let all = peer.adj_out(1);
        assert_eq!(all.len(), 3000);
        assert!(all.values().all(|told| told.length <= limit));
    }
}

#[test]
fn a_large_as_path_is_passed_on_in_segments() {
    let (roost, mut from, mut long, _short) = three();
    let path: Vec<u32> = (1..=1500).collect();
    let route = from.route(&[PREFIX]).path(&path);
    from.update(&route).settle(&roost);
    assert_eq!(long.told(PREFIX).path(), path);
}

#[test]
fn a_notification_may_be_long_too() {
    // RFC 8654 §4: all messages but OPEN and KEEPALIVE
    let roost = Setup::with([Neighbor::client()]).start();
    let mut peer = roost.peer_with(0, Open::new(65000).cap(6, &[]));
    peer.send(crate::harness::notification(6, 4, &[b'x'; 60_000])).expect_end_without_notification();
    roost.await_reason(0, "Administrative Reset");
}

#[test]
fn a_long_message_of_a_peer_that_did_not_say_it_sends_them_is_refused_with_1_2() {
    // RFC 8654 §4: what we said does not bind the peer, what it did not say binds it
    let roost = Setup::with([Neighbor::client()]).start();
    let mut peer = roost.peer(0);
    let long = fat(&peer).encode();
    let length = (long.len() as u16).to_be_bytes();
    peer.send(long).expect_notification(1, 2, &length);
}
