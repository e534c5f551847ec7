//! What is believed of a peer's paths, and what others are told of them: AS paths, roles, well-known communities.

use std::net::IpAddr;
use std::sync::Arc;

use bgp_proto::attr::{AsPath, AsPathBuilder, Community, ExtCommunity, PathAttrs, SegmentKind};
use bgp_proto::message::{Codec, Nlri, Reach, Role, Update};
use bgp_proto::{Asn, Family, PathId, Prefix, RouterId};
use rib::{
    FibRoute, LocalAs, PathRules, PathView, PeerId, PeerSettings, PrivateAs, Rejection, Rib, RibConfig, Session,
    Withheld,
};

use crate::naive::plain;
use crate::told::Told;

const OWN: Asn = Asn(64512);
const THEIRS: Asn = Asn(65001);
const V4: Family = Family::IPV4_UNICAST;

fn p(text: &str) -> Prefix {
    text.parse().unwrap()
}

/// A RIB and its peers: number n has the address 192.0.2.(10 + n).
struct World {
    rib: Rib,
    sessions: Vec<Session>,
}

impl World {
    fn new() -> Self {
        Self::with(RibConfig::new(OWN, RouterId(1)))
    }

    fn with(config: RibConfig) -> Self {
        Self { rib: Rib::new(config), sessions: Vec::new() }
    }

    /// The next peer, of an AS, with what `change` makes of the usual settings.
    fn peer(&mut self, asn: Asn, change: impl FnOnce(&mut PeerSettings)) -> usize {
        let n = self.sessions.len();
        let external = asn != OWN;
        let session = Session {
            codec: Codec { four_octet_as: true, families: [V4].into_iter().collect(), external, ..Codec::INITIAL },
            external,
            local_asn: OWN,
            peer_asn: asn,
            peer_id: RouterId(100 + n as u32),
            local_addr: [192, 0, 2, 1].into(),
            interface: None,
            enhanced_refresh: true,
            long_lived: false,
        };
        self.peer_on(session, change)
    }

    fn peer_on(&mut self, session: Session, change: impl FnOnce(&mut PeerSettings)) -> usize {
        let n = self.sessions.len();
        let mut settings = PeerSettings::new(addr(n));
        change(&mut settings);
        self.rib.peer_add(PeerId(n as u32), settings);
        self.rib.peer_up(PeerId(n as u32), session);
        self.sessions.push(session);
        n
    }

    fn announce(&mut self, from: usize, attrs: PathAttrs, prefix: &str) {
        let nlri = Nlri::from_prefixes(V4, false, [(PathId::NONE, p(prefix))]);
        let reach = Reach { attrs: Arc::new(attrs), nlri };
        let update = Update { reach: [reach].into_iter().collect(), ..Update::default() };
        self.rib.apply(PeerId(from as u32), &update);
        while self.rib.settle(100) {}
    }

    /// The one path of a prefix.
    fn path(&self, prefix: &str) -> PathView {
        self.rib.route(&p(prefix)).unwrap().paths.remove(0)
    }

    fn rejected(&self, prefix: &str) -> Option<Rejection> {
        self.path(prefix).rejected
    }

    /// What a peer holds of a prefix, decoded from its bytes.
    fn told(&mut self, to: usize, prefix: &str) -> Option<PathAttrs> {
        let id = PeerId(to as u32);
        let mut told = Told::default();
        self.rib.resend(id, V4);
        while let Some(chunk) = self.rib.poll_chunk(id) {
            told.read(&self.sessions[to].codec, &chunk);
        }
        told.table.remove(&(p(prefix), PathId::NONE))
    }
}

fn addr(n: usize) -> IpAddr {
    [192, 0, 2, 10 + n as u8].into()
}

