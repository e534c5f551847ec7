//! Messages: what the kernel answers and what it tells unasked.
//!
//! A whole message is decoded by rtnetlink's types. They know every attribute there is, and refuse the message for one
//! that they don't like: a tunnel's options of a kernel newer than the crate, a name that is not UTF-8. An exotic
//! interface must not make us deaf, so such a message is read a second time, attribute by attribute, and does without
//! those that can't be read. Only one that lacks what matters (a gateway, a link's number) is left out. It is counted,
//! and said once for each kind of message.

use crate::far_ends::{FarEntry, Mac, Part};
use crate::kernel::{Address, Event, Link, RouteChange};
use crate::route::{Form, Hop, Hops, Route, network};
use ipnetwork::IpNetwork;
use rtnetlink::packet_core::{
    DecodeError, DoneBuffer, ErrorBuffer, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_REPLACE, NetlinkBuffer, NlaBuffer,
    NlasIterator, Parseable, ParseableParametrized,
};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeader, AddressMessage};
use rtnetlink::packet_route::link::{LinkHeader, LinkMessage};
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteLwEnCapType, RouteMessage, RouteNextHopFlags,
    RoutePreference, RouteType, RouteVia,
};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

mod links;

/// Length of a message's header, and what messages are aligned to.
pub(super) const HEADER: usize = 16;
const ALIGN: usize = 4;
/// The words in an extended acknowledgement.
const NLMSGERR_ATTR_MSG: u16 = 1;
/// Of linux/rtnetlink.h; `libc` has it for glibc alone.
const RTA_VIA: u16 = 18;
const ROUTE_HEADER: usize = 12;
const LINK_HEADER: usize = 16;
const ADDRESS_HEADER: usize = 8;

/// One message of a datagram.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) sequence: u32,
    /// Port id: the writer's in a notification.
    pub(super) port: u32,
    pub(super) body: &'a [u8],
}

/// The messages of one datagram; ends at the first that is cut off.
pub(super) fn messages(mut datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let buffer = NetlinkBuffer::new_checked(datagram).ok()?;
        let message = Message {
            kind: buffer.message_type(),
            flags: buffer.flags(),
            sequence: buffer.sequence_number(),
            port: buffer.port_number(),
            body: buffer.payload(),
        };
        datagram = datagram.get((buffer.length() as usize).next_multiple_of(ALIGN)..).unwrap_or_default();
        Some(message)
    })
}

/// The error number (positive; 0 is an acknowledgement) and the kernel's words.
pub(super) fn decode_error(message: &Message<'_>) -> Option<(i32, Option<String>)> {
    let buffer = ErrorBuffer::new_checked(message.body).ok()?;
    let number = buffer.code().map_or(0, |code| code.get().wrapping_neg());
    let mut words = None;
    if message.flags & NLM_F_ACK_TLVS != 0 {
        // The offending message follows: its header only if capped, else all of it.
        let request = buffer.payload();
        let length = match message.flags & NLM_F_CAPPED {
            0 => u32::from_ne_bytes(*request.first_chunk()?) as usize,
            _ => HEADER,
        };
        let tlvs = request.get(length.next_multiple_of(ALIGN)..).unwrap_or_default();
        words = attributes(tlvs).find(|tlv| tlv.kind() == NLMSGERR_ATTR_MSG).map(|tlv| text(tlv.value()));
    }
    Some((number, words))
}

/// The error number that ends a dump, 0 if it is complete.
pub(super) fn decode_done(message: &Message<'_>) -> i32 {
    DoneBuffer::new_checked(message.body).map_or(0, |buffer| buffer.code().wrapping_neg())
}

/// What a route notification says was done.
pub(super) fn change_of(message: &Message<'_>) -> RouteChange {
    match message.kind {
        libc::RTM_DELROUTE => RouteChange::Removed,
        _ if message.flags & NLM_F_REPLACE != 0 => RouteChange::Replaced,
        _ => RouteChange::Added,
    }
}

/// Decodes bodies; knows how often it could not.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// Messages left out, and messages of which attributes were.
    pub(super) refused: u64,
    said: BTreeSet<u16>,
}

