//! Telling many peers the same news: encoded once per update group, against encoded for each peer.
//!
//! `cargo bench -p rib --bench fanout`. 800 routes with eight attribute sets change; every member fetches its bytes.
//! Items are members, so the figure is the cost of one more peer.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::cell::RefCell;
use std::sync::Arc;

use bgp_proto::attr::{NextHop, PathAttrs};
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

const ROUTES: u32 = 800;

fn addr(n: u32) -> [u8; 4] {
    (172 << 24 | 16 << 16 | n).to_be_bytes()
}

/// A reflector with one source and so many clients; `alike` ones share a group.
fn rib(members: u32, alike: bool) -> Rib {
    let mut rib = Rib::new(RibConfig::new(Asn(64512), RouterId(1)));
    for n in 0..=members {
        let settings = PeerSettings { route_reflector_client: true, ..PeerSettings::new(addr(n).into()) };
        rib.peer_add(PeerId(n), settings);
        let session = Session {
            codec: Codec {
                four_octet_as: true,
                families: [Family::IPV4_UNICAST].into_iter().collect(),
                ..Codec::INITIAL
            },
            external: false,
            local_asn: Asn(64512),
            peer_asn: Asn(64512),
            peer_id: RouterId(100 + n),
            // Another own address: another group.
            local_addr: if alike { addr(60_000) } else { addr(60_000 + n) }.into(),
            interface: None,
            enhanced_refresh: false,
            long_lived: false,
        };
        rib.peer_up(PeerId(n), session);
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
        let mut attrs = PathAttrs::originated(NextHop::Addr(addr(set).into()));
        (attrs.med, attrs.local_pref) = (Some(med), Some(100));
        let prefixes = (0..ROUTES / 8).map(|n| {
            let block = Prefix::new(((10 << 24 | (set * 100 + n) << 6).to_be_bytes()).into(), 26);
            (PathId::NONE, block.unwrap())
        });
        let nlri = Nlri::from_prefixes(Family::IPV4_UNICAST, false, prefixes);
        let reach = Reach { attrs: Arc::new(attrs), nlri };
        rib.apply(PeerId(0), &Update { reach: [reach].into_iter().collect(), ..Update::default() });
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
