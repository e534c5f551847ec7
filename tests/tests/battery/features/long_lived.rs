//! Long-lived graceful restart on the wire (RFC 9494): what is said, what is kept, who is told.

use std::time::{Duration, Instant};

use crate::harness::wire::UPDATE;
use crate::harness::wire::code::*;
use crate::harness::{Neighbor, Open, Peer, Roost, Setup, Update, capabilities, message, notification};

const A: &str = "10.1.0.0/16";
const B: &str = "10.2.0.0/16";
const LLGR_STALE: u32 = 0xffff_0006;
const NO_LLGR: u32 = 0xffff_0007;
const NO_EXPORT: u32 = 0xffff_ff01;
/// Forwarding state was kept.
const F: u8 = 0x80;

/// Graceful restart with this restart time, and IPv4 kept for long.
fn open(asn: u32, restart: u8, long: u32) -> Open {
    let [_, high, middle, low] = long.to_be_bytes();
    Open::new(asn).cap(64, &[0x40, restart, 0, 1, 1, F]).cap(71, &[0, 1, 1, F, high, middle, low])
}

fn patient(neighbor: Neighbor) -> Neighbor {
    neighbor.with("graceful_restart: { long_lived: 1h }")
}

fn end_of_rib() -> Vec<u8> {
    message(UPDATE, &[0; 4])
}

/// A peer with two routes which says this OPEN, and who else there is.
fn scene(first: &Open, others: impl IntoIterator<Item = Neighbor>) -> (Roost, Peer) {
    let roost = Setup::with([patient(Neighbor::client())].into_iter().chain(others)).start();
    let mut peer = roost.peer_with(0, first.clone());
    let route = peer.route(&[A, B]);
    peer.update(&route).send(end_of_rib()).settle(&roost);
    (roost, peer)
}

/// Prefixes of the peer with LLGR_STALE.
fn long_stale(roost: &Roost) -> Vec<String> {
    let marked = |communities: &[String]| communities.iter().any(|community| community.contains("llgr-stale"));
    let rows = roost.table().into_iter().filter(|row| row.from == roost.name(0) && marked(&row.communities));
    rows.map(|row| row.prefix).collect()
}

#[track_caller]
fn await_long_stale(roost: &Roost, want: &[&str]) {
    roost.await_table(&format!("long-lived stale: {want:?}"), |_| (long_stale(roost) == want).then_some(()));
}

#[track_caller]
fn await_gone(roost: &Roost) {
    let name = roost.name(0);
    roost.await_table("nothing of the peer", |rows| rows.iter().all(|row| row.from != name).then_some(()));
}

#[test]
fn it_is_said_with_the_time_that_is_configured_and_only_beside_graceful_restart() {
    // RFC 9494 §3
    let plain = Neighbor::ebgp(65002);
    let off = Neighbor::ebgp(65003).with("graceful_restart: { enabled: false, long_lived: 1h }");
    let roost = Setup::with([patient(Neighbor::ebgp(65001)), plain, off]).start();
    let said = [0, 1, 2].map(|number| {
        let mut peer = roost.connect(number);
        peer.expect_open();
        capabilities(&peer.open).into_iter().find(|(code, _)| *code == 71).map(|(_, value)| value)
    });
    let [with, without, off] = said;
    let with = with.expect("capability 71");
    assert_eq!((&with[..3], with[3] & 0x7f, &with[4..]), (&[0, 1, 1][..], 0, &[0, 0x0e, 0x10][..]));
    assert_eq!((without, off), (None, None));
}

#[test]
fn routes_are_kept_when_the_restart_time_is_over() {
    // RFC 9494 §4.2
    let (roost, peer) = scene(&open(65000, 1, 3600), []);
    peer.reset();
    await_long_stale(&roost, &[A, B]);
    assert_eq!(roost.prefixes(0), [A, B], "and used, for want of better ones");
}

