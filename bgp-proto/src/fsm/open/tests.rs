//! The negotiation as a table: what each side offers, what comes out; and what is refused, with which NOTIFICATION.

use super::*;
use crate::fsm::GrConfig;

const V4: Family = Family::IPV4_UNICAST;
const V6: Family = Family::IPV6_UNICAST;

fn config() -> PeerConfig {
    let mut config = PeerConfig::new(Asn(65001), RouterId(0x0a00_0001), Asn(65002));
    config.families = FamilySet::ALL;
    config
}

/// The other end of [`config`].
fn other() -> PeerConfig {
    let mut other = PeerConfig::new(Asn(65002), RouterId(0x0a00_0002), Asn(65001));
    other.families = FamilySet::ALL;
    other
}

fn run(config: &PeerConfig, open: &Open) -> Result<Negotiated, OpenRefused> {
    let local = "192.0.2.1:179".parse().unwrap();
    let remote = "192.0.2.2:40000".parse().unwrap();
    negotiate(config, open, Direction::Incoming, local, remote)
}

/// Both ends negotiate with each other's OPEN.
fn both(a: &PeerConfig, b: &PeerConfig) -> (Negotiated, Negotiated) {
    (run(a, &local_open(b)).unwrap(), run(b, &local_open(a)).unwrap())
}

#[test]
fn the_smaller_hold_time_counts_and_keepalives_come_three_times_within() {
    // RFC 4271 §4.2, §4.4
    #[rustfmt::skip]
    let table = [
        // ours, theirs, configured keepalive, hold, keepalive in ms
        (90,  90,  None,     90,  30_000),
        (90,  240, None,     90,  30_000),
        (240, 9,   None,     9,   3_000),
        (90,  10,  None,     10,  3_333),
        (90,  3,   None,     3,   1_000),
        (90,  0,   None,     0,   0),
        (0,   90,  None,     0,   0),
        (0,   0,   Some(5),  0,   0),
        (90,  90,  Some(5),  90,  5_000),
        (90,  9,   Some(5),  9,   3_000),
        (90,  90,  Some(60), 90,  30_000),
        (90,  90,  Some(0),  90,  30_000),
        (u16::MAX, u16::MAX, None, u16::MAX, 21_845_000),
    ];
    for (ours, theirs, keepalive, hold, interval) in table {
        let config = PeerConfig { hold_time: ours, keepalive, ..config() };
        let got = run(&config, &local_open(&PeerConfig { hold_time: theirs, ..other() })).unwrap();
        let row = format!("ours {ours} theirs {theirs} keepalive {keepalive:?}");
        assert_eq!(got.hold_time, Duration::from_secs(hold.into()), "{row}");
        assert_eq!(got.keepalive.as_millis(), interval, "{row}");
    }
}

