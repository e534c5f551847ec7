//! Graceful restart on the wire, both roles: RFC 4724, with the NOTIFICATIONs of RFC 8538.

use crate::harness::wire::UPDATE;
use crate::harness::{Neighbor, Open, Peer, Roost, Setup, Update, capabilities, message, notification};

const A: &str = "10.1.0.0/16";
const B: &str = "10.2.0.0/16";
const SIX: &str = "2001:db8:1::/48";

const R: u8 = 0x80;
const N: u8 = 0x40;
const F: u8 = 0x80;

/// The capability: R and N, seconds, families with F.
fn graceful(flags: u8, seconds: u8, families: &[(u16, u8)]) -> Vec<u8> {
    let family = |(afi, flags): &(u16, u8)| [afi.to_be_bytes()[0], afi.to_be_bytes()[1], 1, *flags];
    [flags, seconds].into_iter().chain(families.iter().flat_map(family)).collect()
}

fn open(flags: u8, seconds: u8, families: &[(u16, u8)]) -> Open {
    Open::new(65001).ipv6().cap(64, &graceful(flags, seconds, families))
}

/// The usual: 120 s, forwarding kept for IPv4.
fn usual(flags: u8) -> Open {
    open(flags, 120, &[(1, F)])
}

fn end_of_rib() -> Vec<u8> {
    message(UPDATE, &[0; 4])
}

/// A peer with two IPv4 routes and an IPv6 one, and a peer that is told them.
fn scene(first: &Open, neighbor: Neighbor) -> (Roost, Peer, Peer) {
    let roost = Setup::with([neighbor.both(), Neighbor::client()]).start();
    // First, as the other one may have no more than three seconds before its hold timer ends.
    let mut other = roost.peer(1);
    let mut peer = roost.peer_with(0, first.clone());
    let (four, six) = (peer.route(&[A, B]), peer.route6(&[SIX]));
    peer.update(&four).update(&six).send(end_of_rib()).settle(&roost);
    assert_eq!(other.adj_out_prefixes(), [A, B]);
    (roost, peer, other)
}

/// Which of the peer's prefixes are left, those that are stale marked with a star.
#[track_caller]
fn left(roost: &Roost) -> Vec<String> {
    let name = roost.name(0);
    let rows = roost.table().into_iter().filter(|row| row.from == name);
    let mut left: Vec<_> = rows.map(|row| format!("{}{}", row.prefix, if row.stale { "*" } else { "" })).collect();
    left.sort();
    left
}

#[track_caller]
fn await_left(roost: &Roost, want: &[&str]) {
    roost.await_table(&format!("left: {want:?}"), |_| (left(roost) == want).then_some(()));
}

fn stale(prefixes: &[&str]) -> Vec<String> {
    prefixes.iter().map(|prefix| format!("{prefix}*")).collect()
}

