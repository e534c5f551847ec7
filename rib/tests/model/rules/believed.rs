//! What is believed of a path, and what it is worth.

use super::*;

#[test]
fn a_path_that_begins_with_another_as_is_as_good_as_withdrawn() {
    // RFC 4271 §6.3, RFC 7606 §7.2
    let mut world = World::new();
    let from = world.peer(THEIRS, |settings| settings.rules.enforce_first_as = true);
    let other = world.peer(Asn(65002), |_| ());
    world.announce(from, path(from, &[65001, 7]), "10.1.0.0/16");
    assert!(world.told(other, "10.1.0.0/16").is_some());
    for wrong in [path(from, &[7, 65001]), path(from, &[])] {
        world.announce(from, wrong, "10.1.0.0/16");
        assert_eq!(world.rejected("10.1.0.0/16"), Some(Rejection::FirstAs));
        assert!(world.told(other, "10.1.0.0/16").is_none());
    }
    // A route server's client switches it off, and what is there is asked again.
    world.rib.peer_update(PeerId(0), PeerSettings::new(addr(from)));
    while world.rib.settle(100) {}
    assert_eq!(world.rejected("10.1.0.0/16"), None);
    let inner = world.peer(OWN, |settings| settings.rules.enforce_first_as = true);
    world.announce(inner, path(inner, &[7]), "10.2.0.0/16");
    assert_eq!(world.rejected("10.2.0.0/16"), None, "inside the AS nobody puts itself in front");
}

#[test]
fn the_next_hop_of_a_neighbor_is_itself_or_on_a_link_we_share() {
    // RFC 4271 §6.3
    let subnets: Arc<[Prefix]> = [p("192.0.2.0/24"), p("198.51.100.0/24")].into();
    let mut world = World::new();
    let on_link = Some(subnets.clone());
    let own_addresses = [IpAddr::from([198, 51, 100, 1])].into();
    let rules = PathRules { on_link, own_addresses, ..PathRules::default() };
    let from = world.peer(THEIRS, |settings| settings.rules = rules);
    for (next_hop, expected) in [
        ("192.0.2.10", None),
        ("192.0.2.77", None),
        ("198.51.100.7", None),
        ("203.0.113.1", Some(Rejection::NextHopOffLink)),
        ("192.0.2.1", Some(Rejection::NextHopOurs)),
        ("198.51.100.1", Some(Rejection::NextHopOurs)),
        ("0.0.0.9", Some(Rejection::NextHopInvalid)),
        ("127.0.0.1", Some(Rejection::NextHopInvalid)),
        ("224.0.0.1", Some(Rejection::NextHopInvalid)),
        ("240.0.0.1", Some(Rejection::NextHopInvalid)),
        ("255.255.255.255", Some(Rejection::NextHopInvalid)),
        ("2001:db8::1", None), // of the other family the session's address says nothing (RFC 8950)
    ] {
        let mut attrs = path(from, &[65001]);
        attrs.next_hop = next_hop.parse::<IpAddr>().unwrap().into();
        world.announce(from, attrs, "10.1.0.0/16");
        assert_eq!(world.rejected("10.1.0.0/16"), expected, "{next_hop}");
    }
    let on_link = Some(subnets);
    let inner = world.peer(OWN, |settings| settings.rules = PathRules { on_link, ..PathRules::default() });
    let mut attrs = path(inner, &[7]);
    attrs.next_hop = IpAddr::from([203, 0, 113, 1]).into();
    world.announce(inner, attrs, "10.2.0.0/16");
    assert_eq!(world.rejected("10.2.0.0/16"), None, "an internal peer's next hop may be anywhere");
}

#[test]
fn prefixes_that_are_no_unicast_are_refused_and_the_others_of_the_update_are_not() {
    // RFC 4271 §6.3, RFC 6890 §2.2
    let mut world = World::new();
    let from = world.peer(THEIRS, |_| ());
    let other = world.peer(Asn(65002), |_| ());
    let prefixes = ["10.1.0.0/16", "224.0.0.0/24", "127.0.0.0/8", "240.0.0.0/8", "0.0.0.0/0"];
    for prefix in prefixes {
        world.announce(from, path(from, &[65001]), prefix);
    }
    let refused: Vec<_> = prefixes.into_iter().filter(|prefix| world.rejected(prefix).is_some()).collect();
    assert_eq!(refused, ["224.0.0.0/24", "127.0.0.0/8", "240.0.0.0/8"]);
    assert_eq!(world.rejected("224.0.0.0/24"), Some(Rejection::PrefixNotUnicast));
    assert!(world.told(other, "224.0.0.0/24").is_none() && world.told(other, "0.0.0.0/0").is_some());
}