#[test]
fn only_what_both_sides_offer_is_used() {
    type Switch = (&'static str, fn(&mut PeerConfig), fn(&Negotiated) -> bool);
    let switches: [Switch; 5] = [
        ("extended message, RFC 8654", |c| c.extended_message = true, |n| n.codec.extended_message),
        ("route refresh, RFC 2918", |c| c.route_refresh = true, |n| n.route_refresh),
        ("enhanced refresh, RFC 7313", |c| c.route_refresh = true, |n| n.enhanced_route_refresh),
        ("IPv4 over IPv6, RFC 8950", |c| c.extended_next_hop = true, |n| n.codec.ipv4_over_ipv6),
        (
            "notifications keep routes, RFC 8538",
            |c| {
                c.graceful_restart = Some(GrConfig {
                    time: 120,
                    restarted: false,
                    forwarding_preserved: FamilySet::EMPTY,
                    notification: true,
                });
            },
            |n| n.graceful_notification,
        ),
    ];
    let plain = |config: PeerConfig| PeerConfig { extended_message: false, route_refresh: false, ..config };
    for (name, turn_on, is_on) in switches {
        for (a_on, b_on) in [(false, false), (false, true), (true, false), (true, true)] {
            let (mut a, mut b) = (plain(config()), plain(other()));
            if a_on {
                turn_on(&mut a);
            }
            if b_on {
                turn_on(&mut b);
            }
            let (at_a, at_b) = both(&a, &b);
            assert_eq!(is_on(&at_a), a_on && b_on, "{name}: at a, offered by a {a_on} b {b_on}");
            assert_eq!(is_on(&at_b), a_on && b_on, "{name}: at b, offered by a {a_on} b {b_on}");
        }
    }
}

#[test]
fn add_path_needs_a_sender_and_a_receiver() {
    // RFC 7911 §4
    let only = FamilySet::from_iter([V4]);
    for bits in 0..16u8 {
        let set = |bit: u8| if bits & bit != 0 { only } else { FamilySet::EMPTY };
        let a = PeerConfig { add_path_rx: set(1), add_path_tx: set(2), ..config() };
        let b = PeerConfig { add_path_rx: set(4), add_path_tx: set(8), ..other() };
        let (at_a, at_b) = both(&a, &b);
        assert_eq!(at_a.codec.add_path_rx, set(1).intersection(set(8)), "{bits:04b}");
        assert_eq!(at_a.codec.add_path_tx, set(2).intersection(set(4)), "{bits:04b}");
        // What one end writes is what the other reads.
        assert_eq!(at_a.codec.add_path_tx, at_b.codec.add_path_rx, "{bits:04b}");
        assert_eq!(at_a.codec.add_path_rx, at_b.codec.add_path_tx, "{bits:04b}");
    }
}

#[test]
fn families_are_those_of_both_and_a_plain_peer_has_ipv4() {
    // RFC 4760 §8
    let sets = [FamilySet::from_iter([V4]), FamilySet::from_iter([V6]), FamilySet::ALL];
    for ours in sets {
        for theirs in sets {
            let config = PeerConfig { families: ours, ..config() };
            let open = local_open(&PeerConfig { families: theirs, ..other() });
            let common = ours.intersection(theirs);
            match run(&config, &open) {
                Ok(negotiated) => assert_eq!(negotiated.families(), common),
                Err(refused) => {
                    assert!(common.is_empty());
                    assert_eq!(refused, OpenRefused::NoCommonFamily { local: ours, peer: theirs.iter().collect() });
                }
            }
        }
        let plain = Open { capabilities: vec![], ..local_open(&other()) };
        let got = run(&PeerConfig { families: ours, ..config() }, &plain);
        if ours.contains(V4) {
            let got = got.unwrap();
            assert_eq!(got.families(), FamilySet::from_iter([V4]));
            assert!(!got.codec.four_octet_as && !got.codec.extended_message && !got.route_refresh);
            assert!(got.peer_graceful_restart.is_none());
        } else {
            let refused = got.unwrap_err();
            let notification = refused.notification();
            assert_eq!((notification.code, notification.subcode), (ErrorCode::OPEN_MESSAGE, 7));
            // RFC 5492 §3: what we miss, as in an OPEN: Multiprotocol, four octets, AFI 2, reserved, SAFI 1.
            assert_eq!(notification.data[..], [1, 4, 0, 2, 0, 1]);
        }
    }
}

#[test]
fn an_open_that_cannot_be_is_refused() {
    let mut internal = config();
    internal.peer_asn = internal.local_asn.into();
    let from_inside = Open { asn: internal.local_asn, ..local_open(&other()) };
    let good = local_open(&other());
    let one_of = |list: [u32; 2]| PeerAs::OneOf(list.map(Asn).into());
    let any_but = |list: [u32; 1]| PeerAs::AnyBut(list.map(Asn).into());
    type Row = (&'static str, PeerConfig, Open, Option<u8>);
    #[rustfmt::skip]
    let table: [Row; 17] = [
        ("good", config(), good.clone(), None),
        ("good, internal", internal.clone(), from_inside.clone(), None),
        ("version 3, RFC 4271 §6.2", config(), Open { version: 3, ..good.clone() }, Some(1)),
        ("another AS", config(), Open { asn: Asn(65003), ..good.clone() }, Some(2)),
        ("AS 0, RFC 7607", PeerConfig { peer_asn: Asn(0).into(), ..config() }, Open { asn: Asn(0), ..good.clone() }, Some(2)),
        ("our AS from an external peer", config(), Open { asn: Asn(65001), ..good.clone() }, Some(2)),
        ("one of two", PeerConfig { peer_asn: one_of([65003, 65002]), ..config() }, good.clone(), None),
        ("none of two", PeerConfig { peer_asn: one_of([65003, 65004]), ..config() }, good.clone(), Some(2)),
        ("any but ours", PeerConfig { peer_asn: any_but([65001]), ..config() }, good.clone(), None),
        ("ours where any other may be", PeerConfig { peer_asn: any_but([65001]), ..config() }, from_inside.clone(), Some(2)),
        ("AS_TRANS from a peer with a large AS", PeerConfig { peer_asn: Asn(70000).into(), ..config() }, Open { asn: crate::AS_TRANS, ..good.clone() }, Some(2)),
        ("identifier 0, RFC 6286 §2.1", config(), Open { router_id: RouterId(0), ..good.clone() }, Some(3)),
        ("our identifier, external: may be, RFC 6286 §2.2", config(), Open { router_id: config().local_id, ..good.clone() }, None),
        ("our identifier, internal", internal.clone(), Open { router_id: internal.local_id, ..from_inside.clone() }, Some(3)),
        ("hold time 1", config(), Open { hold_time: 1, ..good.clone() }, Some(6)),
        ("hold time 2", config(), Open { hold_time: 2, ..good.clone() }, Some(6)),
        ("hold time 0", config(), Open { hold_time: 0, ..good.clone() }, None),
    ];
    for (name, config, open, subcode) in table {
        let got = run(&config, &open).err().map(|refused| refused.notification());
        assert_eq!(got.as_ref().map(|n| n.subcode), subcode, "{name}");
        assert!(got.is_none_or(|n| n.code == ErrorCode::OPEN_MESSAGE), "{name}");
    }
    // RFC 4271 §6.2: the data is the largest version we speak.
    assert_eq!(OpenRefused::Version(3).notification().data[..], [0, 4]);
}

#[test]
fn roles_must_be_a_pair() {
    // RFC 9234 §4.2, table 2
    const ROLES: [Role; 5] = [Role::Provider, Role::RouteServer, Role::RouteServerClient, Role::Customer, Role::Peer];
    let pairs = [(0, 3), (3, 0), (1, 2), (2, 1), (4, 4)];
    for (i, local) in ROLES.into_iter().enumerate() {
        let config = PeerConfig { role: Some(local), ..config() };
        for (j, peer) in ROLES.into_iter().enumerate() {
            let open = local_open(&PeerConfig { role: Some(peer), ..other() });
            let got = run(&config, &open);
            assert_eq!(got.is_ok(), pairs.contains(&(i, j)), "{local} and {peer}");
            assert!(got.err().is_none_or(|refused| refused.notification().subcode == 11));
        }
        let silent = local_open(&other());
        assert!(run(&config, &silent).is_ok());
        assert!(run(&PeerConfig { strict_role: true, ..config }, &silent).is_err());
    }
    let provider = PeerConfig { role: Some(Role::Provider), ..config() };
    let mut open = local_open(&PeerConfig { role: Some(Role::Customer), ..other() });
    open.capabilities.push(Capability::Role(Role::Customer));
    assert!(run(&provider, &open).is_ok(), "the same role twice counts once");
    open.capabilities.push(Capability::Role(Role::Peer));
    assert!(run(&provider, &open).is_err(), "two different roles");
    let internal =
        PeerConfig { peer_asn: Asn(65001).into(), role: Some(Role::Provider), strict_role: true, ..config() };
    let open = Open { asn: Asn(65001), ..local_open(&other()) };
    assert!(run(&internal, &open).is_ok(), "roles are for external sessions");
    assert!(!local_open(&internal).capabilities.iter().any(|c| matches!(c, Capability::Role(_))));
}

#[test]
fn graceful_restart_is_told_truthfully_and_used_only_by_both() {
    // RFC 4724 §3
    let graceful = |time| GrConfig {
        time,
        restarted: true,
        forwarding_preserved: FamilySet::from_iter([V6]),
        notification: false,
    };
    let a = PeerConfig { graceful_restart: Some(graceful(5_000)), ..config() };
    let (at_a, at_b) = both(&a, &other());
    assert!(at_a.peer_graceful_restart.is_none() && at_b.peer_graceful_restart.is_none());
    let b = PeerConfig { graceful_restart: Some(graceful(60)), ..other() };
    let (at_a, at_b) = both(&a, &b);
    assert_eq!(at_b.peer_graceful_restart.as_ref().unwrap().time, 4_095, "twelve bits");
    assert_eq!(at_a.peer_graceful_restart.as_ref().unwrap().time, 60);
    assert!(at_b.peer_restarted());
    assert_eq!(at_b.graceful_families(), FamilySet::ALL);
    assert_eq!(at_b.forwarding_preserved(), FamilySet::from_iter([V6]));
    assert!(!at_b.graceful_notification);
}
