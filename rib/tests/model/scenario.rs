//! Short stories with a known end.

use std::sync::Arc;

use std::net::IpAddr;

use bgp_proto::attr::{AsPath, LargeCommunity, PathAttrs};
use bgp_proto::message::Update;
use bgp_proto::{Asn, Family, FamilySet, PathId, Prefix, RouterId};
use bytes::Bytes;
use rib::{
    FibRoute, NextHopState, Origination, PeerId, PeerSettings, Rejection, Rib, RibConfig, RouteFilter, Session, Step,
    Via, Withheld,
};

use crate::made::{OWN, V4, addr, announce, p, rib, session, withdraw};
use crate::naive::plain;
use crate::told::Told;

/// A client of ours, with an established session.
fn client(rib: &mut Rib, n: u32) -> (PeerId, Session) {
    peer(rib, n, session(n, false))
}

fn peer(rib: &mut Rib, n: u32, session: Session) -> (PeerId, Session) {
    let id = PeerId(n);
    let settings = PeerSettings { route_reflector_client: true, ..PeerSettings::new(addr(n)) };
    rib.peer_add(id, settings);
    rib.peer_up(id, session);
    (id, session)
}

fn settle(rib: &mut Rib) {
    while rib.settle(1000) {}
}

fn drain(rib: &mut Rib, (id, session): (PeerId, Session), told: &mut Told) -> Vec<Bytes> {
    let chunks: Vec<Bytes> = std::iter::from_fn(|| rib.poll_chunk(id)).collect();
    chunks.iter().for_each(|chunk| told.read(&session.codec, chunk));
    chunks
}

fn blocks(n: usize) -> Vec<Prefix> {
    (0..n)
        .map(|n| Prefix::new([10, 65 + (n >> 10) as u8, (n >> 2) as u8, (n << 6) as u8].into(), 26).unwrap())
        .collect()
}

#[test]
fn the_end_of_rib_follows_the_dump_and_comes_once() {
    // RFC 4724 §2
    let mut rib = rib();
    let a = client(&mut rib, 1);
    announce(&mut rib, a.0, plain(addr(1)), blocks(3000));
    settle(&mut rib);
    let b = peer(&mut rib, 2, session(2, true));
    let mut told = Told::default();
    assert!(drain(&mut rib, b, &mut told).is_empty(), "the new group is not filled before the owner's next turn");
    settle(&mut rib);
    let chunk = rib.poll_chunk(b.0).unwrap();
    told.read(&b.1.codec, &chunk);
    assert_eq!((told.table.len(), told.ended), (3000, [0, 0]));
    assert_eq!(rib.poll_chunk(b.0), Some(bgp_proto::message::end_of_rib(V4)));
    assert!(!rib.pending(b.0));
    announce(&mut rib, a.0, plain(addr(1)), [p("10.0.0.0/8")]);
    settle(&mut rib);
    drain(&mut rib, b, &mut told);
    assert_eq!((told.table.len(), told.ended), (3001, [0, 0]), "it came before and comes no more");
}

#[test]
fn the_end_of_rib_waits_for_what_is_not_settled() {
    let mut rib = rib();
    let (a, b) = (client(&mut rib, 1), client(&mut rib, 2));
    let mut told = Told::default();
    settle(&mut rib);
    announce(&mut rib, a.0, plain(addr(1)), blocks(3));
    rib.peer_down(b.0, FamilySet::EMPTY);
    rib.peer_up(b.0, b.1);
    assert!(drain(&mut rib, b, &mut told).is_empty());
    settle(&mut rib);
    told.read(&b.1.codec, &rib.poll_chunk(b.0).unwrap());
    assert_eq!((told.table.len(), told.ended), (3, [0, 0]));
    drain(&mut rib, b, &mut told);
    assert_eq!(told.ended, [1, 0]);
}

