//! Messages, and the files they can be found in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bgp_proto::attr::{AsPath, NextHop, PathAttrs};
use bgp_proto::message::{Capability, Codec, Message, Nlri, Open, Reach, Update};
use bgp_proto::{Asn, Family, FamilySet, PathId, RouterId};
use serde_json::Value;
use speaker::decode::{DecodeArgs, DecodeError, decode};

pub const CODEC: Codec = Codec { four_octet_as: true, families: FamilySet::ALL, external: true, ..Codec::INITIAL };
pub const TWO_OCTETS: Codec = Codec { four_octet_as: false, ..CODEC };
pub const ADD_PATH: Codec = Codec { add_path_rx: FamilySet::ALL, add_path_tx: FamilySet::ALL, ..CODEC };

pub fn args() -> DecodeArgs {
    DecodeArgs { port: 179, ..DecodeArgs::default() }
}

/// The objects of a recording that can be read to its end.
pub fn objects(input: &[u8]) -> Vec<Value> {
    let (objects, result) = read(input, &args());
    assert_eq!(result.unwrap(), objects.len() as u64);
    objects
}

pub fn read(input: &[u8], args: &DecodeArgs) -> (Vec<Value>, Result<u64, DecodeError>) {
    let mut out = Vec::new();
    let result = decode(input, &mut out, args);
    let text = String::from_utf8(out).unwrap();
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), result)
}

/// The `type` of each object, with a `!` when it has an error.
pub fn types(objects: &[Value]) -> Vec<String> {
    let kind = |object: &Value| {
        let error = if object["error"].is_null() { "" } else { "!" };
        format!("{}{error}", object["type"].as_str().unwrap())
    };
    objects.iter().map(kind).collect()
}

pub fn open(asn: u32, capabilities: Vec<Capability>) -> Vec<u8> {
    let open = Open { version: 4, asn: Asn(asn), hold_time: 90, router_id: RouterId(0x0a00_0001), capabilities };
    Message::Open(open).encode(&CODEC).to_vec()
}

pub fn keepalive() -> Vec<u8> {
    Message::Keepalive.encode(&CODEC).to_vec()
}

/// An UPDATE with a path of three AS numbers.
pub fn update(codec: &Codec, prefixes: &[(&str, u32)]) -> Vec<u8> {
    let mut attrs = PathAttrs::originated(NextHop::Addr(IpAddr::V4(Ipv4Addr::new(172, 16, 1, 2))));
    attrs.as_path = AsPath::sequence([Asn(64513), Asn(64514), Asn(64515)]);
    let nlri = prefixes.iter().map(|(prefix, id)| (PathId(*id), prefix.parse().unwrap()));
    let add_path = codec.add_path_tx.contains(Family::IPV4_UNICAST);
    let nlri = Nlri::from_prefixes(Family::IPV4_UNICAST, add_path, nlri);
    let update = Update { reach: [Reach { attrs: Arc::new(attrs), nlri }].into_iter().collect(), ..Update::default() };
    Message::Update(update).encode(codec).to_vec()
}

pub fn hex_line(message: &[u8]) -> String {
    message.iter().map(|octet| format!("{octet:02x}")).collect::<String>() + "\n"
}

/// A TCP segment.
#[derive(Clone)]
pub struct Tcp {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub sequence: u32,
    /// FIN 1, SYN 2, RST 4.
    pub flags: u8,
    pub payload: Vec<u8>,
}

impl Tcp {
    /// From a to b (or back) on IPv4.
    pub fn new(forth: bool, sequence: u32, flags: u8, payload: &[u8]) -> Self {
        let (a, b) = ("172.16.1.1:40000".parse().unwrap(), "172.16.1.2:179".parse().unwrap());
        let (from, to) = if forth { (a, b) } else { (b, a) };
        Self { from, to, sequence, flags, payload: payload.to_vec() }
    }

