//! Several paths a prefix: RFC 7911, from us and to us, and when it was not agreed on.

use crate::harness::wire::code::MED;
use crate::harness::{Neighbor, Open, Peer, Roost, Setup, Update};

const PREFIX: &str = "10.1.0.0/16";
const RECEIVE: u8 = 1;
const SEND: u8 = 2;
const BOTH: u8 = 3;

fn open(direction: u8) -> Open {
    Open::new(65000).cap(69, &[0, 1, 1, direction])
}

/// A peer that may send several paths.
fn sender() -> (Roost, Peer) {
    let roost = Setup::with([Neighbor::client().with("add_path: { receive: true }")]).start();
    let peer = roost.peer_with(0, open(SEND));
    (roost, peer)
}

/// Path ids and MEDs of a prefix in the table.
#[track_caller]
fn paths(roost: &Roost) -> Vec<(u64, Option<u64>)> {
    let mut paths: Vec<_> =
        roost.table().into_iter().filter(|row| row.prefix == PREFIX).map(|row| (row.path_id, row.med)).collect();
    paths.sort();
    paths
}

fn path(peer: &Peer, id: u32, med: u32) -> Update {
    peer.route(&[]).med(med).announce_ids(&[(id, PREFIX)])
}

// ---- to us

#[test]
fn paths_of_different_ids_stand_side_by_side() {
    let (roost, mut peer) = sender();
    let all = [path(&peer, 1, 11), path(&peer, 2, 12), path(&peer, u32::MAX, 13), path(&peer, 0, 10)];
    peer.updates(&all);
    peer.settle(&roost);
    assert_eq!(paths(&roost), [(0, Some(10)), (1, Some(11)), (2, Some(12)), (u64::from(u32::MAX), Some(13))]);
}

#[test]
fn a_path_replaces_the_one_of_its_id() {
    // RFC 7911 §3
    let (roost, mut peer) = sender();
    let all = [path(&peer, 1, 11), path(&peer, 2, 12), path(&peer, 1, 99)];
    peer.updates(&all);
    peer.settle(&roost);
    assert_eq!(paths(&roost), [(1, Some(99)), (2, Some(12))]);
}

#[test]
fn a_withdrawal_names_its_path() {
    let (roost, mut peer) = sender();
    let all = [path(&peer, 1, 11), path(&peer, 2, 12), Update::new().withdraw_ids(&[(1, PREFIX), (7, PREFIX)])];
    peer.updates(&all);
    peer.settle(&roost);
    assert_eq!(paths(&roost), [(2, Some(12))]);
}

#[test]
fn two_paths_in_one_message_are_two() {
    let (roost, mut peer) = sender();
    let update = peer.route(&[]).announce_ids(&[(1, PREFIX), (2, PREFIX)]);
    peer.update(&update).settle(&roost);
    assert_eq!(paths(&roost), [(1, None), (2, None)]);
}

#[test]
fn an_error_withdraws_the_paths_of_the_message_only() {
    // RFC 7606 §2
    let (roost, mut peer) = sender();
    let wrong = path(&peer, 2, 12).origin(9);
    let all = [path(&peer, 1, 11), path(&peer, 2, 12), wrong];
    peer.updates(&all);
    peer.settle(&roost);
    assert_eq!(paths(&roost), [(1, Some(11))]);
}

#[test]
fn a_prefix_without_its_id_is_cut_short_and_resets() {
    // RFC 7606 §5.3: 10.1/16 read as id 16.10.1.…, and nothing is left for a prefix
    let (_roost, mut peer) = sender();
    let update = peer.route(&[]).announce(&[PREFIX]);
    peer.update(&update).expect_notification(3, 10, &[]);
}

#[test]
fn a_lost_session_takes_all_paths() {
    let (roost, mut peer) = sender();
    let all = [path(&peer, 1, 11), path(&peer, 2, 12)];
    peer.updates(&all);
    peer.settle(&roost).finish();
    roost.await_table("no path", |table| table.is_empty().then_some(()));
}

// ---- not agreed on

/// Whether NLRI of the peer carries ids: a plain route is taken as it is.
#[track_caller]
fn plain(add_path: &str, open: Open) {
    let roost = Setup::with([Neighbor::client().with(add_path)]).start();
    let mut peer = roost.peer_with(0, open);
    let update = peer.route(&[]).announce(&[PREFIX]);
    peer.update(&update).settle(&roost);
    assert_eq!(paths(&roost), [(0, None)]);
}

#[test]
fn without_our_capability_there_are_no_ids() {
    plain("add_path: { receive: false }", open(BOTH));
}

#[test]
fn without_the_peers_capability_there_are_no_ids() {
    plain("add_path: { receive: true, send: true }", Open::new(65000));
}

#[test]
fn two_receivers_send_no_ids() {
    plain("add_path: { receive: true }", open(RECEIVE));
}

#[test]
fn two_senders_read_no_ids() {
    plain("add_path: { send: true }", open(SEND));
}

#[test]
fn ids_of_another_family_are_not_ids_of_ours() {
    let roost = Setup::with([Neighbor::client().both().with("add_path: { receive: true }")]).start();
    let mut peer = roost.connect(0);
    let open = Open::new(65000).ipv6().cap(69, &[0, 2, 1, SEND]);
    peer.say(&open).expect_open().expect_keepalive();
    peer.send(crate::harness::keepalive());
    let update = peer.route(&[]).announce(&[PREFIX]);
    peer.update(&update).send(crate::harness::keepalive());
    roost.await_table("the prefix", |table| table.iter().any(|row| row.prefix == PREFIX).then_some(()));
    assert_eq!(paths(&roost), [(0, None)]);
}

