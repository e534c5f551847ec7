//! What one path costs: to compare, to select among several, to take in, to settle.
//!
//! `cargo bench -p rib --bench decision`. Items are paths.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_proto::attr::{AsPath, NextHop, Origin, PathAttrs};
use bgp_proto::message::{Codec, Nlri, Reach, Update};
use bgp_proto::{Asn, Family, PathId, Prefix, RouterId};
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use rib::decide::{Candidate, Med, compare, select};
use rib::{PeerId, PeerSettings, Rib, RibConfig, Session};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

fn candidate(n: u32) -> Candidate {
    Candidate {
        usable: true,
        llgr_stale: false,
        local: false,
        local_pref: 100,
        hops: 3,
        origin: Origin::Igp,
        neighbor: Asn(65000 + n % 4),
        med: 0,
        external: true,
        metric: 0,
        incumbent: false,
        router_id: RouterId(1000 - n),
        clusters: 0,
        address: IpAddr::from([192, 0, 2, n as u8]),
        path_id: PathId::NONE,
        peer: PeerId(n),
    }
}

/// Two paths that differ in the router id only: ten steps.
#[divan::bench]
fn compare_to_the_router_id(bencher: Bencher<'_, '_>) {
    let (a, b) = (candidate(1), candidate(2));
    bencher.counter(ItemsCount::new(1u32)).bench(|| compare(black_box(&a), black_box(&b), Med::Compare));
}

#[divan::bench(args = [1, 2, 4, 30])]
fn select_among(bencher: Bencher<'_, '_>, paths: u32) {
    let candidates: Vec<_> = (0..paths).map(candidate).collect();
    bencher.counter(ItemsCount::new(paths)).bench(|| select(black_box(&candidates), false));
}

const PREFIXES: usize = 100_000;

fn session(n: u32) -> Session {
    let families = [Family::IPV4_UNICAST].into_iter().collect();
    Session {
        codec: Codec { four_octet_as: true, families, external: true, ..Codec::INITIAL },
        external: true,
        local_asn: Asn(64512),
        peer_asn: Asn(65000 + n),
        peer_id: RouterId(100 + n),
        local_addr: [192, 0, 2, 1].into(),
        interface: None,
        enhanced_refresh: false,
        long_lived: false,
    }
}

/// UPDATEs of one peer: ten prefixes with the same attributes each.
fn updates(peer: u32, med: u32) -> Vec<Update> {
    let prefixes: Vec<Prefix> =
        (0..PREFIXES as u32).map(|n| Prefix::new(((10 << 24 | n << 6).to_be_bytes()).into(), 26).unwrap()).collect();
    let update = |(n, prefixes): (usize, &[Prefix])| {
        let mut attrs = PathAttrs::originated(NextHop::Addr([192, 0, 2, 10 + peer as u8].into()));
        attrs.as_path = AsPath::sequence([Asn(65000 + peer), Asn(1 + n as u32)]);
        attrs.med = Some(med);
        let nlri = prefixes.iter().map(|prefix| (PathId::NONE, *prefix));
        let reach = Reach { attrs: Arc::new(attrs), nlri: Nlri::from_prefixes(Family::IPV4_UNICAST, false, nlri) };
        Update { reach: [reach].into_iter().collect(), ..Update::default() }
    };
    prefixes.chunks(10).enumerate().map(update).collect()
}

fn rib(peers: u32) -> Rib {
    let mut rib = Rib::new(RibConfig::new(Asn(64512), RouterId(1)));
    for n in 0..peers {
        rib.peer_add(PeerId(n), PeerSettings::new([192, 0, 2, 10 + n as u8].into()));
        rib.peer_up(PeerId(n), session(n));
    }
    rib
}

/// Two peers announce the same 100,000 prefixes to an empty table.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn apply_new_paths(bencher: Bencher<'_, '_>) {
    let updates = [updates(0, 0), updates(1, 0)];
    bencher.counter(ItemsCount::new(2 * PREFIXES)).with_inputs(|| rib(2)).bench_local_values(|mut rib| {
        for (peer, updates) in (0..).zip(&updates) {
            updates.iter().for_each(|update| rib.apply(PeerId(peer), update));
        }
        rib
    });
}

/// Settling them: decision, kernel change, one update group with two members.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn settle_new_paths(bencher: Bencher<'_, '_>) {
    let updates = [updates(0, 0), updates(1, 0)];
    let input = || {
        let mut rib = rib(2);
        for (peer, updates) in (0..).zip(&updates) {
            updates.iter().for_each(|update| rib.apply(PeerId(peer), update));
        }
        rib
    };
    bencher.counter(ItemsCount::new(2 * PREFIXES)).with_inputs(input).bench_local_values(|mut rib| {
        while rib.settle(10_000) {}
        rib
    });
}

/// One of two peers announces everything anew with another MED: taken in, settled.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn apply_and_settle_changed_paths(bencher: Bencher<'_, '_>) {
    let all = [updates(0, 0), updates(1, 0), updates(0, 1)];
    let rib = RefCell::new(rib(2));
    let apply = |peer: u32, updates: &[Update]| {
        let mut rib = rib.borrow_mut();
        updates.iter().for_each(|update| rib.apply(PeerId(peer), update));
        while rib.settle(10_000) {}
        rib.take_fib_changes();
    };
    let input = || {
        apply(0, &all[0]);
        apply(1, &all[1]);
        while [PeerId(0), PeerId(1)].into_iter().any(|peer| rib.borrow_mut().poll_chunk(peer).is_some()) {}
    };
    bencher.counter(ItemsCount::new(PREFIXES)).with_inputs(input).bench_local_values(|()| apply(0, &all[2]));
}
