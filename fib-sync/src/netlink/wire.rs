//! rtnetlink's bytes: requests we write, messages we read.
//!
//! Only the few attributes that matter here are looked at, each with its length checked; anything else
//! is stepped over. A new kernel that adds attributes, or a link with exotic ones, can't make us deaf,
//! which a decoder of every attribute there is could be. The tests hold this against
//! `netlink-packet-route`.
//!
//! Numbers are in host order, as netlink is.

use crate::kernel::{Address, Link, RouteChange};
use crate::plan::Op;
use crate::route::{Form, Hop, Hops, Route, network};
use ipnetwork::IpNetwork;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NlaBuffer, NlasIterator,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) const NLMSG_NOOP: u16 = 1;
pub(super) const NLMSG_ERROR: u16 = 2;
pub(super) const NLMSG_DONE: u16 = 3;
pub(super) const NLMSG_OVERRUN: u16 = 4;
pub(super) const RTM_NEWLINK: u16 = 16;
pub(super) const RTM_DELLINK: u16 = 17;
pub(super) const RTM_GETLINK: u16 = 18;
pub(super) const RTM_NEWADDR: u16 = 20;
pub(super) const RTM_DELADDR: u16 = 21;
pub(super) const RTM_GETADDR: u16 = 22;
pub(super) const RTM_NEWROUTE: u16 = 24;
pub(super) const RTM_DELROUTE: u16 = 25;
pub(super) const RTM_GETROUTE: u16 = 26;

pub(super) const AF_UNSPEC: u8 = 0;
pub(super) const AF_INET: u8 = 2;
pub(super) const AF_INET6: u8 = 10;

const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RTA_METRICS: u16 = 8;
const RTA_MULTIPATH: u16 = 9;
const RTA_FLOW: u16 = 11;
const RTA_TABLE: u16 = 15;
const RTA_VIA: u16 = 18;
const RTA_PREF: u16 = 20;
const RTA_ENCAP_TYPE: u16 = 21;
const RTA_ENCAP: u16 = 22;
const RTA_EXPIRES: u16 = 23;
const RTA_NH_ID: u16 = 30;

const IFLA_IFNAME: u16 = 3;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const NLMSGERR_ATTR_MSG: u16 = 1;

const RTN_UNICAST: u8 = 1;
const RTN_BLACKHOLE: u8 = 6;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_NOWHERE: u8 = 255;
/// What a table above 255 has in the header's single byte.
const RT_TABLE_COMPAT: u8 = 252;
const RTNH_F_ONLINK: u8 = 4;
const RTM_F_CLONED: u32 = 0x200;
const IFF_UP: u32 = 1;
const NLM_F_CAPPED: u16 = 0x100;
const NLM_F_ACK_TLVS: u16 = 0x200;
const HEADER: usize = 16;

// ---- requests ----------------------------------------------------------------------------------

/// Appends one operation.
pub(super) fn write_op(out: &mut Vec<u8>, op: &Op, sequence: u32, ack: bool) {
    let (kind, flags, route) = match op {
        Op::Add(route) => (RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route),
        Op::Replace { new, .. } => (RTM_NEWROUTE, NLM_F_REPLACE, new),
        Op::Delete(route) => (RTM_DELROUTE, 0, route),
    };
    let start = begin(out, kind, flags | NLM_F_REQUEST | if ack { NLM_F_ACK } else { 0 }, sequence);
    let family = if route.prefix.is_ipv6() { AF_INET6 } else { AF_INET };
    let scope = if kind == RTM_DELROUTE { RT_SCOPE_NOWHERE } else { RT_SCOPE_UNIVERSE };
    let rtm_type = match route.form {
        Form::Unicast(_) => RTN_UNICAST,
        Form::Blackhole => RTN_BLACKHOLE,
        Form::Other(kind) => kind,
    };
    let table = u8::try_from(route.table).unwrap_or(RT_TABLE_COMPAT);
    let onlink = matches!(route.hops(), [hop] if hop.onlink);
    out.extend([family, route.prefix.prefix(), 0, route.tos, table, route.protocol, scope, rtm_type]);
    out.extend(u32::from(if onlink { RTNH_F_ONLINK } else { 0 }).to_ne_bytes());
    address_attribute(out, RTA_DST, route.prefix.ip());
    attribute(out, RTA_TABLE, &route.table.to_ne_bytes());
    if route.metric != 0 {
        attribute(out, RTA_PRIORITY, &route.metric.to_ne_bytes());
    }
    match route.hops() {
        [] => {}
        [hop] => {
            attribute(out, RTA_OIF, &hop.dev.to_ne_bytes());
            gateway(out, hop, route.prefix);
        }
        hops => {
            let nest = out.len();
            attribute(out, RTA_MULTIPATH, &[]);
            for hop in hops {
                let entry = out.len();
                out.extend([0, 0, if hop.onlink { RTNH_F_ONLINK } else { 0 }, hop.weight]);
                out.extend(hop.dev.to_ne_bytes());
                gateway(out, hop, route.prefix);
                set_length16(out, entry);
            }
            set_length16(out, nest);
        }
    }
    set_length32(out, start);
}

