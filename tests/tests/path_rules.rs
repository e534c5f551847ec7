//! AS paths, roles and well-known communities on the wire: the built binary, raw peers, and what stands in the octets.
//!
//! Told with the words of the [battery's harness](harness): each case has a roost of its own on loopback addresses of
//! its own, and reads messages without roost's codec.

#[path = "battery/harness/mod.rs"]
mod harness;

use harness::wire::{OPT_TRANS, WELL_KNOWN, code};
use harness::{Neighbor, Open, Setup};

const NO_EXPORT: u32 = 0xffff_ff01;
const GRACEFUL_SHUTDOWN: u32 = 0xffff_0000;
const BLACKHOLE: u32 = 0xffff_029a;

#[test]
fn a_path_that_begins_with_another_as_is_withdrawn_and_the_session_stays() {
    // RFC 4271 §6.3, RFC 7606 §7.2
    let server = Neighbor::ebgp(65003).with("enforce_first_as: false");
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002), server]).start();
    let (mut a, mut b, mut server) = (roost.peer(0), roost.peer(1), roost.peer(2));
    a.update(&a.route(&["203.0.113.0/24"])).settle(&roost);
    assert_eq!(b.told("203.0.113.0/24").path(), [65000, 65001]);
    a.update(&a.route(&["203.0.113.0/24"]).path(&[65009, 65001])).settle(&roost);
    assert_eq!(roost.row(0, "203.0.113.0/24").reason.unwrap(), "the path does not begin with the peer's AS");
    assert!(b.adj_out_prefixes().is_empty());
    server.update(&server.route(&["198.51.100.0/24"]).path(&[65009])).settle(&roost);
    assert_eq!(b.told("198.51.100.0/24").path(), [65000, 65009]);
}

#[test]
fn our_own_as_in_a_path_is_a_loop_unless_the_peer_may() {
    // RFC 4271 §9.1.2
    let may = Neighbor::ebgp(65002).with("allow_as_in: 1");
    let roost = Setup::with([Neighbor::ebgp(65001), may]).start();
    let (mut a, mut b) = (roost.peer(0), roost.peer(1));
    a.update(&a.route(&["203.0.113.0/24"]).path(&[65001, 65000])).settle(&roost);
    b.update(&b.route(&["198.51.100.0/24"]).path(&[65002, 65000])).settle(&roost);
    assert_eq!(roost.row(0, "203.0.113.0/24").reason.as_deref(), Some("own AS in the path"));
    assert!(roost.row(1, "198.51.100.0/24").best);
}

#[test]
fn a_path_on_its_way_out_is_told_inside_with_local_pref_zero() {
    // RFC 8326 §4.2
    let deaf = Neighbor::ebgp(65002).with("graceful_shutdown: false");
    let roost = Setup::with([Neighbor::ebgp(65001), deaf, Neighbor::ibgp()]).start();
    let (mut a, mut b, mut inner) = (roost.peer(0), roost.peer(1), roost.peer(2));
    a.update(&a.route(&["203.0.113.0/24"]).communities(&[GRACEFUL_SHUTDOWN])).settle(&roost);
    b.update(&b.route(&["198.51.100.0/24"]).communities(&[GRACEFUL_SHUTDOWN])).settle(&roost);
    assert_eq!(inner.told("203.0.113.0/24").number(code::LOCAL_PREF), 0);
    assert_eq!(inner.told("198.51.100.0/24").number(code::LOCAL_PREF), 100);
    assert_eq!(inner.told("203.0.113.0/24").value(code::COMMUNITIES), GRACEFUL_SHUTDOWN.to_be_bytes());
}

#[test]
fn a_blackhole_stays_in_the_as() {
    // RFC 7999 §3.2
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002), Neighbor::ibgp()]).start();
    let (mut a, mut outer, mut inner) = (roost.peer(0), roost.peer(1), roost.peer(2));
    a.update(&a.route(&["203.0.113.1/32"]).communities(&[BLACKHOLE])).settle(&roost);
    assert!(outer.adj_out_prefixes().is_empty());
    let both = [BLACKHOLE.to_be_bytes(), NO_EXPORT.to_be_bytes()].concat();
    assert_eq!(inner.told("203.0.113.1/32").value(code::COMMUNITIES), both);
}

