//! `roost decode`: BGP messages from wherever they were recorded, as JSON, one object a message, one message a line.
//!
//! ```text
//! stdin ─ recognise ─┬ hex text ──────────────────────────────┐
//!                    ├ octets of a BGP session ───────────────┤
//!                    ├ MRT ─ BGP4MP records ──────────────────┼─ stream: cut into messages ─ context: decode ─ json
//!                    └ pcap, pcapng ─ link ─ TCP flows ───────┘
//! ```
//!
//! It reads what others sent, so three things hold for any input: nothing panics; memory does not grow with the input
//! (lines, records, blocks, flows and their gaps all have limits); and an error is an object like any other, with the
//! offset in the message, after which decoding goes on with the next message.
//!
//! What a session negotiated is not in a single message. [`context`] takes it from the OPENs of the recording, else
//! from the record (MRT), else it tries what could be and keeps what gives the fewest errors.

use std::io::{self, Read, Write};

mod capture;
mod context;
mod flow;
mod hex;
mod json;
mod link;
mod mrt;
mod output;
mod sessions;
mod stream;

pub use context::AsWidth;
use output::Output;

/// Octets looked at to recognise the format: the length of a pcap header, more than any other needs.
const HEAD: usize = 24;

/// How to read the input, where it does not say so itself.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct DecodeArgs {
    /// AS numbers in AS_PATH are two octets wide (else learned from the OPENs, or found by trying)
    #[arg(long, conflicts_with = "as4")]
    pub as2: bool,
    /// AS numbers in AS_PATH are four octets wide
    #[arg(long)]
    pub as4: bool,
    /// Prefixes carry path identifiers (RFC 7911)
    #[arg(long)]
    pub add_path: bool,
    /// TCP port of BGP in captures
    #[arg(long, value_name = "PORT", default_value_t = 179)]
    pub port: u16,
}

impl DecodeArgs {
    fn as_width(&self) -> Option<AsWidth> {
        match (self.as2, self.as4) {
            (true, _) => Some(AsWidth::Two),
            (_, true) => Some(AsWidth::Four),
            _ => None,
        }
    }
}

/// Why decoding cannot begin, or go on.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The input cannot be read.
    #[error("cannot read the input: {0}")]
    Read(io::Error),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Write(io::Error),
    /// The input is compressed.
    #[error("the input is compressed with {format}: unpack it on the way, as in `{tool} FILE | roost decode`")]
    Compressed {
        /// Of the compression.
        format: &'static str,
        /// The command that unpacks it to standard output.
        tool: &'static str,
    },
    /// No format fits.
    #[error(
        "the input begins with {head}, which is none of: hex text with one message a line, pcap, pcapng, MRT (RFC 6396), BGP messages as they are"
    )]
    Unknown {
        /// Its first octets, in hex.
        head: String,
    },
    /// The frames of a capture are of a kind that is not read.
    #[error("{}", link::unknown(.0))]
    LinkType(i32),
    /// The rest of a file cannot be found after a damaged place.
    #[error("the {format} is damaged at octet {offset}: {what}")]
    Damaged {
        /// Of the file.
        format: &'static str,
        /// Where, from the start of the input.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
}

/// The formats, by how they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Empty,
    Hex,
    Capture,
    Mrt,
    Raw,
}

/// Decodes `input` to its end and writes the objects to `out`. Returns how many there were.
///
/// # Errors
/// The input is in no known format, or ends to make sense as a file; reading or writing fails. Errors *in messages* are
/// objects of the output.
pub fn decode(mut input: impl Read + Send, out: &mut dyn Write, args: &DecodeArgs) -> Result<u64, DecodeError> {
    let mut head = Vec::with_capacity(HEAD);
    input.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(DecodeError::Read)?;
    let format = recognise(&head)?;
    let input = io::Cursor::new(head).chain(input);
    let mut output = Output::new(out);
    match format {
        Format::Empty => {}
        Format::Hex => hex::decode(io::BufReader::new(input), &mut output, args)?,
        Format::Capture => capture::decode(input, &mut output, args)?,
        Format::Mrt => mrt::decode(io::BufReader::new(input), &mut output, args)?,
        Format::Raw => stream::decode(input, &mut output, args)?,
    }
    output.flush()?;
    Ok(output.objects())
}

fn recognise(head: &[u8]) -> Result<Format, DecodeError> {
    const COMPRESSED: [(&[u8], &str, &str); 4] = [
        (&[0x1f, 0x8b], "gzip", "zcat"),
        (b"BZh", "bzip2", "bzcat"),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "xz", "xzcat"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd", "zstdcat"),
    ];
    if let Some((_, format, tool)) = COMPRESSED.into_iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Err(DecodeError::Compressed { format, tool });
    }
    // pcap in both orders and resolutions; a pcapng section header.
    const CAPTURES: [[u8; 4]; 5] = [
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0x0a, 0x0d, 0x0d, 0x0a],
    ];
    Ok(match head {
        _ if CAPTURES.iter().any(|magic| head.starts_with(magic)) => Format::Capture,
        [] => Format::Empty,
        _ if head.iter().all(|octet| octet.is_ascii_graphic() || octet.is_ascii_whitespace()) => Format::Hex,
        _ if head.len() >= 16 && head[..16] == stream::MARKER => Format::Raw,
        _ if mrt::is_header(head) => Format::Mrt,
        _ => return Err(DecodeError::Unknown { head: output::hex(head) }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_recognised_by_how_they_begin() {
        let mrt = [0x5c, 0x2a, 0xad, 0x80, 0, 16, 0, 4, 0, 0, 0, 60, 0, 0];
        for (head, format) in [
            (&b""[..], Format::Empty),
            (b"ffff ffff ffff ffff", Format::Hex),
            (b"# a comment", Format::Hex),
            (b"\n\n", Format::Hex),
            (&[0xff; 24], Format::Raw),
            (&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0], Format::Capture),
            (&[0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28], Format::Capture),
            (&mrt, Format::Mrt),
        ] {
            assert_eq!(recognise(head).ok(), Some(format), "{head:?}");
        }
        for (head, named) in [
            (&[0x1f, 0x8b, 8, 0][..], "zcat"),
            (b"BZh9", "bzcat"),
            (&[0x7f, b'E', b'L', b'F'], "7f454c46"),
            (&[0xff; 15], "hex text"),
        ] {
            let error = recognise(head).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(named), "{head:?}: {error}");
        }
    }
}
