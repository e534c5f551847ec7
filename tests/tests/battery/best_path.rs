//! The decision of RFC 4271 §9.1.2.2 and RFC 4456 §9, a case a step: the two routes differ in that step and, the other way
//! round, in the one behind it. Whichever comes first, the same one wins.

use crate::harness::wire::code::*;
use crate::harness::wire::{WELL_KNOWN, segment, sequence};
use crate::harness::{Neighbor, Open, Peer, Roost, Setup, Update};

const PREFIX: &str = "10.1.0.0/16";

/// A contender: what kind of peer it is, its identifier, and its route.
struct Contender {
    neighbor: Neighbor,
    id: [u8; 4],
    edit: Box<dyn Fn(Update) -> Update>,
}

/// An internal one.
fn internal(edit: impl Fn(Update) -> Update + 'static) -> Contender {
    Contender { neighbor: Neighbor::client(), id: [0; 4], edit: Box::new(edit) }
}

/// An external one of an AS.
fn external(asn: u32, edit: impl Fn(Update) -> Update + 'static) -> Contender {
    Contender { neighbor: Neighbor::ebgp(asn), id: [0; 4], edit: Box::new(edit) }
}

impl Contender {
    fn id(mut self, id: [u8; 4]) -> Self {
        self.id = id;
        self
    }
}

fn start(contenders: &[Contender]) -> (Roost, Vec<Peer>) {
    let roost = Setup::with(contenders.iter().map(|it| it.neighbor.clone())).start();
    let peer = |(number, it): (usize, &Contender)| {
        let id = if it.id == [0; 4] { Roost::peer_id(number) } else { it.id };
        roost.peer_with(number, Open::new(it.neighbor.asn).id(id))
    };
    let peers = contenders.iter().enumerate().map(peer).collect();
    (roost, peers)
}

/// Announces in an order, and says who won, and why the others lost.
fn run(contenders: &[Contender], order: &[usize]) -> (usize, Vec<String>) {
    let (roost, mut peers) = start(contenders);
    for &number in order {
        let route = (contenders[number].edit)(peers[number].route(&[PREFIX]));
        peers[number].update(&route).settle(&roost);
    }
    winner(&roost)
}

fn winner(roost: &Roost) -> (usize, Vec<String>) {
    let table = roost.table();
    let best: Vec<&str> = table.iter().filter(|row| row.best).map(|row| row.from.as_str()).collect();
    let [best] = best[..] else { panic!("not one best path: {table:#?}") };
    let number = (0..9).find(|&number| roost.name(number) == best).expect("a peer of the case");
    (number, table.iter().filter_map(|row| row.reason.clone()).collect())
}

/// The first wins over the second in both orders, and the table says why.
#[track_caller]
fn first_wins(first: Contender, second: Contender, why: &str) {
    let contenders = [first, second];
    for order in [[0, 1], [1, 0]] {
        let (number, reasons) = run(&contenders, &order);
        assert_eq!(number, 0, "order {order:?}: {reasons:?}");
        match why {
            TIE => assert!(reasons.is_empty(), "order {order:?}: {reasons:?}"),
            _ => assert!(reasons.iter().any(|reason| reason.contains(why)), "order {order:?}: {reasons:?}"),
        }
    }
}

/// The two are as good as each other (and share the traffic); one is told to others.
const TIE: &str = "";

#[test]
fn local_pref_higher_wins_over_a_shorter_path() {
    // RFC 4271 §9.1.1
    first_wins(internal(|u| u.local_pref(101).path(&[1, 2, 3])), internal(|u| u.path(&[1])), "local preference");
}

#[test]
fn local_pref_that_is_missing_counts_as_100() {
    first_wins(internal(|u| u.without(LOCAL_PREF).path(&[1, 2])), internal(|u| u.local_pref(99)), "local preference");
}

#[test]
fn local_pref_compares_as_an_unsigned_number() {
    first_wins(internal(|u| u.local_pref(0x8000_0000)), internal(|u| u.local_pref(0x7fff_ffff)), "local preference");
}

#[test]
fn as_path_shorter_wins_over_a_lower_origin() {
    first_wins(internal(|u| u.path(&[1]).origin(2)), internal(|u| u.path(&[1, 2]).origin(0)), "AS path");
}

#[test]
fn as_path_a_set_counts_as_one() {
    // RFC 4271 §9.1.2.2 a
    let set = [sequence(&[1]), segment(1, &[2, 3, 4, 5])].concat();
    first_wins(
        Contender {
            neighbor: Neighbor::client().with("accept_as_set: true"),
            ..internal(move |u| u.set(WELL_KNOWN, AS_PATH, &set).origin(2))
        },
        internal(|u| u.path(&[1, 2, 3])),
        "AS path",
    );
}

