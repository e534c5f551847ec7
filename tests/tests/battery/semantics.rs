//! UPDATEs that can be read and must not be used: next hops nobody has, prefixes nobody lives in, routes that went round.
//!
//! RFC 4271 §6.3: what is semantically wrong is ignored and costs no session. A route that is not used still replaces
//! what the peer said before.

use crate::harness::wire::code::*;
use crate::harness::wire::{OPT_TRANS, OPTIONAL, WELL_KNOWN, mp_reach, prefix_octets, segment, sequence, v4, v6};
use crate::harness::{Neighbor, OUR_ID, OURS, Open, Peer, Roost, Setup, Update};

const PREFIX: &str = "10.1.0.0/16";
const GOOD: &str = "10.2.0.0/16";
const SIX: &str = "2001:db8:1::/48";

/// A peer with two good routes, one of which is announced again with a change: it is not used, not passed on, and
/// nothing else happens.
#[track_caller]
fn unused_from(neighbor: Neighbor, edit: impl Fn(Update) -> Update, reason: &str) {
    let asn = neighbor.asn;
    let roost = Setup::with([neighbor.both(), Neighbor::client().both()]).start();
    let mut peer = roost.peer_with(0, Open::new(asn).ipv6().id(Roost::peer_id(0)));
    let mut onlooker = roost.peer_with(1, Open::new(65000).ipv6().id(Roost::peer_id(1)));
    let good = peer.route(&[PREFIX, GOOD]);
    peer.update(&good).settle(&roost);
    let odd = edit(peer.route(&[PREFIX]));
    peer.update(&odd).settle(&roost);
    assert_eq!(roost.prefixes(0), [GOOD]);
    let why = roost.row(0, PREFIX).reason.unwrap_or_default();
    assert!(why.contains(reason), "{why}");
    assert_eq!(onlooker.adj_out_prefixes(), [GOOD]);
}

#[track_caller]
fn unused(edit: impl Fn(Update) -> Update, reason: &str) {
    unused_from(Neighbor::ebgp(65001), edit, reason);
}

#[track_caller]
fn next_hop(address: &str) {
    unused(|u| u.next_hop(v4(address)), "next hop");
}

// ---- IPv4 next hops

#[test]
fn a_next_hop_of_zeros_is_not_used() {
    next_hop("0.0.0.0");
}

#[test]
fn a_next_hop_in_network_zero_is_not_used() {
    // RFC 1122 §3.2.1.3: never a destination
    next_hop("0.1.2.3");
}

#[test]
fn a_loopback_next_hop_is_not_used() {
    next_hop("127.0.0.1");
}

#[test]
fn a_loopback_next_hop_elsewhere_in_127_is_not_used() {
    next_hop("127.255.0.3");
}

#[test]
fn a_multicast_next_hop_is_not_used() {
    next_hop("224.0.0.5");
}

#[test]
fn the_last_multicast_next_hop_is_not_used() {
    next_hop("239.255.255.255");
}

#[test]
fn a_class_e_next_hop_is_not_used() {
    // RFC 1112 §4
    next_hop("240.0.0.1");
}

#[test]
fn the_broadcast_next_hop_is_not_used() {
    next_hop("255.255.255.255");
}

#[test]
fn our_own_address_is_no_next_hop() {
    // RFC 4271 §5.1.3: "A BGP speaker must never install a route with itself as the next hop"; §6.3 a
    next_hop("192.0.2.1");
}

#[test]
fn our_second_address_is_no_next_hop() {
    next_hop("192.0.2.2");
}

#[test]
fn a_next_hop_that_is_not_the_peer_is_fine() {
    // RFC 4271 §5.1.3: third party
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    let route = peer.route(&[PREFIX]).next_hop([198, 51, 100, 77]);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [PREFIX]);
}

#[test]
fn a_good_route_is_used_again_after_a_bad_next_hop() {
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    let good = peer.route(&[PREFIX]);
    let bad = good.clone().next_hop([0; 4]);
    peer.update(&bad).update(&good).settle(&roost);
    assert_eq!(roost.prefixes(0), [PREFIX]);
}