fn path(n: usize, asns: &[u32]) -> PathAttrs {
    let mut attrs = plain(addr(n));
    attrs.as_path = AsPath::sequence(asns.iter().copied().map(Asn));
    attrs
}

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
        assert_eq!(world.rib.take_fib_changes(), [(p(prefix), Some(expected))]);
        let told = world.told(inner, prefix).unwrap();
        assert!(told.has_community(Community::BLACKHOLE) && told.has_community(Community::NO_EXPORT));
        assert!(world.told(agreed, prefix).or(world.told(other, prefix)).is_none(), "{prefix} left the AS");
    }
    // The agreement ends: what is there is asked again.
    world.rib.peer_update(PeerId(agreed as u32), PeerSettings::new(addr(agreed)));
    while world.rib.settle(100) {}
    let via = FibRoute::Via([addr(agreed).into()].into_iter().collect());
    assert!(world.rib.take_fib_changes().contains(&(p("10.1.0.1/32"), Some(via))));
}

#[test]
fn well_known_communities_say_who_is_told() {
    // RFC 1997, RFC 4360 §6
    let mut world = World::new();
    let from = world.peer(THEIRS, |_| ());
    let outer = world.peer(Asn(65002), |_| ());
    let inner = world.peer(OWN, |_| ());
    for (community, to_outer, to_inner) in [
        (Community::NO_EXPORT, false, true),
        (Community::NO_EXPORT_SUBCONFED, false, true),
        (Community::NO_ADVERTISE, false, false),
        (Community::NO_PEER, true, true),
    ] {
        let mut attrs = path(from, &[65001]);
        attrs.communities = [community].into();
        world.announce(from, attrs, "10.1.0.0/16");
        let held = (world.told(outer, "10.1.0.0/16").is_some(), world.told(inner, "10.1.0.0/16").is_some());
        assert_eq!(held, (to_outer, to_inner), "{community}");
    }
    let (kept, at_home) = (ExtCommunity([0, 2, 0, 1, 0, 0, 0, 1]), ExtCommunity([0x43, 0, 0, 0, 0, 0, 0, 2]));
    let mut attrs = path(from, &[65001]);
    attrs.ext_communities = [kept, at_home].into();
    world.announce(from, attrs, "10.1.0.0/16");
    assert_eq!(*world.told(outer, "10.1.0.0/16").unwrap().ext_communities, [kept]);
    assert_eq!(*world.told(inner, "10.1.0.0/16").unwrap().ext_communities, [kept, at_home]);
}

