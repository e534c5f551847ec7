//! Requests: an operation or a dump, in rtnetlink's messages.

use crate::device::{Device, DeviceKind, FALLBACK};
use crate::far_ends::{FarEntry, Mac, Part};
use crate::kernel::Address;
use crate::plan::{Leave, Op};
use crate::route::{Form, Hop, Route};
use ipnetwork::IpNetwork;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
};
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::route::{
    RouteAttribute, RouteMessage, RouteNextHop, RouteNextHopFlags, RouteScope, RouteType, RouteVia,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::{LinkIpIp, LinkMessageBuilder, LinkUnspec, LinkVxlan, RouteMessageBuilder};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Everything of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum All {
    Links,
    Addresses,
    /// One family's routes of one table.
    Routes(AddressFamily, u32),
    /// Neighbour entries of a family; of AF_BRIDGE, those of forwarding databases.
    Neighbours(AddressFamily),
}

/// Appends one operation.
pub(super) fn encode_op(out: &mut Vec<u8>, op: &Op, sequence: u32, ack: bool) {
    let (flags, message) = match op {
        Op::Add(route) => {
            (NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewRoute(message(route, RouteScope::Universe)))
        }
        Op::Replace { new, .. } => (NLM_F_REPLACE, RouteNetlinkMessage::NewRoute(message(new, RouteScope::Universe))),
        // A deletion matches whatever scope the route has.
        Op::Delete(route) => (0, RouteNetlinkMessage::DelRoute(message(route, RouteScope::NoWhere))),
        Op::SetFar(entry) => (NLM_F_CREATE | NLM_F_REPLACE, RouteNetlinkMessage::NewNeighbour(far_end(entry))),
        Op::Make(device) => (NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewLink(made(device))),
        Op::Amend { device, mac } => (0, RouteNetlinkMessage::NewLink(amended(device, *mac))),
        Op::Leave { index, how: Leave::Delete, .. } => (0, RouteNetlinkMessage::DelLink(link(*index).build())),
        Op::Leave { index, how: Leave::Down, .. } => {
            (0, RouteNetlinkMessage::NewLink(link(*index).down().alias("").build()))
        }
        Op::Leave { index, how: Leave::HandOver, .. } => {
            (0, RouteNetlinkMessage::NewLink(link(*index).alias("").build()))
        }
        Op::SetAddress(address) => (NLM_F_CREATE | NLM_F_REPLACE, RouteNetlinkMessage::NewAddress(own(address))),
        Op::DropAddress(address) => (0, RouteNetlinkMessage::DelAddress(own(address))),
        Op::DropFar(entry) => (0, RouteNetlinkMessage::DelNeighbour(far_end(entry))),
    };
    append(out, message, flags | if ack { NLM_F_ACK } else { 0 }, sequence);
}

/// Appends a request for all of a kind. Strict checking wants the right header, and zeros in it.
pub(super) fn encode_dump(out: &mut Vec<u8>, what: All, sequence: u32) {
    let message = match what {
        All::Links => RouteNetlinkMessage::GetLink(LinkMessage::default()),
        All::Addresses => RouteNetlinkMessage::GetAddress(AddressMessage::default()),
        All::Routes(family, table) => {
            let mut message = RouteMessage::default();
            message.header.address_family = family;
            message.attributes.push(RouteAttribute::Table(table));
            RouteNetlinkMessage::GetRoute(message)
        }
        All::Neighbours(family) => {
            let mut message = NeighbourMessage::default();
            message.header.family = family;
            RouteNetlinkMessage::GetNeighbour(message)
        }
    };
    append(out, message, NLM_F_DUMP, sequence);
}

/// Appends one message.
pub(super) fn append(out: &mut Vec<u8>, message: RouteNetlinkMessage, flags: u16, sequence: u32) {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, message.into());
    message.finalize();
    let start = out.len();
    out.resize(start + message.buffer_len(), 0);
    message.serialize(&mut out[start..]);
}

fn link(index: u32) -> LinkMessageBuilder<LinkUnspec> {
    LinkUnspec::new_with_index(index)
}

