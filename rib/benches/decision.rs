//! What one path costs: to compare, to select among several, to take in, to settle.
//!
//! `cargo bench -p rib --bench decision`. Items are paths.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::cell::RefCell;
use std::net::IpAddr;

use bgp_proto::attr::{AsPath, NextHop, Origin, PathAttrs};
use bgp_proto::message::Update;
use bgp_proto::{Asn, PathId, RouterId};
use common::{address, apply, prefix, rib};
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use rib::PeerId;
use rib::decide::{Candidate, Med, compare, select};

mod common;

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

const PREFIXES: u32 = 100_000;

/// UPDATEs of one peer: ten prefixes with the same attributes each.
fn updates(peer: u32, med: u32) -> Vec<Update> {
    let update = |set: u32| {
        let attrs = PathAttrs {
            as_path: AsPath::sequence([Asn(65000 + peer), Asn(1 + set)]),
            med: Some(med),
            ..PathAttrs::originated(NextHop::Addr(address(peer)))
        };
        common::update(attrs, (set * 10..set * 10 + 10).map(|n| prefix(n, 26)))
    };
    (0..PREFIXES / 10).map(update).collect()
}

/// Two peers announce the same 100,000 prefixes to an empty table.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn apply_new_paths(bencher: Bencher<'_, '_>) {
    let updates = [updates(0, 0), updates(1, 0)];
    bencher.counter(ItemsCount::new(2 * PREFIXES)).with_inputs(|| rib(2)).bench_local_values(|mut rib| {
        for (peer, updates) in (0..).zip(&updates) {
            apply(&mut rib, peer, updates);
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
            apply(&mut rib, peer, updates);
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
    let taken_in = |peer: u32, updates: &[Update]| {
        let mut rib = rib.borrow_mut();
        apply(&mut rib, peer, updates);
        while rib.settle(10_000) {}
        rib.take_fib_changes();
    };
    let input = || {
        taken_in(0, &all[0]);
        taken_in(1, &all[1]);
        while [PeerId(0), PeerId(1)].into_iter().any(|peer| rib.borrow_mut().poll_chunk(peer).is_some()) {}
    };
    bencher.counter(ItemsCount::new(PREFIXES)).with_inputs(input).bench_local_values(|()| taken_in(0, &all[2]));
}