#[test]
fn our_own_as_may_stand_in_a_path_as_often_as_is_said() {
    // RFC 4271 §9.1.2
    let mut world = World::new();
    let from = world.peer(THEIRS, |settings| settings.allow_as_in = 2);
    world.announce(from, path(from, &[65001, 64512, 64512]), "10.1.0.0/16");
    world.announce(from, path(from, &[65001, 64512, 7, 64512, 64512]), "10.2.0.0/16");
    assert_eq!((world.rejected("10.1.0.0/16"), world.rejected("10.2.0.0/16")), (None, Some(Rejection::AsLoop)));
}

#[test]
fn a_path_that_announces_its_end_is_the_last_choice() {
    // RFC 8326 §4.2
    let mut world = World::new();
    let leaving = world.peer(THEIRS, |settings| settings.rules.graceful_shutdown = true);
    let staying = world.peer(Asn(65002), |settings| settings.rules.graceful_shutdown = true);
    let inner = world.peer(OWN, |settings| settings.rules.graceful_shutdown = true);
    let mut attrs = path(leaving, &[65001]);
    world.announce(leaving, attrs.clone(), "10.1.0.0/16");
    world.announce(staying, path(staying, &[65002, 7, 8]), "10.1.0.0/16");
    assert_eq!(world.path("10.1.0.0/16").peer, PeerId(leaving as u32));
    attrs.communities = [Community::GRACEFUL_SHUTDOWN].into();
    world.announce(leaving, attrs.clone(), "10.1.0.0/16");
    assert_eq!(world.path("10.1.0.0/16").peer, PeerId(staying as u32));
    world.announce(leaving, attrs.clone(), "10.2.0.0/16");
    let told = world.told(inner, "10.2.0.0/16").unwrap();
    assert_eq!(told.local_pref, Some(0), "the AS is told that it is the last choice");
    assert!(told.has_community(Community::GRACEFUL_SHUTDOWN));
    // An internal peer has set LOCAL_PREF already; the switch leaves it alone.
    let mut own = path(inner, &[65009]);
    (own.communities, own.local_pref) = ([Community::GRACEFUL_SHUTDOWN].into(), Some(50));
    world.announce(inner, own, "10.3.0.0/16");
    assert_eq!(world.path("10.3.0.0/16").attrs.local_pref, Some(50));
    world.rib.peer_update(PeerId(leaving as u32), PeerSettings::new(addr(leaving)));
    while world.rib.settle(100) {}
    assert_eq!(world.path("10.2.0.0/16").attrs.local_pref, None);
}

#[test]
fn blackhole_discards_long_prefixes_of_those_who_may_and_leaves_the_as_of_nobody() {
    // RFC 7999 §3.2, §3.3
    let mut world = World::new();
    let agreed = world.peer(THEIRS, |settings| settings.rules.blackhole = true);
    let other = world.peer(Asn(65002), |_| ());
    let inner = world.peer(OWN, |_| ());
    for (from, prefix, expected) in [
        (agreed, "10.1.0.1/32", FibRoute::Blackhole),
        (agreed, "10.1.2.0/24", FibRoute::Blackhole),
        (agreed, "10.1.0.0/16", FibRoute::Via([addr(agreed).into()].into_iter().collect())),
        (agreed, "0.0.0.0/0", FibRoute::Via([addr(agreed).into()].into_iter().collect())),
        (other, "10.2.0.1/32", FibRoute::Via([addr(other).into()].into_iter().collect())),
    ] {
        let mut attrs = path(from, &[if from == agreed { 65001 } else { 65002 }]);
        attrs.communities = [Community::BLACKHOLE].into();
        world.announce(from, attrs, prefix);
        assert_eq!(world.rib.take_fib_changes(), [(p(prefix), Some(expected.into()))]);
        let told = world.told(inner, prefix).unwrap();
        assert!(told.has_community(Community::BLACKHOLE) && told.has_community(Community::NO_EXPORT));
        assert!(world.told(agreed, prefix).or(world.told(other, prefix)).is_none(), "{prefix} left the AS");
    }
    // The agreement ends: what is there is asked again.
    world.rib.peer_update(PeerId(agreed as u32), PeerSettings::new(addr(agreed)));
    while world.rib.settle(100) {}
    let via = FibRoute::Via([addr(agreed).into()].into_iter().collect());
    assert!(world.rib.take_fib_changes().contains(&(p("10.1.0.1/32"), Some(via.into()))));
}

