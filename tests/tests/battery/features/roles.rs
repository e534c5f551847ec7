//! Roles (RFC 9234 §3, §4) and Only to Customer (§5).

use crate::harness::wire::code::*;
use crate::harness::wire::v6;
use crate::harness::{Neighbor, OURS, Open, Peer, Roost, Setup, Told, Update};

const PREFIX: &str = "10.1.0.0/16";
const OTHER: &str = "10.2.0.0/16";

/// Roles as the capability has them, with the names of the configuration. RFC 9234 §4.1
const ROLES: [&str; 5] = ["provider", "rs", "rs-client", "customer", "peer"];

/// A peer of this AS to which we are `role`.
fn to_which_we_are(role: &str, asn: u32) -> Neighbor {
    Neighbor::ebgp(asn).with(&format!("role: {role}"))
}

/// The value of the role that fits.
fn pair_of(role: &str) -> u8 {
    match role {
        "provider" => 3,
        "rs" => 2,
        "rs-client" => 1,
        "customer" => 0,
        _ => 4,
    }
}

// ---- the capability: RFC 9234 §4

#[test]
fn each_role_is_said_with_its_number() {
    // RFC 9234 §4.1
    for (value, role) in ROLES.into_iter().enumerate() {
        let roost = Setup::with([to_which_we_are(role, 65001)]).start();
        let mut peer = roost.connect(0);
        peer.expect_open();
        assert!(crate::harness::capabilities(&peer.open).contains(&(9, vec![value as u8])), "{role}");
    }
}

#[test]
fn roles_that_are_a_pair_are_accepted() {
    // RFC 9234 §4.2, table 2
    for role in ROLES {
        let roost = Setup::with([to_which_we_are(role, 65001)]).start();
        roost.peer_with(0, Open::new(65001).cap(9, &[pair_of(role)])).settle(&roost);
    }
}

/// We are `role`, the peer says these; it is refused.
#[track_caller]
fn mismatch(role: &str, said: &[u8]) {
    let roost = Setup::with([to_which_we_are(role, 65001)]).start();
    let mut peer = roost.connect(0);
    let open = said.iter().fold(Open::new(65001), |open, value| open.cap(9, &[*value]));
    peer.expect_open().say(&open).expect_notification(2, 11, &[]);
}

#[test]
fn roles_that_are_no_pair_are_answered_with_2_11() {
    // RFC 9234 §4.2
    for role in ROLES {
        for value in (0..5).filter(|&value| value != pair_of(role)) {
            mismatch(role, &[value]);
        }
    }
}

#[test]
fn an_unknown_role_is_answered_with_2_11() {
    mismatch("customer", &[5]);
    mismatch("peer", &[255]);
}

#[test]
fn two_different_roles_are_answered_with_2_11() {
    // RFC 9234 §4.2: "If multiple BGP Role Capabilities … do not all have the same value"
    mismatch("customer", &[0, 4]);
    mismatch("customer", &[4, 0]);
}

#[test]
fn the_same_role_twice_is_one() {
    let roost = Setup::with([to_which_we_are("customer", 65001)]).start();
    roost.peer_with(0, Open::new(65001).cap(9, &[0]).cap(9, &[0])).settle(&roost);
}

#[test]
fn a_missing_role_is_answered_with_2_11_in_strict_mode_alone() {
    // RFC 9234 §4.2
    let strict = to_which_we_are("customer", 65002).with("strict_role: true");
    let roost = Setup::with([to_which_we_are("customer", 65001), strict]).start();
    roost.peer(0).settle(&roost);
    let mut peer = roost.connect(1);
    peer.expect_open().say(&Open::new(65002)).expect_notification(2, 11, &[]);
}

#[test]
fn a_role_means_nothing_to_who_has_none() {
    for value in [0, 1, 2, 3, 4, 77] {
        let roost = Setup::external().start();
        let mut peer = roost.peer_with(0, Open::new(65001).cap(9, &[value]));
        peer.settle(&roost);
        assert!(crate::harness::capabilities(&peer.open).iter().all(|(code, _)| *code != 9));
    }
}

#[test]
fn an_internal_peers_role_is_ignored() {
    // RFC 9234 §4.1: for eBGP
    let roost = Setup::with([Neighbor::ibgp()]).start();
    roost.peer_with(0, Open::new(OURS).cap(9, &[3])).settle(&roost);
}

// ---- OTC on the way in: RFC 9234 §5