#[test]
fn as_path_repeated_numbers_count() {
    first_wins(internal(|u| u.path(&[1, 2]).origin(2)), internal(|u| u.path(&[1, 1, 1])), "AS path");
}

#[test]
fn origin_igp_wins_over_egp_with_a_lower_med() {
    first_wins(internal(|u| u.path(&[1]).origin(0).med(9)), internal(|u| u.path(&[1]).origin(1).med(1)), "origin");
}

#[test]
fn origin_egp_wins_over_incomplete() {
    first_wins(internal(|u| u.path(&[1]).origin(1).med(9)), internal(|u| u.path(&[1]).origin(2).med(1)), "origin");
}

#[test]
fn med_lower_wins_between_routes_of_one_as() {
    // … over the lower identifier.
    first_wins(
        internal(|u| u.path(&[1]).med(1)).id([10, 0, 0, 50]),
        internal(|u| u.path(&[1]).med(2)).id([10, 0, 0, 40]),
        "MED",
    );
}

#[test]
fn med_that_is_missing_counts_as_0() {
    // RFC 4271 §9.1.2.2 c
    first_wins(
        internal(|u| u.path(&[1])).id([10, 0, 0, 50]),
        internal(|u| u.path(&[1]).med(1)).id([10, 0, 0, 40]),
        "MED",
    );
}

#[test]
fn med_compares_as_an_unsigned_number() {
    first_wins(
        internal(|u| u.path(&[1]).med(0x7fff_ffff)).id([10, 0, 0, 50]),
        internal(|u| u.path(&[1]).med(0x8000_0000)).id([10, 0, 0, 40]),
        "MED",
    );
}

#[test]
fn med_does_not_count_between_routes_of_two_as() {
    first_wins(
        internal(|u| u.path(&[1]).med(200)).id([10, 0, 0, 40]),
        internal(|u| u.path(&[2]).med(1)).id([10, 0, 0, 50]),
        TIE,
    );
}

#[test]
fn med_counts_between_routes_that_begin_in_our_as() {
    // RFC 4271 §9.1.2.2 c: neighboringAS of an internal route without path is our own AS
    first_wins(internal(|u| u.med(1)).id([10, 0, 0, 50]), internal(|u| u.med(2)).id([10, 0, 0, 40]), "MED");
}

#[test]
fn external_wins_over_internal() {
    // … over the lower identifier; LOCAL_PREF and path are equal.
    first_wins(
        external(65001, |u| u).id([10, 0, 0, 50]),
        internal(|u| u.path(&[65001])).id([10, 0, 0, 40]),
        "internal",
    );
}

#[test]
fn med_counts_before_external_over_internal() {
    first_wins(internal(|u| u.path(&[65001]).med(1)), external(65001, |u| u.med(2)), "MED");
}

#[test]
fn the_lower_identifier_wins_over_the_shorter_cluster_list() {
    // RFC 4456 §9
    first_wins(
        internal(|u| u.clusters(&[[8, 8, 8, 8], [7, 7, 7, 7]])).id([10, 0, 0, 40]),
        internal(|u| u).id([10, 0, 0, 50]),
        TIE,
    );
}

#[test]
fn the_originator_counts_as_the_identifier() {
    // RFC 4456 §9
    first_wins(internal(|u| u.originator([1, 1, 1, 1])).id([10, 0, 0, 50]), internal(|u| u).id([10, 0, 0, 40]), TIE);
}

#[test]
fn identifiers_compare_as_unsigned_numbers() {
    first_wins(external(65001, |u| u).id([1, 0, 0, 1]), external(65002, |u| u).id([200, 0, 0, 1]), TIE);
}

#[test]
fn the_shorter_cluster_list_wins_over_the_lower_address() {
    // RFC 4456 §9; the second contender has the higher address, so the shorter list is put there.
    let contenders = [
        internal(|u| u.originator([9, 9, 9, 9]).clusters(&[[8, 8, 8, 8], [7, 7, 7, 7]])),
        internal(|u| u.originator([9, 9, 9, 9]).clusters(&[[8, 8, 8, 8]])),
    ];
    for order in [[0, 1], [1, 0]] {
        let (number, reasons) = run(&contenders, &order);
        assert_eq!(number, 1, "order {order:?}: {reasons:?}");
    }
}

#[test]
fn the_lower_address_wins_in_the_end() {
    first_wins(external(65001, |u| u).id([10, 0, 0, 50]), external(65002, |u| u).id([10, 0, 0, 50]), TIE);
}

