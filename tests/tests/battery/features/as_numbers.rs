//! Whose AS numbers stand in a path: allow-as-in, local-as, private numbers, and sets, which are gone (RFC 9774).

use crate::harness::wire::code::*;
use crate::harness::wire::{OPT_TRANS, WELL_KNOWN, segment, sequence, sequence2};
use crate::harness::{Neighbor, OURS, Open, Peer, Roost, Setup, capabilities};

const PREFIX: &str = "10.1.0.0/16";
const OTHER: &str = "10.2.0.0/16";

// ---- allow-as-in: RFC 4271 §9.1.2

#[test]
fn our_as_may_stand_there_as_often_as_is_said_and_no_more() {
    let roost = Setup::with([Neighbor::ebgp(65001).with("allow_as_in: 2"), Neighbor::ibgp()]).start();
    let (mut peer, mut inside) = (roost.peer(0), roost.peer(1));
    let twice = peer.route(&[PREFIX]).path(&[65001, OURS, 9, OURS]);
    let thrice = peer.route(&[OTHER]).path(&[65001, OURS, OURS, OURS]);
    peer.update(&twice).update(&thrice).settle(&roost);
    assert_eq!(roost.prefixes(0), [PREFIX]);
    assert_eq!(roost.row(0, OTHER).reason.as_deref(), Some("own AS in the path"));
    assert_eq!(inside.told(PREFIX).path(), [65001, OURS, 9, OURS], "it is told as it came");
}

#[test]
fn our_as_may_stand_there_for_an_internal_peer_too() {
    let roost = Setup::with([Neighbor::ibgp().with("allow_as_in: 1")]).start();
    let mut peer = roost.peer(0);
    let route = peer.route(&[PREFIX]).path(&[OURS]);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [PREFIX]);
}

#[test]
fn what_one_peer_may_another_may_not() {
    let roost = Setup::with([Neighbor::ebgp(65001).with("allow_as_in: 1"), Neighbor::ebgp(65002)]).start();
    let (mut may, mut may_not) = (roost.peer(0), roost.peer(1));
    let (of_one, of_other) = (may.route(&[PREFIX]).path(&[65001, OURS]), may_not.route(&[PREFIX]).path(&[65002, OURS]));
    may.update(&of_one).settle(&roost);
    may_not.update(&of_other).settle(&roost);
    assert!(roost.row(0, PREFIX).best);
    assert_eq!(roost.row(1, PREFIX).reason.as_deref(), Some("own AS in the path"));
}

// ---- local-as: FRR's words

/// A peer to which we are 65100, with these keys, and an internal one: what each is told of the other's route.
fn beside(keys: &[&str]) -> (Vec<u32>, Vec<u32>) {
    let peer = keys.iter().fold(Neighbor::ebgp(65001).with("local_as: 65100"), |peer, key| peer.with(key));
    let roost = Setup::with([peer, Neighbor::ibgp()]).start();
    let (mut outside, mut inside) = (roost.peer(0), roost.peer(1));
    let (from_outside, from_inside) = (outside.route(&[PREFIX]), inside.route(&[OTHER]));
    outside.update(&from_outside).settle(&roost);
    inside.update(&from_inside).settle(&roost);
    (inside.told(PREFIX).path(), outside.told(OTHER).path())
}

#[test]
fn local_as_stands_in_front_both_ways() {
    assert_eq!(beside(&[]), (vec![65100, 65001], vec![65100, OURS]));
}

#[test]
fn local_as_without_prepending_is_not_seen_inside() {
    assert_eq!(beside(&["local_as_no_prepend: true"]), (vec![65001], vec![65100, OURS]));
}

#[test]
fn local_as_that_replaces_hides_ours_outside() {
    assert_eq!(beside(&["local_as_replace_as: true"]), (vec![65100, 65001], vec![65100]));
}

#[test]
fn local_as_with_both_is_all_we_are() {
    assert_eq!(beside(&["local_as_no_prepend: true", "local_as_replace_as: true"]), (vec![65001], vec![65100]));
}

