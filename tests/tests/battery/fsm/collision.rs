//! Two connections at once: RFC 4271 §6.8.

use crate::harness::{Neighbor, OUR_ID, Open, Roost, Setup, keepalive};

/// A roost that dials its peer, the connection it made, and one we made; OPENs of roost are read on both.
fn two_connections(neighbor: Neighbor) -> (Roost, crate::harness::Peer, crate::harness::Peer) {
    // Nobody listens at first: the first attempt comes when all is ready.
    let roost = Setup::with([neighbor.dialled()]).start();
    let listener = roost.listen(0);
    let mut theirs = roost.accept(0, &listener);
    theirs.expect_open();
    let mut ours = roost.connect(0);
    ours.expect_open();
    (roost, theirs, ours)
}

const HIGHER: [u8; 4] = [10, 0, 0, 2];
const LOWER: [u8; 4] = [10, 0, 0, 0];

/// OPENs on both connections in an order; which one stays follows from the identifiers.
#[track_caller]
fn collide(neighbor: Neighbor, id: [u8; 4], roosts_first: bool, roosts_stays: bool) {
    let open = Open::new(neighbor.asn).id(id);
    let (roost, mut theirs, mut ours) = two_connections(neighbor);
    if roosts_first {
        theirs.say(&open).expect_keepalive();
        ours.say(&open);
    } else {
        ours.say(&open).expect_keepalive();
        theirs.say(&open);
    }
    let (mut stays, mut goes) = if roosts_stays { (theirs, ours) } else { (ours, theirs) };
    goes.expect_notification(6, 7, &[]); // RFC 4486 §4
    if roosts_first != roosts_stays {
        stays.expect_keepalive();
    }
    stays.send(keepalive());
    roost.await_state(0, "established");
    stays.settle(&roost);
}

#[test]
fn collision_the_peers_connection_stays_when_its_identifier_is_higher_and_its_open_comes_last() {
    // RFC 4271 §6.8, §8.2.1: each connection has a state of its own until both OPENs are there
    collide(Neighbor::ebgp(65001), HIGHER, true, false);
}

#[test]
fn collision_the_peers_connection_stays_when_its_identifier_is_higher_and_its_open_comes_first() {
    collide(Neighbor::ebgp(65001), HIGHER, false, false);
}

#[test]
fn collision_our_connection_stays_when_our_identifier_is_higher_and_its_open_comes_first() {
    collide(Neighbor::ebgp(65001), LOWER, true, true);
}

#[test]
fn collision_our_connection_stays_when_our_identifier_is_higher_and_its_open_comes_last() {
    collide(Neighbor::ebgp(65001), LOWER, false, true);
}

#[test]
fn collision_identifiers_compare_as_unsigned_numbers() {
    // RFC 4271 §6.8: "as (4-octet) unsigned integers"
    collide(Neighbor::ebgp(65001), [200, 0, 0, 0], true, false);
}

#[test]
fn collision_with_equal_identifiers_the_higher_as_wins() {
    // RFC 6286 §2.3
    collide(Neighbor::ebgp(65001), OUR_ID, true, false);
}

#[test]
fn collision_with_equal_identifiers_the_lower_as_loses() {
    collide(Neighbor::ebgp(64999), OUR_ID, true, true);
}

/// An established session, and another connection with a good OPEN.
#[track_caller]
fn established_wins(id: [u8; 4]) {
    let roost = Setup::external().start();
    let mut first = roost.peer_with(0, Open::new(65001).id(id));
    let mut second = roost.connect(0);
    second.expect_open().say(&Open::new(65001).id(id)).expect_notification(6, 7, &[]);
    first.settle(&roost);
}

#[test]
fn collision_an_established_session_stays_though_the_identifier_is_higher() {
    // RFC 4271 §6.8: "unless allowed via configuration, a connection collision with an existing BGP connection that is
    // in the Established state causes closing of the newly created connection"
    established_wins(HIGHER);
}

#[test]
fn collision_an_established_session_stays_though_the_identifier_is_lower() {
    established_wins(LOWER);
}

#[test]
fn collision_a_connection_still_without_open_goes_when_the_other_is_established() {
    let (roost, mut theirs, mut ours) = two_connections(Neighbor::ebgp(65001));
    ours.say(&Open::new(65001).id(HIGHER)).expect_keepalive();
    ours.send(keepalive());
    theirs.expect_notification(6, 7, &[]);
    ours.settle(&roost);
}

#[test]
fn collision_a_bad_open_on_one_connection_leaves_the_other_alone() {
    let (roost, mut theirs, mut ours) = two_connections(Neighbor::ebgp(65001));
    ours.say(&Open::new(65001).id(HIGHER)).expect_keepalive();
    theirs.say(&Open::new(65007)).expect_notification(2, 2, &[]);
    ours.send(keepalive());
    roost.await_state(0, "established");
    ours.settle(&roost);
}

#[test]
fn collision_a_closed_connection_leaves_the_other_alone() {
    let (roost, theirs, mut ours) = two_connections(Neighbor::ebgp(65001));
    ours.say(&Open::new(65001).id(HIGHER)).expect_keepalive();
    theirs.reset();
    ours.send(keepalive());
    roost.await_state(0, "established");
    ours.settle(&roost);
}

#[test]
fn a_peer_that_connects_again_before_its_open_is_served_on_the_new_connection() {
    let roost = Setup::external().start();
    let mut first = roost.connect(0);
    first.expect_open();
    let mut second = roost.peer(0);
    first.expect_notification(6, 7, &[]);
    second.settle(&roost);
}