#[test]
fn one_that_restarted_holds_the_end_of_rib_back() {
    // RFC 4724 §4.1
    let mut rib = Rib::new(RibConfig { hold_end_of_rib: true, ..RibConfig::new(OWN, RouterId(1)) });
    let (a, b) = (client(&mut rib, 1), client(&mut rib, 2));
    announce(&mut rib, a.0, plain(addr(1)), blocks(3));
    settle(&mut rib);
    let (mut told_a, mut told_b) = (Told::default(), Told::default());
    drain(&mut rib, b, &mut told_b);
    assert_eq!((told_b.table.len(), told_b.ended), (3, [0, 0]), "routes are not held back");
    assert!(!rib.pending(b.0));
    rib.release_end_of_rib();
    assert!(rib.pending(a.0) && rib.pending(b.0));
    drain(&mut rib, a, &mut told_a);
    drain(&mut rib, b, &mut told_b);
    assert_eq!((told_a.ended, told_b.ended), ([1, 0], [1, 0]));
}

#[test]
fn who_has_no_kernel_routes_is_told_of_none() {
    let mut rib = Rib::new(RibConfig { kernel: false, ..RibConfig::new(OWN, RouterId(1)) });
    let (a, b) = (client(&mut rib, 1), client(&mut rib, 2));
    announce(&mut rib, a.0, plain(addr(1)), blocks(3));
    settle(&mut rib);
    assert!(rib.take_fib_changes().is_empty());
    let mut told = Told::default();
    drain(&mut rib, b, &mut told);
    assert_eq!(told.table.len(), 3, "peers are told all the same");
}

#[test]
fn what_does_not_change_sends_nothing() {
    let mut rib = rib();
    let external = peer(&mut rib, 1, session(1, true));
    let (other, member) = (client(&mut rib, 2), peer(&mut rib, 3, session(3, true)));
    let path = |med| {
        let mut attrs = plain(addr(1));
        attrs.as_path = AsPath::sequence([Asn(65001)]);
        attrs.med = Some(med);
        attrs
    };
    announce(&mut rib, external.0, path(1), blocks(5));
    settle(&mut rib);
    let mut told = Told::default();
    drain(&mut rib, member, &mut told);
    assert_eq!(told.table.len(), 5);
    announce(&mut rib, external.0, path(1), blocks(5));
    assert_eq!(rib.unsettled(), 0, "a repetition is nothing to decide");
    announce(&mut rib, external.0, path(2), blocks(5));
    settle(&mut rib);
    assert!(!rib.pending(member.0), "MED does not cross our AS");
    assert!(rib.pending(other.0), "inside it does");
    // A worse path of somebody else changes no decision.
    let mut worse = path(1);
    worse.as_path = AsPath::sequence([Asn(65002), Asn(65001)]);
    announce(&mut rib, other.0, worse, blocks(5));
    drain(&mut rib, other, &mut told);
    settle(&mut rib);
    assert!(!rib.pending(member.0) && !rib.pending(other.0));
}

#[test]
fn prefixes_with_the_same_attributes_share_messages() {
    let mut rib = rib();
    let member = client(&mut rib, 0);
    // 50 nodes behind one external peer's next hop self: one thing is said about all of them.
    let tor = peer(&mut rib, 100, session(100, true));
    let all = blocks(500);
    for n in 1..=50u32 {
        let node = client(&mut rib, n);
        announce(&mut rib, node.0, plain(addr(n)), all[10 * n as usize - 10..10 * n as usize].iter().copied());
    }
    settle(&mut rib);
    let (mut told, mut tor_told) = (Told::default(), Told::default());
    drain(&mut rib, member, &mut told);
    assert_eq!((told.table.len(), told.messages), (500, 51), "one UPDATE per node, and the End-of-RIB");
    drain(&mut rib, tor, &mut tor_told);
    assert_eq!((tor_told.table.len(), tor_told.messages), (500, 2), "500 × 5 octets fit one UPDATE");
}

