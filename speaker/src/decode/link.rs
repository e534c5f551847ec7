//! From a captured frame to the TCP segment in it: link layer, VLANs, IP, TCP.

use std::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::Linktype;

/// A TCP segment. `payload` is shorter than it was on the wire when the capture cut it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub sequence: u32,
    pub syn: bool,
    pub fin: bool,
    pub rst: bool,
    pub payload: &'a [u8],
}

/// BSD's raw IP, where the numbers differ by system. <https://www.tcpdump.org/linktypes.html>
const RAW_BSD: [i32; 2] = [12, 14];

/// Cisco HDLC, of routers' serial links.
const C_HDLC: Linktype = Linktype(104);

/// Whether frames of this link type can be read.
pub(super) fn is_known(link: Linktype) -> bool {
    matches!(
        link,
        Linktype::ETHERNET
            | Linktype::NULL
            | Linktype::LOOP
            | Linktype::RAW
            | Linktype::IPV4
            | Linktype::IPV6
            | Linktype::LINUX_SLL
            | Linktype::LINUX_SLL2
            | C_HDLC
    ) || RAW_BSD.contains(&link.0)
}

/// Says which frames can be read.
pub(super) fn unknown(link: &i32) -> String {
    format!(
        "frames of link type {link} cannot be read, only Ethernet, Linux cooked (SLL, SLL2), raw IP, loopback and Cisco \
         HDLC; capture with `tcpdump -i INTERFACE -w FILE tcp port 179`"
    )
}

/// The segment in a frame; `None` for everything else than TCP over IP, and for fragments.
pub(super) fn segment(link: Linktype, frame: &[u8]) -> Option<Segment<'_>> {
    let packet = match link {
        Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(frame).ok()?,
        // Four octets say which family in the order of the capturing host; the IP version says it again.
        Linktype::NULL | Linktype::LOOP => ip(frame.get(4..)?)?,
        // The protocol stands in the last two of 16 octets, or in the first two of 20.
        Linktype::LINUX_SLL => ether_type(frame.get(14..16)?, frame.get(16..)?),
        Linktype::LINUX_SLL2 => ether_type(frame.get(..2)?, frame.get(20..)?),
        C_HDLC => ether_type(frame.get(2..4)?, frame.get(4..)?),
        _ if is_known(link) => ip(frame)?,
        _ => return None,
    };
    let (source, destination, fragmented) = match packet.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            (header.source_addr().into(), header.destination_addr().into(), ip.payload().fragmented)
        }
        LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            (header.source_addr().into(), header.destination_addr().into(), ip.payload().fragmented)
        }
        LaxNetSlice::Arp(_) => return None,
    };
    match packet.transport? {
        TransportSlice::Tcp(tcp) if !fragmented => Some(Segment {
            from: end(source, tcp.source_port()),
            to: end(destination, tcp.destination_port()),
            sequence: tcp.sequence_number(),
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            payload: tcp.payload(),
        }),
        _ => None,
    }
}

fn ip(packet: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    LaxSlicedPacket::from_ip(packet).ok()
}

fn ether_type<'a>(kind: &[u8], packet: &'a [u8]) -> LaxSlicedPacket<'a> {
    let kind = kind.iter().fold(0, |kind, octet| kind << 8 | u16::from(*octet));
    LaxSlicedPacket::from_ether_type(EtherType(kind), packet)
}

fn end(address: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address, port)
}