fn made(device: &Device) -> LinkMessage {
    match device.kind {
        DeviceKind::Ipip { .. } => {
            let link = LinkIpIp::new(&device.name).mtu(device.mtu);
            // The module's own is for any address, and there can be one of a kind.
            let link = match device.local {
                IpAddr::V4(local) if device.name != FALLBACK => link.local(local),
                _ => link,
            };
            link.up().build()
        }
        DeviceKind::Vxlan { vni, port } => {
            let link = LinkVxlan::new(&device.name, vni).port(port).learning(false).mtu(device.mtu);
            let link = match device.local {
                IpAddr::V4(local) => link.local(local),
                IpAddr::V6(local) => link.local6(local),
            };
            let Mac(mac) = Mac::of(device.local);
            link.address(mac.into()).up().build()
        }
    }
}

/// By name: its index may not have been told yet.
fn amended(device: &Device, mac: Option<Mac>) -> LinkMessage {
    let link = LinkUnspec::new_with_name(&device.name).mtu(device.mtu).alias(device.mark());
    let link = match mac {
        Some(Mac(mac)) => link.address(mac.into()),
        None => link,
    };
    link.up().build()
}

fn own(address: &Address) -> AddressMessage {
    let mut message = AddressMessage::default();
    let net = address.net;
    message.header.family = if net.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.prefix_len = net.prefix();
    message.header.index = address.dev;
    message.attributes = vec![AddressAttribute::Local(net.ip()), AddressAttribute::Address(net.ip())];
    message
}

fn far_end(entry: &FarEntry) -> NeighbourMessage {
    let FarEntry { part, dev, node, mac: Mac(mac) } = *entry;
    let (family, address) = match node {
        IpAddr::V4(node) => (AddressFamily::Inet, NeighbourAddress::Inet(node)),
        IpAddr::V6(node) => (AddressFamily::Inet6, NeighbourAddress::Inet6(node)),
    };
    let mut message = NeighbourMessage::default();
    message.header.ifindex = dev;
    message.header.state = NeighbourState::Permanent;
    message.header.family = family;
    if part == Part::Forwarding {
        message.header.family = AddressFamily::Bridge;
        message.header.flags = NeighbourFlags::Own;
    }
    message.attributes =
        vec![NeighbourAttribute::Destination(address), NeighbourAttribute::LinkLayerAddress(mac.into())];
    message
}

fn message(route: &Route, scope: RouteScope) -> RouteMessage {
    match route.prefix {
        IpNetwork::V4(net) => {
            finish(RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(net.ip(), net.prefix()), route, scope)
        }
        IpNetwork::V6(net) => {
            finish(RouteMessageBuilder::<Ipv6Addr>::new().destination_prefix(net.ip(), net.prefix()), route, scope)
        }
    }
}

fn finish<T>(builder: RouteMessageBuilder<T>, route: &Route, scope: RouteScope) -> RouteMessage {
    let kind = match route.form {
        Form::Unicast(_) => RouteType::Unicast,
        Form::Blackhole => RouteType::BlackHole,
        Form::Other(kind) => kind.into(),
    };
    let mut builder =
        builder.kind(kind).scope(scope).protocol(route.protocol.into()).tos(route.tos).table_id(route.table);
    if route.metric != 0 {
        builder = builder.priority(route.metric);
    }
    match route.hops() {
        [] => {}
        [hop] => {
            builder = builder.output_interface(hop.dev);
            if hop.onlink {
                builder = builder.onlink();
            }
            builder.get_mut().attributes.extend(gateway(hop, route.prefix));
        }
        hops => builder = builder.multipath(hops.iter().map(|hop| next_hop(hop, route.prefix)).collect()),
    }
    builder.build()
}

fn next_hop(hop: &Hop, prefix: IpNetwork) -> RouteNextHop {
    let mut next_hop = RouteNextHop::default();
    next_hop.interface_index = hop.dev;
    next_hop.hops = hop.weight;
    next_hop.flags.set(RouteNextHopFlags::Onlink, hop.onlink);
    next_hop.attributes.extend(gateway(hop, prefix));
    next_hop
}

fn gateway(hop: &Hop, prefix: IpNetwork) -> Option<RouteAttribute> {
    Some(match hop.via? {
        // An IPv4 route through an IPv6 neighbour (RFC 8950) names the family.
        IpAddr::V6(via) if prefix.is_ipv4() => RouteAttribute::Via(RouteVia::Inet6(via)),
        via => RouteAttribute::Gateway(via.into()),
    })
}
