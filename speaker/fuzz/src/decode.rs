//! What `roost decode` is given: every line that comes out is an object, and nothing is kept of what went by.
//!
//! The first octet is the command line, the rest the input, which is read in pieces as small as the octet says.

use std::io::{self, Read, Write};

use crate::targets::input::Bound;
use serde::de::IgnoredAny;
use speaker::decode::{DecodeArgs, decode};

/// Buffers of a capture (256 KiB, grown to a block of at most 2 MiB), the tables of its connections, one line of output.
pub const BOUND: Bound = Bound { fixed: 8 << 20, per_octet: 512 };

pub fn run(data: &[u8]) {
    let Some((&how, input)) = data.split_first() else { return };
    let args = DecodeArgs {
        as2: how & 3 == 1,
        as4: how & 3 == 2,
        add_path: how & 4 != 0,
        port: if how & 8 == 0 { 179 } else { 1790 },
    };
    let piece = if how & 0x80 == 0 { usize::MAX } else { 1 + usize::from(how >> 4 & 7) };
    let mut lines = Lines::default();
    let result = decode(Pieces { input, piece }, &mut lines, &args);
    assert!(lines.open.is_empty(), "the last line has no end");
    if let Ok(objects) = result {
        assert_eq!(objects, lines.count);
    }
}

/// An input that comes slowly.
struct Pieces<'a> {
    input: &'a [u8],
    piece: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(self.piece);
        self.input.read(&mut buffer[..len])
    }
}

/// Keeps one line, to see that it is an object.
#[derive(Default)]
struct Lines {
    open: Vec<u8>,
    count: u64,
}

impl Write for Lines {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        for part in octets.split_inclusive(|octet| *octet == b'\n') {
            self.open.extend_from_slice(part);
            if part.ends_with(b"\n") {
                assert!(self.open.starts_with(b"{"), "no object");
                serde_json::from_slice::<IgnoredAny>(&self.open).expect("JSON");
                self.open.clear();
                self.count += 1;
            }
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