/// The session ends; IPv4 routes stay, marked; the other peer is told nothing.
#[track_caller]
fn kept(first: &Open, end: impl FnOnce(Peer)) {
    let (roost, peer, mut other) = scene(first, Neighbor::ebgp(65001));
    end(peer);
    let want = stale(&[A, B]);
    await_left(&roost, &want.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(other.adj_out_prefixes(), [A, B]);
}

/// The session ends, and the routes with it.
#[track_caller]
fn dropped(first: &Open, end: impl FnOnce(Peer)) {
    let (roost, peer, mut other) = scene(first, Neighbor::ebgp(65001));
    end(peer);
    await_left(&roost, &[]);
    other.await_withdrawal(A);
}

// ---- helper: how the session ended

#[test]
fn a_closed_connection_keeps_the_routes_of_families_in_the_capability() {
    // RFC 4724 §4.2. IPv6 is not in the capability: its route goes.
    kept(&usual(0), |peer| peer.finish_and_wait());
}

#[test]
fn a_reset_connection_keeps_the_routes() {
    kept(&usual(0), Peer::reset);
}

#[test]
fn without_the_capability_a_closed_connection_drops_the_routes() {
    dropped(&Open::new(65001).ipv6(), Peer::reset);
}

#[test]
fn a_capability_without_families_drops_the_routes() {
    dropped(&open(0, 120, &[]), Peer::reset);
}

#[test]
fn a_notification_without_the_n_bit_drops_the_routes() {
    // RFC 4724 §4.2: only the end of TCP keeps them
    dropped(&usual(0), |mut peer| peer.send(notification(6, 4, &[])).expect_end_without_notification());
}

#[test]
fn a_notification_with_the_n_bit_keeps_the_routes() {
    // RFC 8538 §4.1
    kept(&usual(N), |mut peer| peer.send(notification(6, 4, &[])).expect_end_without_notification());
}

#[test]
fn a_shutdown_with_the_n_bit_keeps_the_routes_unless_it_is_hard() {
    kept(&usual(N), |mut peer| peer.send(notification(6, 2, &[])).expect_end_without_notification());
}

#[test]
fn a_hard_reset_drops_the_routes() {
    // RFC 8538 §3.1
    dropped(&usual(N), |mut peer| peer.send(notification(6, 9, &[6, 2])).expect_end_without_notification());
}

#[test]
fn our_own_notification_keeps_the_routes_with_the_n_bit() {
    // RFC 8538 §4: both directions
    kept(&usual(N), |mut peer| peer.send(message(99, &[])).expect_notification(1, 3, &[99]));
}

#[test]
fn our_own_notification_drops_the_routes_without_the_n_bit() {
    dropped(&usual(0), |mut peer| peer.send(message(99, &[])).expect_notification(1, 3, &[99]));
}

#[test]
fn an_expired_hold_timer_keeps_the_routes_with_the_n_bit() {
    kept(&usual(N).hold(3), |mut peer| peer.expect_notification(4, 0, &[]));
}

#[test]
fn an_expired_hold_timer_drops_the_routes_without_the_n_bit() {
    dropped(&usual(0).hold(3), |mut peer| peer.expect_notification(4, 0, &[]));
}

#[test]
fn with_graceful_restart_off_on_our_side_the_routes_go() {
    let neighbor = Neighbor::ebgp(65001).with("graceful_restart: { enabled: false }");
    let (roost, peer, _other) = scene(&usual(0), neighbor);
    assert!(capabilities(&peer.open).iter().all(|(code, _)| *code != 64));
    peer.reset();
    await_left(&roost, &[]);
}

// ---- helper: the peer comes back, or not

#[test]
fn the_restart_time_ends_the_wait() {
    // RFC 4724 §4.2
    let (roost, peer, mut other) = scene(&open(0, 1, &[(1, F)]), Neighbor::ebgp(65001));
    peer.reset();
    other.await_withdrawal(A);
    await_left(&roost, &[]);
}

/// The peer is gone and comes back with this OPEN.
fn comes_back(with: &Open) -> (Roost, Peer, Peer) {
    let (roost, peer, other) = scene(&usual(0), Neighbor::ebgp(65001));
    peer.reset();
    await_left(&roost, &["10.1.0.0/16*", "10.2.0.0/16*"]);
    let peer = roost.connect_again(0, with.clone());
    (roost, peer, other)
}

#[test]
fn routes_are_stale_until_they_are_repeated_and_go_with_the_end_of_rib() {
    // RFC 4724 §4.2
    let (roost, mut peer, mut other) = comes_back(&usual(R));
    assert_eq!(left(&roost), ["10.1.0.0/16*", "10.2.0.0/16*"]);
    let a = peer.route(&[A]);
    peer.update(&a).settle(&roost);
    assert_eq!(left(&roost), ["10.1.0.0/16", "10.2.0.0/16*"]);
    peer.send(end_of_rib());
    other.await_withdrawal(B);
    assert_eq!(left(&roost), [A]);
}

#[test]
fn a_repeated_route_is_not_told_again_to_others() {
    let (roost, mut peer, mut other) = comes_back(&usual(R));
    let (both, new) = (peer.route(&[A, B]), peer.route(&["10.3.0.0/16"]));
    peer.update(&both).send(end_of_rib()).update(&new).settle(&roost);
    loop {
        let told = other.expect_update();
        let withdrawn = |prefix| told.withdrawn.iter().any(|(_, gone)| gone == prefix);
        assert!(![A, B].iter().any(|prefix| told.announces(prefix) || withdrawn(prefix)), "{told:?}");
        if told.announces("10.3.0.0/16") {
            break;
        }
    }
}

#[test]
fn without_forwarding_state_the_routes_go_when_the_peer_is_back() {
    // RFC 4724 §4.2: the F bit
    let (roost, _peer, mut other) = comes_back(&open(R, 120, &[(1, 0)]));
    other.await_withdrawal(A);
    await_left(&roost, &[]);
}

#[test]
fn without_the_family_in_the_new_capability_the_routes_go() {
    let (roost, _peer, mut other) = comes_back(&open(R, 120, &[(2, F)]));
    other.await_withdrawal(A);
    await_left(&roost, &[]);
}

#[test]
fn without_the_capability_the_routes_go_when_the_peer_is_back() {
    let (roost, _peer, mut other) = comes_back(&Open::new(65001).ipv6());
    other.await_withdrawal(A);
    await_left(&roost, &[]);
}

#[test]
fn a_second_loss_keeps_the_routes_as_long_as_the_first_allows() {
    // RFC 4724 §4.2 would delete what is still stale; knowingly not followed, see `bgp_proto::fsm::graceful::helper`.
    let (roost, mut peer, mut other) = comes_back(&usual(R));
    let a = peer.route(&[A]);
    peer.update(&a).settle(&roost);
    peer.reset();
    await_left(&roost, &["10.1.0.0/16*", "10.2.0.0/16*"]);
    assert_eq!(other.adj_out_prefixes(), [A, B]);
}

#[test]
fn a_peer_that_never_ends_its_dump_loses_stale_routes_in_time() {
    // RFC 4724 §4.2: "an (configurable) upper bound"
    let neighbor = Neighbor::ebgp(65001).with("graceful_restart: { enabled: true, stale_time: 1s }");
    let (roost, peer, mut other) = scene(&usual(0), neighbor);
    peer.reset();
    await_left(&roost, &["10.1.0.0/16*", "10.2.0.0/16*"]);
    let mut peer = roost.connect_again(0, usual(R));
    let a = peer.route(&[A]);
    peer.update(&a).settle(&roost);
    other.await_withdrawal(B);
    assert_eq!(left(&roost), [A]);
}

#[test]
fn a_withdrawal_of_a_stale_route_removes_it() {
    let (roost, mut peer, _other) = comes_back(&usual(R));
    peer.update(&Update::new().withdraw(&[B])).settle(&roost);
    assert_eq!(left(&roost), ["10.1.0.0/16*"]);
}

/// A second connection with `flags` beside the session of a peer with graceful restart.
fn takes_the_place(flags: u8) {
    let (roost, mut old, mut other) = scene(&usual(0), Neighbor::ebgp(65001));
    let mut new = roost.connect(0);
    new.establish(&usual(flags));
    old.expect_end_without_notification();
    await_left(&roost, &["10.1.0.0/16*", "10.2.0.0/16*"]);
    let a = new.route(&[A]);
    new.update(&a).send(end_of_rib());
    other.await_withdrawal(B);
    assert_eq!(left(&roost), [A]);
}

#[test]
fn a_peer_that_restarted_takes_the_place_of_its_old_session() {
    // RFC 4724 §4.2, §5: the old connection is as good as closed, its routes stay until they are repeated
    takes_the_place(R);
}

#[test]
fn a_peer_that_lost_its_connection_takes_the_place_of_its_old_session() {
    // RFC 4724 §5: whatever the R bit says
    takes_the_place(0);
}

#[test]
fn a_new_connection_loses_when_the_graceful_restart_capability_had_no_families() {
    // RFC 4724 §5: "with one or more AFIs/SAFIs"
    let (roost, mut old, _other) = scene(&open(0, 60, &[]), Neighbor::ebgp(65001));
    let mut new = roost.connect(0);
    new.expect_open().say(&open(R, 60, &[])).expect_notification(6, 7, &[]);
    old.settle(&roost);
}

#[test]
fn stale_paths_of_other_ids_go_with_the_end_of_rib() {
    // RFC 7911 §5 with RFC 4724: ids need not be the same after a restart
    let neighbor = Neighbor::ebgp(65001).with("add_path: { receive: true }");
    let roost = Setup::with([neighbor]).start();
    let open = |flags| Open::new(65001).cap(64, &graceful(flags, 120, &[(1, F)])).cap(69, &[0, 1, 1, 2]);
    let paths = || {
        let mut ids: Vec<_> = roost.table().into_iter().map(|row| (row.path_id, row.stale)).collect();
        ids.sort_unstable();
        ids
    };
    let mut peer = roost.peer_with(0, open(0));
    let two = peer.route(&[]).announce_ids(&[(1, A), (2, A)]);
    peer.update(&two).settle(&roost);
    peer.reset();
    roost.await_table("two stale paths", |_| (paths() == [(1, true), (2, true)]).then_some(()));
    let mut peer = roost.connect_again(0, open(R));
    let other = peer.route(&[]).announce_ids(&[(2, A), (7, A)]);
    peer.update(&other).settle(&roost);
    assert_eq!(paths(), [(1, true), (2, false), (7, false)]);
    peer.send(end_of_rib()).settle(&roost);
    assert_eq!(paths(), [(2, false), (7, false)]);
}

// ---- restarter

fn restart_capability(peer: &Peer) -> Vec<u8> {
    let all = capabilities(&peer.open);
    all.into_iter().find(|(code, _)| *code == 64).map(|(_, value)| value).expect("the capability")
}

#[test]
fn after_a_restart_the_r_bit_is_set_and_our_end_of_rib_waits_for_the_peers() {
    // RFC 4724 §4.1: the Restarting Speaker defers until it has received the End-of-RIB of its peers
    let mut roost =
        Setup::with([Neighbor::client(), Neighbor::client()]).blocks(&["10.65.0.0/26"]).startup_wait("60s").start();
    roost.restart();
    let capability = graceful(0, 120, &[(1, F)]);
    let open = |number| Open::new(65000).id(Roost::peer_id(number)).cap(64, &capability);
    let mut a = roost.peer_with(0, open(0));
    let mut b = roost.peer_with(1, open(1));
    assert_eq!(restart_capability(&a)[0] & (R | N), R | N);
    assert_eq!(restart_capability(&a)[2..], [0, 1, 1, F]);
    let route = a.route(&[A]);
    a.update(&route).send(end_of_rib()).settle(&roost);
    // Routes are told meanwhile, the end of them is not.
    assert!(!b.await_route(A).is_end_of_rib(1));
    assert_eq!(roost.page("/v1/status")["phase"], "starting");
    b.send(end_of_rib());
    a.await_end_of_rib(1);
    b.await_end_of_rib(1);
    assert_eq!(roost.page("/v1/status")["phase"], "running");
}

#[test]
fn at_a_first_start_the_r_bit_is_clear_and_our_end_of_rib_waits_for_nobody() {
    // RFC 4724 §3: "when set, it indicates that the BGP speaker has restarted"; §2: after the initial exchange. The other
    // peer is absent, and this one never ends.
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).startup_wait("60s").start();
    let mut peer = roost.peer_with(0, Open::new(65000).cap(64, &graceful(0, 120, &[(1, F)])));
    assert_eq!(restart_capability(&peer)[0] & (R | N), N);
    peer.await_end_of_rib(1);
    assert_eq!(roost.page("/v1/status")["phase"], "running");
}

