//! A peer that is away for long: its paths stay, last in line (RFC 9494).
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;
use std::sync::Arc;

use bgp_proto::attr::{AsPath, Community, PathAttrs};
use bgp_proto::message::{Codec, Nlri, Reach, Update};
use bgp_proto::{Asn, Family, FamilySet, PathId, Prefix, RouterId};
use rib::{FibRoute, PeerId, PeerSettings, Rib, RibConfig, Session, Step};

const V4: Family = Family::IPV4_UNICAST;

fn up(rib: &mut Rib, n: u32) -> PeerId {
    let id = PeerId(n);
    rib.peer_add(id, PeerSettings::new([192, 0, 2, 10 + n as u8].into()));
    rib.peer_up(id, session(n));
    id
}

fn session(n: u32) -> Session {
    Session {
        codec: Codec { four_octet_as: true, families: [V4].into_iter().collect(), external: true, ..Codec::INITIAL },
        external: true,
        local_asn: Asn(64512),
        peer_asn: Asn(65000 + n),
        peer_id: RouterId(100 + n),
        local_addr: [192, 0, 2, 1].into(),
        interface: None,
        enhanced_refresh: true,
        long_lived: true,
    }
}

fn path(n: u32, hops: usize, communities: &[Community]) -> PathAttrs {
    let as_path = AsPath::default().prepend(Asn(65000 + n), hops);
    let next_hop = IpAddr::from([192, 0, 2, 10 + n as u8]);
    PathAttrs { as_path, communities: communities.into(), ..PathAttrs::originated(next_hop.into()) }
}

fn announce(rib: &mut Rib, from: PeerId, attrs: PathAttrs, prefixes: &[Prefix]) {
    let nlri = Nlri::from_prefixes(V4, false, prefixes.iter().map(|prefix| (PathId::NONE, *prefix)));
    let reach = Reach { attrs: Arc::new(attrs), nlri };
    rib.apply(from, &Update { reach: [reach].into_iter().collect(), ..Update::default() });
}

fn settle(rib: &mut Rib) -> Vec<(Prefix, Option<FibRoute>)> {
    while rib.settle(1000) {}
    rib.take_fib_changes()
}

#[test]
fn they_stay_without_an_alternative_and_yield_to_any() {
    let mut rib = Rib::new(RibConfig::new(Asn(64512), RouterId(1)));
    let (near, far) = (up(&mut rib, 1), up(&mut rib, 2));
    let [alone, shared, never] = ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"].map(|text| text.parse().unwrap());
    announce(&mut rib, near, path(1, 1, &[]), &[alone, shared]);
    announce(&mut rib, near, path(1, 1, &[Community::NO_LLGR]), &[never]);
    announce(&mut rib, far, path(2, 5, &[]), &[shared]);
    settle(&mut rib);
    let before = rib.memory();

    rib.peer_down(near, FamilySet::ALL);
    assert_eq!(settle(&mut rib), [], "in its restart time nothing changes");
    rib.keep_for_long(near, V4);
    let mut changed = settle(&mut rib);
    changed.sort_by_key(|(prefix, _)| *prefix);
    let via_far = FibRoute::Via([IpAddr::from([192, 0, 2, 12]).into()].into_iter().collect());
    assert_eq!(changed, [(shared, Some(via_far)), (never, None)]);
    let view = rib.route(&alone).unwrap();
    let best = view.best().unwrap();
    assert!(best.stale && best.attrs.has_community(Community::LLGR_STALE));
    let lost = &rib.route(&shared).unwrap().paths[1];
    assert_eq!((lost.peer, lost.lost_at), (near, Some(Step::LongLivedStale)));
    rib.keep_for_long(near, V4);
    assert_eq!(settle(&mut rib), [], "twice is once");

    // Back: what it says again is fresh, the rest goes with its End-of-RIB.
    rib.peer_up(near, session(1));
    announce(&mut rib, near, path(1, 1, &[]), &[shared]);
    rib.purge_stale(near, V4);
    settle(&mut rib);
    let view = rib.route(&shared).unwrap();
    assert!(view.best().unwrap().peer == near && !view.best().unwrap().attrs.has_community(Community::LLGR_STALE));
    assert!(rib.route(&alone).is_none());
    assert_eq!(rib.memory().attr_sets, before.attr_sets - 1, "no set is left behind");
}
