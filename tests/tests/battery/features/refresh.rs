//! Route refresh (RFC 2918), its marks (RFC 7313), End-of-RIB (RFC 4724 §2).

use crate::harness::wire::{ROUTE_REFRESH, UPDATE};
use crate::harness::{Event, Neighbor, Open, PATIENCE, Peer, Roost, Setup, Told, Update, message, refresh};

const A: &str = "10.1.0.0/16";
const B: &str = "10.2.0.0/16";

/// A peer with two routes, and one that is told them.
fn two() -> (Roost, Peer, Peer) {
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let (a, b) = (from.route(&[A]).med(1), from.route(&[B]).med(2));
    from.update(&a).update(&b).settle(&roost);
    // All of it, so that nothing of the initial dump is mistaken for an answer.
    assert_eq!(to.adj_out_prefixes(), [A, B]);
    (roost, from, to)
}

#[test]
fn a_refresh_is_answered_with_all_routes_between_two_marks() {
    // RFC 7313 §4
    let (_roost, _from, mut to) = two();
    to.send(refresh(1, 0, 1));
    let mut kinds = Vec::new();
    let mut prefixes = Vec::new();
    loop {
        match to.next(PATIENCE) {
            Event::Message(ROUTE_REFRESH, body) => {
                kinds.push(body[2]);
                if body[2] == 2 {
                    break;
                }
            }
            Event::Message(UPDATE, body) => {
                assert_eq!(kinds, [1], "routes outside of the marks");
                prefixes.extend(Told::read(&body, false).announced);
            }
            other => panic!("{other:02x?}"),
        }
    }
    assert_eq!(kinds, [1, 2]);
    assert_eq!(prefixes.len(), 3, "two routes and the marker: {prefixes:?}");
}

#[test]
fn a_refresh_without_enhanced_refresh_is_answered_without_marks() {
    let (roost, _from, _) = two();
    let mut to = roost.connect_again(1, Open::new(65000).without(70));
    let before = to.await_end_of_rib(1);
    to.send(refresh(1, 0, 1));
    let mut again = 0;
    while again < before.iter().map(|told| told.announced.len()).sum() {
        match to.next(PATIENCE) {
            Event::Message(UPDATE, body) => again += Told::read(&body, false).announced.len(),
            other => panic!("{other:02x?}"),
        }
    }
}

#[test]
fn a_refresh_without_routes_is_two_marks() {
    let roost = Setup::with([Neighbor::client()]).start();
    assert_eq!(roost.peer(0).adj_out_prefixes(), [""; 0]);
}

#[test]
fn a_refresh_of_a_family_that_was_not_negotiated_is_ignored() {
    // RFC 2918 §4
    let (_roost, _from, mut to) = two();
    to.send(refresh(2, 0, 1)).send(refresh(25, 0, 70));
    assert_eq!(to.adj_out_prefixes(), [A, B]);
}

#[test]
fn a_refresh_of_an_unknown_subtype_is_ignored() {
    // RFC 7313 §5
    let (_roost, _from, mut to) = two();
    to.send(refresh(1, 3, 1)).send(refresh(1, 255, 1));
    assert_eq!(to.adj_out_prefixes(), [A, B]);
}

#[test]
fn filters_behind_a_refresh_are_passed_over() {
    // RFC 5291 §4: what follows the four octets are outbound route filters, which roost asks nobody for
    let (_roost, _from, mut to) = two();
    to.send(message(ROUTE_REFRESH, &[0, 1, 0, 1, 1, 128, 0, 2, 0, 0]));
    assert_eq!(to.adj_out_prefixes(), [A, B]);
}

#[test]
fn a_refresh_of_ipv6_answers_with_ipv6() {
    let roost = Setup::with([Neighbor::client().both(), Neighbor::client().both()]).start();
    let mut from = roost.peer_with(0, Open::new(65000).ipv6().id(Roost::peer_id(0)));
    let mut to = roost.peer_with(1, Open::new(65000).ipv6().id(Roost::peer_id(1)));
    let (four, six) = (from.route(&[A]), from.route6(&["2001:db8:1::/48"]));
    from.update(&four).update(&six).settle(&roost);
    let told: Vec<String> = to.adj_out(2).into_keys().map(|(prefix, _)| prefix).collect();
    assert_eq!(told, ["2001:db8:1::/48"]);
}

