use super::*;

/// splitmix64: random enough, and a seed is one number.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

fn base() -> Candidate {
    Candidate {
        usable: true,
        llgr_stale: false,
        local: false,
        local_pref: 100,
        hops: 2,
        origin: Origin::Egp,
        neighbor: Asn(65001),
        med: 10,
        external: false,
        metric: 10,
        incumbent: false,
        router_id: RouterId(10),
        clusters: 1,
        address: [192, 0, 2, 10].into(),
        path_id: PathId(10),
        peer: PeerId(1),
    }
}

#[test]
fn each_step_decides_before_all_that_follow() {
    // Falling preference. Each row is worse than the one above in its step, and better in every later one.
    let worst_later = |step: Step, c: &mut Candidate| {
        let bad = |of: Step| of > step;
        if bad(Step::LongLivedStale) {
            c.llgr_stale = true
        }
        if bad(Step::LocalPref) {
            c.local_pref = 50
        }
        if bad(Step::AsPathLen) {
            c.hops = 9
        }
        if bad(Step::Origin) {
            c.origin = Origin::Incomplete
        }
        if bad(Step::Med) {
            c.med = 99
        }
        if bad(Step::Metric) {
            c.metric = 99
        }
        if bad(Step::RouterId) {
            c.router_id = RouterId(99)
        }
        if bad(Step::ClusterList) {
            c.clusters = 9
        }
        if bad(Step::PeerAddress) {
            c.address = [192, 0, 2, 99].into()
        }
        if bad(Step::PathId) {
            c.path_id = PathId(99)
        }
    };
    type Change = fn(&mut Candidate);
    let rows: [(Step, Change, Change); 13] = [
        (Step::Usable, |c| c.usable = true, |c| c.usable = false),
        (Step::LongLivedStale, |c| c.llgr_stale = false, |c| c.llgr_stale = true),
        (Step::Local, |c| c.local = true, |c| c.local = false),
        (Step::LocalPref, |c| c.local_pref = 200, |c| c.local_pref = 100),
        (Step::AsPathLen, |c| c.hops = 1, |c| c.hops = 2),
        (Step::Origin, |c| c.origin = Origin::Igp, |c| c.origin = Origin::Egp),
        (Step::Med, |c| c.med = 0, |c| c.med = 10),
        (Step::External, |c| c.external = true, |c| c.external = false),
        (Step::Metric, |c| c.metric = 5, |c| c.metric = 10),
        (Step::RouterId, |c| c.router_id = RouterId(5), |c| c.router_id = RouterId(10)),
        (Step::ClusterList, |c| c.clusters = 0, |c| c.clusters = 1),
        (Step::PeerAddress, |c| c.address = [192, 0, 2, 5].into(), |c| c.address = [192, 0, 2, 10].into()),
        (Step::PathId, |c| c.path_id = PathId(5), |c| c.path_id = PathId(10)),
    ];
    for (step, better, worse) in rows {
        let (mut a, mut b) = (base(), base());
        worst_later(step, &mut a);
        if step < Step::Local {
            b.local = true
        }
        if step < Step::External {
            b.external = true
        }
        better(&mut a);
        worse(&mut b);
        assert_eq!(compare(&a, &b, Med::Compare), (Ordering::Greater, step), "{step:?}");
        assert_eq!(compare(&b, &a, Med::Compare), (Ordering::Less, step), "{step:?} the other way");
        let skipped = compare(&a, &b, Med::Skip);
        assert_eq!(skipped.1 == step, step != Step::Med, "{step:?}: MED alone is skipped between neighbour ASs");
    }
    assert_eq!(compare(&base(), &base(), Med::Compare), (Ordering::Equal, Step::Same));
}

fn random(rng: &mut Rng, number: u32) -> Candidate {
    let mut c = base();
    c.usable = rng.below(8) > 0;
    c.llgr_stale = rng.below(8) == 0;
    c.local_pref = 100 + 100 * u32::from(rng.below(6) == 0);
    c.hops = 1 + u16::from(rng.below(4) == 0);
    c.origin = if rng.below(5) == 0 { Origin::Incomplete } else { Origin::Igp };
    c.neighbor = Asn(65000 + rng.below(3) as u32);
    c.med = rng.below(3) as u32;
    c.external = rng.below(3) > 0;
    c.metric = rng.below(2) as u32;
    c.router_id = RouterId(1 + rng.below(3) as u32);
    c.clusters = rng.below(2) as u16;
    c.address = [192, 0, 2, 1 + rng.below(3) as u8].into();
    (c.path_id, c.peer) = (PathId(number), PeerId(number));
    c
}