#[test]
fn a_withdrawal_removes_a_route_that_was_not_used() {
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    let bad = peer.route(&[PREFIX]).next_hop([0; 4]);
    peer.update(&bad).update(&Update::new().withdraw(&[PREFIX])).settle(&roost);
    assert_eq!(roost.table(), []);
}

// ---- IPv6 next hops

#[track_caller]
fn next_hop6(octets: &[u8]) {
    let roost = Setup::with([Neighbor::ebgp(65001).both()]).start();
    let mut peer = roost.peer_with(0, Open::new(65001).ipv6());
    let good = peer.route6(&[SIX]);
    let bad = good.clone().reach6(octets, &[SIX]);
    peer.update(&good).update(&bad).settle(&roost);
    assert_eq!(roost.prefixes(0), [""; 0]);
    let why = roost.row(0, SIX).reason.unwrap_or_default();
    assert!(why.contains("next hop"), "{why}");
}

#[test]
fn an_ipv6_next_hop_of_zeros_is_not_used() {
    next_hop6(&v6("::"));
}

#[test]
fn the_ipv6_loopback_is_no_next_hop() {
    next_hop6(&v6("::1"));
}

#[test]
fn an_ipv6_multicast_next_hop_is_not_used() {
    next_hop6(&v6("ff02::5"));
}

#[test]
fn our_own_ipv6_address_is_no_next_hop() {
    next_hop6(&v6("2001:db8:ffff::1"));
}

#[test]
fn a_zero_global_address_before_a_link_local_one_is_not_used() {
    next_hop6(&[v6("::"), v6("fe80::9")].concat());
}

// ---- prefixes

/// A prefix that is ignored, beside one that is not, in the same message.
#[track_caller]
fn prefix(prefix: &str) {
    let roost = Setup::with([Neighbor::ebgp(65001).both(), Neighbor::client().both()]).start();
    let mut peer = roost.peer_with(0, Open::new(65001).ipv6());
    let mut onlooker = roost.peer_with(1, Open::new(65000).ipv6().id(Roost::peer_id(1)));
    let six = prefix.contains(':');
    let (route, good) = if six { (peer.route6(&[prefix, SIX]), SIX) } else { (peer.route(&[prefix, GOOD]), GOOD) };
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [good]);
    let told: Vec<String> = onlooker.adj_out(if six { 2 } else { 1 }).into_keys().map(|(prefix, _)| prefix).collect();
    assert_eq!(told, [good]);
}

#[test]
fn all_of_multicast_is_no_route() {
    // RFC 4271 §6.3: "e.g., an unexpected multicast IP address"
    prefix("224.0.0.0/4");
}

#[test]
fn a_multicast_group_is_no_route() {
    prefix("239.1.2.3/32");
}

#[test]
fn class_e_is_no_route() {
    prefix("240.0.0.0/4");
}

#[test]
fn the_broadcast_address_is_no_route() {
    prefix("255.255.255.255/32");
}

#[test]
fn loopback_is_no_route() {
    prefix("127.0.0.0/8");
}

#[test]
fn a_loopback_address_is_no_route() {
    prefix("127.0.0.53/32");
}

#[test]
fn network_zero_is_no_route() {
    prefix("0.0.0.0/8");
}

#[test]
fn ipv6_multicast_is_no_route() {
    prefix("ff00::/8");
}

#[test]
fn an_ipv6_group_is_no_route() {
    prefix("ff0e::1/128");
}

#[test]
fn the_ipv6_loopback_is_no_route() {
    prefix("::1/128");
}

#[test]
fn ipv6_link_local_is_no_route() {
    // RFC 4291 §2.5.6: not forwarded
    prefix("fe80::/10");
}

