//! A node that is drained, on the wire (RFC 8326): what its peers are told before their sessions end.

use crate::harness::wire::{UPDATE, code};
use crate::harness::{Neighbor, Open, Setup, message};

const BLOCK: &str = "10.65.0.0/26";
const GRACEFUL_SHUTDOWN: u32 = 0xffff_0000;

#[test]
fn peers_that_keep_routes_from_before_a_restart_are_let_in_and_told_first() {
    // RFC 8326 §4.2. They would keep them for the restart time (RFC 4724 §4.2), and packets go on coming to a node that is
    // drained.
    let mut roost = Setup::with([Neighbor::client()]).blocks(&[BLOCK]).startup_wait("60s").start();
    roost.restart();
    roost.command(&["drain", "--settle", "0", "--no-wait"]).unwrap();
    assert_eq!(roost.page("/v1/drain")["state"], "leaving");
    let mut peer = roost.peer_with(0, Open::new(65000).cap(64, &[0, 120, 0, 1, 1, 0x80]));
    let told = peer.await_route(BLOCK);
    assert_eq!(told.value(code::COMMUNITIES), GRACEFUL_SHUTDOWN.to_be_bytes());
    peer.send(message(UPDATE, &[0; 4])).expect_notification(6, 2, &[]);
}

#[test]
fn who_never_comes_back_after_a_restart_is_waited_for_no_longer_than_the_startup() {
    let mut roost = Setup::with([Neighbor::client()]).startup_wait("1s").start();
    roost.restart();
    let said = roost.command(&["drain", "--settle", "0"]).unwrap();
    assert!(said.starts_with("drained"), "{said}");
}

#[test]
fn who_is_killed_while_it_drains_goes_on_at_the_start_and_who_is_drained_then_stays_so() {
    // RFC 8326 §4.2: peers that keep its routes (RFC 4724 §4.2) hear of it, and why, before they are left.
    let open = || Open::new(65000).cap(64, &[0, 120, 0, 1, 1, 0x80]);
    let mut roost = Setup::with([Neighbor::client()]).blocks(&[BLOCK]).startup_wait("60s").start();
    let mut peer = roost.peer_with(0, open());
    peer.await_route(BLOCK);
    roost.command(&["drain", "--settle", "3600", "--timeout", "7200", "--message", "disk", "--no-wait"]).unwrap();
    roost.restart();
    let drain = roost.page("/v1/drain");
    assert_eq!((&drain["state"], &drain["message"]), (&"leaving".into(), &"disk".into()));
    assert!(drain["ends_in"].as_u64().is_some_and(|left| left > 3600), "its own times: {drain}");
    assert!(roost.page("/v1/status")["readiness"]["reasons"][0].as_str().unwrap().contains("out of service"));
    let mut peer = roost.peer_with(0, open());
    let told = peer.await_route(BLOCK);
    assert_eq!(told.value(code::COMMUNITIES), GRACEFUL_SHUTDOWN.to_be_bytes());
    peer.send(message(UPDATE, &[0; 4]));
    roost.command(&["drain", "--settle", "0", "--message", "disk"]).unwrap();
    peer.expect_notification(6, 2, b"\x04disk");
    roost.restart();
    assert_eq!(roost.page("/v1/drain")["state"], "drained");
}
