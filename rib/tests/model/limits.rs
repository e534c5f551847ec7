//! Limits on what a peer may announce, from outside. RFC 4271 §6.7

use std::net::{IpAddr, Ipv4Addr};

use bgp_proto::attr::{AsPath, PathAttrs};
use bgp_proto::{Asn, FamilySet, Prefix};
use rib::{Excess, LimitEvent, PathLimit, PeerId, PeerSettings, Reached, Rib, RouteFilter};

use crate::made::{OWN, V4, addr, announce, rib, session, withdraw};

/// A path of AS 65001 that is told apart by its MED.
fn external(med: u32) -> PathAttrs {
    let as_path = AsPath::default().prepend(Asn(65001), 1);
    PathAttrs { as_path, med: Some(med), ..PathAttrs::originated(IpAddr::from([192, 0, 2, 77]).into()) }
}

fn settle(rib: &mut Rib) {
    while rib.settle(1000) {}
    rib.take_fib_changes();
}

fn limited(rib: &mut Rib, n: u32, limit: PathLimit) -> PeerId {
    let (id, session) = (PeerId(n), session(n, true));
    rib.peer_add(id, PeerSettings { limits: [Some(limit), None], ..PeerSettings::new(addr(n)) });
    rib.peer_up(id, session);
    id
}

fn numbered(range: std::ops::Range<u32>) -> impl Iterator<Item = Prefix> {
    range.map(|n| Prefix::new(Ipv4Addr::from(0x0a00_0000 + n).into(), 32).unwrap())
}

#[test]
fn a_million_prefixes_over_the_limit_never_get_into_the_table() {
    // RFC 4271 §6.7
    let limit = PathLimit { paths: 100, warn_at: 75, accepted_only: false, excess: Excess::End };
    let mut rib = rib();
    let (flood, innocent) = (limited(&mut rib, 1, limit), limited(&mut rib, 2, limit));
    let attrs = external(1);
    announce(&mut rib, innocent, external(7), numbered(0..50));
    announce(&mut rib, flood, attrs.clone(), numbered(1000..1074));
    assert_eq!(rib.take_limit_events(), []);
    announce(&mut rib, flood, attrs.clone(), numbered(1000..1075));
    let event = |reached| LimitEvent { peer: flood, family: V4, limit, reached };
    assert_eq!(rib.take_limit_events(), [event(Reached::Warning)]);
    announce(&mut rib, flood, attrs.clone(), numbered(1000..1100));
    assert_eq!(rib.take_limit_events(), [], "the warning is said once; the limit itself is fine");
    for part in 0..1000 {
        announce(&mut rib, flood, attrs.clone(), numbered(2000 + part * 1000..3000 + part * 1000));
    }
    assert_eq!(rib.take_limit_events(), [event(Reached::Exceeded)]);
    assert_eq!(rib.memory().dests.count, 150);
    rib.peer_down(flood, FamilySet::EMPTY);
    settle(&mut rib);
    assert_eq!(rib.memory().dests.count, 50, "the others keep theirs");
    rib.peer_up(flood, session(1, true));
    announce(&mut rib, flood, attrs, numbered(1000..1101));
    assert_eq!(rib.take_limit_events(), [event(Reached::Exceeded)], "a new session, a new chance");
}

fn reached(rib: &mut Rib) -> Vec<Reached> {
    rib.take_limit_events().iter().map(|event| event.reached).collect()
}

