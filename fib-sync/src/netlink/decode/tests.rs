//! What is written can be read, and what can't be read does no harm. The kernel's opinion is asked in `tests/kernel`.
use super::*;
use crate::device::{Device, DeviceKind};
use crate::kernel::LinkKind;
use crate::netlink::encode::{All, encode_dump, encode_op};
use crate::plan::Op;
use proptest::prelude::*;
use rtnetlink::packet_core::{Emitable, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NLMSG_ERROR};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags};

fn form() -> impl Strategy<Value = Form> {
    let hop = (any::<[u8; 4]>(), 1..100_000u32, any::<bool>(), any::<u8>(), any::<bool>());
    let hops = proptest::collection::vec(hop, 1..6).prop_map(|hops| {
        let one = hops.len() == 1;
        let hops = hops.into_iter().map(|(via, dev, onlink, weight, v6)| {
            let via: IpAddr = match v6 {
                true => Ipv4Addr::from(via).to_ipv6_mapped().into(),
                false => Ipv4Addr::from(via).into(),
            };
            // A single next hop has no place for a weight.
            Hop { via: Some(via), dev, onlink, weight: if one { 0 } else { weight } }
        });
        Form::Unicast(hops.collect())
    });
    prop_oneof![5 => hops, 1 => Just(Form::Blackhole), 1 => Just(Form::Other(7))]
}

fn route() -> impl Strategy<Value = Route> {
    let v4 = (any::<[u8; 4]>(), 0..=32u8).prop_map(|(a, length)| network(Ipv4Addr::from(a).into(), length));
    let v6 = (any::<[u8; 16]>(), 0..=128u8).prop_map(|(a, length)| network(Ipv6Addr::from(a).into(), length));
    (prop_oneof![v4, v6], any::<u32>(), 1..70_000u32, 5..255u8, form()).prop_map(
        |(prefix, metric, table, protocol, mut form)| {
            if let (true, Form::Unicast(hops)) = (prefix.is_ipv6(), &mut form) {
                for hop in hops {
                    hop.via = hop.via.map(|via| match via {
                        IpAddr::V4(a) => a.to_ipv6_mapped().into(),
                        v6 => v6,
                    });
                }
            }
            Route { prefix, metric, table, protocol, tos: 0, form, extras: false }
        },
    )
}

fn decode_all(bytes: &[u8]) -> usize {
    let mut decoder = Decoder::default();
    messages(bytes)
        .inspect(|message| {
            let _ = (decoder.route(message), decoder.link(message), decoder.address(message));
            let _ = (Decoder::link_index(message), decode_error(message), decode_done(message), change_of(message));
        })
        .count()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_we_write_we_read_back(route in route(), sequence: u32, ack: bool) {
        let mut bytes = Vec::new();
        encode_op(&mut bytes, &Op::Add(route.clone()), sequence, ack);
        encode_op(&mut bytes, &Op::Delete(route.clone()), sequence, true);
        let read: Vec<Message<'_>> = messages(&bytes).collect();
        prop_assert_eq!(read.len(), 2);
        let mut decoder = Decoder::default();
        for message in &read {
            prop_assert_eq!(message.sequence, sequence);
            prop_assert_eq!(decoder.route(message), Some(route.clone()));
        }
        prop_assert_eq!(decoder.refused, 0);
        prop_assert_eq!(read[0].flags & !NLM_F_ACK, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
        prop_assert_eq!(read[0].flags & NLM_F_ACK != 0, ack);
        prop_assert_eq!(change_of(&read[1]), RouteChange::Removed);
        let scope = |message: &Message<'_>| message.body[6];
        prop_assert_eq!((scope(&read[0]), scope(&read[1])), (libc::RT_SCOPE_UNIVERSE, libc::RT_SCOPE_NOWHERE));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), length in 0..320u32, kind in 1..27u16) {
        // A plausible length and kind, so that more than the first check is reached.
        if let Some(place) = bytes.get_mut(..4) {
            place.copy_from_slice(&length.to_ne_bytes());
        }
        if let Some(place) = bytes.get_mut(4..6) {
            place.copy_from_slice(&kind.to_ne_bytes());
        }
        prop_assert!(decode_all(&bytes) <= bytes.len() / HEADER);
    }

    /// Attributes of every kind with contents of any length, which is what a newer kernel may send.
    #[test]
    fn any_attributes_are_read_without_a_panic(
        family in prop::sample::select(vec![0u8, 2, 7, 10, 28]),
        nlas in proptest::collection::vec((0..70u16, proptest::collection::vec(any::<u8>(), 0..40), 0..4u16), 0..8),
    ) {
        for header in [ADDRESS_HEADER, ROUTE_HEADER, LINK_HEADER] {
            let mut body = vec![0; header];
            body[0] = family;
            for (kind, value, flags) in &nlas {
                attach(&mut body, kind | flags << 14, value);
            }
            decode_all(&framed(libc::RTM_NEWLINK, &body));
        }
    }

    #[test]
    fn a_route_cut_anywhere_or_with_one_wrong_byte_does_no_harm(route in route(), at: prop::sample::Index, value: u8) {
        let mut bytes = Vec::new();
        encode_op(&mut bytes, &Op::Add(route), 1, true);
        let at = at.index(bytes.len());
        decode_all(&bytes[..at]);
        if let Some(body) = bytes.get(HEADER..at) {
            decode_all(&framed(libc::RTM_NEWROUTE, body));
        }
        bytes[at] = value;
        decode_all(&bytes);
    }
}

