//! Limits on prefixes (RFC 4271 §6.7, RFC 4486 §4): what counts, what is said, what follows.

use crate::harness::wire::v6;
use crate::harness::{Neighbor, Open, Peer, Roost, Setup, Update};

/// A peer with this `max_prefix`, both families.
fn limited(max_prefix: &str) -> (Roost, Peer) {
    let roost = Setup::with([Neighbor::ebgp(65001).both().with(&format!("max_prefix: {{ {max_prefix} }}"))]).start();
    let peer = roost.peer_with(0, Open::new(65001).ipv6());
    (roost, peer)
}

fn four(range: std::ops::Range<u8>) -> Vec<String> {
    range.map(|n| format!("10.{n}.0.0/16")).collect()
}

fn announce(peer: &mut Peer, prefixes: &[String]) {
    let route = peer.route(&prefixes.iter().map(String::as_str).collect::<Vec<_>>());
    peer.update(&route);
}

fn withdraw(peer: &mut Peer, prefixes: &[String]) {
    peer.update(&Update::new().withdraw(&prefixes.iter().map(String::as_str).collect::<Vec<_>>()));
}

/// AFI, SAFI and the limit in four octets. RFC 4486 §4
fn said(afi: u8, limit: u32) -> Vec<u8> {
    [&[0, afi, 1][..], &limit.to_be_bytes()].concat()
}

#[test]
fn as_many_as_the_limit_are_fine_and_one_more_is_answered_with_6_1() {
    let (roost, mut peer) = limited("ipv4: 5");
    announce(&mut peer, &four(0..4));
    // The fifth is the marker.
    peer.settle(&roost);
    announce(&mut peer, &four(4..5));
    peer.expect_notification(6, 1, &said(1, 5));
    roost.await_table("no route of the peer", |table| table.is_empty().then_some(()));
}

#[test]
fn where_a_notification_would_keep_the_routes_it_is_a_hard_reset() {
    // RFC 8538 §3.1, §5: with the N bit on both sides; the 6/1 stands in it
    let roost = Setup::with([Neighbor::ebgp(65001).with("max_prefix: { limit: 2 }")]).start();
    let mut peer = roost.peer_with(0, Open::new(65001).cap(64, &[0x40, 60, 0, 1, 1, 0x80]));
    announce(&mut peer, &four(0..3));
    peer.expect_notification(6, 9, &[&[6, 1][..], &said(1, 2)].concat());
    roost.await_table("no route of the peer", |table| table.is_empty().then_some(()));
}

#[test]
fn a_limit_of_over_65535_stands_there_in_four_octets() {
    // RFC 4486 §4: "Prefix upper bound (4 octets)"
    const LIMIT: u32 = 66_000;
    let (_roost, mut peer) = limited(&format!("ipv4: {LIMIT}"));
    let all: Vec<Vec<u8>> = (0..=LIMIT).map(|n| [&[32][..], &(0x0a00_0000 + n).to_be_bytes()].concat()).collect();
    for part in all.chunks(700) {
        let route = peer.route(&[]).nlri_raw(&part.concat());
        peer.update(&route);
    }
    peer.expect_notification(6, 1, &said(1, LIMIT));
}

#[test]
fn each_family_counts_for_itself() {
    let (roost, mut peer) = limited("limit: 4");
    announce(&mut peer, &four(0..3));
    let six = peer.route6(&["2001:db8:1::/48", "2001:db8:2::/48", "2001:db8:3::/48", "2001:db8:4::/48"]);
    peer.update(&six).settle(&roost);
    let fifth = peer.route6(&["2001:db8:5::/48"]);
    peer.update(&fifth).expect_notification(6, 1, &said(2, 4));
}

