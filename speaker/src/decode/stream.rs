//! A run of octets cut into messages, finding its way again after a damaged or missing part.

use std::io::Read;

use bgp_proto::message::{Frame, MAX_LEN_EXTENDED, MessageError, split_frame};
use bytes::{Buf, BytesMut};

use super::context::{Session, Side};
use super::output::{Output, Place};
use super::{DecodeArgs, DecodeError};

/// Begins every message. RFC 4271 §4.1
pub(super) const MARKER: [u8; 16] = [0xff; 16];
/// Marker, length, type.
const HEADER: usize = 19;

/// The octets one speaker sent, from some point on.
#[derive(Debug, Default)]
pub(super) struct Stream {
    buffer: BytesMut,
    /// The next octet may stand anywhere in a message: look for a marker first.
    lost: bool,
}

impl Stream {
    /// A stream whose beginning was not recorded.
    pub fn midway() -> Self {
        Self { buffer: BytesMut::new(), lost: true }
    }

    /// Octets kept: less than one message between two calls of [`next`](Self::next) that return `None`.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// Octets are missing here: what was begun cannot be finished. Returns how many octets that were.
    pub fn gap(&mut self) -> usize {
        let begun = if self.lost { 0 } else { self.buffer.len() };
        self.buffer = BytesMut::new();
        self.lost = true;
        begun
    }

    /// The next whole message; an error where there is none, after which the stream goes on at the next marker.
    pub fn next(&mut self) -> Option<Result<Frame, MessageError>> {
        if self.lost && !self.find_header() {
            return None;
        }
        self.lost = false;
        match split_frame(&mut self.buffer, MAX_LEN_EXTENDED) {
            Ok(frame) => frame.map(Ok),
            Err(error) => {
                self.buffer.advance(1.min(self.buffer.len()));
                self.lost = true;
                Some(Err(error))
            }
        }
    }

    /// Drops octets until a marker with a sensible length and type begins the buffer. `false` when there is none yet.
    fn find_header(&mut self) -> bool {
        let starts = self.buffer.len().saturating_sub(HEADER - 1);
        let found = (0..starts).find(|&at| is_header(&self.buffer[at..]));
        self.buffer.advance(found.unwrap_or(starts));
        found.is_some()
    }
}

fn is_header(octets: &[u8]) -> bool {
    let Some((marker, [high, low, kind, ..])) = octets.split_at_checked(16) else { return false };
    marker == MARKER && u16::from_be_bytes([*high, *low]) >= HEADER as u16 && (1..=5).contains(kind)
}

/// Decodes messages that follow each other without anything between.
pub(super) fn decode(mut input: impl Read, output: &mut Output<'_>, args: &DecodeArgs) -> Result<(), DecodeError> {
    let mut stream = Stream::default();
    let mut session = Session::new(args);
    let mut piece = vec![0; 1 << 16];
    loop {
        let length = match input.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(DecodeError::Read(error)),
        };
        stream.push(&piece[..length]);
        while let Some(frame) = stream.next() {
            output.frame(&Place::default(), frame, &mut session, Side::Unknown)?;
        }
    }
    match stream.gap() {
        0 => Ok(()),
        begun => output.missing(&Place::default(), begun, "the input ends within a message"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keepalive() -> Vec<u8> {
        [&MARKER[..], &[0, 19, 4]].concat()
    }

    fn kinds(stream: &mut Stream) -> Vec<Option<u8>> {
        std::iter::from_fn(|| stream.next()).map(|frame| frame.ok().map(|frame| frame.kind)).collect()
    }

    #[test]
    fn messages_are_found_wherever_the_octets_are_split() {
        let octets = [keepalive(), keepalive(), keepalive()].concat();
        for split in 0..octets.len() {
            let mut stream = Stream::default();
            let mut found = 0;
            for part in [&octets[..split], &octets[split..]] {
                stream.push(part);
                found += kinds(&mut stream).len();
            }
            assert_eq!((found, stream.len()), (3, 0), "split at {split}");
        }
    }

    #[test]
    fn a_stream_that_begins_midway_waits_for_a_marker() {
        for cut in 1..19 {
            let mut stream = Stream::midway();
            stream.push(&keepalive()[cut..]);
            stream.push(&keepalive());
            assert_eq!(kinds(&mut stream), [Some(4)], "cut at {cut}");
        }
    }

    #[test]
    fn noise_is_one_error_and_the_next_message_is_found() {
        let mut stream = Stream::default();
        stream.push(&[keepalive(), vec![0x55; 40], keepalive()].concat());
        assert_eq!(kinds(&mut stream), [Some(4), None, Some(4)]);
    }

    #[test]
    fn noise_is_not_kept() {
        let mut stream = Stream::midway();
        for _ in 0..1_000 {
            stream.push(&[0xff; 1_000]);
            assert!(stream.next().is_none());
            assert!(stream.len() < HEADER);
        }
    }
}