#[test]
fn once_we_have_started_the_r_bit_is_clear() {
    let roost = Setup::external().start();
    let peer = roost.peer(0);
    assert_eq!(restart_capability(&peer)[0] & (R | N), N);
}

#[test]
fn a_peer_without_the_capability_is_not_waited_for() {
    let mut roost = Setup::with([Neighbor::client()]).startup_wait("60s").start();
    roost.restart();
    roost.peer(0).await_end_of_rib(1);
}

#[test]
fn a_peer_that_restarts_too_is_not_waited_for() {
    // RFC 4724 §4.1: excluding those whose Restart State bit is set: both would wait for ever
    let mut roost = Setup::with([Neighbor::client()]).startup_wait("60s").start();
    roost.restart();
    let mut peer = roost.peer_with(0, Open::new(65000).cap(64, &graceful(R, 120, &[(1, F)])));
    peer.await_end_of_rib(1);
}

#[test]
fn an_orderly_end_is_the_end_of_tcp_without_a_word() {
    // So that helpers keep our routes (RFC 4724 §4): a NOTIFICATION would drop them.
    let mut roost = Setup::with([Neighbor::client()]).start();
    let mut peer = roost.peer_with(0, Open::new(65000).cap(64, &graceful(0, 120, &[(1, F)])));
    peer.await_end_of_rib(1);
    roost.terminate();
    peer.expect_end_without_notification();
}