/// A path of these segments.
fn segments(n: usize, segments: &[(SegmentKind, &[u32])]) -> PathAttrs {
    let mut builder = AsPathBuilder::default();
    for (kind, asns) in segments {
        builder.push(*kind, asns.iter().copied().map(Asn));
    }
    PathAttrs { as_path: builder.build(), ..path(n, &[]) }
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
fn only_to_customer_stops_leaks_on_the_way_in() {
    // RFC 9234 §5, ingress
    let leak = Some(Rejection::RouteLeak);
    let (none, theirs, other) = (None, Some(THEIRS), Some(Asn(65099)));
    for (role, otc, rejected, kept) in [
        (Some(Role::Provider), none, None, none),
        (Some(Role::Provider), theirs, leak, theirs),
        (Some(Role::RouteServer), none, None, none),
        (Some(Role::RouteServer), other, leak, other),
        (Some(Role::Peer), none, None, theirs),
        (Some(Role::Peer), theirs, None, theirs),
        (Some(Role::Peer), other, leak, other),
        (Some(Role::Customer), none, None, theirs),
        (Some(Role::Customer), other, None, other),
        (Some(Role::RouteServerClient), none, None, theirs),
        (Some(Role::RouteServerClient), other, None, other),
        (None, none, None, none),
        (None, other, None, other),
    ] {
        let mut world = World::new();
        let from = world.peer(THEIRS, |settings| settings.rules.role = role);
        world.announce(from, PathAttrs { otc, ..path(from, &[65001]) }, "10.1.0.0/16");
        let path = world.path("10.1.0.0/16");
        assert_eq!((path.rejected, path.attrs.otc), (rejected, kept), "we are {role:?}, OTC {otc:?}");
    }
}

#[test]
fn only_to_customer_stops_leaks_on_the_way_out() {
    // RFC 9234 §5, egress
    let withheld = Err(Withheld::OnlyToCustomer);
    let (none, ours, other) = (None, Ok(Some(OWN)), Some(Asn(65099)));
    for (role, otc, expected) in [
        (Some(Role::Provider), none, ours),
        (Some(Role::Provider), other, Ok(other)),
        (Some(Role::RouteServer), none, ours),
        (Some(Role::RouteServer), other, Ok(other)),
        (Some(Role::Peer), none, ours),
        (Some(Role::Peer), other, withheld),
        (Some(Role::Customer), none, Ok(None)),
        (Some(Role::Customer), other, withheld),
        (Some(Role::RouteServerClient), none, Ok(None)),
        (Some(Role::RouteServerClient), other, withheld),
        (None, none, Ok(None)),
        (None, other, Ok(other)),
    ] {
        let mut world = World::new();
        let from = world.peer(OWN, |_| ());
        let to = world.peer(THEIRS, |settings| settings.rules.role = role);
        // Inside the AS it is carried as it is, whatever the settings say.
        let inner = world.peer(OWN, |settings| {
            (settings.rules.role, settings.route_reflector_client) = (Some(Role::Customer), true);
        });
        world.announce(from, PathAttrs { otc, ..path(from, &[65099]) }, "10.1.0.0/16");
        let told = world.told(to, "10.1.0.0/16");
        let explained = world.rib.explain_export(&p("10.1.0.0/16"), PeerId(to as u32)).remove(0);
        let got = explained.map(|()| told.as_ref().unwrap().otc);
        assert_eq!(got, expected, "we are {role:?}, OTC {otc:?}");
        assert_eq!(told.is_some(), expected.is_ok());
        assert_eq!(world.told(inner, "10.1.0.0/16").unwrap().otc, otc);
    }
}

#[test]
fn no_peer_keeps_a_path_from_those_who_are_our_peers() {
    // RFC 3765 §2
    let mut world = World::new();
    let from = world.peer(OWN, |_| ());
    let peer = world.peer(THEIRS, |settings| settings.rules.role = Some(Role::Peer));
    let customer = world.peer(Asn(65002), |settings| settings.rules.role = Some(Role::Provider));
    let mut attrs = path(from, &[7]);
    attrs.communities = [Community::NO_PEER].into();
    world.announce(from, attrs, "10.1.0.0/16");
    assert!(world.told(peer, "10.1.0.0/16").is_none() && world.told(customer, "10.1.0.0/16").is_some());
}

#[test]
fn to_one_peer_we_can_be_another_as() {
    // FRR's local-as, no-prepend and replace-as
    let old = Asn(65100);
    for (no_prepend, replace, told, taken) in [
        (false, false, "65100 64512 7", "65100 65001"),
        (true, false, "65100 64512 7", "65001"),
        (false, true, "65100 7", "65100 65001"),
        (true, true, "65100 7", "65001"),
    ] {
        let mut world = World::new();
        let inner = world.peer(OWN, |_| ());
        let usual = world.peer(Asn(65002), |_| ());
        let session = Session { local_asn: old, peer_asn: THEIRS, ..world.sessions[usual] };
        let outer = world.peer_on(session, |settings| settings.rules.local_as = Some(LocalAs { no_prepend, replace }));
        world.announce(inner, path(inner, &[7]), "10.1.0.0/16");
        assert_eq!(world.told(outer, "10.1.0.0/16").unwrap().as_path.to_string(), told);
        assert_eq!(world.told(usual, "10.1.0.0/16").unwrap().as_path.to_string(), "64512 7");
        world.announce(outer, path(outer, &[65001]), "10.2.0.0/16");
        assert_eq!(world.told(inner, "10.2.0.0/16").unwrap().as_path.to_string(), taken);
        // Both numbers are ours: either in a path is a loop. RFC 4271 §9.1.2
        for ours in [64512, 65100] {
            world.announce(outer, path(outer, &[65001, ours]), "10.3.0.0/16");
            assert_eq!(world.rejected("10.3.0.0/16"), Some(Rejection::AsLoop));
        }
    }
}

#[test]
fn private_numbers_are_taken_out_of_what_the_world_is_told() {
    // RFC 6996 §4: "must remove"; the four ways are FRR's
    for (asns, keep, if_all, all, replaced) in [
        (&[64600, 64601][..], "64512 64600 64601", "64512", "64512", "64512 64512 64512"),
        (&[64600, 7], "64512 64600 7", "64512 64600 7", "64512 7", "64512 64512 7"),
        (&[7, 8], "64512 7 8", "64512 7 8", "64512 7 8", "64512 7 8"),
        (&[65001, 64600], "64512 65001 64600", "64512 65001", "64512 65001", "64512 65001 64512"),
        (&[], "64512", "64512", "64512", "64512"),
    ] {
        let mut world = World::new();
        let from = world.peer(OWN, |_| ());
        let [a, b, c, d] = [PrivateAs::Keep, PrivateAs::RemoveIfAll, PrivateAs::Remove, PrivateAs::Replace]
            .map(|private_as| world.peer(THEIRS, |settings| settings.rules.private_as = private_as));
        let inner = world.peer(OWN, |settings| {
            (settings.rules.private_as, settings.route_reflector_client) = (PrivateAs::Remove, true);
        });
        world.announce(from, path(from, asns), "10.1.0.0/16");
        let told = [a, b, c, d].map(|to| world.told(to, "10.1.0.0/16").unwrap().as_path.to_string());
        assert_eq!(told, [keep, if_all, all, replaced]);
        assert_eq!(world.told(inner, "10.1.0.0/16").unwrap().as_path, path(from, asns).as_path);
    }
}

#[test]
fn the_med_of_one_neighbor_is_told_to_no_other() {
    // RFC 4271 §5.1.4
    let mut world = World::new();
    let from = world.peer(THEIRS, |_| ());
    let outer = world.peer(Asn(65002), |_| ());
    let inner = world.peer(OWN, |_| ());
    world.announce(from, PathAttrs { med: Some(7), ..path(from, &[65001]) }, "10.1.0.0/16");
    assert_eq!(world.told(outer, "10.1.0.0/16").unwrap().med, None);
    assert_eq!(world.told(inner, "10.1.0.0/16").unwrap().med, Some(7));
}

/// A member AS 64512 of the confederation 64500, with the peers: inside, in the member AS 64513, and two outside.
fn confederation() -> (World, [usize; 4]) {
    let id = Some(Asn(64500));
    let mut world = World::with(RibConfig { confederation: id, ..RibConfig::new(OWN, RouterId(1)) });
    let inner = world.peer(OWN, |_| ());
    let mut session = Session { peer_asn: Asn(64513), ..world.sessions[inner] };
    let member = world.peer_on(session, |settings| settings.rules.confederation = true);
    session.codec.external = true;
    let outside = Session { local_asn: Asn(64500), peer_asn: THEIRS, external: true, ..session };
    let outer = world.peer_on(outside, |_| ());
    let other = world.peer_on(Session { peer_asn: Asn(65002), ..outside }, |_| ());
    (world, [inner, member, outer, other])
}

#[test]
fn inside_a_confederation_paths_keep_what_the_as_knows_and_outside_nothing_is_seen_of_it() {
    // RFC 5065 §4.1, §5.1, §5.3
    use SegmentKind::{ConfedSequence, Sequence};
    let (mut world, [inner, member, outer, other]) = confederation();
    world.announce(outer, PathAttrs { med: Some(7), ..path(outer, &[65001]) }, "10.1.0.0/16");
    let told = world.told(member, "10.1.0.0/16").unwrap();
    assert_eq!(told.as_path.to_string(), "(64512) 65001");
    assert_eq!((told.local_pref, told.med, told.next_hop.addr()), (Some(100), Some(7), addr(outer)));
    assert_eq!(world.told(inner, "10.1.0.0/16").unwrap().as_path.to_string(), "65001");
    assert_eq!(world.told(other, "10.1.0.0/16").unwrap().as_path.to_string(), "64500 65001");

    let far = [(ConfedSequence, &[64513, 64514][..]), (Sequence, &[65009])];
    let attrs = PathAttrs { local_pref: Some(300), ..segments(member, &far) };
    world.announce(member, attrs, "10.2.0.0/16");
    let told = world.told(inner, "10.2.0.0/16").unwrap();
    assert_eq!((told.as_path.to_string().as_str(), told.local_pref), ("(64513 64514) 65009", Some(300)));
    assert_eq!((told.originator_id, told.cluster_list.len()), (None, 0), "nothing is reflected");
    let told = world.told(outer, "10.2.0.0/16").unwrap();
    assert_eq!((told.as_path.to_string().as_str(), told.local_pref), ("64500 65009", None));

    // An internal path goes to the other member, with its segment joined.
    world.announce(inner, segments(inner, &[(ConfedSequence, &[64515]), (Sequence, &[7])]), "10.3.0.0/16");
    assert_eq!(world.told(member, "10.3.0.0/16").unwrap().as_path.to_string(), "(64512 64515) 7");
}

#[test]
fn a_confederation_finds_its_loops_and_wants_its_segment_first() {
    // RFC 5065 §4, §5
    use SegmentKind::{ConfedSequence, Sequence};
    let (mut world, [inner, member, outer, _]) = confederation();
    for (from, attrs, expected) in [
        (member, segments(member, &[(ConfedSequence, &[64513, 64512])]), Some(Rejection::AsLoop)),
        (member, segments(member, &[(ConfedSequence, &[64513]), (Sequence, &[64500])]), Some(Rejection::AsLoop)),
        (member, segments(member, &[(Sequence, &[64513])]), Some(Rejection::FirstAs)),
        (member, segments(member, &[]), Some(Rejection::FirstAs)),
        (member, segments(member, &[(ConfedSequence, &[64513])]), None),
        (outer, path(outer, &[65001, 64500]), Some(Rejection::AsLoop)),
        (inner, segments(inner, &[(ConfedSequence, &[64512])]), Some(Rejection::AsLoop)),
        (inner, path(inner, &[]), None),
    ] {
        let shown = attrs.as_path.to_string();
        world.announce(from, attrs, "10.1.0.0/16");
        let paths = world.rib.route(&p("10.1.0.0/16")).unwrap().paths;
        let path = paths.iter().find(|path| path.peer == PeerId(from as u32)).unwrap();
        assert_eq!(path.rejected, expected, "[{shown}] from peer {from}");
    }
}

#[test]
fn in_a_confederation_communities_say_how_far_a_path_goes() {
    // RFC 1997
    let (mut world, [inner, member, outer, other]) = confederation();
    for (community, to_inner, to_member, to_other) in [
        (Community::NO_EXPORT, true, true, false),
        (Community::NO_EXPORT_SUBCONFED, true, false, false),
        (Community::NO_ADVERTISE, false, false, false),
    ] {
        let attrs = PathAttrs { communities: [community].into(), ..path(outer, &[65001]) };
        world.announce(outer, attrs, "10.1.0.0/16");
        let held = [inner, member, other].map(|to| world.told(to, "10.1.0.0/16").is_some());
        assert_eq!(held, [to_inner, to_member, to_other], "{community}");
    }
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
