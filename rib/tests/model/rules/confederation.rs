//! Inside a confederation, and out of it. RFC 5065

use super::*;

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
