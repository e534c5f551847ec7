//! What a message says of a link.

use super::{attributes, text};
use crate::far_ends::Mac;
use crate::kernel::{Link, LinkKind};
use rtnetlink::packet_route::link::{
    InfoData, InfoIpTunnel, InfoKind, InfoVxlan, LinkAttribute, LinkFlags, LinkHeader, LinkInfo, LinkMessage,
};
use std::net::IpAddr;

/// Of a message that can be read.
pub(super) fn whole(message: LinkMessage) -> Option<Link> {
    let LinkHeader { index, flags, .. } = message.header;
    let (up, carrier) = (flags.contains(LinkFlags::Up), flags.contains(LinkFlags::LowerUp));
    let mut link = Link { index, up, carrier, ..Link::default() };
    link.kind = LinkKind::Other("".into());
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::Address(octets) => link.mac = octets.try_into().ok().map(Mac),
            LinkAttribute::IfAlias(alias) => link.alias = Some(alias.into()),
            LinkAttribute::LinkInfo(info) => link.kind = kind(&info),
            _ => {}
        }
    }
    Some(link)
}

/// Of one that can't: what matters, attribute by attribute.
pub(super) fn in_part(header: LinkHeader, bytes: &[u8]) -> Option<Link> {
    let find = |kind| attributes(bytes).find(|nla| nla.kind() == kind);
    let name = text(find(libc::IFLA_IFNAME)?.value());
    let mtu = find(libc::IFLA_MTU).and_then(|nla| nla.value().try_into().ok());
    Some(Link {
        index: header.index,
        name,
        up: header.flags.contains(LinkFlags::Up),
        carrier: header.flags.contains(LinkFlags::LowerUp),
        mtu: mtu.map_or(0, u32::from_ne_bytes),
        mac: find(libc::IFLA_ADDRESS).and_then(|nla| nla.value().try_into().ok()).map(Mac),
        alias: find(libc::IFLA_IFALIAS).map(|nla| text(nla.value()).into()),
        kind: LinkKind::Unknown,
    })
}

fn kind(info: &[LinkInfo]) -> LinkKind {
    let name = info.iter().find_map(|info| match info {
        LinkInfo::Kind(kind) => Some(kind),
        _ => None,
    });
    let data = info.iter().find_map(|info| match info {
        LinkInfo::Data(data) => Some(data),
        _ => None,
    });
    match (name, data) {
        (Some(InfoKind::Vxlan), Some(InfoData::Vxlan(options))) => vxlan(options),
        (Some(InfoKind::IpIp), Some(InfoData::IpTunnel(options))) => ipip(options),
        (Some(InfoKind::Vxlan | InfoKind::IpIp), _) => LinkKind::Unknown,
        (Some(kind), _) => LinkKind::Other(kind.to_string().into()),
        (None, _) => LinkKind::Other("".into()),
    }
}

fn vxlan(options: &[InfoVxlan]) -> LinkKind {
    let (mut vni, mut port, mut local) = (0, 0, None);
    for option in options {
        match option {
            InfoVxlan::Id(id) => vni = *id,
            InfoVxlan::Port(number) => port = *number,
            InfoVxlan::Local(address) => local = Some(IpAddr::V4(*address)),
            InfoVxlan::Local6(address) => local = Some(IpAddr::V6(*address)),
            _ => {}
        }
    }
    LinkKind::Vxlan { vni, port, local: local.filter(|address| !address.is_unspecified()) }
}

fn ipip(options: &[InfoIpTunnel]) -> LinkKind {
    let (mut local, mut remote) = (None, None);
    for option in options {
        match option {
            InfoIpTunnel::Local(address) => local = Some(*address),
            InfoIpTunnel::Remote(address) => remote = Some(*address),
            _ => {}
        }
    }
    let set = |address: Option<IpAddr>| address.filter(|address| !address.is_unspecified());
    LinkKind::Ipip { local: set(local), remote: set(remote) }
}