/// A route of a peer to which we are `role`, as an internal peer is told it; none when it is a leak.
#[track_caller]
fn taken(role: &str, edit: impl Fn(Update) -> Update) -> Option<Told> {
    let roost = Setup::with([to_which_we_are(role, 65001), Neighbor::ibgp()]).start();
    let (mut from, mut inside) = (roost.peer(0), roost.peer(1));
    let route = edit(from.route(&[PREFIX]));
    from.update(&route).settle(&roost);
    let row = roost.row(0, PREFIX);
    if row.reason.as_deref() == Some("route leak (OTC)") {
        assert!(!row.best && !inside.adj_out_prefixes().contains(&PREFIX.to_owned()));
        return None;
    }
    Some(inside.told(PREFIX))
}

#[test]
fn otc_from_below_is_a_leak() {
    // RFC 9234 §5, ingress 1: whoever put it there
    for role in ["provider", "rs"] {
        for asn in [65001, 65009, OURS] {
            assert_eq!(taken(role, |u| u.otc(asn)), None, "{role} {asn}");
        }
    }
}

#[test]
fn otc_of_another_as_from_beside_is_a_leak() {
    // RFC 9234 §5, ingress 2
    assert_eq!(taken("peer", |u| u.otc(65009)), None);
    assert_eq!(taken("peer", |u| u.otc(65001)).map(|told| told.number(OTC)), Some(65001));
}

#[test]
fn otc_from_above_is_kept_whoever_put_it_there() {
    for role in ["customer", "rs-client"] {
        assert_eq!(taken(role, |u| u.otc(65009)).map(|told| told.number(OTC)), Some(65009), "{role}");
    }
}

#[test]
fn without_otc_from_above_and_beside_the_peers_as_is_put_there() {
    // RFC 9234 §5, ingress 3
    for role in ["customer", "rs-client", "peer"] {
        assert_eq!(taken(role, |u| u).map(|told| told.number(OTC)), Some(65001), "{role}");
    }
}

#[test]
fn without_otc_from_below_there_is_none() {
    for role in ["provider", "rs"] {
        assert_eq!(taken(role, |u| u).map(|told| told.has(OTC)), Some(false), "{role}");
    }
}

#[test]
fn a_large_as_is_put_there_whole() {
    let large = 4_200_000_001;
    let roost = Setup::with([to_which_we_are("customer", large), Neighbor::ibgp()]).start();
    let (mut from, mut inside) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX]);
    from.update(&route).settle(&roost);
    let told = inside.told(PREFIX);
    assert_eq!((told.attrs[&OTC].0 & 0xc0, told.number(OTC)), (0xc0, large), "optional transitive");
}

#[test]
fn otc_counts_for_ipv6_too() {
    // RFC 9234 §5: AFI 1 and 2, SAFI 1
    let roost = Setup::with([to_which_we_are("provider", 65001).both()]).start();
    let mut from = roost.peer_with(0, Open::new(65001).ipv6());
    let route = from.route6(&["2001:db8:1::/48"]).otc(65009);
    from.update(&route).settle(&roost);
    assert_eq!(roost.row(0, "2001:db8:1::/48").reason.as_deref(), Some("route leak (OTC)"));
}

#[test]
fn a_malformed_otc_withdraws_where_there_are_roles_too() {
    // RFC 9234 §5, RFC 7606 §2
    let roost = Setup::with([to_which_we_are("customer", 65001)]).start();
    let mut from = roost.peer(0);
    let good = from.route(&[PREFIX, OTHER]);
    let wrong = from.route(&[PREFIX]).attr(0xc0, OTC, &[0, 0, 0xfd]);
    from.update(&good).update(&wrong).settle(&roost);
    assert_eq!(roost.prefixes(0), [OTHER]);
}

#[test]
fn a_leak_gives_way_to_any_other_route_and_comes_back_without_its_otc() {
    let roost = Setup::with([to_which_we_are("provider", 65001), Neighbor::ibgp()]).start();
    let (mut from, mut inside) = (roost.peer(0), roost.peer(1));
    let (leak, poor) = (from.route(&[PREFIX]).otc(65009), inside.route(&[PREFIX]).local_pref(1));
    from.update(&leak).settle(&roost);
    inside.update(&poor).settle(&roost);
    assert!(roost.row(1, PREFIX).best);
    let good = from.route(&[PREFIX]);
    from.update(&good).settle(&roost);
    assert!(roost.row(0, PREFIX).best);
}