#[test]
fn non_transitive_extended_communities_stay_in_the_as() {
    // RFC 4360 §6
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002), Neighbor::ibgp()]).start();
    let (mut a, mut outer, mut inner) = (roost.peer(0), roost.peer(1), roost.peer(2));
    let (transitive, other) = ([0, 2, 0, 1, 0, 0, 0, 1], [0x43, 0, 0, 0, 0, 0, 0, 2]);
    let both = [transitive, other].concat();
    a.update(&a.route(&["203.0.113.0/24"]).attr(OPT_TRANS, code::EXT_COMMUNITIES, &both)).settle(&roost);
    assert_eq!(outer.told("203.0.113.0/24").value(code::EXT_COMMUNITIES), transitive);
    assert_eq!(inner.told("203.0.113.0/24").value(code::EXT_COMMUNITIES), both);
}

#[test]
fn prefixes_that_are_no_unicast_are_told_nobody() {
    // RFC 4271 §6.3
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002)]).start();
    let (mut a, mut b) = (roost.peer(0), roost.peer(1));
    let prefixes = ["224.0.0.0/24", "127.0.0.0/8", "240.0.0.0/8", "203.0.113.0/24", "0.0.0.0/0"];
    let update = a.route(&prefixes).set(WELL_KNOWN, code::ORIGIN, &[0]);
    a.update(&update).settle(&roost);
    assert_eq!(b.adj_out_prefixes(), ["0.0.0.0/0", "203.0.113.0/24"]);
}

#[test]
fn sets_in_a_path_are_as_good_as_withdrawn_and_told_only_to_those_who_take_them() {
    // RFC 9774 §3
    let old = |asn| Neighbor::ebgp(asn).with("accept_as_set: true");
    let roost = Setup::with([Neighbor::ebgp(65001), old(65002), old(65003)]).start();
    let (mut new, mut a, mut b) = (roost.peer(0), roost.peer(1), roost.peer(2));
    let set = |first: u32| [&[2, 1][..], &first.to_be_bytes(), &[1, 1, 0, 0, 0, 7]].concat();
    new.update(&new.route(&["203.0.113.0/24"])).settle(&roost);
    assert_eq!(a.told("203.0.113.0/24").path(), [65000, 65001]);
    new.update(&new.route(&["203.0.113.0/24"]).set(WELL_KNOWN, code::AS_PATH, &set(65001))).settle(&roost);
    assert_eq!(roost.row(0, "203.0.113.0/24").reason.as_deref(), Some("AS_SET in the path"));
    assert!(a.adj_out_prefixes().is_empty());
    a.update(&a.route(&["198.51.100.0/24"]).set(WELL_KNOWN, code::AS_PATH, &set(65002))).settle(&roost);
    let told = b.told("198.51.100.0/24");
    let expected = [&[2, 2, 0, 0, 0xfd, 0xe8, 0, 0, 0xfd, 0xea][..], &[1, 1, 0, 0, 0, 7]].concat();
    assert_eq!(told.value(code::AS_PATH), expected);
    assert!(new.adj_out_prefixes().is_empty());
}

/// The OPEN of a peer that says its role.
fn in_role(asn: u32, role: u8) -> Open {
    Open::new(asn).cap(9, &[role])
}

#[test]
fn roles_are_said_and_must_be_a_pair() {
    // RFC 9234 §4.1, §4.2
    let strict = |asn| Neighbor::ebgp(asn).with("role: customer").with("strict_role: true");
    let roost = Setup::with([Neighbor::ebgp(65001).with("role: customer"), strict(65002), strict(65003)]).start();
    let mut provider = roost.peer_with(0, in_role(65001, 0).id([10, 0, 0, 10]));
    let role = [9, 1, 3];
    assert!(provider.open.windows(3).any(|octets| octets == role), "{:02x?}", provider.open);
    let about = roost.about(0);
    assert_eq!((&about["local_role"], &about["peer_role"]), (&"customer".into(), &"provider".into()));
    provider.settle(&roost);
    let mut wrong = roost.connect(1);
    wrong.say(&in_role(65002, 4)).expect_notification(2, 11, &[]);
    let mut silent = roost.connect(2);
    silent.say(&Open::new(65003)).expect_notification(2, 11, &[]);
}