    /// The segment in an IP packet; checksums are zero, as captures of a sender's own packets have them.
    pub fn packet(&self) -> Vec<u8> {
        let mut tcp = Vec::new();
        tcp.extend(self.from.port().to_be_bytes());
        tcp.extend(self.to.port().to_be_bytes());
        tcp.extend(self.sequence.to_be_bytes());
        tcp.extend([0, 0, 0, 0, 5 << 4, self.flags | 0x10, 0x20, 0, 0, 0, 0, 0]);
        tcp.extend(&self.payload);
        let mut packet = Vec::new();
        match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                packet.extend([0x45, 0xc0]);
                packet.extend((20 + tcp.len() as u16).to_be_bytes());
                packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
                packet.extend(from.octets());
                packet.extend(to.octets());
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                packet.extend([0x60, 0, 0, 0]);
                packet.extend((tcp.len() as u16).to_be_bytes());
                packet.extend([6, 64]);
                packet.extend(from.octets());
                packet.extend(to.octets());
            }
            _ => panic!("both ends are of one family"),
        }
        packet.extend(tcp);
        packet
    }

    fn ether_type(&self) -> [u8; 2] {
        if self.from.is_ipv4() { [0x08, 0x00] } else { [0x86, 0xdd] }
    }

    /// The packet in a frame of a link type.
    pub fn frame(&self, link: u32) -> Vec<u8> {
        let kind = self.ether_type();
        let mut frame = match link {
            0 => vec![if self.from.is_ipv4() { 2 } else { 30 }, 0, 0, 0],
            1 => [&[2; 6][..], &[4; 6], &kind].concat(),
            // Not a link type: Ethernet with a VLAN tag.
            1001 => [&[2; 6][..], &[4; 6], &[0x81, 0, 0, 7], &kind].concat(),
            104 => [&[0x0f, 0][..], &kind].concat(),
            108 => vec![0, 0, 0, if self.from.is_ipv4() { 2 } else { 30 }],
            113 => [&[0, 0, 0, 1, 0, 6][..], &[4; 8], &kind].concat(),
            276 => [&kind[..], &[0, 0, 0, 0, 0, 2, 0, 1, 0, 6], &[4; 8]].concat(),
            _ => Vec::new(),
        };
        frame.extend(self.packet());
        if link == 1 && frame.len() < 60 {
            frame.resize(60, 0); // Ethernet's shortest frame: the padding is not TCP's
        }
        frame
    }
}

/// How a pcap file is written.
#[derive(Clone, Copy, Debug)]
pub struct Pcap {
    pub big_endian: bool,
    pub nanos: bool,
    pub link: u32,
}

pub const PCAP: Pcap = Pcap { big_endian: false, nanos: false, link: 1 };

impl Pcap {
    fn u32(self, value: u32) -> [u8; 4] {
        if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub fn file(self, segments: &[Tcp]) -> Vec<u8> {
        let magic = if self.nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
        let version = if self.big_endian { [0, 2, 0, 4] } else { [2, 0, 4, 0] };
        let mut file = self.u32(magic).to_vec();
        file.extend(version);
        for field in [0, 0, 65_535, self.link % 1000] {
            file.extend(self.u32(field));
        }
        for (second, segment) in segments.iter().enumerate() {
            let frame = segment.frame(self.link);
            let fraction = if self.nanos { 5_000_000 } else { 5_000 };
            for field in [1_546_300_800 + second as u32, fraction, frame.len() as u32, frame.len() as u32] {
                file.extend(self.u32(field));
            }
            file.extend(frame);
        }
        file
    }
}

/// A pcapng file with one Ethernet interface of a time resolution.
pub fn pcapng(resolution: u8, units: u64, segments: &[Tcp]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = 12 + body.len() as u32;
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), &body, &length.to_le_bytes()].concat()
    };
    let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    let mut file = block(0x0a0d_0d0a, &section);
    file.extend(block(1, &[1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, resolution, 0, 0, 0, 0, 0, 0, 0]));
    file.extend(block(0x7777, b"a block of a kind nobody knows, to be passed by"));
    for segment in segments {
        let frame = segment.frame(1);
        let mut packet = vec![0; 4];
        packet.extend(((units >> 32) as u32).to_le_bytes());
        packet.extend((units as u32).to_le_bytes());
        packet.extend((frame.len() as u32).to_le_bytes());
        packet.extend((frame.len() as u32).to_le_bytes());
        packet.extend(frame);
        file.extend(block(6, &packet));
    }
    file
}

/// One MRT record. RFC 6396 §2
pub fn record(kind: u16, subtype: u16, body: &[u8]) -> Vec<u8> {
    let mut record = 1_546_300_800_u32.to_be_bytes().to_vec();
    record.extend(kind.to_be_bytes());
    record.extend(subtype.to_be_bytes());
    record.extend((body.len() as u32).to_be_bytes());
    record.extend(body);
    record
}

/// What stands before the message in a BGP4MP record, of peer 172.16.1.2 and local 172.16.1.1. RFC 6396 §4.4
pub fn bgp4mp(four_octets: bool, peer: u32, local: u32, message: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for asn in [peer, local] {
        body.extend(&asn.to_be_bytes()[if four_octets { 0 } else { 2 }..]);
    }
    body.extend([0, 0, 0, 1, 172, 16, 1, 2, 172, 16, 1, 1]);
    body.extend(message);
    body
}
