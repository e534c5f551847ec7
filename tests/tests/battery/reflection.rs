//! Who is told what, and how it is rewritten: RFC 4271 §9.1.3, §9.2, §5.1; RFC 4456; RFC 1997.
//!
//! What a peer is told is read with a route refresh between its two marks (RFC 7313), so "is not told" is as sure as
//! "is told".

use crate::harness::wire::code::*;
use crate::harness::wire::{OPT_TRANS, WELL_KNOWN, segment, sequence, v6};
use crate::harness::{Neighbor, OUR_ID, OURS, Open, Peer, Roost, Setup, Told, Update};

const PREFIX: &str = "10.1.0.0/16";
const NO_EXPORT: u32 = 0xffff_ff01;
const NO_ADVERTISE: u32 = 0xffff_ff02;
const NO_EXPORT_SUBCONFED: u32 = 0xffff_ff03;
const NO_PEER: u32 = 0xffff_ff04;

/// Two of each kind.
fn mesh() -> Setup {
    Setup::with([
        Neighbor::ebgp(65001),
        Neighbor::ebgp(65002),
        Neighbor::client(),
        Neighbor::client(),
        Neighbor::ibgp(),
        Neighbor::ibgp(),
    ])
}

const EXTERNAL: usize = 0;
const CLIENT: usize = 2;
const INTERNAL: usize = 4;

/// One peer announces; the others who are told.
#[track_caller]
fn told_to(from: usize, edit: impl Fn(Update) -> Update) -> Vec<usize> {
    let roost = mesh().start();
    let mut peers: Vec<Peer> = (0..6).map(|number| roost.peer(number)).collect();
    let route = edit(peers[from].route(&[PREFIX]));
    peers[from].update(&route).settle(&roost);
    assert_eq!(roost.prefixes(from), [PREFIX]);
    (0..6).filter(|&number| peers[number].adj_out_prefixes().contains(&PREFIX.to_owned())).collect()
}

