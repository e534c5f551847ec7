//! What a path, an attribute set, a log entry, a member and a peer cost, by an allocator that counts, and what
//! `Rib::memory` says of it.
//!
//! `cargo bench -p rib --bench memory`. Ten prefixes share an attribute set of five hops and three communities.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program that measures and prints")]

use std::alloc::System;

use common::{attrs, empty, prefix, session, settings, update};
use rib::{PeerId, Rib, Session};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

mod common;

#[global_allocator]
static ALLOC: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const PREFIXES: u32 = 1_000_000;

fn main() {
    println!(
        "{:<44} {:>10} {:>12} {:>9} {:>11} {:>12}",
        "what is added", "count", "octets", "each", "allocations", "memory()"
    );
    let mut table = Table { rib: empty() };
    table.add("peers without a session", 5000, |rib| (0..5000).for_each(|n| rib.peer_add(PeerId(n), settings(n))));
    table.add("sessions of one group", 1000, |rib| (0..1000).for_each(|n| rib.peer_up(PeerId(n), session(n))));
    table.add("paths of new prefixes", PREFIXES, |rib| announce(rib, 0));
    table.add("entries of a log, and decisions", PREFIXES, settle);
    table.add("paths of known prefixes", PREFIXES, |rib| announce(rib, 1));
    table.add("entries that change nothing", PREFIXES, settle);
    table.add("entries of another group's log", PREFIXES, |rib| {
        rib.peer_up(PeerId(2000), Session { local_addr: [192, 0, 2, 2].into(), ..session(2000) });
        settle(rib);
    });
    table.add("members that read all", 1000, |rib| {
        // Side by side, as sessions with equal room do.
        while (0..1000).filter(|&n| rib.poll_chunk(PeerId(n)).is_some()).count() > 0 {}
    });
    let memory = table.rib.memory();
    println!("\n{memory:#?}");
    let each = (memory.bytes() - memory.slices.bytes) / memory.paths.count;
    println!("{each} octets a path, of two paths a prefix and two groups");
}

struct Table {
    rib: Rib,
}

impl Table {
    fn add(&mut self, what: &str, count: u32, event: impl FnOnce(&mut Rib)) {
        let (before, region) = (self.rib.memory().bytes(), Region::new(ALLOC));
        event(&mut self.rib);
        let change = region.change();
        let octets = change.bytes_allocated as i64 - change.bytes_deallocated as i64;
        let said = self.rib.memory().bytes() as i64 - before as i64;
        let each = octets as f64 / f64::from(count);
        println!("{what:<44} {count:>10} {octets:>12} {each:>9.1} {:>11} {said:>12}", change.allocations);
    }
}

fn settle(rib: &mut Rib) {
    loop {
        let more = rib.settle(4096);
        rib.take_fib_changes();
        rib.take_next_hops();
        if !more {
            break;
        }
    }
}

fn announce(rib: &mut Rib, peer: u32) {
    for set in 0..PREFIXES / 10 {
        let prefixes = (set * 10..set * 10 + 10).map(|n| prefix(n, 30));
        rib.apply(PeerId(peer), &update(attrs(peer, set), prefixes));
    }
}
