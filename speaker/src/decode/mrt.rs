//! MRT files, as route collectors and daemons write them (RFC 6396): the BGP messages in their BGP4MP records.
//!
//! Records of other types become one object that names them, so that nothing is left out in silence.

use std::io::{BufRead, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::context::{AsWidth, Session, Side};
use super::json::{Body, ErrorJson};
use super::output::{End, Output, Place, Time};
use super::stream::Stream;
use super::{DecodeArgs, DecodeError};

/// Timestamp, type, subtype, length. RFC 6396 §2
const HEADER: usize = 12;
/// More than the largest message and everything a BGP4MP record puts before it.
const RECORD: u32 = 128 << 10;

const BGP4MP: u16 = 16;
const BGP4MP_ET: u16 = 17;

/// Types of the registry that can be named. <https://www.iana.org/assignments/mrt>
const TYPES: [(u16, &str); 9] = [
    (11, "OSPFv2"),
    (12, "TABLE_DUMP"),
    (13, "TABLE_DUMP_V2"),
    (BGP4MP, "BGP4MP"),
    (BGP4MP_ET, "BGP4MP_ET"),
    (32, "ISIS"),
    (33, "ISIS_ET"),
    (48, "OSPFv3"),
    (49, "OSPFv3_ET"),
];

/// What a subtype of BGP4MP says about the message in it. RFC 6396 §4.4, RFC 8050 §3
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    state_change: bool,
    as_width: AsWidth,
    /// Sent by the recorder itself.
    local: bool,
    add_path: bool,
}

impl Kind {
    const fn of(subtype: u16) -> Option<Self> {
        let (state_change, as_width, local, add_path) = match subtype {
            0 => (true, AsWidth::Two, false, false),
            1 => (false, AsWidth::Two, false, false),
            4 => (false, AsWidth::Four, false, false),
            5 => (true, AsWidth::Four, false, false),
            6 => (false, AsWidth::Two, true, false),
            7 => (false, AsWidth::Four, true, false),
            8 => (false, AsWidth::Two, false, true),
            9 => (false, AsWidth::Four, false, true),
            10 => (false, AsWidth::Two, true, true),
            11 => (false, AsWidth::Four, true, true),
            _ => return None,
        };
        Some(Self { state_change, as_width, local, add_path })
    }
}

/// Whether `head` can begin an MRT file: a known type and a length that is not absurd.
pub(super) fn is_header(head: &[u8]) -> bool {
    let Some(Header { kind, length, .. }) = head.first_chunk().map(Header::of) else { return false };
    TYPES.iter().any(|(known, _)| *known == kind) && length < 1 << 24
}

#[derive(Clone, Copy)]
struct Header {
    seconds: u32,
    kind: u16,
    subtype: u16,
    length: u32,
}

impl Header {
    fn of(octets: &[u8; HEADER]) -> Self {
        let [s0, s1, s2, s3, k0, k1, t0, t1, l0, l1, l2, l3] = *octets;
        Self {
            seconds: u32::from_be_bytes([s0, s1, s2, s3]),
            kind: u16::from_be_bytes([k0, k1]),
            subtype: u16::from_be_bytes([t0, t1]),
            length: u32::from_be_bytes([l0, l1, l2, l3]),
        }
    }

    fn name(&self) -> &'static str {
        TYPES.iter().find(|(kind, _)| *kind == self.kind).map_or("unknown", |(_, name)| name)
    }

    /// The object of a record without a message.
    fn object(&self, error: ErrorJson) -> Body {
        Body::Mrt { record_type: self.kind, subtype: self.subtype, name: self.name(), error }
    }
}

/// Decodes records to the end of the input.
pub(super) fn decode(mut input: impl BufRead, output: &mut Output<'_>, args: &DecodeArgs) -> Result<(), DecodeError> {
    let mut offset = 0_u64;
    let mut record = Vec::new();
    loop {
        let mut octets = [0; HEADER];
        let have = read_up_to(&mut input, &mut octets)?;
        if have == 0 {
            return Ok(());
        }
        let damaged = |what| DecodeError::Damaged { format: "MRT file", offset, what };
        if have < HEADER {
            return Err(damaged(format!("it ends within the header of a record, {have} octets of {HEADER}")));
        }
        let header = Header::of(&octets);
        let place =
            Place { time: Some(Time { seconds: header.seconds.into(), nanos: 0, digits: 0 }), ..Place::default() };
        let is_bgp = matches!(header.kind, BGP4MP | BGP4MP_ET);
        if is_bgp && header.length <= RECORD {
            record.clear();
            input.by_ref().take(header.length.into()).read_to_end(&mut record).map_err(DecodeError::Read)?;
            if (record.len() as u64) < u64::from(header.length) {
                let (length, have) = (header.length, record.len());
                return Err(damaged(format!("it ends within a record of {length} octets, {have} of them are here")));
            }
            if let Err(what) = bgp4mp(&header, &record, place.clone(), output, args)? {
                output.object(&place, &header.object(ErrorJson::plain(offset as usize, what)))?;
            }
        } else {
            let what = if is_bgp {
                format!("a record of {} octets, more than a BGP message can take", header.length)
            } else {
                "holds no BGP message: only BGP4MP and BGP4MP_ET do".to_owned()
            };
            output.object(&place, &header.object(ErrorJson::plain(offset as usize, what)))?;
            skip(&mut input, header.length.into()).map_err(|missing| match missing {
                Ok(have) => {
                    damaged(format!("it ends within a record of {} octets, {have} of them are here", header.length))
                }
                Err(error) => error,
            })?;
        }
        offset += HEADER as u64 + u64::from(header.length);
    }
}

