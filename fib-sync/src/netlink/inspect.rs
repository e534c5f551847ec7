//! A look at the kernel for somebody who wants to know what is wrong with it: devices, routes, neighbours and forwarding
//! entries as they are at this moment, and the kernel's own answer to where an address leads.
//!
//! Reads only. It shares nothing with the route thread but the code: a connection of its own, opened for one look, so
//! that neither a large answer nor a slow reader holds up a route.

use super::NetlinkKernel;
use super::decode::{Decoder, Message, decode_error, messages};
use super::encode::{All, append};
use crate::device::is_ours;
use crate::far_ends::Mac;
use crate::kernel::{Address, KernelError, Link, LinkKind};
use crate::route::{Form, Hop, Route};
use crate::view::Links;
use ipnetwork::IpNetwork;
use rtnetlink::packet_core::{NLMSG_ERROR, Parseable};
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHopFlags,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::sys::AsyncSocketExt;
use std::io;
use std::net::IpAddr;

/// Looks in a row that may be disturbed by changes; the last one is taken as it is.
const LOOKS: u32 = 3;

/// Everything that was there when somebody looked.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Devices in order of index.
    pub devices: Vec<SeenDevice>,
    /// Their addresses, host bits kept, with the device's name.
    pub addresses: Vec<(String, IpNetwork)>,
    /// Routes of the tables that were asked for, whoever wrote them.
    pub routes: Vec<SeenRoute>,
    /// Neighbour entries.
    pub neighbours: Vec<Neighbour>,
    /// Entries of forwarding databases that lead to another node: those of VXLAN devices.
    pub forwarding: Vec<Forwarding>,
}

/// A network device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenDevice {
    /// Index, unique while it exists.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Administratively up (IFF_UP).
    pub up: bool,
    /// There is somebody at the other end (IFF_LOWER_UP).
    pub carrier: bool,
    /// Octets of the largest packet; 0 where nobody said.
    pub mtu: u32,
    /// IFLA_INFO_KIND, such as `ipip`, `vxlan`, `veth`; empty for hardware, `unknown` where it could not be read.
    pub kind: String,
    /// Of a VXLAN: its identifier, its UDP port and the address packets leave from, where they are set.
    pub vxlan: Option<(u32, u16, Option<IpAddr>)>,
    /// A tunnel that roost has made, or taken over: it carries our mark.
    pub ours: bool,
}

/// A route, with names instead of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRoute {
    /// Destination.
    pub prefix: IpNetwork,
    /// Who wrote it (rtm_protocol).
    pub protocol: u8,
    /// Routing table.
    pub table: u32,
    /// Lower wins.
    pub metric: u32,
    /// It is a blackhole, or says unreachable or prohibit: packets end here.
    pub drops: bool,
    /// It is an address of this node, or a broadcast address.
    pub local: bool,
    /// Where packets go; none where they go nowhere.
    pub hops: Vec<SeenHop>,
    /// As `ip route` prints it.
    pub text: String,
}

/// One way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenHop {
    /// Gateway; `None`: the destination itself is on the link.
    pub via: Option<IpAddr>,
    /// The device's name.
    pub device: String,
    /// The kernel does not use it (RTNH_F_DEAD).
    pub dead: bool,
    /// The device has no carrier (RTNH_F_LINKDOWN).
    pub linkdown: bool,
}

/// Which MAC address a neighbour has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The device's name.
    pub device: String,
    /// The neighbour.
    pub address: IpAddr,
    /// Its MAC address, where it is known.
    pub mac: Option<Mac>,
    /// As `ip neigh` prints it: `REACHABLE`, `STALE`, `FAILED`, `PERMANENT` …
    pub state: &'static str,
}

/// To which node a VXLAN device sends packets for a MAC address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarding {
    /// The device's name.
    pub device: String,
    /// The far end's MAC address.
    pub mac: Mac,
    /// The node.
    pub node: IpAddr,
}

/// What the kernel does with a packet from this node to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It goes by this route.
    Route(SeenRoute),
    /// It goes nowhere. EINVAL is a blackhole, EHOSTUNREACH and EACCES are unreachable and prohibit, ENETUNREACH is no
    /// route at all.
    Nowhere(KernelError),
}

impl Snapshot {
    /// The device of this name.
    pub fn device(&self, name: &str) -> Option<&SeenDevice> {
        self.devices.iter().find(|device| device.name == name)
    }