#[test]
fn an_orderly_end_is_a_cease_to_a_peer_that_keeps_nothing_for_us() {
    // RFC 4271 §8.2.2, event 2
    let mut roost = Setup::with([Neighbor::client()]).start();
    let mut peer = roost.peer(0);
    peer.await_end_of_rib(1);
    roost.terminate();
    peer.expect_notification(6, 2, &[]);
}

#[test]
fn a_restarted_roost_takes_its_peers_back_and_tells_them_all_again() {
    let mut roost = Setup::with([Neighbor::client()]).blocks(&["10.65.0.0/26"]).start();
    let mut peer = roost.peer(0);
    peer.await_end_of_rib(1);
    roost.restart();
    peer.expect_end_without_notification();
    let mut peer = roost.peer(0);
    let told = peer.await_end_of_rib(1);
    assert!(told.iter().any(|told| told.announces("10.65.0.0/26")));
}

#[test]
fn a_hard_reset_that_does_not_say_what_it_stands_for_is_one() {
    // RFC 8538 §3.1: its subcode decides
    for data in [&[][..], &[6], &[6, 2, 200], &[6, 9, 6, 9]] {
        dropped(&usual(N), |mut peer| peer.send(notification(6, 9, data)).expect_end_without_notification());
    }
}

#[test]
fn a_notification_of_an_unknown_kind_with_the_n_bit_keeps_the_routes() {
    // RFC 8538 §4: every NOTIFICATION but the Hard Reset
    for (code, subcode) in [(6, 99), (99, 1), (3, 1)] {
        kept(&usual(N), |mut peer| peer.send(notification(code, subcode, &[])).expect_end_without_notification());
    }
}

#[test]
fn of_two_capabilities_the_last_counts() {
    // RFC 4724 §3: "the receiver … MUST ignore all but the last instance"
    let none = graceful(0, 120, &[]);
    kept(&Open::new(65001).ipv6().cap(64, &none).cap(64, &graceful(0, 120, &[(1, F)])), Peer::reset);
    dropped(&usual(0).cap(64, &none), Peer::reset);
}

#[test]
fn a_restart_time_of_0_keeps_nothing_for_long() {
    // RFC 4724 §4.2: "Restart Time" has passed
    let (roost, peer, _other) = scene(&open(0, 0, &[(1, F)]), Neighbor::ebgp(65001));
    peer.reset();
    await_left(&roost, &[]);
}
