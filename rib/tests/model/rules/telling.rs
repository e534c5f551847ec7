//! What others are told of a path, and who is.

use super::*;

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