// ---- from us

/// Two peers with a route each to one prefix, and one that is told both.
fn told_all() -> (Roost, Vec<Peer>, Peer) {
    let roost =
        Setup::with([Neighbor::client(), Neighbor::client(), Neighbor::client().with("add_path: { send: true }")])
            .start();
    let mut peers = vec![roost.peer(0), roost.peer(1)];
    for peer in &mut peers {
        let route = peer.route(&[PREFIX]).med(peer.number as u32 + 1);
        peer.update(&route).settle(&roost);
    }
    let to = roost.peer_with(2, open(RECEIVE).id(Roost::peer_id(2)));
    (roost, peers, to)
}

/// A peer that may send several paths, and one that is told several.
fn relay() -> (Roost, Peer, Peer) {
    let clients = ["add_path: { receive: true }", "add_path: { send: true }"];
    let roost = Setup::with(clients.map(|keys| Neighbor::client().with(keys))).start();
    let from = roost.peer_with(0, open(SEND));
    let to = roost.peer_with(1, open(RECEIVE).id(Roost::peer_id(1)));
    (roost, from, to)
}

/// Ids and MEDs of what a peer is told.
fn ids(to: &mut Peer) -> Vec<(u32, u32)> {
    let mut all: Vec<_> = to.adj_out(1).into_iter().map(|((_, id), told)| (told.number(MED), id)).collect();
    all.sort_unstable();
    all
}

/// The MEDs alone.
fn meds(to: &mut Peer) -> Vec<u32> {
    ids(to).into_iter().map(|(med, _)| med).collect()
}

#[test]
fn all_paths_are_told_with_an_id_each() {
    let (_roost, _peers, mut to) = told_all();
    let ids = ids(&mut to);
    assert_eq!(ids.iter().map(|(med, _)| *med).collect::<Vec<_>>(), [1, 2]);
    assert_ne!(ids[0].1, ids[1].1);
}

#[test]
fn a_lost_path_is_withdrawn_by_its_id_and_the_other_stays() {
    let (_roost, mut peers, mut to) = told_all();
    let before = ids(&mut to);
    peers[0].update(&Update::new().withdraw(&[PREFIX]));
    assert_eq!(to.await_withdrawal(PREFIX).withdrawn, [(before[0].1, PREFIX.to_owned())]);
    assert_eq!(ids(&mut to), [before[1]]);
}

#[test]
fn a_changed_path_keeps_its_id() {
    let (roost, mut peers, mut to) = told_all();
    let before = ids(&mut to);
    let route = peers[1].route(&[PREFIX]).med(50);
    peers[1].update(&route).settle(&roost);
    let after = ids(&mut to);
    assert_eq!(after, [before[0], (50, before[1].1)]);
}

#[test]
fn a_peer_without_add_path_is_told_the_best_alone() {
    let (roost, _peers, _to) = told_all();
    drop(_to);
    let mut to = roost.connect_again(2, Open::new(65000).id(Roost::peer_id(2)));
    assert_eq!(ids(&mut to), [(1, 0)]);
}

#[test]
fn a_peers_own_path_does_not_come_back_to_it() {
    let clients = Neighbor::client().with("add_path: { send: true, receive: true }");
    let roost = Setup::with([clients.clone(), clients]).start();
    let mut a = roost.peer_with(0, open(BOTH).id(Roost::peer_id(0)));
    let mut b = roost.peer_with(1, open(BOTH).id(Roost::peer_id(1)));
    let (of_a, of_b) = (path(&a, 5, 1), path(&b, 5, 2));
    a.update(&of_a).settle(&roost);
    b.update(&of_b).settle(&roost);
    assert_eq!((meds(&mut a), meds(&mut b)), (vec![2], vec![1]));
}

#[test]
fn paths_of_one_peer_are_told_apart_to_another() {
    let (roost, mut from, mut to) = relay();
    let all = [path(&from, 1, 11), path(&from, 2, 12), path(&from, 3, 13)];
    from.updates(&all);
    from.settle(&roost);
    assert_eq!(meds(&mut to), [11, 12, 13]);
}

#[test]
fn of_very_many_paths_the_best_thirty_two_are_told() {
    // RFC 7911 §2: how many is a local matter; without a bound a peer could make us tell each other one any number
    let (roost, mut from, mut to) = relay();
    for id in 1..=40 {
        let path = path(&from, id, 100 - id);
        from.update(&path);
    }
    from.settle(&roost);
    assert_eq!(paths(&roost).len(), 40);
    assert_eq!(meds(&mut to), (60..92).collect::<Vec<_>>());
    // One of them goes, and the next best takes its place.
    from.update(&Update::new().withdraw_ids(&[(40, PREFIX)])).settle(&roost);
    assert_eq!(meds(&mut to), (61..93).collect::<Vec<_>>());
}

#[test]
fn a_withdrawal_of_an_id_that_is_not_there_changes_nothing() {
    let (roost, mut peer) = sender();
    let one = path(&peer, 1, 11);
    peer.update(&one).update(&Update::new().withdraw_ids(&[(2, PREFIX), (0, PREFIX)])).settle(&roost);
    assert_eq!(paths(&roost), [(1, Some(11))]);
}