#[test]
fn refreshes_in_a_row_are_all_served() {
    let (_roost, _from, mut to) = two();
    for _ in 0..20 {
        assert_eq!(to.adj_out_prefixes(), [A, B]);
    }
}

#[test]
fn a_refresh_asked_for_during_another_one_ends_with_all_routes() {
    let (_roost, _from, mut to) = two();
    to.send([refresh(1, 0, 1), refresh(1, 0, 1), refresh(1, 0, 1)].concat());
    // However many answers: the last one is whole. The question behind them is answered by itself.
    let (mut begun, mut ended, mut seen) = (0, 0, 0);
    while ended == 0 || ended < begun {
        match to.next(PATIENCE) {
            Event::Message(ROUTE_REFRESH, body) if body[2] == 1 => (begun, seen) = (begun + 1, 0),
            Event::Message(ROUTE_REFRESH, _) => ended += 1,
            Event::Message(UPDATE, body) => seen += Told::read(&body, false).announced.len(),
            other => panic!("{other:02x?}"),
        }
    }
    assert_eq!(seen, 3);
}

// ---- a peer that refreshes its routes to us: RFC 7313 §4

#[test]
fn what_is_not_repeated_between_the_marks_goes() {
    let (roost, mut from, mut to) = two();
    let a = from.route(&[A]).med(1);
    from.send(refresh(1, 1, 1)).update(&a).settle(&roost);
    assert_eq!(roost.prefixes(0), [A, B], "not before the second mark");
    from.send(refresh(1, 2, 1));
    to.await_withdrawal(B);
    assert_eq!(roost.prefixes(0), [A]);
}

#[test]
fn what_is_new_between_the_marks_stays() {
    let (roost, mut from, _to) = two();
    let new = from.route(&["10.3.0.0/16"]);
    from.send(refresh(1, 1, 1)).update(&new).send(refresh(1, 2, 1)).settle(&roost);
    assert_eq!(roost.prefixes(0), ["10.3.0.0/16"]);
}

#[test]
fn what_is_withdrawn_between_the_marks_goes_at_once() {
    let (roost, mut from, _to) = two();
    from.send(refresh(1, 1, 1)).update(&Update::new().withdraw(&[A])).settle(&roost);
    assert_eq!(roost.prefixes(0), [B]);
}

#[test]
fn the_second_mark_alone_changes_nothing() {
    let (roost, mut from, _to) = two();
    from.send(refresh(1, 2, 1)).settle(&roost);
    assert_eq!(roost.prefixes(0), [A, B]);
}

#[test]
fn the_first_mark_again_begins_again() {
    // RFC 7313 §4
    let (roost, mut from, _to) = two();
    let (a, b) = (from.route(&[A]), from.route(&[B]));
    from.send(refresh(1, 1, 1)).update(&a).send(refresh(1, 1, 1)).update(&b).send(refresh(1, 2, 1)).settle(&roost);
    assert_eq!(roost.prefixes(0), [B]);
}

#[test]
fn marks_of_another_family_leave_this_one_alone() {
    let (roost, mut from, _to) = two();
    from.send(refresh(2, 1, 1)).send(refresh(2, 2, 1)).settle(&roost);
    assert_eq!(roost.prefixes(0), [A, B]);
}

// ---- End-of-RIB

#[test]
fn an_end_of_rib_follows_the_first_routes_of_each_family() {
    // RFC 4724 §2: an UPDATE of nothing for IPv4, an empty MP_UNREACH_NLRI for IPv6
    let roost = Setup::with([Neighbor::ebgp(65001).both()]).blocks(&["10.65.0.0/26", "2001:db8:65::/64"]).start();
    let mut peer = roost.peer_with(0, Open::new(65001).ipv6());
    let (mut four, mut six) = (Vec::new(), Vec::new());
    let (mut four_ended, mut six_ended) = (false, false);
    while !(four_ended && six_ended) {
        let told = peer.expect_update();
        if told.is_end_of_rib(1) {
            four_ended = true;
        } else if told.is_end_of_rib(2) {
            six_ended = true;
        } else if told.announces("10.65.0.0/26") {
            assert!(!four_ended);
            four.push(told);
        } else {
            assert!(!six_ended);
            six.push(told);
        }
    }
    assert_eq!((four.len(), six.len()), (1, 1));
}