#[test]
fn local_as_in_a_path_of_its_peer_is_a_loop() {
    let roost = Setup::with([Neighbor::ebgp(65001).with("local_as: 65100")]).start();
    let mut peer = roost.peer(0);
    let (looped, ours) = (peer.route(&[PREFIX]).path(&[65001, 65100]), peer.route(&[OTHER]).path(&[65001, OURS]));
    peer.update(&looped).update(&ours).settle(&roost);
    for prefix in [PREFIX, OTHER] {
        assert_eq!(roost.row(0, prefix).reason.as_deref(), Some("own AS in the path"), "{prefix}");
    }
}

#[test]
fn a_large_local_as_is_as_trans_in_the_field() {
    // RFC 6793 §4.1
    let local = 4_200_000_100_u32;
    let roost = Setup::with([Neighbor::ebgp(65001).with("local_as: 4200000100")]).blocks(&[PREFIX]).start();
    let mut peer = roost.peer(0);
    assert_eq!(peer.open[1..3], 23456_u16.to_be_bytes());
    assert!(capabilities(&peer.open).contains(&(65, local.to_be_bytes().to_vec())));
    assert_eq!(peer.told(PREFIX).path(), [local, OURS]);
}

// ---- private numbers: RFC 6996 §4, FRR's words

/// What an external peer of this AS is told of an internal peer's route with this path.
fn without_private(way: &str, asn: u32, path: &[u32]) -> Vec<u32> {
    let to = Neighbor::ebgp(asn).with(&format!("remove_private_as: {way}"));
    let roost = Setup::with([Neighbor::ibgp(), to]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX]).path(path);
    from.update(&route).settle(&roost);
    to.told(PREFIX).path()
}

#[test]
fn private_numbers_end_where_rfc_6996_says() {
    // RFC 6996 §5: 64512 to 65534, 4200000000 to 4294967294
    let edges = [64511, 64512, 65534, 65535, 4_199_999_999, 4_200_000_000, 4_294_967_294, 4_294_967_295];
    assert_eq!(without_private("all", 7, &edges), [OURS, 64511, 65535, 4_199_999_999, 4_294_967_295]);
}

#[test]
fn private_numbers_go_only_from_paths_of_nothing_else() {
    assert_eq!(without_private("true", 7, &[64600, 4_200_000_001]), [OURS]);
    assert_eq!(without_private("true", 7, &[64600, 9]), [OURS, 64600, 9]);
}

#[test]
fn private_numbers_are_replaced_by_ours_one_by_one() {
    assert_eq!(without_private("replace", 7, &[64600, 9, 64601]), [OURS, OURS, 9, OURS]);
}

#[test]
fn the_peers_own_private_number_stays() {
    // It must find its loops.
    for way in ["true", "all", "replace"] {
        assert_eq!(without_private(way, 64999, &[64999]), [OURS, 64999], "{way}");
    }
}

#[test]
fn inside_private_numbers_stay() {
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ibgp()]).start();
    let (mut from, mut inside) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX]).path(&[65001, 64600]);
    from.update(&route).settle(&roost);
    assert_eq!(inside.told(PREFIX).path(), [65001, 64600]);
}

#[test]
fn private_numbers_go_from_the_path_of_a_two_octet_peer_too() {
    // RFC 6793 §4.2.2: and AS4_PATH says nothing of them
    let to = Neighbor::ebgp(7).with("remove_private_as: all");
    let roost = Setup::with([Neighbor::ibgp(), to]).start();
    let mut from = roost.peer(0);
    let mut to = roost.peer_with(1, Open::new(7).without(65).id([10, 0, 0, 11]));
    let route = from.route(&[PREFIX]).path(&[4_200_000_001, 9, 70_000]);
    from.update(&route).settle(&roost);
    let told = to.told(PREFIX);
    assert_eq!(told.value(AS_PATH), sequence2(&[65000, 9, 23456]));
    assert_eq!(told.value(AS4_PATH), sequence(&[OURS, 9, 70_000]));
}

// ---- sets: RFC 9774 §3

