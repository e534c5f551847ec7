//! Whatever can be said is read back as it was said: random values, through encode and decode.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::attr::*;
use crate::{PathId, Prefix};

pub fn family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::IPV4_UNICAST), Just(Family::IPV6_UNICAST)]
}

pub fn prefix(family: Family) -> BoxedStrategy<(PathId, Prefix)> {
    let v4 = (any::<u32>(), 0..=32_u8).prop_map(|(addr, len)| Prefix::new(Ipv4Addr::from(addr).into(), len).unwrap());
    let v6 = (any::<u128>(), 0..=128_u8).prop_map(|(addr, len)| Prefix::new(Ipv6Addr::from(addr).into(), len).unwrap());
    let prefix = if family == Family::IPV4_UNICAST { v4.boxed() } else { v6.boxed() };
    (any::<u32>().prop_map(PathId), prefix).boxed()
}

/// Sessions of all kinds; always internal, so that every attribute is allowed.
pub fn codec() -> impl Strategy<Value = Codec> {
    (any::<bool>(), any::<bool>(), any::<[bool; 2]>()).prop_map(|(four_octet_as, extended_message, add_path)| {
        let add_path: FamilySet = Family::SUPPORTED.into_iter().zip(add_path).filter(|f| f.1).map(|f| f.0).collect();
        Codec {
            four_octet_as,
            extended_message,
            add_path_rx: add_path,
            add_path_tx: add_path,
            ipv4_over_ipv6: true,
            ..MODERN
        }
    })
}

fn asn() -> impl Strategy<Value = Asn> {
    prop_oneof![1..=65535_u32, 65536..=u32::MAX].prop_map(Asn)
}

/// Confederation segments stand in front and have two-octet numbers: elsewhere two-octet speakers lose them (RFC 6793
/// §4.2.3), which is not the codec's doing.
fn as_path() -> impl Strategy<Value = AsPath> {
    let confed = option::of(vec((1..=65535_u32).prop_map(Asn), 1..4));
    let segment = (any::<bool>(), prop_oneof![3 => vec(asn(), 1..6), 1 => vec(asn(), 250..=255)]);
    (confed, vec(segment, 0..4)).prop_map(|(confed, segments)| {
        let mut builder = AsPathBuilder::default();
        if let Some(asns) = confed {
            builder.push(SegmentKind::ConfedSequence, asns);
        }
        for (set, asns) in segments {
            builder.push(if set { SegmentKind::Set } else { SegmentKind::Sequence }, asns);
        }
        builder.build()
    })
}

fn next_hop(family: Family) -> BoxedStrategy<NextHop> {
    let v6 = any::<u128>().prop_map(|addr| NextHop::Addr(IpAddr::V6(addr.into())));
    let link = (any::<u128>(), any::<u64>()).prop_map(|(global, low)| NextHop::WithLinkLocal {
        global: (global >> 1).into(), // not link-local itself
        link_local: (0xfe80_u128 << 112 | u128::from(low)).into(),
    });
    if family == Family::IPV4_UNICAST {
        let v4 = any::<u32>().prop_map(|addr| NextHop::Addr(IpAddr::V4(addr.into())));
        prop_oneof![3 => v4, 1 => v6, 1 => link].boxed()
    } else {
        prop_oneof![v6, link].boxed()
    }
}

fn set<T: Ord + std::fmt::Debug>(item: impl Strategy<Value = T>) -> impl Strategy<Value = Box<[T]>> {
    vec(item, 0..90).prop_map(|mut items| {
        items.sort();
        items.dedup();
        items.into_boxed_slice()
    })
}

