//! What is told when something changes: news, withdrawals, the next best, the dump for who comes later.

use super::PREFIX;
use crate::harness::wire::code::*;
use crate::harness::{Neighbor, Setup, Update};

#[test]
fn a_changed_attribute_is_told_anew() {
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    for med in [1, 2, 3] {
        let route = from.route(&[PREFIX]).med(med);
        from.update(&route);
        assert_eq!(to.await_route(PREFIX).number(MED), med);
    }
}

#[test]
fn a_withdrawn_route_is_withdrawn_from_others() {
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX, "10.2.0.0/16"]);
    from.update(&route);
    to.await_route("10.2.0.0/16");
    from.update(&Update::new().withdraw(&[PREFIX]));
    let told = to.await_withdrawal(PREFIX);
    assert_eq!((told.withdrawn.len(), told.announced.len()), (1, 0));
}

#[test]
fn the_next_best_route_takes_the_place_of_a_withdrawn_one() {
    let roost = Setup::with([Neighbor::client(), Neighbor::client(), Neighbor::client()]).start();
    let (mut a, mut b, mut to) = (roost.peer(0), roost.peer(1), roost.peer(2));
    let (best, second) = (a.route(&[PREFIX]).local_pref(200), b.route(&[PREFIX]));
    a.update(&best).settle(&roost);
    b.update(&second).settle(&roost);
    assert_eq!(to.told(PREFIX).next_hop, [192, 0, 2, 10]);
    a.update(&Update::new().withdraw(&[PREFIX]));
    assert_eq!(to.await_route(PREFIX).next_hop, [192, 0, 2, 11]);
}

#[test]
fn the_owner_of_the_best_route_is_told_no_other_and_the_second_is_told_the_best() {
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).start();
    let (mut a, mut b) = (roost.peer(0), roost.peer(1));
    let (best, second) = (a.route(&[PREFIX]).local_pref(200), b.route(&[PREFIX]));
    b.update(&second).settle(&roost);
    assert_eq!(a.await_route(PREFIX).next_hop, [192, 0, 2, 11]);
    a.update(&best).settle(&roost);
    assert_eq!(b.await_route(PREFIX).next_hop, [192, 0, 2, 10]);
    a.await_withdrawal(PREFIX);
    assert_eq!(a.adj_out_prefixes(), [""; 0]);
    assert_eq!(b.told(PREFIX).next_hop, [192, 0, 2, 10]);
}

#[test]
fn a_lost_peers_routes_are_withdrawn_from_others() {
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX]);
    from.update(&route);
    to.await_route(PREFIX);
    from.reset();
    to.await_withdrawal(PREFIX);
}

#[test]
fn a_peer_that_comes_later_is_told_all_and_then_an_end_of_rib() {
    // RFC 4724 §2, also without graceful restart
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).start();
    let mut from = roost.peer(0);
    let prefixes: Vec<String> = (0..500).map(|n| format!("10.{}.{}.0/24", n / 250, n % 250)).collect();
    let route = from.route(&prefixes.iter().map(String::as_str).collect::<Vec<_>>());
    from.update(&route).settle(&roost);
    let told = roost.peer(1).await_end_of_rib(1);
    let count: usize = told.iter().map(|told| told.announced.len()).sum();
    assert_eq!(count, 501, "and the marker");
}

#[test]
fn prefixes_with_the_same_attributes_share_messages() {
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).start();
    let mut from = roost.peer(0);
    let prefixes: Vec<String> = (0..700).map(|n| format!("10.{}.{}.0/24", n / 250, n % 250)).collect();
    let route = from.route(&prefixes.iter().map(String::as_str).collect::<Vec<_>>());
    from.update(&route).settle(&roost);
    let told = roost.peer(1).await_end_of_rib(1);
    assert!(told.len() <= 3, "{} messages for 701 prefixes", told.len());
    assert!(told.iter().all(|told| told.length <= 4096));
}
