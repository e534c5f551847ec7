//! The attribute store and the group's log, as an UPDATE meets them: time and allocations.
//!
//! `cargo bench -p rib --bench stores`. Items are UPDATEs of one prefix each, or log entries.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::net::IpAddr;
use std::sync::Arc;

use bgp_proto::attr::{AsPath, Community, NextHop, PathAttrs};
use bgp_proto::message::{Codec, Nlri, Reach, Update};
use bgp_proto::{Asn, Family, PathId, Prefix, RouterId};
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use rib::{PeerId, PeerSettings, Rib, RibConfig, Session};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const V4: Family = Family::IPV4_UNICAST;
const UPDATES: u32 = 10_000;

fn address(n: u32) -> IpAddr {
    [192, 0, 2, 10 + n as u8].into()
}

/// A source and a peer that is told.
fn rib() -> Rib {
    let mut rib = Rib::new(RibConfig::new(Asn(64512), RouterId(1)));
    for n in 0..2 {
        rib.peer_add(PeerId(n), PeerSettings::new(address(n)));
        let families = [V4].into_iter().collect();
        let session = Session {
            codec: Codec { four_octet_as: true, families, external: true, ..Codec::INITIAL },
            external: true,
            local_asn: Asn(64512),
            peer_asn: Asn(65000 + n),
            peer_id: RouterId(100 + n),
            local_addr: [192, 0, 2, 1].into(),
            interface: None,
            enhanced_refresh: false,
            long_lived: false,
        };
        rib.peer_up(PeerId(n), session);
    }
    rib
}

/// Five hops and three communities, as a full table has them.
fn attrs(set: u32) -> PathAttrs {
    let mut attrs = PathAttrs::originated(NextHop::Addr(address(0)));
    attrs.as_path = AsPath::sequence([65000, 1, 2, 3, 100 + set].map(Asn));
    attrs.communities = [1, 2, 3].map(Community).into();
    attrs
}

fn updates(attrs: impl Fn(u32) -> Arc<PathAttrs>) -> Vec<Update> {
    let update = |n: u32| {
        let prefix = Prefix::new((10 << 24 | n << 6).to_be_bytes().into(), 26).unwrap();
        let reach = Reach { attrs: attrs(n), nlri: Nlri::from_prefixes(V4, false, [(PathId::NONE, prefix)]) };
        Update { reach: [reach].into_iter().collect(), ..Update::default() }
    };
    (0..UPDATES).map(update).collect()
}

fn apply(rib: &mut Rib, updates: &[Update]) {
    updates.iter().for_each(|update| rib.apply(PeerId(0), update));
}

/// The prefixes are known already; what differs is where the attributes are found.
fn found(bencher: Bencher<'_, '_>, again: &[Update]) {
    let known = || {
        let mut rib = rib();
        apply(&mut rib, &updates(|n| Arc::new(attrs(n % 1000))));
        while rib.settle(10_000) {}
        rib
    };
    bencher.counter(ItemsCount::new(UPDATES)).with_inputs(known).bench_local_values(|mut rib| {
        apply(&mut rib, again);
        rib
    });
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn attributes_of_the_update_before(bencher: Bencher<'_, '_>) {
    let one = Arc::new(attrs(0));
    found(bencher, &updates(|_| one.clone()));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn attributes_known_by_value(bencher: Bencher<'_, '_>) {
    found(bencher, &updates(|n| Arc::new(attrs(n % 1000))));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn attributes_never_seen(bencher: Bencher<'_, '_>) {
    found(bencher, &updates(|n| Arc::new(attrs(5000 + n))));
}

/// Deciding and appending to a log that has none of the prefixes, or all of them.
#[divan::bench(args = [false, true], sample_count = 20, sample_size = 1)]
fn append_to_the_log(bencher: Bencher<'_, '_>, known: bool) {
    let (first, second) = (updates(|n| Arc::new(attrs(n % 1000))), updates(|n| Arc::new(attrs(2000 + n % 1000))));
    let input = || {
        let mut rib = rib();
        if known {
            apply(&mut rib, &first);
            while rib.settle(10_000) {}
            while rib.poll_chunk(PeerId(1)).is_some() {}
        }
        apply(&mut rib, &second);
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
        let mut rib = rib();
        apply(&mut rib, &updates(|n| Arc::new(attrs(n % sets))));
        while rib.settle(10_000) {}
        rib
    };
    bencher.counter(ItemsCount::new(UPDATES)).with_inputs(input).bench_local_values(|mut rib| {
        while rib.poll_chunk(PeerId(1)).is_some() {}
        rib
    });
}