#[test]
fn ipv4_in_mp_reach_counts_as_ipv4() {
    let (_roost, mut peer) = limited("ipv4: 1");
    let reach = crate::harness::wire::mp_reach(1, 1, &[192, 0, 2, 10], &[16, 10, 1, 16, 10, 2]);
    let route = peer.route(&[]).without(3).attr(0x80, 14, &reach);
    peer.update(&route).expect_notification(6, 1, &said(1, 1));
}

#[test]
fn a_prefix_announced_again_counts_once() {
    let (roost, mut peer) = limited("ipv4: 4");
    for _ in 0..5 {
        announce(&mut peer, &four(0..3));
    }
    peer.settle(&roost);
    assert_eq!(roost.about(0)["established_count"].as_u64(), Some(1));
}

#[test]
fn a_withdrawn_prefix_counts_no_more() {
    let (roost, mut peer) = limited("ipv4: 4");
    for _ in 0..3 {
        announce(&mut peer, &four(0..3));
        withdraw(&mut peer, &four(0..3));
    }
    announce(&mut peer, &four(100..103));
    peer.settle(&roost);
    assert_eq!(roost.prefixes(0).len(), 3);
}

#[test]
fn a_prefix_withdrawn_for_an_error_counts_no_more() {
    // RFC 7606 §2
    let (roost, mut peer) = limited("ipv4: 4");
    announce(&mut peer, &four(0..3));
    let wrong = peer.route(&["10.0.0.0/16", "10.200.0.0/16"]).origin(9);
    peer.update(&wrong);
    announce(&mut peer, &four(50..51));
    peer.settle(&roost);
    assert_eq!(roost.prefixes(0), ["10.1.0.0/16", "10.2.0.0/16", "10.50.0.0/16"]);
}

#[test]
fn withdrawals_of_a_message_count_before_its_announcements() {
    // RFC 4271 §3.1, §9: such a message replaces one route by another
    let (roost, mut peer) = limited("ipv4: 4");
    announce(&mut peer, &four(0..3));
    let swap = peer.route(&["10.9.0.0/16"]).withdraw(&["10.0.0.0/16"]);
    peer.update(&swap).settle(&roost);
    assert_eq!(roost.prefixes(0), ["10.1.0.0/16", "10.2.0.0/16", "10.9.0.0/16"]);
}

#[test]
fn paths_of_one_prefix_count_each() {
    // RFC 7911: with ADD-PATH
    let neighbor = Neighbor::ebgp(65001).with("add_path: { receive: true }").with("max_prefix: { ipv4: 3 }");
    let roost = Setup::with([neighbor]).start();
    let mut peer = roost.peer_with(0, Open::new(65001).cap(69, &[0, 1, 1, 2]));
    let paths = peer.route(&[]).announce_ids(&[(1, "10.1.0.0/16"), (2, "10.1.0.0/16"), (3, "10.1.0.0/16")]);
    peer.update(&paths);
    let again = peer.route(&[]).announce_ids(&[(2, "10.1.0.0/16")]).med(7);
    peer.update(&again);
    let more = peer.route(&[]).announce_ids(&[(4, "10.1.0.0/16")]);
    peer.update(&more).expect_notification(6, 1, &said(1, 3));
}

#[test]
fn what_the_policy_refuses_counts_unless_that_is_said() {
    let policy = "\
prefix_lists: { ten: [{ prefix: 10.0.0.0/8, le: 24 }, { prefix: 198.18.0.0/15, le: 32 }] }
policies: { in: { rules: [{ match: { prefix_list: ten }, action: accept }] } }";
    let peer = |asn, count: &str| {
        let limit = format!("max_prefix: {{ limit: 3, count: {count} }}");
        Neighbor::ebgp(asn).with("import: in").with(&limit)
    };
    let roost = Setup::with([peer(65001, "accepted"), peer(65002, "received")]).more(policy).start();
    let (mut accepted, mut received) = (roost.peer(0), roost.peer(1));
    let many = ["11.0.0.0/8", "12.0.0.0/8", "13.0.0.0/8", "14.0.0.0/8", "10.1.0.0/16"];
    let (of_one, of_other) = (accepted.route(&many), received.route(&many));
    accepted.update(&of_one).settle(&roost);
    assert_eq!(roost.prefixes(0), ["10.1.0.0/16"]);
    received.update(&of_other).expect_notification(6, 1, &said(1, 3));
}

