//! Small valid inputs to begin with, made with bgp-proto's own encoder: a message of every kind, and every attribute.
//!
//! They are committed under `fuzz/seeds/`; `cargo test` sees to it that the files are what this says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use bgp_proto::attr::{
    Aggregator, AsPath, AttrCode, AttrFlags, Community, ExtCommunity, Ipv6ExtCommunity, LargeCommunity, NextHop,
    PathAttrs, RawAttr,
};
use bgp_proto::fsm::{Fqdn, GrConfig, PeerConfig, local_open};
use bgp_proto::message::{
    AddPathDirection, Capability, Codec, LlgrFamily, Message, Nlri, Notification, Reach, RefreshKind, Role,
    RouteRefresh, Update, cease,
};
use bgp_proto::{Asn, Family, FamilySet, PathId, Prefix, RouterId};

use super::mutate::Seed;

/// Targets with their seeds.
pub fn all() -> [(&'static str, Vec<Seed>); 4] {
    [("message", message()), ("update", update()), ("stream", stream()), ("peer", peer())]
}

/// The session all octets of which are zero: four-octet AS numbers, both families, internal.
const PLAIN: Codec = Codec { four_octet_as: true, families: FamilySet::ALL, ipv4_over_ipv6: true, ..Codec::INITIAL };

fn message() -> Vec<Seed> {
    let add_path = Codec { add_path_rx: FamilySet::ALL, add_path_tx: FamilySet::ALL, ..PLAIN };
    let two_octet = Codec { four_octet_as: false, ..PLAIN };
    let mut seeds = vec![
        ("open", of(0, &open(), &PLAIN)),
        ("keepalive", of(0, &Message::Keepalive, &PLAIN)),
        ("shutdown", of(0, &shutdown(), &PLAIN)),
        ("refresh", of(0, &refresh(), &PLAIN)),
        ("ipv4", of(0, &announcement(Family::IPV4_UNICAST, false), &PLAIN)),
        ("ipv6", of(0, &announcement(Family::IPV6_UNICAST, false), &PLAIN)),
        ("add-path", of(0x10, &announcement(Family::IPV6_UNICAST, true), &add_path)),
        ("two-octet", of(0x01, &announcement(Family::IPV4_UNICAST, false), &two_octet)),
        ("withdrawal", of(0, &withdrawal(), &PLAIN)),
        ("end-of-rib", of(0, &ended(), &PLAIN)),
    ];
    let twice = announcement(Family::IPV4_UNICAST, false).encode(&PLAIN).repeat(2);
    seeds.push(("external", [&[0x80], &twice[..]].concat()));
    seeds
}

/// One attribute a seed: shape, code by its place in the table, value.
fn update() -> Vec<Seed> {
    let nlri = |place: u8, value: &[u8]| [&[0, 0, 2, 8, 10, 0x0f, 0, place, value.len() as u8], value].concat();
    let ipv6 = [&[0, 2, 1, 16][..], &[0xfd; 16], &[0, 64], &[0xfd; 8]].concat();
    vec![
        ("bare", vec![0, 2, 8, 11, 2, 8, 10, 0x0f]),
        ("as-path", nlri(1, &[2, 2, 0, 0, 0xfc, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 7])),
        ("med", nlri(3, &[0, 0, 0, 7])),
        ("local-pref", nlri(4, &[0, 0, 0, 100])),
        ("atomic", nlri(5, &[])),
        ("aggregator", nlri(6, &[0, 1, 0, 0, 10, 0, 0, 1])),
        ("communities", nlri(7, &[0xfc, 0, 0, 1, 0xff, 0xff, 0xff, 1])),
        ("originator", nlri(8, &[10, 0, 0, 9])),
        ("clusters", nlri(9, &[10, 0, 0, 1, 10, 0, 0, 2])),
        ("mp-reach", nlri(10, &ipv6)),
        ("mp-unreach", nlri(11, &[0, 2, 1, 64, 0xfd, 0, 0, 0, 0, 0, 0, 1])),
        ("extended", nlri(12, &[0, 2, 0xfc, 0, 0, 0, 0, 1])),
        ("as4-path", [&[1][..], &nlri(13, &[2, 1, 0, 1, 0, 0])[1..]].concat()),
        ("as4-aggregator", [&[1][..], &nlri(14, &[0, 1, 0, 0, 10, 0, 0, 1])[1..]].concat()),
        ("ipv6-extended", nlri(15, &[7; 20])),
        ("large", nlri(16, &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3])),
        ("only-to-customer", [&[0x80][..], &nlri(17, &[0, 0, 0xfc, 1])[1..]].concat()),
        ("unknown", vec![0, 0, 2, 8, 10, 0x0f, 3, 200, 0xc0, 2, 1, 2]),
    ]
}

fn stream() -> Vec<Seed> {
    let segment = |kind: u8, body: &[u8]| [&[kind, body.len() as u8], body].concat();
    vec![
        ("keepalives", [&[0, 2, 5, 30][..], &segment(4, &[]).repeat(3)].concat()),
        ("update", [&[2, 1, 20][..], &segment(2, &[0; 4]), &segment(4, &[])].concat()),
        ("raw", [&[0, 0][..], &segment(0x40, &[0xff; 18])].concat()),
    ]
}

