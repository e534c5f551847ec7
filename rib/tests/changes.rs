//! What a watcher is told of the table: the prefixes whose rows are not as before, whether or not another path is chosen.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bgp_proto::attr::{NextHop, PathAttrs};
use bgp_proto::message::{Codec, Nlri, Reach, Update};
use bgp_proto::{Asn, Family, FamilySet, PathId, Prefix, RouterId};
use rib::{PeerId, PeerSettings, Rib, RibConfig, Session};

const V4: Family = Family::IPV4_UNICAST;

fn up(rib: &mut Rib, n: u8) -> PeerId {
    let (id, asn) = (PeerId(n.into()), Asn(64512));
    let codec = Codec { four_octet_as: true, families: FamilySet::ALL, ..Codec::INITIAL };
    let session = Session {
        codec,
        external: false,
        local_asn: asn,
        peer_asn: asn,
        peer_id: RouterId(n.into()),
        local_addr: [10, 9, 0, 1].into(),
        interface: None,
        enhanced_refresh: true,
        long_lived: false,
    };
    rib.peer_add(id, PeerSettings::new([10, 9, 0, n].into()));
    rib.peer_up(id, session);
    id
}

fn announce(rib: &mut Rib, from: PeerId, prefixes: impl IntoIterator<Item = Prefix>, local_pref: u32) {
    let nlri = Nlri::from_prefixes(V4, false, prefixes.into_iter().map(|prefix| (PathId::NONE, prefix)));
    let next_hop = NextHop::Addr(IpAddr::from([10, 9, 0, from.0 as u8]));
    let attrs = PathAttrs { local_pref: Some(local_pref), ..PathAttrs::originated(next_hop) };
    let reach = Reach { attrs: Arc::new(attrs), nlri };
    rib.apply(from, &Update { reach: [reach].into_iter().collect(), ..Update::default() });
}

fn changed(rib: &mut Rib) -> Vec<String> {
    while rib.settle(1000) {}
    let mut names: Vec<_> = rib.take_changes().unwrap().iter().map(ToString::to_string).collect();
    names.dedup();
    names
}

#[test]
fn every_change_of_a_prefixs_paths_is_noted_and_a_repetition_is_not() {
    let mut rib = Rib::new(RibConfig::new(Asn(64512), RouterId(9)));
    let (one, two) = (up(&mut rib, 2), up(&mut rib, 3));
    let [a, b]: [Prefix; 2] = ["10.1.0.0/16", "10.2.0.0/16"].map(|text| text.parse().unwrap());
    announce(&mut rib, one, [a, b], 200);
    assert_eq!(changed(&mut rib), [""; 0], "nobody watches");
    rib.note_changes(true);
    announce(&mut rib, one, [a, b], 200);
    assert_eq!(changed(&mut rib), [""; 0], "it said the same again");
    announce(&mut rib, two, [a], 100);
    assert_eq!(changed(&mut rib), ["10.1.0.0/16"], "another path, though not the best");
    announce(&mut rib, two, [a], 50);
    assert_eq!(changed(&mut rib), ["10.1.0.0/16"], "still not the best, but another one");
    announce(&mut rib, two, [a], 300);
    assert_eq!(changed(&mut rib), ["10.1.0.0/16"], "now it is");
    rib.peer_down(one, [V4].into_iter().collect());
    let mut stale = changed(&mut rib);
    stale.sort();
    assert_eq!(stale, ["10.1.0.0/16", "10.2.0.0/16"], "they are stale");
    rib.peer_down(two, FamilySet::EMPTY);
    assert_eq!(changed(&mut rib), ["10.1.0.0/16"]);
    rib.purge_stale(one, V4);
    let mut gone = changed(&mut rib);
    gone.sort();
    assert_eq!(gone, ["10.1.0.0/16", "10.2.0.0/16"]);
    rib.note_changes(false);
    let three = up(&mut rib, 4);
    announce(&mut rib, three, [a], 100);
    assert_eq!(changed(&mut rib), [""; 0]);
}

#[test]
fn more_than_can_be_named_are_not_kept() {
    let mut rib = Rib::new(RibConfig::new(Asn(64512), RouterId(9)));
    let peer = up(&mut rib, 2);
    rib.note_changes(true);
    for block in 0..40_u32 {
        let of_block = (0..1000).map(|n| Prefix::new(Ipv4Addr::from(block * 1000 + n).into(), 32).unwrap());
        announce(&mut rib, peer, of_block, 100);
    }
    while rib.settle(1000) {}
    assert_eq!(rib.take_changes(), None);
    assert_eq!(rib.take_changes(), Some(Vec::new()), "and from then on they are again");
}
