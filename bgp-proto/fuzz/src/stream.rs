//! A stream gives the same messages wherever it is cut, and what waits in the buffer is never more than one message.
//!
//! session · number of cuts · places of the cuts · segments: form, … The form is a message with a right header, or octets
//! as they are.

use bgp_proto::message::{Codec, Frame, MessageError, split_frame};
use bytes::{BufMut, BytesMut};

use super::input::{Bound, Input};

/// The stream three times, and room for one more message.
pub const BOUND: Bound = Bound { fixed: 256 << 10, per_octet: 256 };

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let codec = input.codec();
    let cuts: Vec<usize> = (0..input.octet() % 16).map(|_| usize::from(input.octet())).collect();
    let mut stream = Vec::new();
    while !input.is_empty() {
        put_segment(&mut input, &mut stream);
    }
    let whole = frames(&codec, &[&stream]);
    let mut parts = Vec::new();
    let mut rest = &stream[..];
    for cut in cuts {
        let (part, tail) = rest.split_at(cut.min(rest.len()));
        parts.push(part);
        rest = tail;
    }
    parts.push(rest);
    assert_eq!(frames(&codec, &parts), whole, "cut into {:?}", parts.iter().map(|part| part.len()).collect::<Vec<_>>());
    let octets: Vec<&[u8]> = stream.chunks(1).take(64).chain([stream.get(64..).unwrap_or_default()]).collect();
    assert_eq!(frames(&codec, &octets), whole, "octet by octet");
}

/// The messages, the error that ended them, and the octets left over.
type Outcome = (Vec<Frame>, Option<MessageError>, usize);

fn frames(codec: &Codec, parts: &[&[u8]]) -> Outcome {
    let (mut buffer, mut frames) = (BytesMut::new(), Vec::new());
    for part in parts {
        buffer.extend_from_slice(part);
        loop {
            match split_frame(&mut buffer, codec.max_len()) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error), 0),
            }
        }
        assert!(buffer.len() < codec.max_len(), "{} octets wait", buffer.len());
        assert!(buffer.capacity() <= 2 * (codec.max_len() + part.len()) + 64, "room for {}", buffer.capacity());
    }
    (frames, None, buffer.len())
}

fn put_segment(input: &mut Input<'_>, out: &mut Vec<u8>) {
    let form = input.octet();
    let body = if form & 0x80 != 0 { input.long() } else { input.short() };
    if form & 0x40 == 0 {
        out.put_bytes(0xff, 16);
        out.put_u16((19 + body.len()) as u16);
        out.put_u8(form & 0x07);
    }
    out.put_slice(body);
}