/// Prefixes that look odd, and are routes.
#[track_caller]
fn fine(list: &[&str]) {
    let roost = Setup::with([Neighbor::ebgp(65001).both()]).start();
    let mut peer = roost.peer_with(0, Open::new(65001).ipv6());
    let (six, four): (Vec<&str>, Vec<&str>) = list.iter().partition(|prefix| prefix.contains(':'));
    let (six, four) = (peer.route6(&six), peer.route(&four));
    peer.update(&six).update(&four).settle(&roost);
    let mut want = list.to_vec();
    want.sort_unstable();
    assert_eq!(roost.prefixes(0), want);
}

#[test]
fn default_routes_and_halves_of_the_internet_are_routes() {
    fine(&["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "192.0.0.0/2", "::/0", "::/1", "8000::/1", "2000::/3"]);
}

#[test]
fn addresses_of_hosts_are_routes() {
    fine(&["10.0.0.1/32", "223.255.255.255/32", "1.0.0.0/8", "2001:db8::1/128"]);
}

#[test]
fn link_local_ipv4_and_shared_addresses_are_routes() {
    // Private, shared (RFC 6598) and documentation addresses are what node meshes are made of; 169.254/16 serves as the
    // gateway of pods.
    fine(&["169.254.1.1/32", "100.64.0.0/10", "192.168.0.0/16", "198.51.100.0/24", "fd00::/8"]);
}

// ---- loops

#[test]
fn our_as_in_the_path_is_a_loop() {
    // RFC 4271 §9.1.2
    unused(|u| u.path(&[65001, OURS, 65002]), "own AS");
}

#[test]
fn our_as_at_the_end_of_the_path_is_a_loop() {
    unused(|u| u.path(&[65001, OURS]), "own AS");
}

#[test]
fn our_as_in_a_set_is_a_loop() {
    let set = [sequence(&[65001]), segment(1, &[OURS, 65009])].concat();
    let peer = Neighbor::ebgp(65001).with("accept_as_set: true");
    unused_from(peer, move |u| u.set(WELL_KNOWN, AS_PATH, &set), "own AS");
}

#[test]
fn our_as_in_the_path_of_an_internal_peer_is_a_loop() {
    unused_from(Neighbor::client(), |u| u.path(&[OURS]), "own AS");
}

#[test]
fn an_as_that_ends_like_ours_is_none() {
    // 65536 + 65000: the same low half
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    let route = peer.route(&[PREFIX]).path(&[65001, 0x1_0000 + OURS]);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [PREFIX]);
}

#[test]
fn our_large_as_behind_as4_path_is_a_loop() {
    // RFC 6793 §4.2.3: found after the merge only
    let roost = Setup::external().asn(4_200_000_000).start();
    let mut peer = roost.peer_with(0, Open::new(65001).without(65));
    let looped =
        peer.route(&[PREFIX]).path2(&[65001, 23456]).attr(OPT_TRANS, AS4_PATH, &sequence(&[65001, 4_200_000_000]));
    let good = peer.route(&[GOOD]).path2(&[65001, 23456]).attr(OPT_TRANS, AS4_PATH, &sequence(&[65001, 4_200_000_001]));
    peer.update(&looped).update(&good).settle(&roost);
    assert_eq!(roost.prefixes(0), [GOOD]);
}

// ---- the first AS: RFC 4271 §6.3, RFC 7606 §7.2

#[test]
fn a_path_that_begins_with_another_as_is_not_used() {
    unused(|u| u.path(&[65002, 65001]), "begin");
}

#[test]
fn an_empty_path_of_an_external_peer_is_not_used() {
    unused(|u| u.path(&[]).set(WELL_KNOWN, AS_PATH, &[]), "begin");
}

#[test]
fn a_path_that_begins_with_another_as_is_used_when_the_configuration_says_so() {
    // RFC 7947 §2.2.2.1: a route server
    let roost = Setup::with([Neighbor::ebgp(65001).with("enforce_first_as: false")]).start();
    let mut peer = roost.peer(0);
    let route = peer.route(&[PREFIX]).path(&[65002]);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [PREFIX]);
}