/// Appends a request for all links (family 0), addresses, or one family's routes of one table.
pub(super) fn write_dump(out: &mut Vec<u8>, kind: u16, family: u8, table: Option<u32>, sequence: u32) {
    let start = begin(out, kind, NLM_F_REQUEST | NLM_F_DUMP, sequence);
    // Strict checking wants the right header, zeroed: ifinfomsg 16 bytes, ifaddrmsg 8, rtmsg 12.
    let rest = match kind {
        RTM_GETLINK => 15,
        RTM_GETADDR => 7,
        _ => 11,
    };
    out.push(family);
    out.extend(std::iter::repeat_n(0, rest));
    if let Some(table) = table {
        attribute(out, RTA_TABLE, &table.to_ne_bytes());
    }
    set_length32(out, start);
}

fn begin(out: &mut Vec<u8>, kind: u16, flags: u16, sequence: u32) -> usize {
    let start = out.len();
    out.extend([0; 4]);
    out.extend(kind.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    out.extend(sequence.to_ne_bytes());
    out.extend([0; 4]);
    start
}

fn gateway(out: &mut Vec<u8>, hop: &Hop, prefix: IpNetwork) {
    match hop.via {
        None => {}
        Some(via) if via.is_ipv4() == prefix.is_ipv4() => address_attribute(out, RTA_GATEWAY, via),
        // An IPv4 route through an IPv6 neighbour (RFC 8950) names the family.
        Some(via) => {
            let start = out.len();
            attribute(out, RTA_VIA, &[]);
            out.extend(u16::from(if via.is_ipv6() { AF_INET6 } else { AF_INET }).to_ne_bytes());
            extend_address(out, via);
            set_length16(out, start);
            pad(out);
        }
    }
}

fn attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let start = out.len();
    out.extend([0; 2]);
    out.extend(kind.to_ne_bytes());
    out.extend(value);
    set_length16(out, start);
    pad(out);
}

fn address_attribute(out: &mut Vec<u8>, kind: u16, address: IpAddr) {
    match address {
        IpAddr::V4(a) => attribute(out, kind, &a.octets()),
        IpAddr::V6(a) => attribute(out, kind, &a.octets()),
    }
}

fn extend_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(a) => out.extend(a.octets()),
        IpAddr::V6(a) => out.extend(a.octets()),
    }
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

fn set_length16(out: &mut [u8], start: usize) {
    // At most 256 next hops of 28 bytes: far below 65 535.
    let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
    if let Some(place) = out.get_mut(start..start + 2) {
        place.copy_from_slice(&length.to_ne_bytes());
    }
}

fn set_length32(out: &mut [u8], start: usize) {
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_ne_bytes());
    }
}

// ---- messages ----------------------------------------------------------------------------------

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
        let length = u32_at(datagram, 0)? as usize;
        let body = datagram.get(HEADER..length)?;
        let message = Message {
            kind: u16_at(datagram, 4)?,
            flags: u16_at(datagram, 6)?,
            sequence: u32_at(datagram, 8)?,
            port: u32_at(datagram, 12)?,
            body,
        };
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// The error number (positive; 0 is an acknowledgement) and the kernel's words.
pub(super) fn read_error(message: &Message<'_>) -> Option<(i32, Option<String>)> {
    let number = u32_at(message.body, 0)?.cast_signed().wrapping_neg();
    let mut words = None;
    if message.flags & NLM_F_ACK_TLVS != 0 {
        // The offending message follows: its header only if capped, else all of it.
        let request = if message.flags & NLM_F_CAPPED != 0 { HEADER } else { u32_at(message.body, 4)? as usize };
        let tlvs = message.body.get(4 + request.next_multiple_of(4)..).unwrap_or_default();
        words = find(tlvs, NLMSGERR_ATTR_MSG).map(text);
    }
    Some((number, words))
}

/// The error number that ends a dump, 0 if it is complete.
pub(super) fn read_done(message: &Message<'_>) -> i32 {
    u32_at(message.body, 0).map_or(0, |number| number.cast_signed().wrapping_neg())
}

/// What a route notification says was done.
pub(super) fn read_change(message: &Message<'_>) -> RouteChange {
    match message.kind {
        RTM_DELROUTE => RouteChange::Removed,
        _ if message.flags & NLM_F_REPLACE != 0 => RouteChange::Replaced,
        _ => RouteChange::Added,
    }
}

