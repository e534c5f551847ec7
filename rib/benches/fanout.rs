//! Telling many peers the same news: encoded once per update group, against encoded for each peer.
//!
//! `cargo bench -p rib --bench fanout`. 800 routes with eight attribute sets change; every member fetches its bytes.
//! Items are members, so the figure is the cost of one more peer.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::cell::RefCell;

use bgp_proto::attr::{NextHop, PathAttrs};
use common::{address, client_session, client_settings, empty, prefix, update};
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use rib::{PeerId, Rib, Session};

mod common;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const ROUTES: u32 = 800;

/// A reflector with one source and so many clients; `alike` ones share a group.
fn rib(members: u32, alike: bool) -> Rib {
    let mut rib = empty();
    for n in 0..=members {
        rib.peer_add(PeerId(n), client_settings(n));
        // Another own address: another group.
        let local_addr = address(if alike { 60_000 } else { 60_000 + n });
        rib.peer_up(PeerId(n), Session { local_addr, ..client_session(n) });
    }
    settle(&mut rib);
    fetch_all(&mut rib, members);
    rib
}

fn settle(rib: &mut Rib) {
    while rib.settle(10_000) {}
    rib.take_fib_changes();
}

fn announce(rib: &mut Rib, med: u32) {
    for set in 0..8 {
        let next_hop = NextHop::Addr(address(set));
        let attrs = PathAttrs { med: Some(med), local_pref: Some(100), ..PathAttrs::originated(next_hop) };
        let update = update(attrs, (0..ROUTES / 8).map(|n| prefix(set * 100 + n, 26)));
        rib.apply(PeerId(0), &update);
    }
    settle(rib);
}

fn fetch_all(rib: &mut Rib, members: u32) -> usize {
    (0..=members)
        .map(|n| std::iter::from_fn(|| rib.poll_chunk(PeerId(n))).map(|chunk| chunk.len()).sum::<usize>())
        .sum()
}

fn fan_out(bencher: Bencher<'_, '_>, members: u32, alike: bool) {
    let rib = RefCell::new(rib(members, alike));
    let mut med = 0;
    let news = || {
        med += 1;
        announce(&mut rib.borrow_mut(), med);
    };
    bencher
        .counter(ItemsCount::new(members))
        .with_inputs(news)
        .bench_local_values(|()| fetch_all(&mut rib.borrow_mut(), members));
}

#[divan::bench(args = [10, 100, 1000], sample_count = 50, sample_size = 1)]
fn encoded_once(bencher: Bencher<'_, '_>, members: u32) {
    fan_out(bencher, members, true);
}

#[divan::bench(args = [10, 100, 1000], sample_count = 20, sample_size = 1)]
fn encoded_for_each(bencher: Bencher<'_, '_>, members: u32) {
    fan_out(bencher, members, false);
}