// ---- OTC on the way out: RFC 9234 §5

/// A peer to which we are `role` and an internal peer whose routes it is told: with OTC, and without.
#[track_caller]
fn told_as(role: &str) -> (Option<Told>, Told) {
    let roost = Setup::with([Neighbor::ibgp(), to_which_we_are(role, 65001)]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let (marked, plain) = (from.route(&[PREFIX]).otc(65009), from.route(&[OTHER]));
    from.update(&marked).update(&plain).settle(&roost);
    let marked = to.adj_out_prefixes().contains(&PREFIX.to_owned()).then(|| to.told(PREFIX));
    (marked, to.told(OTHER))
}

#[test]
fn to_customers_and_clients_otc_is_kept_and_else_ours_is_put_there() {
    // RFC 9234 §5, egress 1
    for role in ["provider", "rs"] {
        let (marked, plain) = told_as(role);
        assert_eq!((marked.map(|told| told.number(OTC)), plain.number(OTC)), (Some(65009), OURS), "{role}");
    }
}

#[test]
fn to_peers_nothing_with_otc_goes_and_ours_is_put_on_the_rest() {
    // RFC 9234 §5, egress 1 and 2
    let (marked, plain) = told_as("peer");
    assert_eq!((marked, plain.number(OTC)), (None, OURS));
}

#[test]
fn to_providers_and_route_servers_nothing_with_otc_goes_and_the_rest_as_it_is() {
    // RFC 9234 §5, egress 2
    for role in ["customer", "rs-client"] {
        let (marked, plain) = told_as(role);
        assert_eq!((marked, plain.has(OTC)), (None, false), "{role}");
    }
}

#[test]
fn to_a_peer_without_a_role_otc_is_kept_and_none_is_put_there() {
    let roost = Setup::with([Neighbor::ibgp(), Neighbor::ebgp(65001)]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let (marked, plain) = (from.route(&[PREFIX]).otc(65009), from.route(&[OTHER]));
    from.update(&marked).update(&plain).settle(&roost);
    assert_eq!((to.told(PREFIX).number(OTC), to.told(OTHER).has(OTC)), (65009, false));
}

#[test]
fn a_route_that_gets_an_otc_is_withdrawn_from_those_above() {
    let roost = Setup::with([Neighbor::ibgp(), to_which_we_are("customer", 65001)]).start();
    let (mut from, mut above) = (roost.peer(0), roost.peer(1));
    let (plain, marked) = (from.route(&[PREFIX]), from.route(&[PREFIX]).otc(65009));
    from.update(&plain).settle(&roost);
    above.await_route(PREFIX);
    from.update(&marked);
    above.await_withdrawal(PREFIX);
}

#[test]
fn our_own_block_goes_up_without_otc_and_down_with_it() {
    let roost =
        Setup::with([to_which_we_are("customer", 65001), to_which_we_are("provider", 65002)]).blocks(&[PREFIX]).start();
    let (mut above, mut below) = (roost.peer(0), roost.peer(1));
    assert!(!above.told(PREFIX).has(OTC));
    assert_eq!(below.told(PREFIX).number(OTC), OURS);
}

#[test]
fn a_confederation_puts_its_own_number_there() {
    // RFC 9234 §5: "the value … MUST be equal to the AS Confederation Identifier"
    let peers = [to_which_we_are("provider", 65001), Neighbor::member(64513)];
    let setup = Setup::with(peers).router("confederation: { id: 64500, members: [64513] }").blocks(&[PREFIX]);
    let roost = setup.start();
    let (mut outside, mut member) = (roost.peer(0), roost.peer(1));
    assert_eq!(outside.told(PREFIX).number(OTC), 64500);
    assert!(!member.told(PREFIX).has(OTC));
}

#[test]
fn both_families_of_a_customer_get_it() {
    let roost: Roost = Setup::with([Neighbor::ibgp().both(), to_which_we_are("provider", 65001).both()]).start();
    let mut from = roost.peer_with(0, Open::new(OURS).ipv6());
    let mut to: Peer = roost.peer_with(1, Open::new(65001).ipv6().id([10, 0, 0, 11]));
    let route = from.route(&[PREFIX]).reach6(&v6("2001:db8::a"), &["2001:db8:1::/48"]);
    from.update(&route).settle(&roost);
    for afi in [1, 2] {
        let all = to.adj_out(afi);
        assert!(all.values().all(|told| told.number(OTC) == OURS) && all.len() == 1, "{all:?}");
    }
}