/// `None`: cut off, another family, or a cache entry.
pub(super) fn read_route(body: &[u8]) -> Option<Route> {
    let [family, length, source, tos, table, protocol, _scope, kind] = *body.first_chunk::<8>()?;
    let flags = u32_at(body, 8)?;
    if flags & RTM_F_CLONED != 0 {
        return None;
    }
    let mut destination = unspecified(family)?;
    let (mut table, mut metric, mut extras) = (u32::from(table), 0, source != 0);
    let mut single = Hop { via: None, dev: 0, onlink: flags & u32::from(RTNH_F_ONLINK) != 0, weight: 0 };
    let mut hops = Hops::new();
    for attribute in attributes(body.get(12..)?) {
        let value = attribute.value();
        match attribute.kind() {
            RTA_DST => destination = address(value)?,
            RTA_OIF => single.dev = u32_at(value, 0)?,
            RTA_GATEWAY => single.via = Some(address(value)?),
            RTA_VIA => single.via = Some(address(value.get(2..)?)?),
            RTA_PRIORITY => metric = u32_at(value, 0)?,
            RTA_TABLE => table = u32_at(value, 0)?,
            RTA_MULTIPATH => read_multipath(value, &mut hops)?,
            RTA_SRC | RTA_PREFSRC | RTA_METRICS | RTA_FLOW | RTA_ENCAP_TYPE | RTA_ENCAP | RTA_EXPIRES | RTA_NH_ID => {
                extras = true;
            }
            // 0 is medium, what every route has.
            RTA_PREF => extras |= value.first() != Some(&0),
            _ => {}
        }
    }
    let form = match kind {
        RTN_UNICAST => {
            if hops.is_empty() {
                hops.push(single);
            }
            Form::Unicast(hops)
        }
        RTN_BLACKHOLE => Form::Blackhole,
        other => Form::Other(other),
    };
    Some(Route { prefix: network(destination, length), metric, table, protocol, tos, form, extras })
}

fn read_multipath(mut value: &[u8], hops: &mut Hops) -> Option<()> {
    while let Some([_, _, flags, weight]) = value.first_chunk::<4>().copied() {
        let length = usize::from(u16_at(value, 0)?);
        let entry = value.get(8..length)?;
        let mut hop = Hop { via: None, dev: u32_at(value, 4)?, onlink: flags & RTNH_F_ONLINK != 0, weight };
        for attribute in attributes(entry) {
            match attribute.kind() {
                RTA_GATEWAY => hop.via = Some(address(attribute.value())?),
                RTA_VIA => hop.via = Some(address(attribute.value().get(2..)?)?),
                _ => {}
            }
        }
        hops.push(hop);
        value = value.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(())
}

pub(super) fn read_link(body: &[u8]) -> Option<Link> {
    let index = u32_at(body, 4)?;
    let up = u32_at(body, 8)? & IFF_UP != 0;
    let name = text(find(body.get(16..)?, IFLA_IFNAME)?);
    Some(Link { index, name, up })
}

pub(super) fn read_address(body: &[u8]) -> Option<Address> {
    let [family, length, _flags, _scope] = *body.first_chunk::<4>()?;
    unspecified(family)?;
    let dev = u32_at(body, 4)?;
    let attributes = body.get(8..)?;
    let (local, peer) = (find(attributes, IFA_LOCAL), find(attributes, IFA_ADDRESS));
    // On a point-to-point link IFA_ADDRESS is the other side, and IPv6 has only IFA_ADDRESS.
    let own = address(local.or(peer)?)?;
    let net = IpNetwork::new(own, length).ok()?;
    Some(Address { dev, net })
}

fn attributes(bytes: &[u8]) -> impl Iterator<Item = NlaBuffer<&[u8]>> {
    NlasIterator::new(bytes).map_while(Result::ok)
}

fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    // NlaBuffer borrows from itself, so the value's place is found by walking along.
    let mut rest = bytes;
    loop {
        let length = usize::from(u16_at(rest, 0)?);
        // The two upper bits are flags (nested, byte order).
        if u16_at(rest, 2)? & 0x3fff == kind {
            return rest.get(4..length);
        }
        rest = rest.get(length.max(4).next_multiple_of(4)..)?;
    }
}

fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

fn unspecified(family: u8) -> Option<IpAddr> {
    match family {
        AF_INET => Some(Ipv4Addr::UNSPECIFIED.into()),
        AF_INET6 => Some(Ipv6Addr::UNSPECIFIED.into()),
        _ => None,
    }
}

fn address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => value.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets).into()),
        16 => value.first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets).into()),
        _ => None,
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_ne_bytes(*b))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_ne_bytes(*b))
}

#[cfg(test)]
mod tests;
