//! The attribute store and the group's log, as an UPDATE meets them: time and allocations.
//!
//! `cargo bench -p rib --bench stores`. Items are UPDATEs of one prefix each, or log entries.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use bgp_proto::attr::PathAttrs;
use bgp_proto::message::Update;
use common::{apply, attrs, prefix, rib, update};
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use rib::PeerId;

mod common;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const UPDATES: u32 = 10_000;

/// Of one prefix each.
fn updates(attrs: impl Fn(u32) -> Arc<PathAttrs>) -> Vec<Update> {
    (0..UPDATES).map(|n| update(attrs(n), [prefix(n, 26)])).collect()
}

/// The prefixes are known already; what differs is where the attributes are found.
fn found(bencher: Bencher<'_, '_>, again: &[Update]) {
    let known = || {
        let mut rib = rib(2);
        apply(&mut rib, 0, &updates(|n| Arc::new(attrs(0, n % 1000))));
        while rib.settle(10_000) {}
        rib
    };
    bencher.counter(ItemsCount::new(UPDATES)).with_inputs(known).bench_local_values(|mut rib| {
        apply(&mut rib, 0, again);
        rib
    });
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn attributes_of_the_update_before(bencher: Bencher<'_, '_>) {
    let one = Arc::new(attrs(0, 0));
    found(bencher, &updates(|_| one.clone()));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn attributes_known_by_value(bencher: Bencher<'_, '_>) {
    found(bencher, &updates(|n| Arc::new(attrs(0, n % 1000))));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn attributes_never_seen(bencher: Bencher<'_, '_>) {
    found(bencher, &updates(|n| Arc::new(attrs(0, 5000 + n))));
}

/// Deciding and appending to a log that has none of the prefixes, or all of them.
#[divan::bench(args = [false, true], sample_count = 20, sample_size = 1)]
fn append_to_the_log(bencher: Bencher<'_, '_>, known: bool) {
    let (first, second) = (updates(|n| Arc::new(attrs(0, n % 1000))), updates(|n| Arc::new(attrs(0, 2000 + n % 1000))));
    let input = || {
        let mut rib = rib(2);
        if known {
            apply(&mut rib, 0, &first);
            while rib.settle(10_000) {}
            while rib.poll_chunk(PeerId(1)).is_some() {}
        }
        apply(&mut rib, 0, &second);
        rib
    };
    bencher.counter(ItemsCount::new(UPDATES)).with_inputs(input).bench_local_values(|mut rib| {
        while rib.settle(10_000) {}
        rib
    });
}

/// Reading it: attributes of a set side by side, or each prefix with another one than the last.
#[divan::bench(args = [1, 1000], sample_count = 20, sample_size = 1)]
fn read_the_log_with_sets(bencher: Bencher<'_, '_>, sets: u32) {
    let input = || {
        let mut rib = rib(2);
        apply(&mut rib, 0, &updates(|n| Arc::new(attrs(0, n % sets))));
        while rib.settle(10_000) {}
        rib
    };
    bencher.counter(ItemsCount::new(UPDATES)).with_inputs(input).bench_local_values(|mut rib| {
        while rib.poll_chunk(PeerId(1)).is_some() {}
        rib
    });
}