/// What the second peer is told of the first one's route.
#[track_caller]
fn told(from: Neighbor, to: Neighbor, edit: impl Fn(Update) -> Update) -> Told {
    let roost = Setup::with([from, to]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = edit(from.route(&[PREFIX]));
    from.update(&route).settle(&roost);
    to.told(PREFIX)
}

/// What a peer is told of our own block.
#[track_caller]
fn told_own(to: Neighbor) -> (Told, Roost) {
    let roost = Setup::with([to]).blocks(&["10.65.0.0/26"]).start();
    let told = roost.peer(0).told("10.65.0.0/26");
    (told, roost)
}

fn same(update: Update) -> Update {
    update
}

// ---- the matrix: RFC 4456 §6

#[test]
fn a_route_of_an_external_peer_is_told_to_everyone_else() {
    assert_eq!(told_to(EXTERNAL, same), [1, 2, 3, 4, 5]);
}

#[test]
fn a_route_of_a_client_is_told_to_everyone_else() {
    assert_eq!(told_to(CLIENT, same), [0, 1, 3, 4, 5]);
}

#[test]
fn a_route_of_an_internal_peer_is_told_to_external_peers_and_clients() {
    assert_eq!(told_to(INTERNAL, same), [0, 1, 2, 3]);
}

#[test]
fn our_own_block_is_told_to_everyone() {
    let roost = mesh().blocks(&["10.65.0.0/26"]).start();
    for number in 0..6 {
        assert_eq!(roost.peer(number).adj_out_prefixes(), ["10.65.0.0/26"]);
    }
}

#[test]
fn without_clients_internal_routes_stay_between_two() {
    // RFC 4271 §9.2
    let roost = Setup::with([Neighbor::ibgp(), Neighbor::ibgp()]).start();
    let (mut a, mut b) = (roost.peer(0), roost.peer(1));
    let route = a.route(&[PREFIX]);
    a.update(&route).settle(&roost);
    assert_eq!(b.adj_out_prefixes(), [""; 0]);
}

// ---- well-known communities: RFC 1997

#[test]
fn no_export_stays_in_the_as() {
    assert_eq!(told_to(EXTERNAL, |u| u.communities(&[NO_EXPORT])), [2, 3, 4, 5]);
}

#[test]
fn no_export_of_a_client_stays_in_the_as() {
    assert_eq!(told_to(CLIENT, |u| u.communities(&[7, NO_EXPORT])), [3, 4, 5]);
}

#[test]
fn no_advertise_is_told_to_nobody() {
    assert_eq!(told_to(EXTERNAL, |u| u.communities(&[NO_ADVERTISE])), [0; 0]);
}

#[test]
fn no_export_subconfed_stays_in_the_as() {
    assert_eq!(told_to(EXTERNAL, |u| u.communities(&[NO_EXPORT_SUBCONFED])), [2, 3, 4, 5]);
}

#[test]
fn no_peer_is_an_ordinary_community() {
    // RFC 3765: bilateral peers only, which we know nothing of
    assert_eq!(told_to(EXTERNAL, |u| u.communities(&[NO_PEER])), [1, 2, 3, 4, 5]);
}

#[test]
fn no_export_is_passed_on_with_the_route() {
    let told = told(Neighbor::ebgp(65001), Neighbor::client(), |u| u.communities(&[NO_EXPORT]));
    assert_eq!(told.number(COMMUNITIES), NO_EXPORT);
}

// ---- to an external peer

#[test]
fn to_an_external_peer_our_as_stands_in_front() {
    // RFC 4271 §5.1.2 b
    let told = told(Neighbor::ebgp(65001), Neighbor::ebgp(65002), |u| u.path(&[65001, 65009]));
    assert_eq!(told.path(), [OURS, 65001, 65009]);
}

#[test]
fn to_an_external_peer_our_as_stands_once_in_front_of_a_clients_path() {
    let told = told(Neighbor::client(), Neighbor::ebgp(65002), same);
    assert_eq!(told.path(), [OURS]);
}

#[test]
fn our_as_in_front_of_a_set_is_a_sequence_of_its_own() {
    let set = segment(1, &[65003, 65004]);
    let both = |neighbor: Neighbor| neighbor.with("accept_as_set: true");
    let told = told(both(Neighbor::client()), both(Neighbor::ebgp(65002)), |u| u.set(WELL_KNOWN, AS_PATH, &set));
    assert_eq!(told.value(AS_PATH), [sequence(&[OURS]), set.clone()].concat());
}

#[test]
fn our_as_in_front_of_a_full_segment_begins_another_one() {
    // RFC 4271 §5.1.2 b 1: a segment holds 255 numbers
    let full: Vec<u32> = [65001].into_iter().chain(std::iter::repeat_n(65009, 254)).collect();
    let told = told(Neighbor::ebgp(65001), Neighbor::ebgp(65002), |u| u.path(&full));
    assert_eq!(told.value(AS_PATH), [sequence(&[OURS]), sequence(&full)].concat());
}

#[test]
fn to_an_external_peer_we_are_the_next_hop() {
    // RFC 4271 §5.1.3
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002)]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX]);
    from.update(&route).settle(&roost);
    assert_eq!(to.told(PREFIX).next_hop, roost.net().roost().octets());
}

#[test]
fn to_an_external_peer_goes_no_local_pref() {
    // RFC 4271 §5.1.5
    let told = told(Neighbor::client(), Neighbor::ebgp(65002), |u| u.local_pref(300));
    assert!(!told.has(LOCAL_PREF));
}

#[test]
fn to_an_external_peer_goes_no_med_of_another_as() {
    // RFC 4271 §5.1.4
    let told = told(Neighbor::ebgp(65001), Neighbor::ebgp(65002), |u| u.med(50));
    assert!(!told.has(MED));
}