#[test]
fn an_internal_peers_path_may_begin_with_any_as() {
    let roost = Setup::with([Neighbor::client()]).start();
    let mut peer = roost.peer(0);
    let route = peer.route(&[PREFIX]).path(&[65077]);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [PREFIX]);
}

// ---- reflection

#[test]
fn our_identifier_as_originator_is_a_loop() {
    // RFC 4456 §8
    unused_from(Neighbor::ibgp(), |u| u.originator(OUR_ID), "ORIGINATOR_ID");
}

#[test]
fn our_identifier_as_originator_from_a_client_is_a_loop() {
    unused_from(Neighbor::client(), |u| u.originator(OUR_ID), "ORIGINATOR_ID");
}

#[test]
fn our_cluster_in_the_list_of_a_client_is_a_loop() {
    // RFC 4456 §8
    unused_from(Neighbor::client(), |u| u.clusters(&[[9, 9, 9, 9], OUR_ID]), "CLUSTER_LIST");
}

#[test]
fn another_cluster_is_no_loop() {
    let roost = Setup::with([Neighbor::client()]).start();
    let mut peer = roost.peer(0);
    let route = peer.route(&[PREFIX]).originator([9, 9, 9, 9]).clusters(&[[1, 0, 0, 10], [9, 9, 9, 9]]);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [PREFIX]);
}

// ---- what is odd and still counts

fn one() -> (Roost, Peer) {
    let roost = Setup::external().start();
    let peer = roost.peer(0);
    (roost, peer)
}

#[test]
fn an_as_set_is_a_path_where_the_configuration_says_so() {
    let roost = Setup::with([Neighbor::ebgp(65001).with("accept_as_set: true")]).start();
    let mut peer = roost.peer(0);
    let set = [sequence(&[65001]), segment(1, &[65002, 65003])].concat();
    let route = peer.route(&[PREFIX]).set(WELL_KNOWN, AS_PATH, &set);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [PREFIX]);
}

#[test]
fn an_as_set_is_not_used() {
    // RFC 9774 §3
    let set = [sequence(&[65001]), segment(1, &[65002, 65003])].concat();
    unused(move |u| u.set(WELL_KNOWN, AS_PATH, &set), "AS_SET");
}

#[test]
fn an_as_set_of_a_client_is_not_used() {
    unused_from(Neighbor::client(), |u| u.set(WELL_KNOWN, AS_PATH, &segment(1, &[65002])), "AS_SET");
}

#[test]
fn as_trans_in_a_path_is_a_number_like_others() {
    let (roost, mut peer) = one();
    let route = peer.route(&[PREFIX]).path(&[65001, 23456]);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [PREFIX]);
}

#[test]
fn the_largest_numbers_are_taken() {
    let (roost, mut peer) = one();
    let route = peer.route(&[PREFIX]).path(&[65001, u32::MAX - 1]).med(u32::MAX).communities(&[u32::MAX - 1]);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.row(0, PREFIX).med, Some(u64::from(u32::MAX)));
}

#[test]
fn ipv6_prefixes_with_bits_behind_their_length_are_cut() {
    let roost = Setup::with([Neighbor::ebgp(65001).both()]).start();
    let mut peer = roost.peer_with(0, Open::new(65001).ipv6());
    let mut octets = prefix_octets(&["2001:db8:8000::/33"]);
    octets[5] = 0xff;
    let reach = mp_reach(2, 1, &v6("2001:db8::9"), &octets);
    let route = peer.route(&[]).without(NEXT_HOP).attr(OPTIONAL, MP_REACH, &reach);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), ["2001:db8:8000::/33"]);
}

#[test]
fn a_community_twice_is_one() {
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::client()]).start();
    let mut peer = roost.peer(0);
    let route = peer.route(&[PREFIX]).communities(&[7, 7, 5, 7]);
    peer.update(&route).settle(&roost);
    assert_eq!(roost.peer(1).told(PREFIX).value(COMMUNITIES), [0, 0, 0, 5, 0, 0, 0, 7]);
}