#[test]
fn members_at_the_same_place_share_the_same_bytes() {
    let mut rib = rib();
    let source = client(&mut rib, 0);
    let members: Vec<_> = (1..=20).map(|n| client(&mut rib, n)).collect();
    settle(&mut rib);
    let mut told: Vec<Told> = members.iter().map(|_| Told::default()).collect();
    for (member, told) in members.iter().zip(&mut told) {
        drain(&mut rib, *member, told);
    }
    announce(&mut rib, source.0, plain(addr(0)), blocks(100));
    settle(&mut rib);
    let chunks: Vec<Bytes> =
        members.iter().zip(&mut told).flat_map(|(member, told)| drain(&mut rib, *member, told)).collect();
    assert_eq!(chunks.len(), 20);
    assert!(chunks.iter().all(|chunk| chunk.as_ptr() == chunks[0].as_ptr()), "one encoding, twenty references");
    let group = &rib.groups()[0];
    assert_eq!((group.members.len(), group.behind), (21, 1), "the source has not read that there is nothing for it");
    assert!(rib.poll_chunk(source.0).is_some(), "End-of-RIB");
    assert!(rib.poll_chunk(source.0).is_none());
    assert_eq!(rib.groups()[0].behind, 0);
}

#[test]
fn a_member_that_stalls_gets_the_last_word_only() {
    let mut rib = rib();
    let (source, reader, stalled) = (client(&mut rib, 0), client(&mut rib, 1), client(&mut rib, 2));
    let (mut read, mut late) = (Told::default(), Told::default());
    for round in 0..200u32 {
        let mut attrs = plain(addr(0));
        attrs.med = Some(round);
        announce(&mut rib, source.0, attrs, blocks(50));
        settle(&mut rib);
        drain(&mut rib, reader, &mut read);
    }
    withdraw(&mut rib, source.0, blocks(1)[0]);
    settle(&mut rib);
    drain(&mut rib, reader, &mut read);
    drain(&mut rib, stalled, &mut late);
    assert_eq!((late.messages, late.table.len()), (3, 49), "one UPDATE for 200 rounds, a withdrawal, the End-of-RIB");
    assert_eq!(read.table, late.table);
    settle(&mut rib);
    assert_eq!(rib.groups()[0].tombstones, 1, "the source itself has not read");
    let mut own = Told::default();
    drain(&mut rib, source, &mut own);
    assert_eq!((own.table.len(), rib.groups()[0].tombstones), (0, 0));
}

#[test]
fn attributes_too_large_for_the_peer_are_withdrawn_and_counted() {
    // RFC 8654 §4: what a session cannot carry must not stay as it was.
    let mut rib = rib();
    let (source, member) = (client(&mut rib, 0), client(&mut rib, 1));
    let mut told = Told::default();
    announce(&mut rib, source.0, plain(addr(0)), blocks(2));
    settle(&mut rib);
    drain(&mut rib, member, &mut told);
    assert_eq!(told.table.len(), 2);
    let mut large = plain(addr(0));
    large.large_communities = (0..400).map(|n| LargeCommunity { global: 1, local1: n, local2: 0 }).collect();
    announce(&mut rib, source.0, large, blocks(1));
    settle(&mut rib);
    drain(&mut rib, member, &mut told);
    assert_eq!((told.table.len(), rib.groups()[0].too_large), (1, 1));
}

#[test]
fn a_refresh_repeats_everything_between_its_markers() {
    // RFC 7313 §4
    let mut rib = rib();
    let (source, member) = (client(&mut rib, 0), client(&mut rib, 1));
    announce(&mut rib, source.0, plain(addr(0)), blocks(10));
    settle(&mut rib);
    let mut told = Told::default();
    drain(&mut rib, member, &mut told);
    told.table.remove(&(blocks(1)[0], PathId::NONE));
    told.table.insert((p("192.168.0.0/16"), PathId::NONE), plain(addr(0)));
    rib.resend(member.0, V4);
    rib.resend(member.0, V4);
    drain(&mut rib, member, &mut told);
    assert_eq!((told.refreshes, told.ended), ((1, 1), [1, 0]), "two requests at once are one");
    assert_eq!(told.table.keys().map(|(prefix, _)| *prefix).collect::<Vec<_>>(), blocks(10));
    rib.resend(member.0, Family::IPV6_UNICAST);
    assert!(!rib.pending(member.0), "not negotiated");
}