#[test]
fn to_an_external_peer_goes_no_med_of_an_internal_one() {
    let told = told(Neighbor::client(), Neighbor::ebgp(65002), |u| u.med(50));
    assert!(!told.has(MED));
}

#[test]
fn to_an_external_peer_go_no_marks_of_reflection() {
    // RFC 4456 §8: optional, non-transitive
    let told =
        told(Neighbor::client(), Neighbor::ebgp(65002), |u| u.originator([9, 9, 9, 9]).clusters(&[[8, 8, 8, 8]]));
    assert!(!told.has(ORIGINATOR_ID) && !told.has(CLUSTER_LIST));
}

#[test]
fn to_an_external_peer_our_own_block_has_our_as_alone() {
    let (told, roost) = told_own(Neighbor::ebgp(65002));
    assert_eq!(told.path(), [OURS]);
    assert_eq!(told.next_hop, roost.net().roost().octets());
    assert_eq!(told.value(ORIGIN), [0]);
    assert!(!told.has(LOCAL_PREF) && !told.has(ORIGINATOR_ID));
}

#[test]
fn an_external_peers_route_does_not_come_back_to_it() {
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    let route = peer.route(&[PREFIX]);
    peer.update(&route).settle(&roost);
    assert_eq!(peer.adj_out_prefixes(), [""; 0]);
}

#[test]
fn a_med_set_by_the_export_policy_goes_out() {
    let policy = "policies: { out: { rules: [{ set: { med: 77 }, action: accept }] } }";
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002).with("export: out")]).more(policy).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX]).med(5);
    from.update(&route).settle(&roost);
    assert_eq!(to.told(PREFIX).number(MED), 77);
}

// ---- to an internal peer

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

// ---- what is carried and what is not

fn everything(update: Update) -> Update {
    update
        .set(WELL_KNOWN, ATOMIC_AGGREGATE, &[])
        .set(OPT_TRANS, AGGREGATOR, &[0, 0, 0xfd, 0xe9, 1, 2, 3, 4])
        .communities(&[5, 6])
        .set(OPT_TRANS, EXT_COMMUNITIES, &[[0x00, 2, 0, 1, 0, 0, 0, 2], [0x40, 4, 0, 1, 0, 0, 0, 9]].concat())
        .set(OPT_TRANS, LARGE_COMMUNITIES, &[[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]].concat())
}

#[test]
fn communities_of_all_kinds_and_the_aggregator_are_carried() {
    // RFC 1997, RFC 8092 §3, RFC 4271 §5.1.6, §5.1.7
    for to in [Neighbor::ebgp(65002), Neighbor::client()] {
        let told = told(Neighbor::ebgp(65001), to, everything);
        assert_eq!(told.attrs[&ATOMIC_AGGREGATE], (0x40, vec![]));
        assert_eq!(told.attrs[&AGGREGATOR], (0xc0, vec![0, 0, 0xfd, 0xe9, 1, 2, 3, 4]));
        assert_eq!(told.attrs[&COMMUNITIES], (0xc0, vec![0, 0, 0, 5, 0, 0, 0, 6]));
        assert_eq!(told.attrs[&LARGE_COMMUNITIES], (0xc0, vec![0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]));
    }
}

#[test]
fn non_transitive_extended_communities_stay_in_the_as() {
    // RFC 4360 §2, §6: the T bit of the type
    let outside = told(Neighbor::client(), Neighbor::ebgp(65002), everything);
    assert_eq!(outside.value(EXT_COMMUNITIES), [0x00, 2, 0, 1, 0, 0, 0, 2]);
    let inside = told(Neighbor::client(), Neighbor::client(), everything);
    assert_eq!(inside.value(EXT_COMMUNITIES).len(), 16);
}

