//! Roles of neighbours, and ONLY_TO_CUSTOMER against leaks. RFC 9234

use super::*;

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