    /// The device with this address.
    pub fn with_address(&self, address: IpAddr) -> Option<&SeenDevice> {
        let (name, _) = self.addresses.iter().find(|(_, own)| own.ip() == address)?;
        self.device(name)
    }
}

/// A connection for looking.
pub struct Inspector {
    kernel: NetlinkKernel,
    /// For the devices' names, as of the last look.
    links: Links,
}

impl Inspector {
    /// Connects to the kernel of the caller's network namespace. Must be called inside a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// When the system refuses a netlink socket.
    pub fn open() -> io::Result<Inspector> {
        let kernel = NetlinkKernel::listening(Vec::new(), &[])?;
        Ok(Inspector { kernel, links: Links::default() })
    }

    /// Devices, addresses, neighbours and forwarding entries, and the routes of these tables.
    ///
    /// # Errors
    /// When the kernel could not be asked.
    pub async fn look(&mut self, tables: &[u32]) -> io::Result<Snapshot> {
        let mut look = 0;
        loop {
            let (snapshot, consistent) = self.look_once(tables).await?;
            look += 1;
            if consistent || look == LOOKS {
                return Ok(snapshot);
            }
        }
    }

    async fn look_once(&mut self, tables: &[u32]) -> io::Result<(Snapshot, bool)> {
        let mut snapshot = Snapshot::default();
        let Inspector { kernel, links } = self;
        *links = Links::default();
        let mut consistent = kernel
            .read_all(All::Links, |decoder, message| {
                let (Some(link), libc::RTM_NEWLINK) = (decoder.link(message), message.kind) else { return };
                snapshot.devices.push(device(&link));
                links.set(link);
            })
            .await?;
        snapshot.devices.sort_unstable_by_key(|device| device.index);
        consistent &= kernel
            .read_all(All::Addresses, |decoder, message| {
                if let Some(Address { dev, net }) = decoder.address(message) {
                    let name = name(links, dev);
                    snapshot.addresses.push((name, net));
                }
            })
            .await?;
        for family in [AddressFamily::Inet, AddressFamily::Inet6, AddressFamily::Bridge] {
            consistent &=
                kernel.read_all(All::Neighbours(family), |_, message| keep(&mut snapshot, links, message)).await?;
        }
        for table in tables {
            for family in [AddressFamily::Inet, AddressFamily::Inet6] {
                let what = All::Routes(family, *table);
                let keep = |decoder: &mut Decoder, message: &Message<'_>| {
                    // As in a dump of the route thread: other families and tables may be among the answers.
                    let asked = message.kind == libc::RTM_NEWROUTE && message.body.first() == Some(&u8::from(family));
                    let route = asked.then(|| decoder.route(message)).flatten().filter(|route| route.table == *table);
                    let route = route.map(|route| seen(links, &route, &hop_flags(message)));
                    snapshot.routes.extend(route);
                };
                consistent &= kernel.read_all(what, keep).await?;
            }
        }
        Ok((snapshot, consistent))
    }

    /// Where the kernel would send a packet to this address. Devices have the names they had at the last look.
    ///
    /// # Errors
    /// When the kernel could not be asked.
    pub async fn lookup(&mut self, address: IpAddr) -> io::Result<Lookup> {
        let Inspector { kernel, links } = self;
        let sequence = kernel.next_sequence();
        let mut request = Vec::with_capacity(64);
        append(&mut request, question(address), 0, sequence);
        kernel.requests.send(&request).await?;
        loop {
            kernel.receive().await?;
            let Some(message) = messages(&kernel.buffer).find(|message| message.sequence == sequence) else { continue };
            if message.kind == NLMSG_ERROR {
                let (number, words) = decode_error(&message).unwrap_or((libc::EBADMSG, None));
                return Ok(Lookup::Nowhere(KernelError::from_errno(number, words.as_deref())));
            }
            let unread = || io::Error::other(format!("the kernel's route to {address} can't be read"));
            let route = kernel.decoder.route(&message).ok_or_else(unread)?;
            return Ok(Lookup::Route(seen(links, &route, &hop_flags(&message))));
        }
    }
}

/// Which route matches (RTM_F_FIB_MATCH, Linux 4.13), not what is made of it for one packet.
fn question(address: IpAddr) -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    let (family, length) = if address.is_ipv4() { (AddressFamily::Inet, 32) } else { (AddressFamily::Inet6, 128) };
    message.header.address_family = family;
    message.header.destination_prefix_length = length;
    // Else the kernel says the main table of every IPv4 route; of IPv6 it refuses the flag, and always says the truth.
    let table = if address.is_ipv4() { RouteFlags::LookupTable } else { RouteFlags::empty() };
    message.header.flags = RouteFlags::FibMatch | table;
    message.attributes.push(RouteAttribute::Destination(match address {
        IpAddr::V4(address) => RouteAddress::Inet(address),
        IpAddr::V6(address) => RouteAddress::Inet6(address),
    }));
    RouteNetlinkMessage::GetRoute(message)
}