#[test]
fn with_a_warning_the_session_and_all_prefixes_stay() {
    let (roost, mut peer) = limited("ipv4: 5, action: warn");
    announce(&mut peer, &four(0..50));
    peer.settle(&roost);
    assert_eq!(roost.prefixes(0).len(), 50);
    roost.await_limit(0, "exceeded");
}

#[test]
fn a_warning_comes_at_the_share_that_is_said() {
    let (roost, mut peer) = limited("ipv4: 10, warning: 50");
    announce(&mut peer, &four(0..3));
    peer.settle(&roost);
    assert_ne!(roost.about(0)["limits"][0]["state"], "near");
    peer.settle(&roost);
    roost.await_limit(0, "near");
}

#[test]
fn a_held_peers_first_prefixes_stay_and_may_change() {
    let (roost, mut peer) = limited("ipv4: 3, action: block");
    announce(&mut peer, &four(0..5));
    let changed = peer.route(&["10.1.0.0/16"]).med(7);
    peer.update(&changed);
    let six = peer.route6(&["2001:db8:1::/48"]);
    peer.update(&six);
    roost.await_table("the IPv6 prefix", |rows| rows.iter().any(|row| row.prefix.contains(':')).then_some(()));
    assert_eq!(roost.prefixes(0), ["10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16", "2001:db8:1::/48"]);
    assert_eq!(roost.row(0, "10.1.0.0/16").med, Some(7));
}

#[test]
fn a_held_peer_may_announce_again_what_it_made_room_for() {
    let (roost, mut peer) = limited("ipv4: 3, action: block");
    announce(&mut peer, &four(0..5));
    withdraw(&mut peer, &four(0..2));
    announce(&mut peer, &four(3..4));
    peer.settle(&roost);
    assert_eq!(roost.prefixes(0), ["10.2.0.0/16", "10.3.0.0/16"]);
}

#[test]
fn the_peer_is_let_in_again_after_its_time() {
    // RFC 4271 §8.2.2: until then it is Idle, which refuses connections
    let (roost, mut peer) = limited("ipv4: 1, restart_after: 2s");
    announce(&mut peer, &four(0..2));
    peer.expect_notification(6, 1, &said(1, 1));
    let ended = std::time::Instant::now();
    roost.connect(0).expect_end();
    let mut back = roost.connect_again(0, Open::new(65001).ipv6());
    assert!(ended.elapsed() >= std::time::Duration::from_millis(1900));
    back.settle(&roost);
}

#[test]
fn others_routes_are_withdrawn_and_stay_as_it_should_be() {
    let roost = Setup::with([Neighbor::ebgp(65001).with("max_prefix: { limit: 2 }"), Neighbor::ebgp(65002)]).start();
    let (mut peer, mut other) = (roost.peer(0), roost.peer(1));
    announce(&mut peer, &four(0..2));
    other.await_route("10.1.0.0/16");
    announce(&mut peer, &four(2..3));
    peer.expect_notification(6, 1, &said(1, 2));
    other.await_withdrawal("10.0.0.0/16");
    other.settle(&roost);
    assert_eq!(other.adj_out_prefixes(), [""; 0]);
}

#[test]
fn without_a_limit_for_a_family_it_has_none() {
    let (roost, mut peer) = limited("ipv6: 1");
    announce(&mut peer, &four(0..100));
    let one = peer.route(&[]).without(3).reach6(&v6("2001:db8::7"), &["2001:db8:1::/48"]);
    peer.update(&one).settle(&roost);
    assert_eq!(roost.prefixes(0).len(), 101);
}
