//! Who is told a route at all: kinds of peers (RFC 4456 §6), well-known communities (RFC 1997), policies.

use super::{PREFIX, same, told};
use crate::harness::wire::code::*;
use crate::harness::{Neighbor, OURS, Peer, Setup, Update};

const NO_EXPORT: u32 = 0xffff_ff01;
const NO_ADVERTISE: u32 = 0xffff_ff02;
const NO_EXPORT_SUBCONFED: u32 = 0xffff_ff03;
const NO_PEER: u32 = 0xffff_ff04;

/// Two of each kind.
fn mesh() -> Setup {
    Setup::with([
        Neighbor::ebgp(65001),
        Neighbor::ebgp(65002),
        Neighbor::client(),
        Neighbor::client(),
        Neighbor::ibgp(),
        Neighbor::ibgp(),
    ])
}

const EXTERNAL: usize = 0;
const CLIENT: usize = 2;
const INTERNAL: usize = 4;

/// One peer announces; the others who are told.
#[track_caller]
fn told_to(from: usize, edit: impl Fn(Update) -> Update) -> Vec<usize> {
    let roost = mesh().start();
    let mut peers: Vec<Peer> = (0..6).map(|number| roost.peer(number)).collect();
    let route = edit(peers[from].route(&[PREFIX]));
    peers[from].update(&route).settle(&roost);
    assert_eq!(roost.prefixes(from), [PREFIX]);
    (0..6).filter(|&number| peers[number].adj_out_prefixes().contains(&PREFIX.to_owned())).collect()
}

// ---- the matrix: RFC 4456 §6

#[test]
fn a_route_of_an_external_peer_is_told_to_everyone_else() {
    assert_eq!(told_to(EXTERNAL, same), [1, 2, 3, 4, 5]);
}

#[test]
fn a_route_of_a_client_is_told_to_everyone_else() {
    assert_eq!(told_to(CLIENT, same), [0, 1, 3, 4, 5]);
}

#[test]
fn a_route_of_an_internal_peer_is_told_to_external_peers_and_clients() {
    assert_eq!(told_to(INTERNAL, same), [0, 1, 2, 3]);
}

#[test]
fn our_own_block_is_told_to_everyone() {
    let roost = mesh().blocks(&["10.65.0.0/26"]).start();
    for number in 0..6 {
        assert_eq!(roost.peer(number).adj_out_prefixes(), ["10.65.0.0/26"]);
    }
}

#[test]
fn without_clients_internal_routes_stay_between_two() {
    // RFC 4271 §9.2
    let roost = Setup::with([Neighbor::ibgp(), Neighbor::ibgp()]).start();
    let (mut a, mut b) = (roost.peer(0), roost.peer(1));
    let route = a.route(&[PREFIX]);
    a.update(&route).settle(&roost);
    assert_eq!(b.adj_out_prefixes(), [""; 0]);
}

// ---- well-known communities: RFC 1997

#[test]
fn no_export_stays_in_the_as() {
    assert_eq!(told_to(EXTERNAL, |u| u.communities(&[NO_EXPORT])), [2, 3, 4, 5]);
}

#[test]
fn no_export_of_a_client_stays_in_the_as() {
    assert_eq!(told_to(CLIENT, |u| u.communities(&[7, NO_EXPORT])), [3, 4, 5]);
}

#[test]
fn no_advertise_is_told_to_nobody() {
    assert_eq!(told_to(EXTERNAL, |u| u.communities(&[NO_ADVERTISE])), [0; 0]);
}

#[test]
fn no_export_subconfed_stays_in_the_as() {
    assert_eq!(told_to(EXTERNAL, |u| u.communities(&[NO_EXPORT_SUBCONFED])), [2, 3, 4, 5]);
}

#[test]
fn no_peer_is_an_ordinary_community() {
    // RFC 3765: bilateral peers only, which we know nothing of
    assert_eq!(told_to(EXTERNAL, |u| u.communities(&[NO_PEER])), [1, 2, 3, 4, 5]);
}

#[test]
fn no_export_is_passed_on_with_the_route() {
    let told = told(Neighbor::ebgp(65001), Neighbor::client(), |u| u.communities(&[NO_EXPORT]));
    assert_eq!(told.number(COMMUNITIES), NO_EXPORT);
}

// ---- policies

#[test]
fn an_import_policy_refuses_and_changes() {
    let policy = "\
prefix_lists: { ten: [{ prefix: 10.0.0.0/8, le: 24 }] }
policies: { in: { rules: [{ match: { prefix_list: ten }, set: { local_pref: 300, communities: { add: [\"65000:1\"] } }, action: accept }] } }";
    let roost = Setup::with([Neighbor::ebgp(65001).with("import: in"), Neighbor::client()]).more(policy).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    // The markers of `settle` are outside of the list: held, and refused.
    let route = from.route(&[PREFIX, "11.0.0.0/8", "10.0.0.0/25"]);
    from.update(&route).settle(&roost);
    assert_eq!(roost.prefixes(0), [PREFIX]);
    let told = to.told(PREFIX);
    assert_eq!((told.number(LOCAL_PREF), told.number(COMMUNITIES)), (300, OURS << 16 | 1));
    assert_eq!(to.adj_out_prefixes(), [PREFIX]);
}

#[test]
fn an_export_policy_refuses() {
    let policy = "\
prefix_lists: { ten: [{ prefix: 10.0.0.0/8, le: 24 }] }
policies: { out: { rules: [{ match: { prefix_list: ten }, action: accept }] } }";
    let roost = Setup::with([Neighbor::client(), Neighbor::client().with("export: out")]).more(policy).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX, "11.0.0.0/8"]);
    from.update(&route).settle(&roost);
    assert_eq!(to.adj_out_prefixes(), [PREFIX]);
}

#[test]
fn an_external_peer_with_reject_is_told_nothing_and_gives_nothing() {
    // RFC 8212
    let closed = Neighbor::ebgp(65001).with("import: reject").with("export: reject");
    let roost = Setup::with([closed, Neighbor::client()]).blocks(&["10.65.0.0/26"]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = from.route(&[PREFIX]);
    from.update(&route).settle(&roost);
    assert_eq!(to.adj_out_prefixes(), ["10.65.0.0/26"]);
    assert_eq!(from.adj_out_prefixes(), [""; 0]);
}
