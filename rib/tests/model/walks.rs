//! What concerns all paths of a peer takes several turns: what others see meanwhile, and what must not be mixed up.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use bgp_proto::attr::{AsPath, PathAttrs};
use bgp_proto::{Asn, FamilySet, Prefix, RouterId};
use rib::{NextHopState, PeerId, PeerSettings, Policy, Rib, RouteFilter, Session};

use crate::made::{V4, addr, announce, rib, session, withdraw};
use crate::told::Told;

const SLICE: usize = 10;

fn numbered(range: std::ops::Range<u32>) -> Vec<Prefix> {
    range.map(|n| Prefix::new(Ipv4Addr::from(0x0a00_0000 + n).into(), 32).unwrap()).collect()
}

/// A path of peer `n`'s AS, so long.
fn path(n: u32, hops: usize) -> PathAttrs {
    let as_path = AsPath::default().prepend(Asn(65000 + n), hops);
    PathAttrs { as_path, ..PathAttrs::originated(addr(n).into()) }
}

fn up(rib: &mut Rib, n: u32) -> PeerId {
    rib.peer_add(PeerId(n), PeerSettings::new(addr(n)));
    rib.peer_up(PeerId(n), session(n, true));
    PeerId(n)
}

fn settle(rib: &mut Rib) {
    while rib.settle(1000) {}
    rib.take_fib_changes();
}

/// The peer whose path is best, by prefix.
fn best(rib: &Rib, prefix: &Prefix) -> Option<PeerId> {
    rib.route(prefix).and_then(|route| route.best().map(|path| path.peer))
}

#[test]
fn a_turn_decides_a_slice_and_others_do_not_wait_for_the_rest() {
    let mut rib = rib();
    let (big, small) = (up(&mut rib, 1), up(&mut rib, 2));
    announce(&mut rib, big, path(1, 1), numbered(0..1000));
    settle(&mut rib);
    rib.peer_down(big, FamilySet::EMPTY);
    for turn in 0..20 {
        announce(&mut rib, small, path(2, 1), numbered(5000 + turn..5001 + turn));
        assert!(rib.settle(SLICE));
        let changes = rib.take_fib_changes();
        assert!(changes.len() <= SLICE && changes.len() > 1, "turn {turn}: {}", changes.len());
        assert_eq!(best(&rib, &numbered(5000 + turn..5001 + turn)[0]), Some(small), "decided in the same turn");
        assert_eq!(rib.unsettled(), 0);
        assert!(rib.is_busy(big) && !rib.is_busy(small));
    }
    settle(&mut rib);
    assert!(!rib.is_busy(big));
    assert_eq!(rib.prefixes(&RouteFilter::default()), numbered(5000..5020));
}

#[test]
fn peers_take_turns() {
    let mut rib = rib();
    let (big, small) = (up(&mut rib, 1), up(&mut rib, 2));
    announce(&mut rib, big, path(1, 1), numbered(0..1000));
    announce(&mut rib, small, path(2, 1), numbered(1000..1005));
    settle(&mut rib);
    rib.peer_down(big, FamilySet::EMPTY);
    rib.peer_down(small, FamilySet::EMPTY);
    rib.settle(SLICE);
    rib.settle(SLICE);
    assert!(rib.is_busy(big) && !rib.is_busy(small), "five paths wait for a slice, not for a thousand");
}

#[test]
fn a_peer_that_comes_back_meanwhile_has_what_it_says_now_and_nothing_else() {
    for another_router in [false, true] {
        let mut rib = rib();
        let (from, to) = (up(&mut rib, 1), up(&mut rib, 2));
        let mut told = Told::default();
        announce(&mut rib, from, path(1, 3), numbered(0..100));
        settle(&mut rib);
        rib.peer_down(from, FamilySet::EMPTY);
        rib.settle(SLICE);
        assert!(rib.is_busy(from));
        let id = RouterId(if another_router { 999 } else { 101 });
        rib.peer_up(from, Session { peer_id: id, ..session(1, true) });
        announce(&mut rib, from, path(1, 1), numbered(50..120));
        rib.settle(SLICE);
        withdraw(&mut rib, from, numbered(60..61)[0]);
        settle(&mut rib);
        let expected: Vec<Prefix> = numbered(50..60).into_iter().chain(numbered(61..120)).collect();
        assert_eq!(rib.prefixes(&RouteFilter::default()), expected);
        while let Some(chunk) = rib.poll_chunk(to) {
            told.read(&session(2, true).codec, &chunk);
        }
        let held: BTreeSet<Prefix> = told.table.keys().map(|(prefix, _)| *prefix).collect();
        assert_eq!(held, expected.into_iter().collect());
        assert!(told.table.values().all(|attrs| attrs.as_path.hops() == 2));
    }
}