#[test]
fn what_was_refused_is_asked_for_once_a_tenth_of_the_places_is_free() {
    let limit = PathLimit { paths: 20, warn_at: 20, accepted_only: false, excess: Excess::Block };
    let mut rib = rib();
    let peer = limited(&mut rib, 1, limit);
    let all: Vec<Prefix> = numbered(0..30).collect();
    for round in 0..2 {
        announce(&mut rib, peer, external(1), numbered(0..30));
        assert_eq!(reached(&mut rib), [Reached::Exceeded], "round {round}");
        withdraw(&mut rib, peer, all[3]);
        assert_eq!(reached(&mut rib), [], "19 of 20");
        withdraw(&mut rib, peer, all[4]);
        assert_eq!(reached(&mut rib), [Reached::Room], "18 of 20");
        withdraw(&mut rib, peer, all[5]);
        assert_eq!(reached(&mut rib), [], "said once");
    }
    // What a refresh shows to be gone makes room, too (RFC 7313 §4).
    announce(&mut rib, peer, external(1), numbered(0..30));
    assert_eq!(reached(&mut rib), [Reached::Exceeded]);
    rib.begin_refresh(peer, V4);
    announce(&mut rib, peer, external(1), numbered(0..2));
    rib.purge_stale(peer, V4);
    assert_eq!(reached(&mut rib), [], "nothing is gone yet");
    settle(&mut rib);
    assert_eq!(reached(&mut rib), [Reached::Room]);
    // Nothing was refused: nothing is missing.
    withdraw(&mut rib, peer, all[0]);
    assert_eq!(reached(&mut rib), []);
}

#[test]
fn a_peer_held_at_its_limit_may_change_what_it_has_and_swap_one_for_another() {
    let limit = PathLimit { paths: 3, warn_at: 3, accepted_only: false, excess: Excess::Block };
    let mut rib = rib();
    let peer = limited(&mut rib, 1, limit);
    announce(&mut rib, peer, external(1), numbered(0..5));
    assert_eq!(rib.prefixes(&RouteFilter::default()), numbered(0..3).collect::<Vec<_>>());
    announce(&mut rib, peer, external(9), numbered(0..3));
    withdraw(&mut rib, peer, numbered(0..1).next().unwrap());
    announce(&mut rib, peer, external(1), numbered(7..9));
    settle(&mut rib);
    assert_eq!(rib.prefixes(&RouteFilter::default()), numbered(1..3).chain(numbered(7..8)).collect::<Vec<_>>());
    assert_eq!(reached(&mut rib), [Reached::Exceeded, Reached::Room, Reached::Exceeded]);

    // Kept paths of a lost session do not count, and are not renewed beyond the limit either.
    rib.peer_down(peer, FamilySet::ALL);
    rib.peer_up(peer, session(1, true));
    announce(&mut rib, peer, external(1), numbered(20..23));
    announce(&mut rib, peer, external(1), numbered(1..2));
    rib.purge_stale(peer, V4);
    settle(&mut rib);
    assert_eq!(rib.prefixes(&RouteFilter::default()), numbered(20..23).collect::<Vec<_>>());
}

#[test]
fn where_accepted_paths_count_refused_ones_are_free() {
    let limit = PathLimit { paths: 2, warn_at: 2, accepted_only: true, excess: Excess::Block };
    let mut rib = rib();
    let peer = limited(&mut rib, 1, limit);
    let looped = PathAttrs { as_path: external(1).as_path.prepend(OWN, 1), ..external(1) };
    announce(&mut rib, peer, looped.clone(), numbered(0..10));
    announce(&mut rib, peer, external(1), numbered(10..14));
    let count = rib.peer_view(peer).paths[0];
    assert_eq!((count.received, count.accepted), (12, 2));
    // One that was refused and would now be accepted is gone: the peer has replaced it.
    announce(&mut rib, peer, external(1), numbered(0..1));
    let count = rib.peer_view(peer).paths[0];
    assert_eq!((count.received, count.accepted), (11, 2));
    announce(&mut rib, peer, looped, numbered(10..11));
    announce(&mut rib, peer, external(1), numbered(0..1));
    assert_eq!(rib.peer_view(peer).paths[0].accepted, 2);
    rib.peer_remove(peer);
    settle(&mut rib);
    assert_eq!((rib.memory().dests.count, rib.memory().attrs.count), (0, 0), "nothing is left behind");
}