impl Decoder {
    /// `None`: another family, a cache entry, or beyond understanding.
    pub(super) fn route(&mut self, message: &Message<'_>) -> Option<Route> {
        let body = message.body;
        // Multicast and MPLS routes are none of ours, whatever is in them.
        let family = AddressFamily::from(*body.first()?);
        let any = unspecified(family)?;
        let (header, attributes, mut extras) = match RouteMessage::parse(body) {
            Ok(message) => (message.header, message.attributes, false),
            Err(error) => {
                self.refuse(message.kind, &error);
                let header = RouteHeader::parse(body).ok()?;
                let context = (family, header.kind, RouteLwEnCapType::None);
                let decode = |nla: &NlaBuffer<&[u8]>| RouteAttribute::parse_with_param(nla, context).ok();
                let (attributes, left_out) = salvage(body.get(ROUTE_HEADER..)?, decode)?;
                if left_out.iter().any(|kind| ESSENTIAL.contains(kind)) {
                    return None;
                }
                (header, attributes, true)
            }
        };
        if header.flags.contains(RouteFlags::Cloned) {
            return None;
        }
        extras |= header.source_prefix_length != 0;
        let (mut destination, mut table, mut metric) = (any, u32::from(header.table), 0);
        let mut single = Hop { via: None, dev: 0, onlink: header.flags.contains(RouteFlags::Onlink), weight: 0 };
        let mut hops = Hops::new();
        for attribute in &attributes {
            match attribute {
                RouteAttribute::Destination(to) => destination = address(to)?,
                RouteAttribute::Oif(dev) => single.dev = *dev,
                RouteAttribute::Gateway(_) | RouteAttribute::Via(_) => single.via = Some(gateway(attribute)?),
                RouteAttribute::Priority(priority) => metric = *priority,
                RouteAttribute::Table(number) => table = *number,
                RouteAttribute::MultiPath(members) => {
                    for member in members {
                        let via = |a: &RouteAttribute| matches!(a, RouteAttribute::Gateway(_) | RouteAttribute::Via(_));
                        let via = match member.attributes.iter().find(|attribute| via(attribute)) {
                            Some(attribute) => Some(gateway(attribute)?),
                            None => None,
                        };
                        let onlink = member.flags.contains(RouteNextHopFlags::Onlink);
                        hops.push(Hop { via, dev: member.interface_index, onlink, weight: member.hops });
                    }
                }
                // Medium is what every route has.
                RouteAttribute::Preference(preference) => extras |= *preference != RoutePreference::Medium,
                RouteAttribute::Source(_)
                | RouteAttribute::PrefSource(_)
                | RouteAttribute::Metrics(_)
                | RouteAttribute::Realm(_)
                | RouteAttribute::EncapType(_)
                | RouteAttribute::Encap(_)
                | RouteAttribute::Expires(_)
                | RouteAttribute::NhId(_) => extras = true,
                _ => {}
            }
        }
        let form = match header.kind {
            RouteType::Unicast => {
                if hops.is_empty() {
                    hops.push(single);
                }
                Form::Unicast(hops)
            }
            RouteType::BlackHole => Form::Blackhole,
            other => Form::Other(other.into()),
        };
        let prefix = network(destination, header.destination_prefix_length);
        Some(Route { prefix, metric, table, protocol: header.protocol.into(), tos: header.tos, form, extras })
    }

    /// A link with its number, its name and whether it is up, whatever else it may be. `None`: what a bridge says of a
    /// port, which leaves out the rest.
    pub(super) fn link(&mut self, message: &Message<'_>) -> Option<Link> {
        let body = message.body;
        if *body.first()? != u8::from(AddressFamily::Unspec) {
            return None;
        }
        let parsed = LinkMessage::parse(body);
        let known = match parsed {
            Ok(message) => links::whole(message),
            Err(error) => {
                self.refuse(message.kind, &error);
                links::in_part(LinkHeader::parse(body).ok()?, body.get(LINK_HEADER..).unwrap_or_default())
            }
        };
        known.filter(|link| !link.name.is_empty())
    }

    /// The number of a link that is gone; its name matters no more.
    pub(super) fn link_index(message: &Message<'_>) -> Option<u32> {
        LinkHeader::parse(message.body).ok().map(|header| header.index)
    }

    /// An address with its subnet. `None`: another family, or beyond understanding.
    pub(super) fn address(&mut self, message: &Message<'_>) -> Option<Address> {
        let body = message.body;
        unspecified(AddressFamily::from(*body.first()?))?;
        let (header, attributes) = match AddressMessage::parse(body) {
            Ok(message) => (message.header, message.attributes),
            Err(error) => {
                self.refuse(message.kind, &error);
                let header = AddressHeader::parse(body).ok()?;
                let (attributes, left_out) =
                    salvage(body.get(ADDRESS_HEADER..)?, |nla| AddressAttribute::parse(nla).ok())?;
                if left_out.iter().any(|kind| [libc::IFA_LOCAL, libc::IFA_ADDRESS].contains(kind)) {
                    return None;
                }
                (header, attributes)
            }
        };
        // On a point-to-point link IFA_ADDRESS is the other side, and IPv6 has only IFA_ADDRESS.
        let (mut local, mut peer) = (None, None);
        for attribute in attributes {
            match attribute {
                AddressAttribute::Local(own) => local = Some(own),
                AddressAttribute::Address(other) => peer = Some(other),
                _ => {}
            }
        }
        let net = IpNetwork::new(local.or(peer)?, header.prefix_len).ok()?;
        Some(Address { dev: header.index, net })
    }