#[test]
fn each_of_several_orders_finds_what_the_one_before_left() {
    let mut rib = rib();
    let peer = up(&mut rib, 1);
    announce(&mut rib, peer, path(1, 1), numbered(0..100));
    settle(&mut rib);
    rib.peer_down(peer, FamilySet::ALL);
    rib.settle(SLICE);
    assert!(rib.is_busy(peer));
    // Renewed in the middle of turning stale; then a refresh begins, says a part, and ends.
    rib.peer_up(peer, session(1, true));
    announce(&mut rib, peer, path(1, 2), numbered(0..60));
    rib.begin_refresh(peer, V4);
    rib.settle(SLICE);
    announce(&mut rib, peer, path(1, 2), numbered(0..30));
    rib.purge_stale(peer, V4);
    rib.settle(SLICE);
    announce(&mut rib, peer, path(1, 2), numbered(90..95));
    settle(&mut rib);
    let expected: Vec<Prefix> = numbered(0..30).into_iter().chain(numbered(90..95)).collect();
    assert_eq!(rib.prefixes(&RouteFilter::default()), expected);
    assert_eq!(rib.peer_view(peer).paths[0].stale, 0);
}

#[test]
fn a_list_is_gathered_part_by_part_and_has_what_was_there_all_the_while() {
    let mut rib = rib();
    let (one, other) = (up(&mut rib, 1), up(&mut rib, 2));
    announce(&mut rib, one, path(1, 1), numbered(0..1000));
    announce(&mut rib, other, path(2, 1), numbered(500..1500));
    settle(&mut rib);
    for (peer, expected) in [(None, 20..1500), (Some(one), 20..1000), (Some(other), 500..1500)] {
        let filter = RouteFilter { peer, ..RouteFilter::default() };
        let (mut found, mut from) = (Vec::new(), Some(0));
        while let Some(place) = from {
            let (part, next) = rib.prefixes_from(&filter, place, 100);
            assert!(part.len() <= 100, "{} of {peer:?} in one turn", part.len());
            found.extend(part);
            from = next;
            // What comes and goes meanwhile takes no place of the others.
            announce(&mut rib, one, path(1, 1), numbered(0..20));
            settle(&mut rib);
            numbered(0..20).into_iter().for_each(|prefix| withdraw(&mut rib, one, prefix));
            settle(&mut rib);
        }
        found.retain(|prefix| !numbered(0..20).contains(prefix));
        found.sort_unstable();
        assert_eq!(found, numbered(expected), "{peer:?}");
    }
    let (few, end) = rib.prefixes_from(&RouteFilter { peer: Some(one), ..RouteFilter::default() }, 0, 1000);
    assert_eq!((few.len(), end), (980, None), "a peer's list, when it is short");
}

#[test]
fn a_policy_that_changes_twice_ends_as_the_last_one_says() {
    let mut rib = rib();
    let peer = up(&mut rib, 1);
    announce(&mut rib, peer, path(1, 1), numbered(0..100));
    settle(&mut rib);
    let settings = |import| PeerSettings { import, ..PeerSettings::new(addr(1)) };
    rib.peer_update(peer, settings(Policy::reject()));
    rib.settle(SLICE);
    let accepted = rib.peer_view(peer).paths[0].accepted;
    assert!((1..100).contains(&accepted), "{accepted}");
    rib.peer_update(peer, settings(Policy::accept()));
    settle(&mut rib);
    assert_eq!(rib.peer_view(peer).paths[0].accepted, 100);
    assert_eq!(rib.prefixes(&RouteFilter::default()).iter().filter(|p| best(&rib, p).is_some()).count(), 100);
}