/// Attributes in canonical form; some longer than 255 octets.
pub fn attrs(family: Family) -> impl Strategy<Value = PathAttrs> {
    let mandatory =
        (prop_oneof![Just(Origin::Igp), Just(Origin::Egp), Just(Origin::Incomplete)], as_path(), next_hop(family));
    let numbers = (any::<Option<u32>>(), any::<Option<u32>>(), any::<Option<u32>>(), any::<Option<u32>>());
    let aggregator = option::of((asn(), any::<u32>()));
    let lists = (
        vec(any::<u32>().prop_map(RouterId), 0..70),
        set(any::<u32>().prop_map(Community)),
        set(any::<[u8; 8]>().prop_map(ExtCommunity)),
        set(any::<[u8; 20]>().prop_map(Ipv6ExtCommunity)),
        set(any::<[u32; 3]>().prop_map(|[global, local1, local2]| LargeCommunity { global, local1, local2 })),
    );
    let unknown = vec((prop_oneof![Just(11_u8), 36..=254_u8], vec(any::<u8>(), 0..300)), 0..3);
    (mandatory, numbers, any::<bool>(), aggregator, lists, unknown, any::<u8>()).prop_map(
        |(
            (origin, as_path, next_hop),
            (med, local_pref, id, otc),
            atomic_aggregate,
            aggregator,
            lists,
            unknown,
            bits,
        )| {
            let unknown: BTreeMap<u8, Vec<u8>> = unknown.into_iter().collect();
            let flags = AttrFlags(AttrFlags::OPTIONAL | AttrFlags::TRANSITIVE | AttrFlags::PARTIAL);
            let unknown = unknown.into_iter().map(|(code, value)| RawAttr {
                flags,
                code: AttrCode(code),
                value: value.into_boxed_slice(),
            });
            let mut partial = PartialBits::default();
            for (code, there) in [
                (AttrCode::AGGREGATOR, aggregator.is_some()),
                (AttrCode::COMMUNITIES, !lists.1.is_empty()),
                (AttrCode::LARGE_COMMUNITY, !lists.4.is_empty()),
                (AttrCode::ONLY_TO_CUSTOMER, otc.is_some()),
            ] {
                if there && bits & (code.0 | 1) != 0 {
                    partial.insert(code);
                }
            }
            PathAttrs {
                origin,
                as_path,
                next_hop,
                med,
                local_pref,
                atomic_aggregate,
                aggregator: aggregator.map(|(asn, address)| Aggregator { asn, address: address.into() }),
                originator_id: id.map(RouterId),
                cluster_list: lists.0.into_boxed_slice(),
                communities: lists.1,
                ext_communities: lists.2,
                ipv6_ext_communities: lists.3,
                large_communities: lists.4,
                otc: otc.map(Asn),
                unknown: unknown.collect(),
                partial,
            }
        },
    )
}