/// One BGP4MP record. The inner error says why it holds nothing that can be read.
fn bgp4mp(
    header: &Header,
    record: &[u8],
    mut place: Place,
    output: &mut Output<'_>,
    args: &DecodeArgs,
) -> Result<Result<(), String>, DecodeError> {
    let Some(kind) = Kind::of(header.subtype) else {
        return Ok(Err(format!("subtype {} of BGP4MP is not known", header.subtype)));
    };
    let mut fields = Fields(record);
    if header.kind == BGP4MP_ET {
        // RFC 6396 §3: microseconds, which the length counts.
        let Some(micros) = fields.u32() else { return Ok(Err(short(record))) };
        let time = Time { seconds: header.seconds.into(), nanos: micros.min(999_999) * 1_000, digits: 6 };
        place.time = Some(time);
    }
    let Some((peer, local)) = fields.ends(kind.as_width) else { return Ok(Err(short(record))) };
    let (from, to) = if kind.local { (local, peer) } else { (peer, local) };
    let external = from.asn != to.asn;
    place = Place {
        from: Some(End::Address(from.address)),
        from_as: Some(from.asn),
        to: Some(End::Address(to.address)),
        to_as: Some(to.asn),
        ..place
    };
    if kind.state_change {
        let (Some(old), Some(new)) = (fields.u16(), fields.u16()) else { return Ok(Err(short(record))) };
        output.object(&place, &Body::StateChange { old_state: state(old), new_state: state(new) })?;
        return Ok(Ok(()));
    }
    let mut session = Session::recorded(args, kind.as_width, kind.add_path, external);
    let mut stream = Stream::default();
    stream.push(fields.0);
    while let Some(frame) = stream.next() {
        output.frame(&place, frame, &mut session, Side::End(0))?;
    }
    match stream.gap() {
        0 => {}
        begun => output.missing(&place, begun, "the record ends within a message")?,
    }
    Ok(Ok(()))
}

fn short(record: &[u8]) -> String {
    format!("the record of {} octets ends before the message", record.len())
}

/// The states of RFC 4271 §8.2.2 by their numbers in RFC 6396 §4.4.1.
fn state(code: u16) -> String {
    match code {
        1 => "idle",
        2 => "connect",
        3 => "active",
        4 => "open-sent",
        5 => "open-confirm",
        6 => "established",
        _ => return format!("state {code}"),
    }
    .to_owned()
}

struct Speaker {
    asn: u32,
    address: IpAddr,
}

/// A cursor over a record; `None` when it is over.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn asn(&mut self, width: AsWidth) -> Option<u32> {
        match width {
            AsWidth::Two => self.u16().map(u32::from),
            AsWidth::Four => self.u32(),
        }
    }

    /// Peer and local end: both AS numbers, the interface, the address family, both addresses. RFC 6396 §4.4.2
    fn ends(&mut self, width: AsWidth) -> Option<(Speaker, Speaker)> {
        let (peer, local) = (self.asn(width)?, self.asn(width)?);
        let (_interface, family) = (self.u16()?, self.u16()?);
        let mut address = || match family {
            2 => self.take().map(|octets: [u8; 16]| IpAddr::V6(Ipv6Addr::from(octets))),
            _ => self.take().map(|octets: [u8; 4]| IpAddr::V4(Ipv4Addr::from(octets))),
        };
        let (peer_address, local_address) = (address()?, address()?);
        Some((Speaker { asn: peer, address: peer_address }, Speaker { asn: local, address: local_address }))
    }
}

/// Reads until `octets` is full or the input ends; says how many octets came.
fn read_up_to(input: &mut impl Read, octets: &mut [u8]) -> Result<usize, DecodeError> {
    let mut have = 0;
    while have < octets.len() {
        match input.read(&mut octets[have..]) {
            Ok(0) => break,
            Ok(length) => have += length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(DecodeError::Read(error)),
        }
    }
    Ok(have)
}

/// Leaves out `length` octets. `Err(Ok(have))`: there were only so many.
fn skip(input: &mut impl BufRead, length: u64) -> Result<(), Result<u64, DecodeError>> {
    let have =
        std::io::copy(&mut input.take(length), &mut std::io::sink()).map_err(|error| Err(DecodeError::Read(error)))?;
    if have == length { Ok(()) } else { Err(Ok(have)) }
}