#[test]
fn graceful_restart_keeps_routes_until_they_are_renewed_or_time_is_up() {
    // RFC 4724 §4.2
    let mut rib = rib();
    let (source, member) = (client(&mut rib, 0), client(&mut rib, 1));
    announce(&mut rib, source.0, plain(addr(0)), blocks(3));
    settle(&mut rib);
    let mut told = Told::default();
    drain(&mut rib, member, &mut told);
    rib.take_fib_changes();
    rib.peer_down(source.0, FamilySet::ALL);
    settle(&mut rib);
    assert!(rib.take_fib_changes().is_empty() && !rib.pending(member.0), "nobody notices");
    assert_eq!(rib.peer_view(source.0).paths[0].stale, 3);
    rib.peer_up(source.0, source.1);
    announce(&mut rib, source.0, plain(addr(0)), blocks(2));
    settle(&mut rib);
    assert!(rib.take_fib_changes().is_empty() && !rib.pending(member.0));
    rib.apply(source.0, &Update { end_of_rib: Some(V4), ..Update::default() });
    assert!(rib.has_ended(source.0, V4));
    rib.purge_stale(source.0, V4);
    settle(&mut rib);
    assert_eq!(rib.take_fib_changes(), [(blocks(3)[2], None)]);
    drain(&mut rib, member, &mut told);
    assert_eq!(told.table.len(), 2);
    // Lost twice without having renewed anything between: kept; how long that may go on is the caller's business.
    rib.peer_down(source.0, FamilySet::ALL);
    rib.peer_up(source.0, source.1);
    rib.peer_down(source.0, FamilySet::ALL);
    settle(&mut rib);
    assert!(rib.take_fib_changes().is_empty());
    rib.flush_family(source.0, V4);
    settle(&mut rib);
    assert_eq!(rib.take_fib_changes().len(), 2);
}

#[test]
fn path_ids_are_stable_while_paths_live() {
    // RFC 7911 §3
    let mut rib = rib();
    let mut with_ids = session(9, false);
    with_ids.codec.add_path_tx = FamilySet::ALL;
    let member = peer(&mut rib, 9, with_ids);
    let sources: Vec<_> = (0..3).map(|n| client(&mut rib, n)).collect();
    let prefix = p("10.96.0.10/32");
    for (source, n) in sources.iter().zip(0..) {
        announce(&mut rib, source.0, plain(addr(n)), [prefix]);
    }
    settle(&mut rib);
    let mut told = Told::default();
    drain(&mut rib, member, &mut told);
    let before = told.table.clone();
    assert_eq!(before.len(), 3);
    // The best one changes its mind, a new best one appears, one goes.
    let mut changed = plain(addr(0));
    changed.med = Some(50);
    announce(&mut rib, sources[0].0, changed, [prefix]);
    withdraw(&mut rib, sources[1].0, prefix);
    settle(&mut rib);
    drain(&mut rib, member, &mut told);
    let ids = |told: &Told, next_hop: IpAddr| {
        let of = |(key, attrs): (&(Prefix, PathId), &PathAttrs)| (attrs.next_hop.addr() == next_hop).then_some(key.1);
        told.table.iter().filter_map(of).collect::<Vec<_>>()
    };
    assert_eq!(told.table.len(), 2);
    for n in [0, 2] {
        let first = before.iter().find(|(_, attrs)| attrs.next_hop.addr() == addr(n)).unwrap().0.1;
        assert_eq!(ids(&told, addr(n)), [first]);
    }
}