#[test]
fn what_a_provider_says_goes_to_customers_only() {
    // RFC 9234 §5
    let in_as = |asn, role: &str| Neighbor::ebgp(asn).with(&format!("role: {role}"));
    let setup =
        Setup::with([in_as(65001, "customer"), in_as(65002, "peer"), in_as(65003, "provider"), Neighbor::ibgp()]);
    let roost = setup.start();
    let (mut provider, mut peer) = (roost.peer(0), roost.peer(1));
    let (mut customer, mut inner) = (roost.peer(2), roost.peer(3));
    provider.update(&provider.route(&["203.0.113.0/24"])).settle(&roost);
    peer.update(&peer.route(&["198.51.100.0/24"])).settle(&roost);
    assert!(peer.adj_out_prefixes().is_empty() && provider.adj_out_prefixes().is_empty());
    assert_eq!(customer.told("203.0.113.0/24").number(code::OTC), 65001);
    assert_eq!(customer.told("198.51.100.0/24").number(code::OTC), 65002);
    assert_eq!(inner.told("203.0.113.0/24").number(code::OTC), 65001, "the AS knows, so that its other borders do");
    customer.update(&customer.route(&["192.0.2.128/25"])).settle(&roost);
    assert!(!provider.told("192.0.2.128/25").has(code::OTC));
    assert_eq!(peer.told("192.0.2.128/25").number(code::OTC), 65000);
    let leak = customer.route(&["192.0.2.128/25"]).attr(OPT_TRANS, code::OTC, &65009_u32.to_be_bytes());
    customer.update(&leak).settle(&roost);
    assert_eq!(roost.row(2, "192.0.2.128/25").reason.as_deref(), Some("route leak (OTC)"));
    assert!(peer.adj_out_prefixes().is_empty());
}

#[test]
fn to_one_peer_we_are_another_as_in_the_open_and_in_paths() {
    // FRR's local-as
    let bare = Neighbor::ebgp(65001).with("local_as: 65100");
    let all = bare.clone().with("local_as_no_prepend: true").with("local_as_replace_as: true");
    let roost = Setup::with([bare, all, Neighbor::ibgp()]).blocks(&["10.65.1.0/26"]).start();
    let (mut bare, mut all, mut inner) = (roost.peer(0), roost.peer(1), roost.peer(2));
    for peer in [&bare, &all] {
        assert_eq!(peer.open[1..3], 65100_u16.to_be_bytes(), "My Autonomous System");
        let capability = [&[65, 4][..], &65100_u32.to_be_bytes()].concat();
        assert!(peer.open.windows(6).any(|octets| octets == capability));
    }
    assert_eq!(bare.told("10.65.1.0/26").path(), [65100, 65000]);
    assert_eq!(all.told("10.65.1.0/26").path(), [65100]);
    bare.update(&bare.route(&["203.0.113.0/24"])).settle(&roost);
    all.update(&all.route(&["198.51.100.0/24"])).settle(&roost);
    assert_eq!(inner.told("203.0.113.0/24").path(), [65100, 65001]);
    assert_eq!(inner.told("198.51.100.0/24").path(), [65001]);
}

#[test]
fn private_numbers_are_not_told_where_that_is_said() {
    // RFC 6996 §4
    let way = |way: &str| Neighbor::ebgp(7).with(&format!("remove_private_as: {way}"));
    let roost = Setup::with([Neighbor::ibgp(), way("false"), way("true"), way("all"), way("replace")]).start();
    let mut from = roost.peer(0);
    let mut to = [1, 2, 3, 4].map(|number| roost.peer(number));
    from.update(&from.route(&["203.0.113.0/24"]).path(&[64600, 64601]));
    from.update(&from.route(&["198.51.100.0/24"]).path(&[64600, 8])).settle(&roost);
    let mut told = |prefix: &str| to.each_mut().map(|peer| peer.told(prefix).path());
    assert_eq!(told("203.0.113.0/24"), [vec![65000, 64600, 64601], vec![65000], vec![65000], vec![65000; 3]]);
    let mixed = [vec![65000, 64600, 8], vec![65000, 64600, 8], vec![65000, 8], vec![65000, 65000, 8]];
    assert_eq!(told("198.51.100.0/24"), mixed);
}

