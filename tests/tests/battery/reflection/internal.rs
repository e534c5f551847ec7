//! What internal peers and clients are told: RFC 4456 §7, §8, RFC 4271 §9.2.

use super::{PREFIX, same, told, told_own};
use crate::harness::wire::code::*;
use crate::harness::{Neighbor, OUR_ID, Peer, Roost, Setup};

#[test]
fn an_external_route_goes_inside_unchanged_but_for_a_local_pref() {
    // RFC 4271 §5.1.2 a, §5.1.3, §5.1.5
    for to in [Neighbor::client(), Neighbor::ibgp()] {
        let told = told(Neighbor::ebgp(65001), to, |u| u.path(&[65001, 65009]).med(50));
        assert_eq!(told.path(), [65001, 65009]);
        assert_eq!(told.next_hop, [192, 0, 2, 10]);
        assert_eq!((told.number(LOCAL_PREF), told.number(MED)), (100, 50));
        assert!(!told.has(ORIGINATOR_ID) && !told.has(CLUSTER_LIST));
    }
}

#[test]
fn next_hop_self_says_ourselves_inside() {
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::client().with("next_hop_self: true")]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX]);
    from.update(&route).settle(&roost);
    assert_eq!(to.told(PREFIX).next_hop, roost.net().roost().octets());
}

#[test]
fn a_reflected_route_carries_its_originator_and_our_cluster() {
    // RFC 4456 §8
    let told = told(Neighbor::client(), Neighbor::client(), |u| u.local_pref(250).med(3));
    assert_eq!(told.value(ORIGINATOR_ID), Roost::peer_id(0));
    assert_eq!(told.value(CLUSTER_LIST), OUR_ID);
    assert_eq!((told.number(LOCAL_PREF), told.number(MED)), (250, 3));
    assert_eq!(told.next_hop, [192, 0, 2, 10], "unchanged"); // RFC 4456 §10
    assert!(told.value(AS_PATH).is_empty());
}

#[test]
fn a_route_reflected_to_a_non_client_is_marked_too() {
    let told = told(Neighbor::client(), Neighbor::ibgp(), same);
    assert_eq!((told.value(ORIGINATOR_ID), told.value(CLUSTER_LIST)), (&Roost::peer_id(0)[..], &OUR_ID[..]));
}

#[test]
fn a_route_reflected_from_a_non_client_is_marked_too() {
    let told = told(Neighbor::ibgp(), Neighbor::client(), same);
    assert_eq!((told.value(ORIGINATOR_ID), told.value(CLUSTER_LIST)), (&Roost::peer_id(0)[..], &OUR_ID[..]));
}

#[test]
fn an_originator_that_is_there_stays() {
    // RFC 4456 §8: "a BGP speaker SHOULD NOT create an ORIGINATOR_ID attribute if one already exists"
    let told = told(Neighbor::ibgp(), Neighbor::client(), |u| u.originator([9, 9, 9, 9]));
    assert_eq!(told.value(ORIGINATOR_ID), [9, 9, 9, 9]);
}

#[test]
fn our_cluster_stands_in_front_of_those_before() {
    let told = told(Neighbor::ibgp(), Neighbor::client(), |u| u.clusters(&[[8, 8, 8, 8], [7, 7, 7, 7]]));
    assert_eq!(told.value(CLUSTER_LIST), [OUR_ID, [8, 8, 8, 8], [7, 7, 7, 7]].concat());
}

#[test]
fn the_configured_cluster_stands_in_the_list_and_is_a_loop() {
    // RFC 4456 §7, §8
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).router("cluster_id: 10.9.9.9").start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let (route, looped) = (from.route(&[PREFIX]), from.route(&["10.2.0.0/16"]).clusters(&[[10, 9, 9, 9]]));
    let of_our_id = from.route(&["10.3.0.0/16"]).clusters(&[OUR_ID]);
    from.update(&route).update(&looped).update(&of_our_id).settle(&roost);
    assert_eq!(to.told(PREFIX).value(CLUSTER_LIST), [10, 9, 9, 9]);
    assert_eq!(to.adj_out_prefixes(), [PREFIX, "10.3.0.0/16"], "our identifier is no cluster then");
}