/// RFC 4271 §9.1.2.2 as it is written: step after step strikes out what is worse than another survivor.
/// Returns the survivors before the tie-breaks that follow the interior cost, and the winner.
fn by_the_book(candidates: &[Candidate]) -> (Vec<PeerId>, Option<PeerId>) {
    fn keep<K: Ord>(left: &mut Vec<Candidate>, key: impl Fn(&Candidate) -> K) {
        let Some(best) = left.iter().map(&key).max() else { return };
        left.retain(|c| key(c) == best);
    }
    use std::cmp::Reverse;
    let mut left: Vec<_> = candidates.iter().copied().filter(|c| c.usable).collect();
    keep(&mut left, |c| !c.llgr_stale);
    keep(&mut left, |c| c.local);
    keep(&mut left, |c| c.local_pref);
    keep(&mut left, |c| Reverse(c.hops));
    keep(&mut left, |c| Reverse(c.origin));
    let all = left.clone();
    left.retain(|m| !all.iter().any(|n| n.neighbor == m.neighbor && n.med < m.med));
    keep(&mut left, |c| c.external);
    keep(&mut left, |c| Reverse(c.metric));
    let mut equal: Vec<_> = left.iter().map(|c| c.peer).collect();
    equal.sort_unstable();
    keep(&mut left, |c| Reverse(c.router_id));
    keep(&mut left, |c| Reverse(c.clusters));
    keep(&mut left, |c| Reverse(c.address));
    keep(&mut left, |c| Reverse((c.path_id, c.peer)));
    (equal, left.first().map(|c| c.peer))
}

#[test]
fn any_order_of_arrival_gives_what_the_rfc_gives() {
    for seed in 0..3000 {
        let mut rng = Rng(seed);
        let count = 1 + rng.below(8) as u32;
        let mut candidates: Vec<_> = (0..count).map(|n| random(&mut rng, n)).collect();
        let (equal, best) = by_the_book(&candidates);
        for _ in 0..4 {
            for at in (1..candidates.len()).rev() {
                candidates.swap(at, rng.below(at as u64 + 1) as usize);
            }
            let selection = select(&candidates, false);
            assert_eq!(selection.best.map(|at| candidates[at].peer), best, "seed {seed}: {candidates:#?}");
            let mut multipath: Vec<_> = (0..candidates.len())
                .filter(|&at| selection.is_multipath(&candidates, at))
                .map(|at| candidates[at].peer)
                .collect();
            multipath.sort_unstable();
            assert_eq!(multipath, equal, "seed {seed}: {candidates:#?}");
            for at in 0..candidates.len() {
                assert_eq!(
                    selection.lost_at(&candidates, at).is_none(),
                    selection.best == Some(at) || (best.is_none() && candidates[at].usable),
                    "seed {seed}"
                );
            }
        }
    }
}

#[test]
fn med_is_not_compared_between_neighbours_unless_told_to() {
    // The textbook triangle: pairwise the paths beat each other in a circle, so a chain of comparisons would depend on
    // the order of arrival.
    let path = |neighbor, med, router, peer| {
        let mut c = base();
        (c.neighbor, c.med, c.router_id, c.peer) = (Asn(neighbor), med, RouterId(router), PeerId(peer));
        c
    };
    let circle = [path(1, 20, 1, 1), path(2, 30, 2, 2), path(1, 10, 3, 3)];
    // AS 1 sends path 3 (lower MED), which loses to path 2 by router id.
    assert_eq!(select(&circle, false).best, Some(1));
    assert_eq!(select(&circle, false).lost_at(&circle, 0), Some(Step::Med));
    assert_eq!(select(&circle, false).lost_at(&circle, 2), Some(Step::RouterId));
    assert_eq!(select(&circle, true).best, Some(2));
}
