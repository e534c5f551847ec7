//! What an UPDATE costs: reading it, with attributes that are new and attributes that were seen, and writing it.
//!
//! `decode_prefixes` and `pack_prefixes` have a row `items`: prefixes per second; its inverse is the time a prefix takes.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp_proto::attr::{AsPath, AttrCache, Community, LargeCommunity, NextHop, PathAttrs};
use bgp_proto::message::{Codec, Frame, Message, pack_reach, split_frame};
use bgp_proto::{Asn, Family, FamilySet, PathId, Prefix};
use bytes::BytesMut;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

const CODEC: Codec = Codec { four_octet_as: true, external: true, families: FamilySet::ALL, ..Codec::INITIAL };
/// What a message of 4,096 octets holds of either family, and then some.
const PREFIXES: u32 = 1_000;

fn main() {
    divan::main();
}

/// A route as the Internet carries it: five hops, a few communities.
fn attrs(family: Family) -> PathAttrs {
    let next_hop: IpAddr = match family {
        Family::IPV4_UNICAST => Ipv4Addr::new(192, 0, 2, 1).into(),
        _ => "2001:db8::1".parse().unwrap(),
    };
    let mut attrs = PathAttrs::originated(NextHop::Addr(next_hop));
    attrs.as_path = AsPath::sequence([64_500, 3356, 1299, 6762, 268_585].map(Asn));
    attrs.med = Some(0);
    attrs.communities = [0x0d1c_0001, 0x0d1c_0002, 0x0d1c_07da, 0x1a6a_0064].map(Community).into();
    attrs.large_communities = [LargeCommunity { global: 206_479, local1: 100, local2: 2 }].into();
    attrs
}

fn prefixes(family: Family, count: u32) -> Vec<(PathId, Prefix)> {
    let prefix = |n: u32| match family {
        Family::IPV4_UNICAST => Prefix::new(Ipv4Addr::from(n << 8).into(), 24),
        _ => Prefix::new(Ipv6Addr::from(u128::from(n) << 80).into(), 48),
    };
    (0..count).map(|n| (PathId::NONE, prefix(n).unwrap())).collect()
}

fn frames(family: Family, count: u32) -> Vec<Frame> {
    let mut out = BytesMut::new();
    pack_reach(&mut out, &CODEC, family, &attrs(family), prefixes(family, count)).unwrap();
    std::iter::from_fn(|| split_frame(&mut out, CODEC.max_len()).unwrap()).collect()
}

const FAMILIES: [Family; 2] = Family::SUPPORTED;

/// Messages full of prefixes, each prefix looked at.
#[divan::bench(args = FAMILIES)]
fn decode_prefixes(bencher: Bencher<'_, '_>, family: Family) {
    let frames = frames(family, PREFIXES);
    bencher.counter(ItemsCount::new(PREFIXES)).bench_local(|| {
        let mut sum = 0_usize;
        for frame in &frames {
            let Ok(Message::Update(update)) = Message::decode(black_box(frame), &CODEC) else { panic!("no UPDATE") };
            for (id, prefix) in update.reach.iter().flat_map(|reach| &reach.nlri) {
                sum += usize::from(prefix.len()) + id.0 as usize;
            }
        }
        sum
    });
}

/// One prefix, attributes read.
#[divan::bench(args = FAMILIES)]
fn decode_update(bencher: Bencher<'_, '_>, family: Family) {
    let frames = frames(family, 1);
    bencher.bench_local(|| Message::decode(black_box(&frames[0]), &CODEC));
}

/// One prefix, attributes that were seen before.
#[divan::bench(args = FAMILIES)]
fn decode_update_cached(bencher: Bencher<'_, '_>, family: Family) {
    let frames = frames(family, 1);
    let mut cache = AttrCache::new();
    bencher.bench_local(|| Message::decode_with(black_box(&frames[0]), &CODEC, &mut cache));
}

/// One prefix, attributes that were never seen before: what the cache costs when it is of no use.
#[divan::bench(args = FAMILIES)]
fn decode_update_missed(bencher: Bencher<'_, '_>, family: Family) {
    let frames: Vec<_> = (0..256)
        .flat_map(|n| {
            let mut attrs = attrs(family);
            attrs.med = Some(n);
            let mut out = BytesMut::new();
            pack_reach(&mut out, &CODEC, family, &attrs, prefixes(family, 1)).unwrap();
            split_frame(&mut out, CODEC.max_len()).unwrap()
        })
        .collect();
    let mut cache = AttrCache::new();
    let mut frames = frames.iter().cycle();
    bencher.bench_local(|| Message::decode_with(black_box(frames.next().unwrap()), &CODEC, &mut cache));
}

/// A bucket of prefixes into full messages.
#[divan::bench(args = FAMILIES)]
fn pack_prefixes(bencher: Bencher<'_, '_>, family: Family) {
    let (attrs, prefixes) = (attrs(family), prefixes(family, PREFIXES));
    let mut out = BytesMut::with_capacity(1 << 16);
    bencher.counter(ItemsCount::new(PREFIXES)).bench_local(|| {
        out.clear();
        pack_reach(&mut out, &CODEC, family, black_box(&attrs), prefixes.iter().copied())
    });
}

/// One prefix: mostly the attributes.
#[divan::bench(args = FAMILIES)]
fn pack_update(bencher: Bencher<'_, '_>, family: Family) {
    let (attrs, prefixes) = (attrs(family), prefixes(family, 1));
    let mut out = BytesMut::with_capacity(1 << 16);
    bencher.bench_local(|| {
        out.clear();
        pack_reach(&mut out, &CODEC, family, black_box(&attrs), prefixes.iter().copied())
    });
}
