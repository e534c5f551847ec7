//! UPDATEs whose frame and lengths are right, so that what is random is what stands in the attributes.
//!
//! session · withdrawn routes (length 1) · NLRI (length 1) · attributes: shape, code, value (length 1 or 2) …
//!
//! The shape says whether the flags are those of the attribute and how the length is written; a shape of its own stands
//! for the three mandatory attributes, so that one octet is a whole announcement.

use bgp_proto::attr::AttrCache;
use bgp_proto::message::{Codec, Frame, Message, kind, split_frame};
use bytes::{BufMut, BytesMut};

use super::canonical::judge;
use super::input::{Bound, Input};

/// The message, what it says, and what is written of that.
pub const BOUND: Bound = Bound { fixed: 256 << 10, per_octet: 160 };

/// Codes with their flags. RFC 4271 §5 and the RFCs of the others
const KNOWN: [(u8, u8); 18] = [
    (1, 0x40),
    (2, 0x40),
    (3, 0x40),
    (4, 0x80),
    (5, 0x40),
    (6, 0x40),
    (7, 0xc0),
    (8, 0xc0),
    (9, 0x80),
    (10, 0x80),
    (14, 0x80),
    (15, 0x80),
    (16, 0xc0),
    (17, 0xc0),
    (18, 0xc0),
    (25, 0xc0),
    (32, 0xc0),
    (35, 0xc0),
];

/// ORIGIN IGP, an AS_PATH of two, NEXT_HOP 10.0.0.1.
const MANDATORY: [[&[u8]; 3]; 2] = [
    [&[0x40, 1, 1, 0], &[0x40, 2, 6, 2, 2, 0xfc, 1, 0x5b, 0xa0], &[0x40, 3, 4, 10, 0, 0, 1]],
    [&[0x40, 1, 1, 0], &[0x40, 2, 10, 2, 2, 0, 0, 0xfc, 1, 0, 1, 0, 0], &[0x40, 3, 4, 10, 0, 0, 1]],
];

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let codec = input.codec();
    let expected = frame(&mut input, &codec);
    let mut message = BytesMut::from(&expected.bytes[..]);
    let frame = split_frame(&mut message, codec.max_len()).expect("a right header").expect("a whole message");
    assert_eq!(frame, expected);
    let plain = Message::decode(&frame, &codec);
    let mut cache = AttrCache::new();
    for _ in 0..3 {
        assert_eq!(Message::decode_with(&frame, &codec, &mut cache), plain);
    }
    judge(&frame, &codec, &plain);
}

/// An UPDATE made of all that is left of the input, or of as much of it as a message holds.
pub fn frame(input: &mut Input<'_>, codec: &Codec) -> Frame {
    let (withdrawn, nlri) = (input.short(), input.short());
    let room = codec.max_len() - 23 - withdrawn.len() - nlri.len();
    let mut attrs = BytesMut::new();
    while !input.is_empty() {
        let before = attrs.len();
        put_attr(input, codec.four_octet_as, &mut attrs);
        if attrs.len() > room {
            attrs.truncate(before);
            break;
        }
    }
    let len = 23 + withdrawn.len() + attrs.len() + nlri.len();
    let mut message = BytesMut::with_capacity(len);
    message.put_bytes(0xff, 16);
    message.put_u16(len as u16);
    message.put_u8(kind::UPDATE);
    message.put_u16(withdrawn.len() as u16);
    message.put_slice(withdrawn);
    message.put_u16(attrs.len() as u16);
    message.put_slice(&attrs);
    message.put_slice(nlri);
    Frame { kind: kind::UPDATE, bytes: message.freeze() }
}

fn put_attr(input: &mut Input<'_>, four_octet_as: bool, out: &mut BytesMut) {
    let shape = input.octet();
    if shape & 0x0f == 0x0f {
        MANDATORY[usize::from(four_octet_as)].iter().for_each(|attr| out.put_slice(attr));
        return;
    }
    let choice = input.octet();
    let (code, mut flags) = match shape & 0x03 {
        3 => (choice, input.octet()),
        _ => KNOWN[usize::from(choice) % KNOWN.len()],
    };
    flags |= shape & 0x20; // partial
    let value = if shape & 0x10 != 0 { input.long() } else { input.short() };
    match u8::try_from(value.len()) {
        Ok(len) if shape & 0x10 == 0 => out.put_slice(&[flags & !0x10, code, len]),
        _ => {
            out.put_slice(&[flags | 0x10, code]);
            out.put_u16(value.len() as u16);
        }
    }
    out.put_slice(value);
}