/// A message around a body.
fn framed(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(HEADER + body.len()).unwrap().to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend([0; 10]);
    bytes.extend(body);
    bytes
}

fn attach(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    body.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(ALIGN), 0);
}

fn emitted(message: &impl Emitable) -> Vec<u8> {
    let mut body = vec![0; message.buffer_len()];
    message.emit(&mut body);
    body
}

fn with<T>(kind: u16, body: &[u8], decode: impl FnOnce(&mut Decoder, &Message<'_>) -> T) -> (T, u64) {
    let bytes = framed(kind, body);
    let mut decoder = Decoder::default();
    let decoded = decode(&mut decoder, &messages(&bytes).next().unwrap());
    (decoded, decoder.refused)
}

#[test]
fn dump_requests_have_the_header_that_strict_checking_wants() {
    let routes = All::Routes(AddressFamily::Inet6, 5000);
    for (what, kind, length) in
        [(All::Links, libc::RTM_GETLINK, 32), (All::Addresses, libc::RTM_GETADDR, 24), (routes, libc::RTM_GETROUTE, 36)]
    {
        let mut bytes = Vec::new();
        encode_dump(&mut bytes, what, 9);
        assert_eq!(bytes.len(), length, "{what:?}");
        let message = messages(&bytes).next().unwrap();
        assert_eq!((message.kind, message.flags), (kind, NLM_F_REQUEST | NLM_F_DUMP));
        let zeros = &message.body[1..message.body.len().min(12)];
        assert!(zeros.iter().all(|byte| *byte == 0), "{what:?} {zeros:?}");
    }
}

#[test]
fn an_error_has_its_number_and_the_kernels_words() {
    // NLMSG_ERROR of `ip route add 20.2.0.0/26 via 172.16.9.9` with extack and a capped request.
    let words = b"Nexthop has invalid gateway\0";
    let mut body = (-libc::ENETUNREACH).to_ne_bytes().to_vec();
    body.extend([0; HEADER]);
    attach(&mut body, NLMSGERR_ATTR_MSG, words);
    let flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
    let message = Message { kind: NLMSG_ERROR, flags, sequence: 1, port: 0, body: &body };
    assert_eq!(decode_error(&message), Some((libc::ENETUNREACH, Some("Nexthop has invalid gateway".into()))));
    let plain = Message { flags: 0, body: &0i32.to_ne_bytes(), ..message };
    assert_eq!(decode_error(&plain), Some((0, None)));
    assert_eq!(decode_error(&Message { body: &[1, 2], ..message }), None);
}

#[test]
fn a_link_that_can_t_be_read_keeps_its_number_its_name_and_its_state() {
    let mut link = LinkMessage::default();
    link.header.index = 7;
    link.header.flags = LinkFlags::Up | LinkFlags::Noarp;
    link.attributes = vec![LinkAttribute::Mtu(1440), LinkAttribute::IfName("tunl0".into())];
    link.attributes.push(LinkAttribute::IfAlias("roost 10.65.1.1/32".into()));
    link.attributes.push(LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1]));
    let mut body = emitted(&link);
    let expected = Link {
        index: 7,
        name: "tunl0".into(),
        up: true,
        carrier: false,
        mtu: 1440,
        mac: Some(Mac([2, 0, 0, 0, 0, 1])),
        alias: Some("roost 10.65.1.1/32".into()),
        kind: LinkKind::Other("".into()),
    };
    assert_eq!(with(libc::RTM_NEWLINK, &body, Decoder::link), (Some(expected.clone()), 0));
    // A second MTU of one byte, as no kernel has it yet.
    attach(&mut body, libc::IFLA_MTU, &[1]);
    let in_part = Link { kind: LinkKind::Unknown, ..expected };
    assert_eq!(with(libc::RTM_NEWLINK, &body, Decoder::link), (Some(in_part), 1));

    link.attributes.clear();
    let mut body = emitted(&link);
    attach(&mut body, libc::IFLA_IFNAME, b"\xffeth\0");
    let named = Link { index: 7, name: "\u{fffd}eth".into(), up: true, ..Link::default() };
    assert_eq!(with(libc::RTM_NEWLINK, &body, Decoder::link), (Some(named), 1));
}

