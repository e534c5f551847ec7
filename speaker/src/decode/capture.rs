//! pcap and pcapng files: blocks to frames, each with its link type and time. `pcap-parser` reads the files.

use std::io::Read;

use pcap_parser::pcapng::Block;
use pcap_parser::{Linktype, PcapBlockOwned, PcapError, PcapHeader, create_reader};

use super::json::{Body, ErrorJson};
use super::link;
use super::output::{Output, Place, Time};
use super::sessions::Sessions;
use super::{DecodeArgs, DecodeError};

/// Octets of the file held to begin with.
const BUFFER: usize = 256 << 10;
/// Largest block: eight times what tcpdump captures of a packet.
const BLOCK: usize = 2 << 20;
/// Interfaces of one pcapng section that are told apart.
const INTERFACES: usize = 65_536;

/// Where frames come from.
#[derive(Clone, Copy)]
struct Interface {
    link: Linktype,
    resolution: Resolution,
    /// Seconds to add (pcapng `if_tsoffset`).
    offset: i64,
}

/// Units of a timestamp. Pcapng `if_tsresol`: a negative power of 10, or of 2 with the highest bit set.
#[derive(Clone, Copy)]
struct Resolution(u8);

impl Resolution {
    const MICROS: Self = Self(6);
    const NANOS: Self = Self(9);

    fn time(self, units: u64, offset: i64) -> Option<Time> {
        let exponent = u32::from(self.0 & 0x7f);
        let base: u128 = if self.0 & 0x80 == 0 { 10 } else { 2 };
        let second = base.checked_pow(exponent)?;
        let units = u128::from(units);
        let seconds = u64::try_from(units / second).ok()?.checked_add_signed(offset)?;
        let nanos = u32::try_from((units % second).checked_mul(1_000_000_000)? / second).ok()?;
        let digits = match self.0 {
            0 => 0,
            1..=6 => 6,
            _ => 9,
        };
        // A year has four digits.
        (seconds < 253_402_300_800).then_some(Time { seconds, nanos, digits })
    }
}

/// Reads a capture to its end.
pub(super) fn decode(
    mut input: impl Read + Send,
    output: &mut Output<'_>,
    args: &DecodeArgs,
) -> Result<(), DecodeError> {
    let head = first_block(&mut input)?;
    let length = head.len();
    let mut order = head.starts_with(&SECTION).then_some(Order::Little);
    let damaged = |offset: usize, what: String| DecodeError::Damaged { format: "capture", offset: offset as u64, what };
    let mut reader = create_reader(BUFFER.max(length), std::io::Cursor::new(head).chain(input))
        .map_err(|error| damaged(0, describe(&error)))?;
    let mut capture = Capture { interfaces: Vec::new(), sessions: Sessions::new(args), output };
    let mut capacity = BUFFER.max(length);
    let mut fault = None;
    loop {
        let position = reader.consumed();
        if let Some(order) = &mut order
            && let Err(what) = order.check(reader.data())
        {
            fault = Some((position, what));
            break;
        }
        match reader.next() {
            Ok((length, block)) => {
                if let Err(what) = capture.block(block)? {
                    fault = Some((position, what));
                    break;
                }
                reader.consume(length);
            }
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) => {
                capture.output.flush()?; // the input may come slowly
                let before = reader.data().len();
                if let Err(error) = reader.refill() {
                    return Err(DecodeError::Read(std::io::Error::other(describe(&error))));
                }
                if reader.data().len() == before && !reader.reader_exhausted() {
                    fault = Some((position, "a block cannot be read".to_owned()));
                    break;
                }
            }
            Err(PcapError::BufferTooSmall) => {
                if capacity >= BLOCK || !reader.grow(capacity * 2) {
                    fault = Some((position, format!("a block of more than {BLOCK} octets")));
                    break;
                }
                capacity *= 2;
            }
            Err(error) => {
                fault = Some((position, describe(&error)));
                break;
            }
        }
    }
    // What came before the damage counts.
    let Capture { sessions, output, .. } = capture;
    sessions.finish(output)?;
    match fault {
        Some((offset, what)) => Err(damaged(offset, what)),
        None => Ok(()),
    }
}

/// The type of the block that begins a pcapng, and each further section of it; the same in both byte orders.
const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// How numbers are written in a section of a pcapng.
#[derive(Clone, Copy)]
enum Order {
    Big,
    Little,
}