/// Events by their number; see the target.
fn peer() -> Vec<Seed> {
    const ESTABLISH: [u8; 8] = [10, 0, 0, 5, 1, 2, 11, 0];
    let established = |config: [u8; 3], more: &[u8]| [&config[..], &ESTABLISH, more].concat();
    let attrs = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 10, 0, 0, 1];
    let body = [&[0, 0, 0, attrs.len() as u8][..], &attrs, &[8, 10]].concat();
    let update = [&[3, 2, body.len() as u8][..], &body].concat();
    vec![
        ("established", established([0x13, 0, 0], &update)),
        ("external", established([0x52, 3, 0], &[4, 20, 9, 9, 9, 10, 5, 1])),
        ("collision", [&[0x01, 0, 0][..], &[10, 0, 0, 6, 5, 1, 0x11, 2, 0x12]].concat()),
        ("accepted", [&[0x81, 0, 2][..], &[10, 0, 0, 6, 1, 2, 8, 1, 44, 9, 7, 0]].concat()),
        ("slow", established([0x01, 0x40, 0], &[12, 4, 255, 11, 1, 8, 8, 0, 12, 9])),
        ("stopped", established([0x43, 0x02, 0], &[10, 2, 2, 10, 0, 0, 9, 7, 4])),
        ("refused", [&[0x01, 0, 0][..], &[10, 0, 0, 7, 4, 9, 7, 5, 9, 15, 3]].concat()),
    ]
}

/// A session's octet and a message.
fn of(session: u8, message: &Message, codec: &Codec) -> Vec<u8> {
    [&[session], &message.encode(codec)[..]].concat()
}

fn open() -> Message {
    let config = PeerConfig {
        families: FamilySet::ALL,
        add_path_rx: FamilySet::ALL,
        extended_next_hop: true,
        graceful_restart: Some(GrConfig {
            time: 120,
            restarted: true,
            forwarding_preserved: FamilySet::ALL,
            notification: true,
        }),
        role: Some(Role::Customer),
        fqdn: Some(Fqdn { hostname: "node".into(), domain: "x".into() }),
        ..PeerConfig::new(Asn(4_200_000_000), RouterId(0x0a00_0001), Asn(65001))
    };
    let mut open = local_open(&config);
    let family = Family::IPV4_UNICAST;
    open.capabilities.extend([
        Capability::LongLivedGracefulRestart(vec![LlgrFamily { family, forwarding_preserved: true, stale_time: 60 }]),
        Capability::AddPath(vec![(family, AddPathDirection::Both)]),
        Capability::Unknown { code: 200, value: vec![1, 2] },
    ]);
    Message::Open(open)
}

fn shutdown() -> Message {
    let shutdown = Notification::cease(cease::ADMINISTRATIVE_SHUTDOWN, Some("bye"));
    Message::Notification(shutdown.into_hard_reset())
}

fn refresh() -> Message {
    Message::RouteRefresh(RouteRefresh { family: Family::IPV6_UNICAST, kind: RefreshKind::Begin })
}

/// Every attribute.
fn announcement(family: Family, add_path: bool) -> Message {
    let v6 = family == Family::IPV6_UNICAST;
    let next_hop = if v6 {
        let global = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
        NextHop::WithLinkLocal { global, link_local: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1) }
    } else {
        NextHop::Addr(Ipv4Addr::new(10, 0, 0, 1).into())
    };
    let flags = AttrFlags(AttrFlags::OPTIONAL | AttrFlags::TRANSITIVE | AttrFlags::PARTIAL);
    let attrs = PathAttrs {
        as_path: AsPath::sequence([Asn(65001), Asn(65536)]),
        med: Some(1),
        local_pref: Some(100),
        atomic_aggregate: true,
        aggregator: Some(Aggregator { asn: Asn(65536), address: Ipv4Addr::new(10, 0, 0, 1) }),
        originator_id: Some(RouterId(2)),
        cluster_list: [RouterId(3)].into(),
        communities: [Community::NO_EXPORT].into(),
        ext_communities: [ExtCommunity([0, 2, 0xfc, 0, 0, 0, 0, 1])].into(),
        ipv6_ext_communities: [Ipv6ExtCommunity([1; 20])].into(),
        large_communities: [LargeCommunity { global: 1, local1: 2, local2: 3 }].into(),
        otc: Some(Asn(65001)),
        unknown: [RawAttr { flags, code: AttrCode(200), value: [1, 2].into() }].into(),
        ..PathAttrs::originated(next_hop)
    };
    let addr: IpAddr =
        if v6 { Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 0).into() } else { Ipv4Addr::new(10, 65, 1, 0).into() };
    let prefix = Prefix::new(addr, 24).expect("24 is a length of both families");
    let nlri = Nlri::from_prefixes(family, add_path, [(PathId(7), prefix)]);
    Message::Update(Update {
        reach: [Reach { attrs: Arc::new(attrs), nlri }].into_iter().collect(),
        ..Update::default()
    })
}

fn withdrawal() -> Message {
    let prefixes = |family, text: &str| {
        let prefix: Prefix = text.parse().expect("a prefix");
        Nlri::from_prefixes(family, false, [(PathId::NONE, prefix)])
    };
    let unreach = [prefixes(Family::IPV4_UNICAST, "10.65.1.0/26"), prefixes(Family::IPV6_UNICAST, "fd00:1::/64")];
    Message::Update(Update { unreach: unreach.into_iter().collect(), ..Update::default() })
}

fn ended() -> Message {
    Message::Update(Update { end_of_rib: Some(Family::IPV6_UNICAST), ..Update::default() })
}