#[test]
fn a_confederation_is_one_as_to_the_world_and_many_inside() {
    // RFC 5065 §4, §4.1, §5.1
    let confederation = "confederation: { id: 64500, members: [64513] }";
    let peers = [Neighbor::ebgp(64513), Neighbor::ebgp(65001), Neighbor::ebgp(65002), Neighbor::ibgp()];
    let roost = Setup::with(peers).router(confederation).start();
    let (mut member, mut outer) = (roost.peer(0), roost.peer(1));
    let (mut other, mut inner) = (roost.peer(2), roost.peer(3));
    let my_as = |peer: &harness::Peer| u16::from_be_bytes([peer.open[1], peer.open[2]]);
    assert_eq!([&member, &inner, &outer, &other].map(my_as), [65000, 65000, 64500, 64500]);
    assert_eq!(roost.about(0)["kind"], "confederation");

    outer.update(&outer.route(&["203.0.113.0/24"]).med(7)).settle(&roost);
    let told = member.told("203.0.113.0/24");
    let path = [&[3, 1, 0, 0, 0xfd, 0xe8][..], &[2, 1, 0, 0, 0xfd, 0xe9]].concat();
    assert_eq!(told.value(code::AS_PATH), path);
    assert_eq!((told.number(code::LOCAL_PREF), told.number(code::MED)), (100, 7));
    assert_eq!(told.next_hop, [192, 0, 2, 11]);
    assert_eq!(inner.told("203.0.113.0/24").path(), [65001]);
    assert_eq!(other.told("203.0.113.0/24").path(), [64500, 65001]);

    let inside = [3, 2, 0, 0, 0xfc, 1, 0, 0, 0xfc, 2, 2, 1, 0, 0, 0, 9];
    let update = member.route(&["198.51.100.0/24"]).set(WELL_KNOWN, code::AS_PATH, &inside).local_pref(300);
    member.update(&update);
    let looped = [3, 2, 0, 0, 0xfc, 1, 0, 0, 0xfd, 0xe8];
    member.update(&member.route(&["198.51.101.0/24"]).set(WELL_KNOWN, code::AS_PATH, &looped).local_pref(100));
    outer.settle(&roost);
    roost.await_table("the member's paths are there", |rows| {
        rows.iter().any(|row| row.prefix == "198.51.101.0/24").then_some(())
    });
    let told = inner.told("198.51.100.0/24");
    assert_eq!((told.value(code::AS_PATH), told.number(code::LOCAL_PREF)), (&inside[..], 300));
    let told = outer.told("198.51.100.0/24");
    assert_eq!((told.path(), told.has(code::LOCAL_PREF)), (vec![64500, 9], false));
    assert_eq!(roost.row(0, "198.51.101.0/24").reason.as_deref(), Some("own AS in the path"));
    // RFC 5065 §5: a confederation's segment from outside, and none from inside
    outer.update(&outer.route(&["203.0.113.0/24"]).set(WELL_KNOWN, code::AS_PATH, &path)).settle(&roost);
    assert!(inner.adj_out_prefixes() == ["198.51.100.0/24"]);
}

#[test]
fn the_first_of_equal_external_paths_stays_where_quiet_is_preferred() {
    // RFC 5004 §3
    for (key, first_stays) in [("prefer_oldest_external: false", false), ("prefer_oldest_external: true", true)] {
        let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002)]).router(key).start();
        let mut first = roost.peer_with(0, Open::new(65001).id([10, 0, 0, 50]));
        let mut second = roost.peer_with(1, Open::new(65002).id([10, 0, 0, 40]));
        first.update(&first.route(&["203.0.113.0/24"])).settle(&roost);
        second.update(&second.route(&["203.0.113.0/24"])).settle(&roost);
        assert_eq!(roost.row(0, "203.0.113.0/24").best, first_stays, "{key}");
    }
}