#[test]
fn non_transitive_ipv6_extended_communities_stay_in_the_as() {
    // RFC 5701 §2
    let crosses = [&[0x00, 2][..], &v6("2001:db8::1"), &[0, 7]].concat();
    let stays = [&[0x40, 2][..], &v6("2001:db8::2"), &[0, 8]].concat();
    for (to, expected) in
        [(Neighbor::ebgp(65002), crosses.clone()), (Neighbor::client(), [&crosses[..], &stays].concat())]
    {
        let both = [&crosses[..], &stays].concat();
        let told = told(Neighbor::client(), to, |u| u.set(OPT_TRANS, IPV6_EXT_COMMUNITIES, &both));
        assert_eq!(told.value(IPV6_EXT_COMMUNITIES), expected);
    }
}

#[test]
fn attributes_stand_in_order_of_their_codes() {
    // RFC 4271 §5: "SHOULD"
    let told = told(Neighbor::client(), Neighbor::client(), |u| everything(u).med(1).attr(OPT_TRANS, 200, &[1]));
    let mut sorted = told.order.clone();
    sorted.sort_unstable();
    assert_eq!(told.order, sorted);
}

#[test]
fn well_known_attributes_carry_their_flags() {
    let told = told(Neighbor::client(), Neighbor::client(), |u| u.med(1).set(0x60, ORIGIN, &[1]));
    for (code, flags) in [(ORIGIN, 0x40), (AS_PATH, 0x40), (NEXT_HOP, 0x40), (LOCAL_PREF, 0x40)] {
        assert_eq!(told.attrs[&code].0 & 0xf0, flags, "attribute {code}");
    }
    for code in [MED, ORIGINATOR_ID, CLUSTER_LIST] {
        assert_eq!(told.attrs[&code].0 & 0xf0, 0x80, "attribute {code}");
    }
}

#[test]
fn origin_is_carried() {
    // RFC 4271 §5.1.1
    for origin in [0, 1, 2] {
        let told = told(Neighbor::ebgp(65001), Neighbor::ebgp(65002), |u| u.origin(origin));
        assert_eq!(told.value(ORIGIN), [origin]);
    }
}

// ---- changes

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

// ---- IPv6

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

// ---- policies

#[test]
fn an_import_policy_refuses_and_changes() {
    let policy = "\
prefix_lists: { ten: [{ prefix: 10.0.0.0/8, le: 24 }] }
policies: { in: { rules: [{ match: { prefix_list: ten }, set: { local_pref: 300, communities: { add: [\"65000:1\"] } }, action: accept }] } }";
    let roost = Setup::with([Neighbor::ebgp(65001).with("import: in"), Neighbor::client()]).more(policy).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    // The markers of `settle` are outside of the list: held, and refused.
    let route = from.route(&[PREFIX, "11.0.0.0/8", "10.0.0.0/25"]);
    from.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [PREFIX]);
    let told = to.told(PREFIX);
    assert_eq!((told.number(LOCAL_PREF), told.number(COMMUNITIES)), (300, OURS << 16 | 1));
    assert_eq!(to.adj_out_prefixes(), [PREFIX]);
}

#[test]
fn an_export_policy_refuses() {
    let policy = "\
prefix_lists: { ten: [{ prefix: 10.0.0.0/8, le: 24 }] }
policies: { out: { rules: [{ match: { prefix_list: ten }, action: accept }] } }";
    let roost = Setup::with([Neighbor::client(), Neighbor::client().with("export: out")]).more(policy).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX, "11.0.0.0/8"]);
    from.update(&route).settle(&roost);
    assert_eq!(to.adj_out_prefixes(), [PREFIX]);
}

#[test]
fn an_external_peer_with_reject_is_told_nothing_and_gives_nothing() {
    // RFC 8212
    let closed = Neighbor::ebgp(65001).with("import: reject").with("export: reject");
    let roost = Setup::with([closed, Neighbor::client()]).blocks(&["10.65.0.0/26"]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX]);
    from.update(&route).settle(&roost);
    assert_eq!(to.adj_out_prefixes(), ["10.65.0.0/26"]);
    assert_eq!(from.adj_out_prefixes(), [""; 0]);
}