#[test]
fn a_tunnel_is_read_as_it_was_made_and_a_bridge_port_is_no_link() {
    let local: IpAddr = "172.16.1.1".parse().unwrap();
    let device = |name: &str, kind| Device { name: name.into(), local, mtu: 1410, kind };
    for (device, kind) in [
        (
            device("vx", DeviceKind::Vxlan { vni: 7, port: 4789 }),
            LinkKind::Vxlan { vni: 7, port: 4789, local: Some(local) },
        ),
        (device("tun5", DeviceKind::Ipip { address: None }), LinkKind::Ipip { local: Some(local), remote: None }),
    ] {
        let mut bytes = Vec::new();
        encode_op(&mut bytes, &Op::Make(device.clone()), 1, true);
        let body = &bytes[HEADER..];
        let link = with(libc::RTM_NEWLINK, body, Decoder::link).0.unwrap();
        assert_eq!(
            (link.name, link.up, link.mtu, link.mac, link.kind),
            (device.name.clone(), true, 1410, device.mac(), kind)
        );
        let mut bridged = body.to_vec();
        bridged[0] = u8::from(AddressFamily::Bridge);
        assert_eq!(with(libc::RTM_NEWLINK, &bridged, Decoder::link), (None, 0));
    }
}

#[test]
fn a_route_with_an_exotic_attribute_is_known_and_without_its_gateway_is_not() {
    let hops = Hops::from_iter([Hop::via([172, 16, 1, 2].into(), 2)]);
    let prefix = "10.65.2.0/26".parse().unwrap();
    let route = Route { prefix, metric: 5, table: 254, protocol: 12, tos: 0, form: Form::Unicast(hops), extras: false };
    let mut bytes = Vec::new();
    encode_op(&mut bytes, &Op::Add(route.clone()), 1, false);
    let body = &bytes[HEADER..];
    assert_eq!(with(libc::RTM_NEWROUTE, body, Decoder::route), (Some(route.clone()), 0));
    for (kind, value, expected) in [
        (libc::RTA_METRICS, &[9, 9, 9][..], Some(Route { extras: true, ..route.clone() })),
        (libc::RTA_CACHEINFO, &[1], Some(Route { extras: true, ..route.clone() })),
        (libc::RTA_GATEWAY, &[1, 2, 3], None),
        (libc::RTA_MULTIPATH, &[200, 0], None),
    ] {
        let mut body = body.to_vec();
        attach(&mut body, kind, value);
        assert_eq!(with(libc::RTM_NEWROUTE, &body, Decoder::route), (expected, 1), "attribute {kind}");
    }
    // What we don't know at all is none of our business, and cut off is cut off.
    let mut odd = body.to_vec();
    attach(&mut odd, 999, &[1, 2, 3]);
    assert_eq!(with(libc::RTM_NEWROUTE, &odd, Decoder::route), (Some(route), 0));
    assert_eq!(with(libc::RTM_NEWROUTE, &body[..body.len() - 2], Decoder::route), (None, 1));
}

#[test]
fn an_address_is_the_local_one_and_an_exotic_attribute_takes_nothing_from_it() {
    let mut address = AddressMessage::default();
    address.header.family = AddressFamily::Inet;
    address.header.prefix_len = 32;
    address.header.index = 7;
    // Point to point: the other side comes first.
    address.attributes = vec![
        AddressAttribute::Address("10.0.0.2".parse().unwrap()),
        AddressAttribute::Local("10.0.0.1".parse().unwrap()),
    ];
    let mut body = emitted(&address);
    let expected = Address { dev: 7, net: "10.0.0.1/32".parse().unwrap() };
    assert_eq!(with(libc::RTM_NEWADDR, &body, Decoder::address), (Some(expected), 0));
    attach(&mut body, libc::IFA_CACHEINFO, &[1]);
    assert_eq!(with(libc::RTM_NEWADDR, &body, Decoder::address), (Some(expected), 1));
    attach(&mut body, libc::IFA_LOCAL, &[1]);
    assert_eq!(with(libc::RTM_NEWADDR, &body, Decoder::address), (None, 1));
}