    /// A permanent entry for a far end, there or gone. `None`: any other neighbour, or beyond understanding.
    pub(super) fn far_end(&mut self, message: &Message<'_>) -> Option<Event> {
        let NeighbourMessage { header, attributes, .. } = match NeighbourMessage::parse(message.body) {
            Ok(message) => message,
            Err(error) => {
                self.refuse(message.kind, &error);
                return None;
            }
        };
        let (mut node, mut mac) = (None, None);
        for attribute in attributes {
            match attribute {
                NeighbourAttribute::Destination(NeighbourAddress::Inet(addr)) => node = Some(IpAddr::V4(addr)),
                NeighbourAttribute::Destination(NeighbourAddress::Inet6(addr)) => node = Some(IpAddr::V6(addr)),
                NeighbourAttribute::Destination(NeighbourAddress::Other(octets)) => node = any_family(&octets),
                NeighbourAttribute::LinkLayerAddress(octets) => mac = octets.try_into().ok().map(Mac),
                _ => {}
            }
        }
        let part = match header.family {
            AddressFamily::Bridge => Part::Forwarding,
            _ => Part::Neighbour,
        };
        let (dev, node) = (header.ifindex, node?);
        if message.kind == libc::RTM_DELNEIGH {
            // In any state, and with a link that went down without the MAC address.
            return Some(Event::FarEndGone { part, dev, node, mac });
        }
        // What is being asked for, or was learned, is nobody's.
        let permanent = part == Part::Forwarding || header.state == NeighbourState::Permanent;
        permanent.then_some(Event::FarEnd(FarEntry { part, dev, node, mac: mac? }))
    }

    fn refuse(&mut self, kind: u16, error: &DecodeError) {
        self.refused += 1;
        if self.said.insert(kind) {
            tracing::warn!(kind, %error, "a netlink message can't be fully read; what can is used (said once a kind)");
        }
    }
}

/// Without these a route can't be understood; any other that can't be read is an extra.
const ESSENTIAL: [u16; 7] = [
    libc::RTA_DST,
    libc::RTA_OIF,
    libc::RTA_GATEWAY,
    libc::RTA_PRIORITY,
    libc::RTA_MULTIPATH,
    libc::RTA_TABLE,
    RTA_VIA,
];

/// The attributes that can be read, and the kinds of those that can't. `None`: cut off, so anything may be missing.
fn salvage<T>(bytes: &[u8], decode: impl Fn(&NlaBuffer<&[u8]>) -> Option<T>) -> Option<(Vec<T>, Vec<u16>)> {
    let (mut read, mut left_out) = (Vec::new(), Vec::new());
    for nla in NlasIterator::new(bytes) {
        let nla = nla.ok()?;
        match decode(&nla) {
            Some(attribute) => read.push(attribute),
            None => left_out.push(nla.kind()),
        }
    }
    Some((read, left_out))
}

fn attributes(bytes: &[u8]) -> impl Iterator<Item = NlaBuffer<&[u8]>> {
    NlasIterator::new(bytes).map_while(Result::ok)
}

fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

fn gateway(attribute: &RouteAttribute) -> Option<IpAddr> {
    match attribute {
        RouteAttribute::Gateway(via) => address(via),
        RouteAttribute::Via(RouteVia::Inet(via)) => Some(IpAddr::V4(*via)),
        RouteAttribute::Via(RouteVia::Inet6(via)) => Some(IpAddr::V6(*via)),
        _ => None,
    }
}

fn address(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some(IpAddr::V4(*address)),
        RouteAddress::Inet6(address) => Some(IpAddr::V6(*address)),
        _ => None,
    }
}

/// An address by the number of its octets alone.
pub(super) fn any_family(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

fn unspecified(family: AddressFamily) -> Option<IpAddr> {
    match family {
        AddressFamily::Inet => Some(Ipv4Addr::UNSPECIFIED.into()),
        AddressFamily::Inet6 => Some(Ipv6Addr::UNSPECIFIED.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