#[test]
fn a_restart_time_of_0_is_over_at_once() {
    // RFC 9494 §4.2: "the Restart Time … zero": the long-lived time begins when the session is lost
    let (roost, peer) = scene(&open(65000, 0, 3600), []);
    let lost = Instant::now();
    peer.reset();
    await_long_stale(&roost, &[A, B]);
    assert!(lost.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_route_that_says_no_llgr_goes() {
    // RFC 9494 §4.2
    let (roost, mut peer) = scene(&open(65000, 1, 3600), []);
    let route = peer.route(&[B]).communities(&[NO_LLGR]);
    peer.update(&route).settle(&roost);
    peer.reset();
    await_long_stale(&roost, &[A]);
    assert_eq!(roost.prefixes(0), [A]);
}

#[test]
fn the_long_time_ends() {
    // RFC 9494 §4.2: "Upon expiration … MUST delete all stale routes"
    let (roost, peer) = scene(&open(65000, 1, 2), []);
    let lost = Instant::now();
    peer.reset();
    await_gone(&roost);
    assert!(lost.elapsed() > Duration::from_millis(2500), "{:?}: 1 s and 2 s", lost.elapsed());
}

#[test]
fn a_long_time_of_0_is_none() {
    let (roost, peer) = scene(&open(65000, 1, 0), []);
    peer.reset();
    await_gone(&roost);
}

#[test]
fn without_graceful_restart_the_capability_is_ignored() {
    // RFC 9494 §3: "MUST ignore"
    let (roost, peer) = scene(&open(65000, 1, 3600).without(64), []);
    peer.reset();
    await_gone(&roost);
}

#[test]
fn without_the_capability_of_ours_routes_go_with_the_restart_time() {
    let roost = Setup::with([Neighbor::client()]).start();
    let mut peer = roost.peer_with(0, open(65000, 1, 3600));
    let route = peer.route(&[A, B]);
    peer.update(&route).settle(&roost);
    peer.reset();
    await_gone(&roost);
}

#[test]
fn a_hard_reset_keeps_nothing() {
    // RFC 8538 §3.1, RFC 9494 §4.2
    let (roost, mut peer) = scene(&open(65000, 1, 3600), []);
    peer.send(notification(6, 9, &[6, 2])).expect_end_without_notification();
    await_gone(&roost);
}

#[test]
fn any_other_route_wins_over_a_kept_one() {
    // RFC 9494 §4.3: least preferred, before LOCAL_PREF is looked at
    let roost = Setup::with([patient(Neighbor::client()), Neighbor::client()]).start();
    let mut peer = roost.peer_with(0, open(65000, 1, 3600));
    let mut other = roost.peer(1);
    let (good, poor) = (peer.route(&[A]).local_pref(200), other.route(&[A]).local_pref(1).path(&[9, 8, 7]));
    peer.update(&good).settle(&roost);
    other.update(&poor).settle(&roost);
    assert!(roost.row(0, A).best);
    peer.reset();
    await_long_stale(&roost, &[A]);
    assert!(roost.row(1, A).best && !roost.row(0, A).best);
}

#[test]
fn a_route_that_comes_with_llgr_stale_is_least_preferred_too() {
    // RFC 9494 §4.3
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).start();
    let (mut a, mut b) = (roost.peer(0), roost.peer(1));
    let (stale, poor) = (a.route(&[A]).communities(&[LLGR_STALE]), b.route(&[A]).local_pref(1));
    a.update(&stale).settle(&roost);
    b.update(&poor).settle(&roost);
    assert!(roost.row(1, A).best);
}

#[test]
fn those_with_the_capability_are_told_the_community_and_external_ones_without_it_nothing() {
    // RFC 9494 §4.3, §4.4: "MUST NOT be removed"; not to neighbours without the capability
    let others = [patient(Neighbor::ebgp(65001)), Neighbor::ebgp(65002)];
    let (roost, peer) = scene(&open(65000, 1, 3600), others);
    let mut knows = roost.peer_with(1, open(65001, 100, 3600).id(Roost::peer_id(1)));
    let mut plain = roost.peer(2);
    plain.await_route(A);
    peer.reset();
    await_long_stale(&roost, &[A, B]);
    for prefix in [A, B] {
        assert_eq!(knows.told(prefix).value(COMMUNITIES), LLGR_STALE.to_be_bytes());
    }
    plain.await_withdrawal(B);
    assert_eq!(plain.adj_out_prefixes(), [""; 0]);
}

#[test]
fn internal_ones_without_the_capability_are_told_with_no_export_and_local_pref_0() {
    // RFC 9494 §4.6
    let (roost, peer) = scene(&open(65000, 1, 3600), [Neighbor::client()]);
    let mut plain = roost.peer(1);
    peer.reset();
    await_long_stale(&roost, &[A, B]);
    let told = plain.told(A);
    assert_eq!(told.number(LOCAL_PREF), 0);
    assert_eq!(told.value(COMMUNITIES), [LLGR_STALE.to_be_bytes(), NO_EXPORT.to_be_bytes()].concat());
}

#[test]
fn a_peer_that_comes_back_in_the_long_time_is_heard_and_the_rest_goes_with_its_end_of_rib() {
    // RFC 9494 §4.2, RFC 4724 §4.2
    let (roost, peer) = scene(&open(65000, 1, 3600), []);
    peer.reset();
    await_long_stale(&roost, &[A, B]);
    let mut peer = roost.connect_again(0, open(65000, 1, 3600));
    let route = peer.route(&[A]);
    peer.update(&route).settle(&roost);
    assert_eq!(long_stale(&roost), [B]);
    peer.send(end_of_rib()).settle(&roost);
    assert_eq!(roost.prefixes(0), [A]);
}

#[test]
fn a_peer_that_comes_back_without_forwarding_state_loses_what_was_kept() {
    // RFC 9494 §4.2: the F bit of the capability
    let (roost, peer) = scene(&open(65000, 1, 3600), []);
    peer.reset();
    await_long_stale(&roost, &[A, B]);
    let lost = Open::new(65000).cap(64, &[0x40, 1, 0, 1, 1, 0]).cap(71, &[0, 1, 1, 0, 0, 0x0e, 0x10]);
    let mut peer = roost.connect_again(0, lost);
    peer.settle(&roost);
    assert_eq!(roost.prefixes(0), [""; 0]);
}

#[test]
fn a_withdrawal_removes_a_kept_route() {
    let (roost, peer) = scene(&open(65000, 1, 3600), []);
    peer.reset();
    await_long_stale(&roost, &[A, B]);
    let mut peer = roost.connect_again(0, open(65000, 1, 3600));
    peer.update(&Update::new().withdraw(&[A])).settle(&roost);
    assert_eq!(long_stale(&roost), [B]);
}