#[test]
fn sets_in_a_path_are_refused_and_never_told_unless_both_peers_live_in_the_past() {
    // RFC 9774 §3
    use SegmentKind::{ConfedSet, Sequence, Set};
    let mut world = World::new();
    let old = world.peer(THEIRS, |settings| settings.rules.as_sets = true);
    let new = world.peer(Asn(65002), |_| ());
    let old_too = world.peer(Asn(65003), |settings| settings.rules.as_sets = true);
    let inner = world.peer(OWN, |_| ());
    world.announce(new, path(new, &[65002]), "10.1.0.0/16");
    assert!(world.told(old, "10.1.0.0/16").is_some());
    for kind in [Set, ConfedSet] {
        world.announce(new, segments(new, &[(Sequence, &[65002]), (kind, &[7, 8])]), "10.1.0.0/16");
        assert_eq!(world.rejected("10.1.0.0/16"), Some(Rejection::AsSet), "the path before is gone, too");
        assert!(world.told(old, "10.1.0.0/16").is_none());
    }
    world.announce(old, segments(old, &[(Sequence, &[65001]), (Set, &[7, 8])]), "10.2.0.0/16");
    assert_eq!(world.rejected("10.2.0.0/16"), None);
    assert_eq!(world.told(old_too, "10.2.0.0/16").unwrap().as_path.to_string(), "64512 65001 {7 8}");
    assert!(world.told(new, "10.2.0.0/16").is_none() && world.told(inner, "10.2.0.0/16").is_none());
    assert_eq!(world.rib.explain_export(&p("10.2.0.0/16"), PeerId(new as u32)), [Err(Withheld::AsSet)]);
}

#[test]
fn segments_of_a_confederation_are_refused_where_there_is_none() {
    // RFC 5065 §5
    use SegmentKind::{ConfedSequence, Sequence};
    let mut world = World::new();
    let inner = world.peer(OWN, |_| ());
    world.announce(inner, segments(inner, &[(Sequence, &[65001])]), "10.1.0.0/16");
    assert_eq!(world.rejected("10.1.0.0/16"), None);
    world.announce(inner, segments(inner, &[(ConfedSequence, &[65009]), (Sequence, &[65001])]), "10.1.0.0/16");
    assert_eq!(world.rejected("10.1.0.0/16"), Some(Rejection::ConfedSegment), "the path before is gone, too");
}

#[test]
fn an_external_path_that_is_as_good_does_not_take_over_where_quiet_is_preferred() {
    // RFC 5004 §3
    for (quiet, expected) in [(false, 2), (true, 1)] {
        let config = RibConfig { prefer_oldest_external: quiet, ..RibConfig::new(OWN, RouterId(1)) };
        let mut world = World::with(config);
        let usual = world.peer(Asn(65009), |_| ());
        let session = world.sessions[usual];
        let router = |asn, id| Session { peer_asn: Asn(asn), peer_id: RouterId(id), ..session };
        let [first, second, parallel] =
            [(65001, 50), (65002, 40), (65001, 50)].map(|(asn, id)| (world.peer_on(router(asn, id), |_| ()), asn));
        let announce = |world: &mut World, (from, asn): (usize, u32), more: &[u32]| {
            world.announce(from, path(from, &[&[asn], more].concat()), "10.1.0.0/16");
            world.path("10.1.0.0/16").peer.0
        };
        announce(&mut world, first, &[7]);
        assert_eq!(announce(&mut world, second, &[7]), expected, "the lower router id came second");
        assert_eq!(announce(&mut world, parallel, &[7]), expected);
        assert_eq!(announce(&mut world, second, &[]), 2, "a better path is a better path");
        assert_eq!(announce(&mut world, first, &[]), 2);
    }
}
