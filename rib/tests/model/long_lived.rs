//! A peer that is away for long: its paths stay, last in line (RFC 9494).

use std::sync::Arc;

use std::net::IpAddr;

use bgp_proto::attr::{AsPath, Community, PathAttrs};
use bgp_proto::{Asn, FamilySet, Prefix};
use rib::{FibRoute, PeerId, PeerSettings, Rib, Session, Step};

use crate::made::{self, V4, addr, announce, rib};

fn session(n: u32) -> Session {
    Session { long_lived: true, ..made::session(n, true) }
}

fn up(rib: &mut Rib, n: u32) -> PeerId {
    let id = PeerId(n);
    rib.peer_add(id, PeerSettings::new(addr(n)));
    rib.peer_up(id, session(n));
    id
}

fn path(n: u32, hops: usize, communities: &[Community]) -> PathAttrs {
    let as_path = AsPath::default().prepend(Asn(65000 + n), hops);
    let next_hop = addr(n);
    PathAttrs { as_path, communities: communities.into(), ..PathAttrs::originated(next_hop.into()) }
}

fn settle(rib: &mut Rib) -> Vec<(Prefix, Option<FibRoute>)> {
    while rib.settle(1000) {}
    let own = |route: Option<Arc<FibRoute>>| route.as_deref().cloned();
    rib.take_fib_changes().into_iter().map(|(prefix, route)| (prefix, own(route))).collect()
}

#[test]
fn they_stay_without_an_alternative_and_yield_to_any() {
    let mut rib = rib();
    let (near, far) = (up(&mut rib, 1), up(&mut rib, 2));
    let [alone, shared, never] = ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"].map(|text| text.parse().unwrap());
    announce(&mut rib, near, path(1, 1, &[]), [alone, shared]);
    announce(&mut rib, near, path(1, 1, &[Community::NO_LLGR]), [never]);
    announce(&mut rib, far, path(2, 5, &[]), [shared]);
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
    announce(&mut rib, near, path(1, 1, &[]), [shared]);
    rib.purge_stale(near, V4);
    settle(&mut rib);
    let view = rib.route(&shared).unwrap();
    assert!(view.best().unwrap().peer == near && !view.best().unwrap().attrs.has_community(Community::LLGR_STALE));
    assert!(rib.route(&alone).is_none());
    assert_eq!(rib.memory().attrs.count, before.attrs.count - 1, "no set is left behind");
}