#[test]
fn an_end_of_rib_comes_once() {
    let (_roost, _from, mut to) = two();
    to.send(refresh(1, 0, 1));
    loop {
        match to.next(PATIENCE) {
            Event::Message(ROUTE_REFRESH, body) if body[2] == 2 => break,
            Event::Message(ROUTE_REFRESH, _) => {}
            Event::Message(UPDATE, body) => assert!(!Told::read(&body, false).is_end_of_rib(1)),
            other => panic!("{other:02x?}"),
        }
    }
}

#[test]
fn an_end_of_rib_of_ours_changes_no_route() {
    let (roost, mut from, _to) = two();
    from.send(message(UPDATE, &[0; 4])).send(message(UPDATE, &[0; 4])).settle(&roost);
    assert_eq!(roost.prefixes(0), [A, B]);
    roost.await_complete(0, 1);
}

#[test]
fn an_end_of_rib_of_a_family_that_was_not_negotiated_is_ignored() {
    let (roost, mut from, _to) = two();
    from.send(message(UPDATE, &[0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1])).settle(&roost);
    assert_eq!(roost.prefixes(0), [A, B]);
    assert_eq!(roost.about(0)["end_of_rib"].as_array().map(Vec::len), Some(0));
}

#[test]
fn marks_of_a_peer_that_did_not_say_it_sends_them_change_nothing() {
    // RFC 7313 §4.2: for who has the capability from both sides
    let roost = Setup::with([Neighbor::client()]).start();
    let mut peer = roost.peer_with(0, Open::new(65000).without(70));
    let route = peer.route(&[A, B]);
    peer.update(&route).settle(&roost);
    peer.send(refresh(1, 1, 1)).send(refresh(1, 2, 1)).settle(&roost);
    assert_eq!(roost.prefixes(0), [A, B]);
}

#[test]
fn the_second_mark_alone_leaves_stale_routes_to_the_end_of_rib() {
    // RFC 7313 §4.2, RFC 4724 §4.2
    let graceful = || Open::new(65000).cap(64, &[0, 120, 0, 1, 1, 0x80]);
    let roost = Setup::with([Neighbor::client()]).start();
    let mut peer = roost.peer_with(0, graceful());
    let route = peer.route(&[A, B]);
    peer.update(&route).send(message(UPDATE, &[0; 4])).settle(&roost);
    peer.reset();
    roost.await_table("stale routes", |rows| rows.iter().all(|row| row.stale).then_some(()));
    let mut peer = roost.connect_again(0, graceful());
    peer.send(refresh(1, 2, 1)).settle(&roost);
    assert_eq!(roost.prefixes(0), [A, B]);
    peer.send(message(UPDATE, &[0; 4])).settle(&roost);
    assert_eq!(roost.prefixes(0), [""; 0]);
}

#[test]
fn marks_before_the_end_of_rib_of_a_peer_with_graceful_restart_change_nothing() {
    // RFC 7313 §4.2: "MUST ignore any BoRRs … before the speaker receives the EoR"
    let roost = Setup::with([Neighbor::client()]).start();
    let mut peer = roost.peer_with(0, Open::new(65000).cap(64, &[0, 120, 0, 1, 1, 0x80]));
    let route = peer.route(&[A, B]);
    peer.update(&route).send(refresh(1, 1, 1)).send(refresh(1, 2, 1)).settle(&roost);
    assert_eq!(roost.prefixes(0), [A, B]);
    let again = peer.route(&[A]);
    peer.send(message(UPDATE, &[0; 4])).send(refresh(1, 1, 1));
    peer.update(&again).send(refresh(1, 2, 1)).settle(&roost);
    assert_eq!(roost.prefixes(0), [A]);
}