/// A peer, and one that takes sets from everyone.
fn sets(neighbor: Neighbor) -> (Roost, Peer, Peer) {
    let roost = Setup::with([neighbor, Neighbor::client().with("accept_as_set: true")]).start();
    let (from, to) = (roost.peer(0), roost.peer(1));
    (roost, from, to)
}

#[test]
fn a_set_replaces_nothing_and_withdraws_what_was_there() {
    // RFC 9774 §3: treat-as-withdraw
    for neighbor in [Neighbor::ebgp(65001), Neighbor::client()] {
        let first = neighbor.asn;
        let (roost, mut from, mut to) = sets(neighbor);
        let good = from.route(&[PREFIX, OTHER]);
        let set = from.route(&[PREFIX]).segments(&[(2, &[first.max(65001)]), (1, &[7, 8])]);
        from.update(&good).settle(&roost);
        to.await_route(PREFIX);
        from.update(&set).settle(&roost);
        to.await_withdrawal(PREFIX);
        assert_eq!(roost.prefixes(0), [OTHER]);
        assert_eq!(roost.about(0)["established_count"].as_u64(), Some(1));
    }
}

#[test]
fn a_set_of_one_number_is_a_set() {
    let (roost, mut from, _to) = sets(Neighbor::ebgp(65001));
    let set = from.route(&[PREFIX]).segments(&[(2, &[65001]), (1, &[7])]);
    from.update(&set).settle(&roost);
    assert_eq!(roost.prefixes(0), [""; 0]);
}

#[test]
fn a_set_before_the_sequence_is_a_set() {
    let (roost, mut from, _to) = sets(Neighbor::client());
    let set = from.route(&[PREFIX]).segments(&[(1, &[7, 8]), (2, &[9])]);
    from.update(&set).settle(&roost);
    assert_eq!(roost.prefixes(0), [""; 0]);
}

#[test]
fn a_set_in_as4_path_counts_too() {
    // RFC 9774 §3, RFC 6793 §4.2.3: the path is what both make together
    let roost = Setup::external().start();
    let mut from = roost.peer_with(0, Open::new(65001).without(65));
    let both = |u: crate::harness::Update| {
        u.set(WELL_KNOWN, AS_PATH, &sequence2(&[65001, 23456])).set(OPT_TRANS, AS4_PATH, &segment(1, &[70_000]))
    };
    let route = both(from.route(&[PREFIX]));
    from.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [""; 0]);
}

#[test]
fn a_set_is_told_only_to_who_takes_sets() {
    // RFC 9774 §3: "MUST NOT advertise"
    let old = |neighbor: Neighbor| neighbor.with("accept_as_set: true");
    let peers = [old(Neighbor::ebgp(65001)), Neighbor::ebgp(65002), old(Neighbor::ebgp(65003)), Neighbor::client()];
    let roost = Setup::with(peers).start();
    let mut peers = [0, 1, 2, 3].map(|number| roost.peer(number));
    let set = peers[0].route(&[PREFIX]).segments(&[(2, &[65001]), (1, &[7, 8])]);
    peers[0].update(&set).settle(&roost);
    let [_, new, old, inside] = &mut peers;
    assert_eq!(new.adj_out_prefixes(), [""; 0]);
    assert_eq!(inside.adj_out_prefixes(), [""; 0]);
    assert_eq!(old.told(PREFIX).value(AS_PATH), [sequence(&[OURS, 65001]), segment(1, &[7, 8])].concat());
}

#[test]
fn a_set_in_place_of_a_sequence_is_withdrawn_from_who_takes_none() {
    let roost = Setup::with([Neighbor::ebgp(65001).with("accept_as_set: true"), Neighbor::ebgp(65002)]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let (plain, set) = (from.route(&[PREFIX]), from.route(&[PREFIX]).segments(&[(2, &[65001]), (1, &[7, 8])]));
    from.update(&plain).settle(&roost);
    to.await_route(PREFIX);
    from.update(&set);
    to.await_withdrawal(PREFIX);
}
