//! Tests of the codec as a whole: vectors, errors and their treatment, round trips, hostile bytes.

// What must hold of a message, whoever makes it up.
#[path = "../../../fuzz/src/canonical.rs"]
mod canonical;
mod frames;
mod hostile;
mod open_errors;
mod pack;
mod rfc7606;
mod roundtrip;
mod text;
mod vectors;

use bytes::{Bytes, BytesMut};

use super::*;
use crate::{Asn, Family, RouterId};

/// What two current speakers of one AS agree on.
const MODERN: Codec = Codec { four_octet_as: true, families: FamilySet::ALL, ..Codec::INITIAL };
/// The same with an external peer.
const EXTERNAL: Codec = Codec { external: true, ..MODERN };
/// A peer with two-octet AS numbers, in another AS.
const TWO_OCTET: Codec = Codec { four_octet_as: false, ..EXTERNAL };

/// Octets from hex digits; blanks are for the reader.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap()).collect();
    assert!(digits.len().is_multiple_of(2), "an odd number of digits: {text}");
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

fn to_hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A whole message around a body.
fn message(kind: u8, body: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    put_message(&mut out, kind, |out| out.extend_from_slice(body));
    out.freeze()
}

/// Reads one message, from header to last octet.
fn decode(bytes: &[u8], codec: &Codec) -> Result<Message, MessageError> {
    let mut buf = BytesMut::from(bytes);
    let frame = split_frame(&mut buf, codec.max_len())?.expect("a whole message");
    assert!(buf.is_empty(), "octets behind the message");
    Message::decode(&frame, codec)
}

/// All messages of a run.
fn decode_all(bytes: &[u8], codec: &Codec) -> Vec<Message> {
    let mut buf = BytesMut::from(bytes);
    let mut messages = Vec::new();
    while let Some(frame) = split_frame(&mut buf, codec.max_len()).unwrap() {
        messages.push(Message::decode(&frame, codec).unwrap());
    }
    assert!(buf.is_empty(), "an unfinished message at the end");
    messages
}

/// An UPDATE from its three parts.
fn update(withdrawn: &[u8], attrs: &[u8], nlri: &[u8]) -> Bytes {
    let mut body = Vec::new();
    for part in [withdrawn, attrs] {
        body.extend((part.len() as u16).to_be_bytes());
        body.extend(part);
    }
    body.extend(nlri);
    message(kind::UPDATE, &body)
}