#[test]
fn equal_paths_share_the_kernel_route() {
    let mut rib = rib();
    let prefix = p("10.96.0.10/32");
    for n in 0..3 {
        let source = client(&mut rib, n);
        announce(&mut rib, source.0, plain(addr(n)), [prefix]);
    }
    settle(&mut rib);
    let via = |ns: &[u32]| Some(Arc::new(FibRoute::Via(ns.iter().map(|&n| addr(n).into()).collect())));
    assert_eq!(rib.take_fib_changes(), [(prefix, via(&[0, 1, 2]))]);
    rib.set_next_hop(addr(1), unusable());
    rib.set_next_hop(addr(0), NextHopState { metric: 5, ..NextHopState::default() });
    settle(&mut rib);
    // The other one has not been judged yet: it may be any distance away.
    assert_eq!(rib.take_fib_changes(), [(prefix, via(&[0]))]);
    let lost: Vec<_> = rib.route(&prefix).unwrap().paths.iter().map(|path| (path.peer.0, path.lost_at)).collect();
    assert_eq!(lost, [(0, None), (2, Some(Step::Metric)), (1, Some(Step::Usable))]);
    // Our own route wins over any preference, and has no next hop.
    let mut strong = plain(addr(0));
    strong.local_pref = Some(1000);
    announce(&mut rib, PeerId(0), strong, [prefix]);
    rib.originate(prefix, Origination::new(&prefix, true));
    settle(&mut rib);
    assert_eq!(rib.take_fib_changes(), [(prefix, Some(FibRoute::Blackhole.into()))]);
    rib.originate(prefix, Origination::new(&prefix, false));
    settle(&mut rib);
    assert_eq!(rib.take_fib_changes(), [(prefix, None)]);
}

fn unusable() -> NextHopState {
    NextHopState { usable: false, ..NextHopState::default() }
}

/// RFC 4271 §9.1.2, but for the last resort.
#[test]
fn a_path_over_a_dead_next_hop_loses_to_any_other_and_is_better_than_none() {
    let mut rib = rib();
    let prefix = p("10.96.0.10/32");
    for (n, local_pref) in [(0, 200), (1, 100)] {
        let source = client(&mut rib, n);
        let attrs = PathAttrs { local_pref: Some(local_pref), ..plain(addr(n)) };
        announce(&mut rib, source.0, attrs, [prefix]);
    }
    settle(&mut rib);
    let via = |n: u32| {
        let via: Via = [addr(n).into()].into_iter().collect();
        Some(Arc::new(FibRoute::Via(Via { local_pref: if n == 0 { 200 } else { 100 }, ..via })))
    };
    assert_eq!(rib.take_fib_changes(), [(prefix, via(0))]);
    assert_eq!(rib.take_next_hops(), [(addr(0).into(), true), (addr(1).into(), true)]);
    rib.set_next_hop(addr(0), unusable());
    settle(&mut rib);
    assert_eq!(rib.take_fib_changes(), [(prefix, via(1))]);
    rib.set_next_hop(addr(1), unusable());
    settle(&mut rib);
    assert_eq!(rib.take_fib_changes(), [(prefix, via(0))], "by preference again, where none can be used");
    let lost: Vec<_> = rib.route(&prefix).unwrap().paths.iter().map(|path| (path.peer.0, path.lost_at)).collect();
    assert_eq!(lost, [(0, None), (1, Some(Step::LocalPref))]);
    rib.set_next_hop(addr(1), NextHopState::default());
    // Usable, but for this prefix only through itself (§9.1.2.1).
    rib.set_next_hop(addr(0), NextHopState { through: [prefix].into(), ..NextHopState::default() });
    settle(&mut rib);
    assert_eq!(rib.take_fib_changes(), [(prefix, via(1))]);
    rib.set_next_hop(addr(0), NextHopState { through: [p("10.96.0.0/16")].into(), ..NextHopState::default() });
    settle(&mut rib);
    assert_eq!(rib.take_fib_changes(), [(prefix, via(0))]);
}

