//! Our bytes against the well-known crate's, both ways.
#![allow(clippy::unwrap_used)]
use super::*;
use netlink_packet_core::{Emitable, NetlinkBuffer, NetlinkMessage, NetlinkPayload, Parseable};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteNextHopFlags, RouteProtocol, RouteScope, RouteType,
    RouteVia,
};
use proptest::prelude::*;

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

fn theirs(bytes: &[u8]) -> NetlinkMessage<RouteNetlinkMessage> {
    NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes).unwrap()
}

fn inner(message: NetlinkMessage<RouteNetlinkMessage>) -> RouteMessage {
    match message.payload {
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(route) | RouteNetlinkMessage::DelRoute(route)) => {
            route
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn what_we_write_they_read_and_we_read_back(route in route(), sequence: u32, ack: bool) {
        let mut bytes = Vec::new();
        write_op(&mut bytes, &Op::Add(route.clone()), sequence, ack);
        let (first, length) = (0, bytes.len());
        write_op(&mut bytes, &Op::Delete(route.clone()), sequence, true);

        let read: Vec<Message<'_>> = messages(&bytes).collect();
        prop_assert_eq!(read.len(), 2);
        for message in &read {
            prop_assert_eq!(message.sequence, sequence);
            prop_assert_eq!(read_route(message.body), Some(route.clone()));
        }
        prop_assert_eq!(read[0].flags & NLM_F_ACK != 0, ack);
        prop_assert_eq!(read_change(&read[1]), RouteChange::Removed);

        let message = theirs(&bytes[first..length]);
        prop_assert_eq!(message.header.flags & !NLM_F_ACK, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
        let same = inner(message);
        prop_assert_eq!(same.header.protocol, RouteProtocol::from(route.protocol));
        prop_assert_eq!(same.header.destination_prefix_length, route.prefix.prefix());
        prop_assert!(same.attributes.contains(&RouteAttribute::Table(route.table)));
        prop_assert!(same.attributes.contains(&RouteAttribute::Destination(route.prefix.ip().into())));
        prop_assert_eq!(same.attributes.contains(&RouteAttribute::Priority(route.metric)), route.metric != 0);
        let of = |hop: &Hop| match (route.prefix.is_ipv4(), hop.via.unwrap()) {
            (true, IpAddr::V6(a)) => RouteAttribute::Via(RouteVia::Inet6(a)),
            (_, via) => RouteAttribute::Gateway(RouteAddress::from(via)),
        };
        match route.hops() {
            [] => prop_assert_ne!(same.header.kind, RouteType::Unicast),
            [hop] => {
                prop_assert!(same.attributes.contains(&RouteAttribute::Oif(hop.dev)) && same.attributes.contains(&of(hop)));
                prop_assert_eq!(same.header.flags.contains(RouteFlags::Onlink), hop.onlink);
            }
            hops => {
                let multi = same.attributes.iter().find_map(|attribute| match attribute {
                    RouteAttribute::MultiPath(hops) => Some(hops),
                    _ => None,
                });
                for (theirs, ours) in multi.unwrap().iter().zip(hops) {
                    prop_assert_eq!((theirs.interface_index, theirs.hops), (ours.dev, ours.weight));
                    prop_assert_eq!(theirs.flags.contains(RouteNextHopFlags::Onlink), ours.onlink);
                    prop_assert_eq!(&theirs.attributes[..], &[of(ours)][..]);
                }
                prop_assert_eq!(multi.unwrap().len(), hops.len());
            }
        }
        let gone = inner(theirs(&bytes[length..]));
        prop_assert_eq!(gone.header.scope, RouteScope::NoWhere);
    }

    #[test]
    fn what_they_write_we_read(dst: [u8; 4], length in 0..=32u8, gateway: [u8; 4], dev: u32, metric: u32, table: u32, source: bool) {
        let mut route = RouteMessage::default();
        route.header.address_family = netlink_packet_route::AddressFamily::Inet;
        route.header.destination_prefix_length = length;
        route.header.protocol = RouteProtocol::Static;
        route.header.kind = RouteType::Unicast;
        route.attributes = vec![
            RouteAttribute::Table(table),
            RouteAttribute::Destination(RouteAddress::Inet(dst.into())),
            RouteAttribute::Oif(dev),
            RouteAttribute::Priority(metric),
            RouteAttribute::Gateway(RouteAddress::Inet(gateway.into())),
        ];
        if source {
            route.attributes.push(RouteAttribute::PrefSource(RouteAddress::Inet([10, 0, 0, 1].into())));
        }
        let mut bytes = vec![0; route.buffer_len()];
        route.emit(&mut bytes);
        let hops = Hops::from_iter([Hop::via(Ipv4Addr::from(gateway).into(), dev)]);
        let prefix = network(Ipv4Addr::from(dst).into(), length);
        let expected = Route { prefix, metric, table, protocol: 4, tos: 0, form: Form::Unicast(hops), extras: source };
        prop_assert_eq!(read_route(&bytes), Some(expected));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), length in 0..220u32) {
        // A plausible length, so that more than the first check is reached.
        if let Some(place) = bytes.get_mut(..4) {
            place.copy_from_slice(&length.to_ne_bytes());
        }
        let count = messages(&bytes)
            .inspect(|message| {
                let _ = (read_route(message.body), read_link(message.body), read_address(message.body));
                let _ = (read_error(message), read_done(message), read_change(message));
            })
            .count();
        prop_assert!(count <= bytes.len() / HEADER);
        let _ = (read_route(&bytes), read_link(&bytes), read_address(&bytes));
    }

    #[test]
    fn a_route_cut_anywhere_or_with_one_wrong_byte_does_no_harm(route in route(), at: prop::sample::Index, value: u8) {
        let mut bytes = Vec::new();
        write_op(&mut bytes, &Op::Add(route), 1, true);
        let at = at.index(bytes.len());
        messages(&bytes[..at]).for_each(|m| drop(read_route(m.body)));
        let _ = bytes.get(HEADER..at).map(read_route);
        bytes[at] = value;
        messages(&bytes).for_each(|m| drop(read_route(m.body)));
    }
}

#[test]
fn dump_requests_have_the_header_that_strict_checking_wants() {
    for (kind, family, table, length) in [
        (RTM_GETLINK, AF_UNSPEC, None, 32),
        (RTM_GETADDR, AF_UNSPEC, None, 24),
        (RTM_GETROUTE, AF_INET6, Some(5000), 36),
    ] {
        let mut bytes = Vec::new();
        write_dump(&mut bytes, kind, family, table, 9);
        assert_eq!(bytes.len(), length);
        let buffer = NetlinkBuffer::new_checked(&bytes[..]).unwrap();
        assert_eq!((buffer.message_type(), buffer.flags()), (kind, NLM_F_REQUEST | NLM_F_DUMP));
    }
}

#[test]
fn an_error_has_its_number_and_the_kernels_words() {
    // NLMSG_ERROR of `ip route add 20.2.0.0/26 via 172.16.9.9` with extack and a capped request.
    let words = b"Nexthop has invalid gateway\0";
    let mut body = (-libc::ENETUNREACH).to_ne_bytes().to_vec();
    body.extend([0; HEADER]);
    body.extend(u16::try_from(4 + words.len()).unwrap().to_ne_bytes());
    body.extend(NLMSGERR_ATTR_MSG.to_ne_bytes());
    body.extend(words);
    let flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
    let message = Message { kind: NLMSG_ERROR, flags, sequence: 1, port: 0, body: &body };
    assert_eq!(read_error(&message), Some((libc::ENETUNREACH, Some("Nexthop has invalid gateway".into()))));
    let plain = Message { flags: 0, body: &0i32.to_ne_bytes(), ..message };
    assert_eq!(read_error(&plain), Some((0, None)));
    assert_eq!(read_error(&Message { body: &[1, 2], ..message }), None);
}

#[test]
fn links_and_addresses_are_read() {
    use netlink_packet_route::address::{AddressAttribute, AddressMessage};
    use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
    let mut link = LinkMessage::default();
    link.header.index = 7;
    link.header.flags = LinkFlags::Up | LinkFlags::Noarp;
    link.attributes = vec![LinkAttribute::Mtu(1440), LinkAttribute::IfName("tunl0".into())];
    let mut bytes = vec![0; link.buffer_len()];
    link.emit(&mut bytes);
    assert_eq!(read_link(&bytes), Some(Link { index: 7, name: "tunl0".into(), up: true }));
    assert_eq!(LinkMessage::parse(&bytes[..]).unwrap(), link);

    let mut address = AddressMessage::default();
    address.header.family = netlink_packet_route::AddressFamily::Inet;
    address.header.prefix_len = 32;
    address.header.index = 7;
    // Point to point: the other side comes first.
    address.attributes = vec![
        AddressAttribute::Address("10.0.0.2".parse().unwrap()),
        AddressAttribute::Local("10.0.0.1".parse().unwrap()),
    ];
    let mut bytes = vec![0; address.buffer_len()];
    address.emit(&mut bytes);
    assert_eq!(read_address(&bytes), Some(Address { dev: 7, net: "10.0.0.1/32".parse().unwrap() }));
}