impl Order {
    /// Refuses a block that says it is shorter than its own frame: the parser takes the frame off without asking.
    fn check(&mut self, block: &[u8]) -> Result<(), String> {
        if let [head @ .., order] = block.get(..9).unwrap_or_default()
            && head.starts_with(&SECTION)
        {
            *self = if *order == 0x1a { Self::Big } else { Self::Little };
        }
        let Some(&[_, _, _, _, a, b, c, d]) = block.get(..8) else { return Ok(()) };
        let length = match self {
            Self::Big => u32::from_be_bytes([a, b, c, d]),
            Self::Little => u32::from_le_bytes([a, b, c, d]),
        };
        if length < 12 { Err(format!("a block of {length} octets, expected 12 at least")) } else { Ok(()) }
    }
}

/// As much of the file as the reader wants to see at once: the header of a pcap, or the first block of a pcapng.
fn first_block(input: &mut impl Read) -> Result<Vec<u8>, DecodeError> {
    let mut head = Vec::new();
    let mut fill = |head: &mut Vec<u8>, length: usize| {
        input.by_ref().take(length.saturating_sub(head.len()) as u64).read_to_end(head).map_err(DecodeError::Read)
    };
    fill(&mut head, 24)?;
    if let [0x0a, 0x0d, 0x0d, 0x0a, a, b, c, d, order, ..] = head[..] {
        // The byte-order magic 1a2b3c4d tells how the length is written.
        let length = if order == 0x1a { u32::from_be_bytes([a, b, c, d]) } else { u32::from_le_bytes([a, b, c, d]) };
        fill(&mut head, (length as usize).min(BUFFER))?;
    }
    Ok(head)
}

fn describe<I>(error: &PcapError<I>) -> String {
    match error {
        PcapError::UnexpectedEof | PcapError::Incomplete(_) | PcapError::Eof => "it ends within a block".to_owned(),
        PcapError::HeaderNotRecognized => "its header makes no sense".to_owned(),
        PcapError::ReadError => "it cannot be read".to_owned(),
        _ => "a block makes no sense".to_owned(),
    }
}

struct Capture<'a, 'o> {
    interfaces: Vec<Interface>,
    sessions: Sessions<'a>,
    output: &'a mut Output<'o>,
}

impl Capture<'_, '_> {
    /// One block of the file. The inner error ends the capture: nothing behind it can be understood.
    fn block(&mut self, block: PcapBlockOwned<'_>) -> Result<Result<(), String>, DecodeError> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => self.header(&header).map(Ok),
            PcapBlockOwned::Legacy(frame) => {
                let nanos = self.interfaces.first().is_some_and(|interface| interface.resolution.0 == 9);
                let second = if nanos { 1_000_000_000 } else { 1_000_000 };
                let units = u64::from(frame.ts_sec) * second + u64::from(frame.ts_usec);
                self.frame(0, Some(units), frame.data).map(Ok)
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                self.interfaces.clear();
                Ok(Ok(()))
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                let resolution = Resolution(interface.if_tsresol);
                self.interface(Interface { link: interface.linktype, resolution, offset: interface.if_tsoffset })
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                let captured = packet.data.get(..packet.caplen as usize).unwrap_or(packet.data);
                self.frame(packet.if_id as usize, Some(units), captured).map(Ok)
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                let captured = packet.data.get(..packet.origlen as usize).unwrap_or(packet.data);
                self.frame(0, None, captured).map(Ok)
            }
            PcapBlockOwned::NG(_) => Ok(Ok(())),
        }
    }

    fn header(&mut self, header: &PcapHeader) -> Result<(), DecodeError> {
        let resolution = if header.is_nanosecond_precision() { Resolution::NANOS } else { Resolution::MICROS };
        // The upper bits of the field can hold the length of a frame check sequence.
        let link = Linktype(header.network.0 & 0xffff);
        if !link::is_known(link) {
            return Err(DecodeError::LinkType(link.0));
        }
        self.interfaces.push(Interface { link, resolution, offset: 0 });
        Ok(())
    }

    /// An interface of a pcapng section. The others may still be of use when this one is not.
    fn interface(&mut self, interface: Interface) -> Result<Result<(), String>, DecodeError> {
        if self.interfaces.len() >= INTERFACES {
            return Ok(Err(format!("a section of more than {INTERFACES} interfaces")));
        }
        if !link::is_known(interface.link) {
            let message = format!("interface {}: {}", self.interfaces.len(), link::unknown(&interface.link.0));
            self.output.object(&Place::default(), &Body::Incomplete { error: ErrorJson::plain(0, message) })?;
        }
        self.interfaces.push(interface);
        Ok(Ok(()))
    }

    fn frame(&mut self, interface: usize, units: Option<u64>, frame: &[u8]) -> Result<(), DecodeError> {
        let Some(interface) = self.interfaces.get(interface) else { return Ok(()) };
        let Some(segment) = link::segment(interface.link, frame) else { return Ok(()) };
        let time = units.and_then(|units| interface.resolution.time(units, interface.offset));
        self.sessions.take(time, &segment, self.output)
    }
}