fn device(link: &Link) -> SeenDevice {
    let (kind, vxlan) = match &link.kind {
        LinkKind::Ipip { .. } => ("ipip", None),
        LinkKind::Vxlan { vni, port, local } => ("vxlan", Some((*vni, *port, *local))),
        LinkKind::Other(kind) => (&**kind, None),
        LinkKind::Unknown => ("unknown", None),
    };
    let Link { index, up, carrier, mtu, .. } = *link;
    SeenDevice { index, name: link.name.clone(), up, carrier, mtu, kind: kind.to_owned(), vxlan, ours: is_ours(link) }
}

fn name(links: &Links, index: u32) -> String {
    links.name(index).map_or_else(|| format!("if{index}"), str::to_owned)
}

fn seen(links: &Links, route: &Route, flags: &[(bool, bool)]) -> SeenRoute {
    let hop = |(n, hop): (usize, &Hop)| {
        let (dead, linkdown) = flags.get(n).copied().unwrap_or_default();
        SeenHop { via: hop.via, device: name(links, hop.dev), dead, linkdown }
    };
    SeenRoute {
        prefix: route.prefix,
        protocol: route.protocol,
        table: route.table,
        metric: route.metric,
        drops: matches!(route.form, Form::Blackhole | Form::Other(7 | 8)),
        local: matches!(route.form, Form::Other(2..=4)),
        hops: route.hops().iter().enumerate().map(hop).collect(),
        text: route.text(links).to_string(),
    }
}

/// A neighbour, or an entry of a forwarding database.
fn keep(snapshot: &mut Snapshot, links: &Links, message: &Message<'_>) {
    let Ok(NeighbourMessage { header, attributes, .. }) = NeighbourMessage::parse(message.body) else { return };
    let (mut address, mut mac) = (None, None);
    for attribute in attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(to)) => address = Some(IpAddr::V4(to)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(to)) => address = Some(IpAddr::V6(to)),
            NeighbourAttribute::Destination(NeighbourAddress::Other(octets)) => {
                address = super::decode::any_family(&octets);
            }
            NeighbourAttribute::LinkLayerAddress(octets) => mac = octets.try_into().ok().map(Mac),
            _ => {}
        }
    }
    let device = name(links, header.ifindex);
    match (header.family, address, mac) {
        (AddressFamily::Bridge, Some(node), Some(mac)) => snapshot.forwarding.push(Forwarding { device, mac, node }),
        (AddressFamily::Inet | AddressFamily::Inet6, Some(address), mac) => {
            snapshot.neighbours.push(Neighbour { device, address, mac, state: state_name(header.state) });
        }
        _ => {}
    }
}

fn state_name(state: NeighbourState) -> &'static str {
    match state {
        NeighbourState::Incomplete => "INCOMPLETE",
        NeighbourState::Reachable => "REACHABLE",
        NeighbourState::Stale => "STALE",
        NeighbourState::Delay => "DELAY",
        NeighbourState::Probe => "PROBE",
        NeighbourState::Failed => "FAILED",
        NeighbourState::Noarp => "NOARP",
        NeighbourState::Permanent => "PERMANENT",
        NeighbourState::None => "NONE",
        _ => "UNKNOWN",
    }
}

/// Dead, and without carrier: of each hop of a route, in order.
fn hop_flags(message: &Message<'_>) -> Vec<(bool, bool)> {
    let Ok(RouteMessage { header, attributes, .. }) = RouteMessage::parse(message.body) else { return Vec::new() };
    let members = attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::MultiPath(members) => Some(members),
        _ => None,
    });
    let of = |flags: RouteNextHopFlags| {
        (flags.contains(RouteNextHopFlags::Dead), flags.contains(RouteNextHopFlags::Linkdown))
    };
    let single =
        |header: RouteHeader| (header.flags.contains(RouteFlags::Dead), header.flags.contains(RouteFlags::Linkdown));
    match members {
        Some(members) => members.iter().map(|member| of(member.flags)).collect(),
        None => vec![single(header)],
    }
}