#[test]
fn between_clusters_a_route_passes_both_and_each_of_them_is_a_loop() {
    // RFC 4456 §7, §8
    const EAST: [u8; 4] = [10, 9, 9, 1];
    const WEST: [u8; 4] = [10, 9, 9, 2];
    let client = |id: &str| Neighbor::client().with(&format!("cluster_id: {id}"));
    let roost = Setup::with([
        client("10.9.9.1"),
        client("10.9.9.1"),
        client("10.9.9.2"),
        Neighbor::client(),
        Neighbor::ibgp(),
        Neighbor::ebgp(65001),
    ])
    .start();
    let [mut from, mut east, mut west, mut ours, mut other, mut outside] = [0, 1, 2, 3, 4, 5].map(|n| roost.peer(n));
    let by_west = from.route(&["10.2.0.0/16"]).clusters(&[WEST]);
    let by_us = from.route(&["10.3.0.0/16"]).clusters(&[OUR_ID]);
    let route = from.route(&[PREFIX]).clusters(&[[8, 8, 8, 8]]);
    from.update(&route).update(&by_west).update(&by_us).settle(&roost);
    let clusters = |peer: &mut Peer| peer.told(PREFIX).value(CLUSTER_LIST).to_vec();
    assert_eq!(clusters(&mut east), [EAST, [8, 8, 8, 8]].concat());
    assert_eq!(clusters(&mut west), [WEST, EAST, [8, 8, 8, 8]].concat());
    assert_eq!(clusters(&mut ours), [OUR_ID, EAST, [8, 8, 8, 8]].concat());
    assert_eq!(clusters(&mut other), [EAST, [8, 8, 8, 8]].concat());
    assert!(!outside.told(PREFIX).has(CLUSTER_LIST));
    assert_eq!(west.adj_out_prefixes(), [PREFIX], "what has passed a cluster of ours is not taken from a client");

    let plain = other.route(&["10.4.0.0/16"]);
    other.update(&plain).settle(&roost);
    assert_eq!(west.told("10.4.0.0/16").value(CLUSTER_LIST), WEST);
    assert_eq!(ours.told("10.4.0.0/16").value(CLUSTER_LIST), OUR_ID);
}

#[test]
fn our_cluster_from_a_non_client_is_a_loop_only_when_the_check_is_strict() {
    // RFC 4456 §8: "SHOULD be ignored"; as it is not by default, reflectors of one cluster id hear of each other's clients
    for (key, told) in [("strict_cluster_check: false", true), ("strict_cluster_check: true", false)] {
        let roost = Setup::with([Neighbor::ibgp(), Neighbor::client()]).router(key).start();
        let (mut from, mut to) = (roost.peer(0), roost.peer(1));
        let (looped, other) = (from.route(&[PREFIX]).clusters(&[OUR_ID]), from.route(&["10.2.0.0/16"]));
        from.update(&looped).update(&other).settle(&roost);
        let want = if told { vec![PREFIX, "10.2.0.0/16"] } else { vec!["10.2.0.0/16"] };
        assert_eq!(to.adj_out_prefixes(), want, "{key}");
    }
}

#[test]
fn our_own_block_is_not_marked_as_reflected() {
    for to in [Neighbor::client(), Neighbor::ibgp()] {
        let (told, roost) = told_own(to);
        assert!(told.value(AS_PATH).is_empty() && !told.has(ORIGINATOR_ID) && !told.has(CLUSTER_LIST));
        assert_eq!(told.number(LOCAL_PREF), 100);
        assert_eq!(told.next_hop, roost.net().roost().octets());
    }
}