#[test]
fn refused_paths_stay_and_say_why() {
    let mut rib = rib();
    let (node, tor) = (client(&mut rib, 0), peer(&mut rib, 1, session(1, true)));
    let mut looped = plain(addr(1));
    looped.as_path = AsPath::sequence([Asn(65001), OWN]);
    announce(&mut rib, tor.0, looped, [p("10.1.0.0/16")]);
    let mut ours = plain(addr(0));
    ours.originator_id = Some(RouterId(1));
    announce(&mut rib, node.0, ours, [p("10.2.0.0/16")]);
    let mut round = plain(addr(0));
    round.cluster_list = [RouterId(9), RouterId(1)].into();
    announce(&mut rib, node.0, round, [p("10.3.0.0/16")]);
    announce(&mut rib, node.0, plain([192, 0, 2, 1].into()), [p("10.4.0.0/16")]);
    announce(&mut rib, node.0, plain([127, 0, 0, 1].into()), [p("10.5.0.0/16")]);
    settle(&mut rib);
    assert!(rib.take_fib_changes().is_empty());
    let reasons: Vec<_> =
        rib.routes(&RouteFilter::default()).iter().map(|route| route.paths[0].rejected.unwrap()).collect();
    use Rejection::*;
    assert_eq!(reasons, [AsLoop, OriginatorLoop, ClusterLoop, NextHopOurs, NextHopInvalid]);
    let view = rib.peer_view(node.0);
    assert_eq!((view.paths[0].received, view.paths[0].accepted, view.counters.announced), (4, 0, 4));
    rib.peer_update(tor.0, PeerSettings { allow_as_in: 1, ..PeerSettings::new(addr(1)) });
    settle(&mut rib);
    assert_eq!(rib.take_fib_changes().len(), 1, "no refresh was needed");
}

#[test]
fn an_ipv6_route_over_an_ipv4_session_needs_an_own_address() {
    let mut rib = rib();
    let prefix = p("fd00:10:65::/122");
    rib.originate(prefix, Origination::new(&prefix, true));
    let mut both = session(1, false);
    both.codec.families = FamilySet::ALL;
    let member = peer(&mut rib, 1, both);
    settle(&mut rib);
    let mut told = Told::default();
    drain(&mut rib, member, &mut told);
    assert_eq!((told.table.len(), told.ended), (0, [1, 1]));
    assert_eq!(rib.explain_export(&prefix, member.0), [Err(Withheld::NoOwnAddress)]);
    let own = "fd00:1::1".parse().unwrap();
    rib.peer_update(member.0, PeerSettings { local_v6: Some(own), ..PeerSettings::new(addr(1)) });
    settle(&mut rib);
    drain(&mut rib, member, &mut told);
    let next_hops: Vec<_> = told.table.values().map(|attrs| attrs.next_hop.addr()).collect();
    assert_eq!(next_hops, [IpAddr::from(own)]);
    assert_eq!(told.ended, [1, 1], "moving to another group ends no dump");
    assert_eq!(rib.explain_export(&prefix, member.0), [Ok(())]);
}

#[test]
fn the_longest_prefix_answers_a_lookup() {
    let mut rib = rib();
    let source = client(&mut rib, 0);
    announce(&mut rib, source.0, plain(addr(0)), [p("0.0.0.0/0"), p("10.65.0.0/16"), p("10.65.1.0/26")]);
    settle(&mut rib);
    let found = |addr: [u8; 4]| rib.lookup(addr.into()).map(|route| route.prefix);
    assert_eq!(found([10, 65, 1, 63]), Some(p("10.65.1.0/26")));
    assert_eq!(found([10, 65, 1, 64]), Some(p("10.65.0.0/16")));
    assert_eq!(found([192, 0, 2, 1]), Some(p("0.0.0.0/0")));
    assert!(rib.lookup("::1".parse().unwrap()).is_none());
}

#[test]
fn a_path_costs_less_than_150_octets() {
    // Two peers with the same prefixes, ten to an attribute set; one group is told the best of each.
    let mut rib = rib();
    let sources = [peer(&mut rib, 0, session(0, true)), peer(&mut rib, 1, session(1, true))];
    let all = blocks(16_384);
    for (source, n) in sources.iter().zip(0..) {
        for (set, prefixes) in all.chunks(10).enumerate() {
            let mut attrs = plain(addr(n));
            attrs.as_path = AsPath::sequence([source.1.peer_asn, Asn(1), Asn(2), Asn(1000 + set as u32)]);
            announce(&mut rib, source.0, attrs, prefixes.iter().copied());
        }
    }
    settle(&mut rib);
    rib.take_fib_changes();
    let memory = rib.memory();
    let counts = (memory.paths.count, memory.attrs.count, rib.groups().len());
    assert_eq!(counts, (2 * all.len(), 2 * all.len().div_ceil(10), 1));
    let each = (memory.bytes() - memory.slices.bytes) / memory.paths.count;
    assert!(each < 150, "{each} octets a path: {memory:?}");
}