#[test]
fn next_hops_that_change_again_in_the_middle_of_the_search_are_searched_again() {
    let mut rib = rib();
    let (near, far) = (up(&mut rib, 1), up(&mut rib, 2));
    announce(&mut rib, near, path(1, 1), numbered(0..500));
    announce(&mut rib, far, path(2, 2), numbered(0..500));
    settle(&mut rib);
    let set = |rib: &mut Rib, n, usable| {
        rib.set_next_hop(addr(n), NextHopState { usable, ..NextHopState::default() });
    };
    let bests = |rib: &Rib| -> BTreeSet<Option<PeerId>> { numbered(0..500).iter().map(|p| best(rib, p)).collect() };
    set(&mut rib, 1, false);
    assert!(rib.settle(SLICE));
    assert!(rib.take_fib_changes().len() <= SLICE);
    set(&mut rib, 1, true);
    rib.settle(SLICE);
    settle(&mut rib);
    let via = |rib: &Rib| -> BTreeSet<String> {
        numbered(0..500).iter().map(|p| format!("{:?}", rib.route(p).unwrap().fib)).collect()
    };
    assert_eq!((bests(&rib), via(&rib).len()), ([Some(near)].into(), 1));
    set(&mut rib, 1, false);
    settle(&mut rib);
    assert_eq!((bests(&rib), via(&rib).len()), ([Some(far)].into(), 1));
}

#[test]
fn a_number_can_be_given_away_again_at_once() {
    let mut rib = rib();
    let (peer, other) = (up(&mut rib, 1), up(&mut rib, 2));
    announce(&mut rib, peer, path(1, 1), numbered(0..100));
    announce(&mut rib, other, path(2, 2), numbered(0..1));
    settle(&mut rib);
    rib.peer_remove(peer);
    rib.settle(SLICE);
    // A number without a session takes nothing, also while it is being forgotten.
    announce(&mut rib, peer, path(1, 1), numbered(200..201));
    up(&mut rib, 1);
    announce(&mut rib, peer, path(1, 1), numbered(300..301));
    settle(&mut rib);
    let expected: Vec<Prefix> = numbered(0..1).into_iter().chain(numbered(300..301)).collect();
    assert_eq!(rib.prefixes(&RouteFilter::default()), expected);
    let next_hops: BTreeSet<IpAddr> =
        rib.routes(&RouteFilter::default()).iter().map(|r| r.paths[0].attrs.next_hop.addr()).collect();
    assert_eq!(next_hops, [addr(1), addr(2)].into());
}

#[test]
fn a_peer_whose_paths_were_forgotten_a_moment_ago_is_not_told_them() {
    let mut rib = rib();
    let [from, second, third] = [1, 2, 3].map(|n| {
        rib.peer_add(PeerId(n), PeerSettings { route_reflector_client: true, ..PeerSettings::new(addr(n)) });
        rib.peer_up(PeerId(n), session(n, false));
        PeerId(n)
    });
    let said = PathAttrs { local_pref: Some(100), ..PathAttrs::originated(addr(1).into()) };
    announce(&mut rib, from, said.clone(), numbered(0..3));
    settle(&mut rib);
    // Kept for a restart, they are written for everybody: the peer is no member now.
    rib.peer_down(from, FamilySet::ALL);
    settle(&mut rib);
    rib.resend(second, V4);
    while [second, third].iter().any(|&peer| rib.poll_chunk(peer).is_some()) {}
    // Its time is up, and at the same moment it is back and says the same: nothing in the log changes.
    rib.purge_stale(from, V4);
    rib.peer_up(from, session(1, false));
    announce(&mut rib, from, said, numbered(0..3));
    settle(&mut rib);
    let mut told = Told::default();
    while let Some(chunk) = rib.poll_chunk(from) {
        told.read(&session(1, false).codec, &chunk);
    }
    assert!(told.table.is_empty(), "{:?}", told.table);
}