#[test]
fn our_own_block_wins_over_everything() {
    let roost = Setup::with([Neighbor::client()]).blocks(&[PREFIX]).start();
    let mut peer = roost.peer(0);
    let route = peer.route(&[PREFIX]).local_pref(9999);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [""; 0]);
    assert!(roost.row(0, PREFIX).reason.unwrap_or_default().contains("originated here"));
}

// ---- MED and the order of arrival

/// All orders of a few things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(count - 1);
    let insert = |order: &Vec<usize>| {
        (0..count).map(|at| [&order[..at], &[count - 1], &order[at..]].concat()).collect::<Vec<_>>()
    };
    shorter.iter().flat_map(insert).collect()
}

/// Three routes that beat each other in a circle when they are compared in pairs, in the order they came in.
fn circle() -> [Contender; 3] {
    [
        // beats 1 by identifier
        internal(|u| u.path(&[1]).med(20)).id([10, 0, 0, 40]),
        // beats 2 by identifier
        internal(|u| u.path(&[2]).med(0)).id([10, 0, 0, 50]),
        // beats 0 by MED
        internal(|u| u.path(&[1]).med(10)).id([10, 0, 0, 60]),
    ]
}

#[test]
fn med_the_winner_does_not_depend_on_the_order_of_arrival() {
    // RFC 4271 §9.1.2.2 c: first each AS by itself, 2 of AS 1, then 1 of AS 2 against it by identifier.
    let contenders = circle();
    for order in orders(3) {
        assert_eq!(run(&contenders, &order).0, 1, "order {order:?}");
    }
}

#[test]
fn med_the_winner_does_not_depend_on_routes_that_came_and_went() {
    let contenders = circle();
    let (roost, mut peers) = start(&contenders);
    let routes: Vec<Update> = (0..3).map(|number| (contenders[number].edit)(peers[number].route(&[PREFIX]))).collect();
    let gone = Update::new().withdraw(&[PREFIX]);
    for number in 0..3 {
        peers[number].update(&routes[number]).settle(&roost);
    }
    for flapping in [0, 1, 2, 1, 0, 2] {
        peers[flapping].update(&gone).settle(&roost);
        let left = winner(&roost).0;
        // Without 2, AS 1 sends 0, which wins; without the others, 1 and 2 meet, or 2 and 0.
        assert_eq!(left, [1, 2, 0][flapping], "without {flapping}");
        peers[flapping].update(&routes[flapping]).settle(&roost);
        assert_eq!(winner(&roost).0, 1, "after {flapping} is back");
    }
}

#[test]
fn four_routes_in_every_order_have_one_winner() {
    let contenders = [
        internal(|u| u.path(&[1]).med(5)).id([10, 0, 0, 60]),
        internal(|u| u.path(&[1]).med(9)).id([10, 0, 0, 40]),
        internal(|u| u.path(&[2]).med(7)).id([10, 0, 0, 70]),
        internal(|u| u.path(&[2]).med(8)).id([10, 0, 0, 50]),
    ];
    let (roost, mut peers) = start(&contenders);
    let gone = Update::new().withdraw(&[PREFIX]);
    for order in orders(4) {
        for &number in &order {
            let route = (contenders[number].edit)(peers[number].route(&[PREFIX]));
            peers[number].update(&route).settle(&roost);
        }
        assert_eq!(winner(&roost).0, 0, "order {order:?}");
        for peer in &mut peers {
            peer.update(&gone);
        }
        peers.iter_mut().for_each(|peer| {
            peer.settle(&roost);
        });
    }
}

// ---- changes of mind

#[test]
fn a_route_that_becomes_worse_loses() {
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).start();
    let (mut a, mut b) = (roost.peer(0), roost.peer(1));
    let (good, bad, other) =
        (a.route(&[PREFIX]).local_pref(200), a.route(&[PREFIX]).local_pref(50), b.route(&[PREFIX]));
    a.update(&good).settle(&roost);
    b.update(&other).settle(&roost);
    assert_eq!(winner(&roost).0, 0);
    a.update(&bad).settle(&roost);
    assert_eq!(winner(&roost).0, 1);
    a.update(&good).settle(&roost);
    assert_eq!(winner(&roost).0, 0);
}

#[test]
fn a_route_that_cannot_be_used_loses_to_any_other() {
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).start();
    let (mut a, mut b) = (roost.peer(0), roost.peer(1));
    let (unusable, other) = (a.route(&[PREFIX]).local_pref(900).next_hop([0; 4]), b.route(&[PREFIX]).local_pref(1));
    a.update(&unusable).settle(&roost);
    b.update(&other).settle(&roost);
    assert_eq!(winner(&roost).0, 1);
}