fn capability() -> impl Strategy<Value = Capability> {
    let any_family = || (any::<u16>(), any::<u8>()).prop_map(|(afi, safi)| Family { afi, safi });
    let direction =
        prop_oneof![Just(AddPathDirection::Receive), Just(AddPathDirection::Send), Just(AddPathDirection::Both)];
    let graceful = (any::<bool>(), any::<bool>(), 0..4096_u16, vec((any_family(), any::<bool>()), 0..8));
    prop_oneof![
        any_family().prop_map(Capability::Multiprotocol),
        Just(Capability::RouteRefresh),
        Just(Capability::ExtendedMessage),
        Just(Capability::EnhancedRouteRefresh),
        vec((any_family(), any::<u16>()), 0..43).prop_map(Capability::ExtendedNextHop),
        any::<u8>().prop_map(|code| Capability::Role(Role::from_code(code))),
        vec((any_family(), direction), 0..64).prop_map(Capability::AddPath),
        graceful.prop_map(|(restarted, notification, time, families)| {
            let family = |(family, forwarding_preserved)| GracefulRestartFamily { family, forwarding_preserved };
            let families = families.into_iter().map(family).collect();
            Capability::GracefulRestart(GracefulRestart { restarted, notification, time, families })
        }),
        vec((any_family(), any::<bool>(), 0..0x100_0000_u32), 0..37).prop_map(|families| {
            let family =
                |(family, forwarding_preserved, stale_time)| LlgrFamily { family, forwarding_preserved, stale_time };
            Capability::LongLivedGracefulRestart(families.into_iter().map(family).collect())
        }),
        ("[a-zé]{0,60}", "[a-z.]{0,60}").prop_map(|(hostname, domain)| Capability::Fqdn { hostname, domain }),
        (74..=255_u8, vec(any::<u8>(), 0..=255)).prop_map(|(code, value)| Capability::Unknown { code, value }),
    ]
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn opens(
        asn in asn(),
        hold_time in any::<u16>(),
        id in any::<u32>(),
        mut capabilities in vec(capability(), 0..12),
        at in any::<prop::sample::Index>(),
    ) {
        // A number that does not fit the field needs its capability, and AS_TRANS is nobody's.
        if !asn.is_two_octet() {
            capabilities.insert(at.index(capabilities.len() + 1), Capability::FourOctetAs(asn));
        }
        let open = Open { version: 4, asn, hold_time, router_id: RouterId(id), capabilities };
        let message = Message::Open(open);
        prop_assert_eq!(decode(&message.encode(&Codec::INITIAL), &Codec::INITIAL).unwrap(), message);
    }

    #[test]
    fn attributes_in_memory(attrs in family().prop_flat_map(attrs)) {
        let mut packed = Vec::new();
        attrs.pack(&mut packed);
        prop_assert_eq!(PathAttrs::unpack(&packed), Some(attrs));
    }

    #[test]
    fn notifications(code in any::<u8>(), subcode in any::<u8>(), data in vec(any::<u8>(), 0..4075)) {
        let message = Message::Notification(Notification { code: ErrorCode(code), subcode, data: data.into() });
        prop_assert_eq!(decode(&message.encode(&MODERN), &MODERN).unwrap(), message.clone());
        prop_assert!(!text::text(&message).is_empty());
    }

    #[test]
    fn route_refreshes(afi in any::<u16>(), safi in any::<u8>(), subtype in any::<u8>()) {
        let kind = match subtype {
            0 => RefreshKind::Request,
            1 => RefreshKind::Begin,
            2 => RefreshKind::End,
            other => RefreshKind::Unknown(other),
        };
        let message = Message::RouteRefresh(RouteRefresh { family: Family { afi, safi }, kind });
        prop_assert_eq!(decode(&message.encode(&MODERN), &MODERN).unwrap(), message);
    }

    /// Attributes come back as the same value over every kind of session, and prefixes in their order.
    #[test]
    fn announcements(
        (family, attrs, prefixes) in family().prop_flat_map(|family| (Just(family), attrs(family), vec(prefix(family), 1..300))),
        codec in codec(),
    ) {
        let mut out = BytesMut::new();
        let Ok(messages) = pack_reach(&mut out, &codec, family, &attrs, prefixes.clone()) else {
            prop_assert!(out.is_empty(), "an error left octets behind");
            return Ok(());
        };
        let decoded = decode_all(&out, &codec);
        prop_assert_eq!(decoded.len(), messages);
        let mut back = Vec::new();
        for message in decoded {
            let Message::Update(update) = message else { panic!("no UPDATE") };
            prop_assert!(update.faults.is_empty() && update.unreach.is_empty(), "{:?}", update.faults);
            for reach in &update.reach {
                prop_assert_eq!(&*reach.attrs, &attrs);
                back.extend(reach.nlri.iter());
            }
        }
        prop_assert_eq!(back, on_the_wire(&codec, family, prefixes));
    }

    #[test]
    fn withdrawals(
        (family, prefixes) in family().prop_flat_map(|family| (Just(family), vec(prefix(family), 1..1500))),
        codec in codec(),
    ) {
        let mut out = BytesMut::new();
        let messages = pack_unreach(&mut out, &codec, family, prefixes.clone());
        let decoded = decode_all(&out, &codec);
        prop_assert_eq!(decoded.len(), messages);
        let mut back = Vec::new();
        for message in decoded {
            let Message::Update(update) = message else { panic!("no UPDATE") };
            prop_assert!(update.faults.is_empty() && update.reach.is_empty());
            back.extend(update.unreach.iter().flat_map(|nlri| nlri.iter()));
        }
        prop_assert_eq!(back, on_the_wire(&codec, family, prefixes));
    }

    /// The cache changes nothing but the time.
    #[test]
    fn cached_blocks(
        (family, some) in family().prop_flat_map(|family| (Just(family), vec((attrs(family), prefix(family)), 1..5))),
        order in vec(any::<prop::sample::Index>(), 1..40),
        codec in codec(),
    ) {
        let mut cache = AttrCache::new();
        for index in order {
            let (attrs, prefix) = index.get(&some);
            let mut out = BytesMut::new();
            if pack_reach(&mut out, &codec, family, attrs, [*prefix]).is_err() {
                continue;
            }
            let frame = split_frame(&mut out, codec.max_len()).unwrap().unwrap();
            let cached = Message::decode_with(&frame, &codec, &mut cache).unwrap();
            prop_assert_eq!(cached, Message::decode(&frame, &codec).unwrap());
        }
    }
}

/// Without ADD-PATH, path ids stay at home.
fn on_the_wire(codec: &Codec, family: Family, prefixes: Vec<(PathId, Prefix)>) -> Vec<(PathId, Prefix)> {
    let add_path = codec.add_path_tx.contains(family);
    prefixes.into_iter().map(|(id, prefix)| (if add_path { id } else { PathId::NONE }, prefix)).collect()
}

#[test]
fn a_repeated_block_is_the_same_arc_the_third_time() {
    let mut cache = AttrCache::new();
    let mut read = |nlri: &str| {
        let attrs = hex("400101 00 400200 400304 0a000001");
        let bytes = update(&[], &attrs, &hex(nlri));
        let frame = Frame { kind: kind::UPDATE, bytes };
        let Message::Update(update) = Message::decode_with(&frame, &MODERN, &mut cache).unwrap() else { panic!() };
        update.reach[0].attrs.clone()
    };
    let [first, second, third, fourth] = ["08 01", "08 02", "08 03", "08 04"].map(&mut read);
    assert!(!std::sync::Arc::ptr_eq(&first, &second), "kept the second time");
    assert!(std::sync::Arc::ptr_eq(&second, &third) && std::sync::Arc::ptr_eq(&third, &fourth));
    assert_eq!(cache.hits_and_misses(), (2, 2));
}
