//! Messages written in hex, one a line, as they stand in bug reports, logs and documents.
//!
//! Blanks, colons, commas and dashes between digits do not matter, nor does `0x` before a group. What stands behind
//! `#` is a comment.

use std::io::{BufRead, Read};

use super::context::{Session, Side};
use super::json::{Body, ErrorJson};
use super::output::{Output, Place};
use super::stream::Stream;
use super::{DecodeArgs, DecodeError};

/// Longest line: the largest message with three characters between its octets.
const LINE: u64 = 5 * 65_535;

/// Decodes each line; all of them are taken as one session, in both directions.
pub(super) fn decode(mut input: impl BufRead, output: &mut Output<'_>, args: &DecodeArgs) -> Result<(), DecodeError> {
    let mut session = Session::new(args);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        input.by_ref().take(LINE).read_until(b'\n', &mut line).map_err(DecodeError::Read)?;
        if line.is_empty() {
            break;
        }
        let place = Place { line: Some(number), ..Place::default() };
        let complete = line.last() == Some(&b'\n') || (line.len() as u64) < LINE;
        if !complete {
            input.skip_until(b'\n').map_err(DecodeError::Read)?;
        }
        match octets(&line) {
            _ if !complete => {
                let message = format!("the line is longer than {LINE} characters, more than the largest message needs");
                output.object(&place, &Body::Incomplete { error: ErrorJson::plain(LINE as usize, message) })?;
            }
            Err(error) => output.object(&place, &Body::Incomplete { error })?,
            Ok(octets) => messages(&octets, &place, output, &mut session)?,
        }
        output.flush()?;
    }
    Ok(())
}

/// A line usually is one message; more of them are decoded one after the other.
fn messages(octets: &[u8], place: &Place, output: &mut Output<'_>, session: &mut Session) -> Result<(), DecodeError> {
    let mut stream = Stream::default();
    stream.push(octets);
    while let Some(frame) = stream.next() {
        output.frame(place, frame, session, Side::Unknown)?;
    }
    match stream.gap() {
        0 => Ok(()),
        begun => output.missing(place, begun, "the line ends within a message"),
    }
}

/// The octets of a line; the error's offset counts its characters.
fn octets(line: &[u8]) -> Result<Vec<u8>, ErrorJson> {
    let text = line.split(|character| *character == b'#').next().unwrap_or_default();
    let mut octets = Vec::with_capacity(text.len() / 2);
    let mut high: Option<u8> = None;
    let mut at = 0;
    while let Some(character) = text.get(at) {
        let digit = char::from(*character).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (high, digit, character) {
            (None, Some(0), _) if text.get(at + 1).is_some_and(|next| next.eq_ignore_ascii_case(&b'x')) => at += 1,
            (None, Some(digit), _) => high = Some(digit),
            (Some(first), Some(digit), _) => {
                octets.push(first << 4 | digit);
                high = None;
            }
            (None, None, b' ' | b'\t' | b'\r' | b'\n' | b':' | b',' | b'-') => {}
            (Some(_), None, _) => {
                return Err(ErrorJson::plain(at, "an octet has two hex digits, here is one".to_owned()));
            }
            (None, None, other) => {
                let shown = char::from(*other).escape_default();
                return Err(ErrorJson::plain(at, format!("expected hex digits, found '{shown}'")));
            }
        }
        at += 1;
    }
    match high {
        Some(_) => Err(ErrorJson::plain(at, "an octet has two hex digits, here is one".to_owned())),
        None => Ok(octets),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_prefixes_and_comments_do_not_matter() {
        for line in ["ff00a1", "0xff00a1", "ff:00:a1\n", "FF 00\tA1 # three", "0xff, 0x00, 0xa1\r\n", "ff-00-a1"] {
            assert_eq!(octets(line.as_bytes()).ok(), Some(vec![0xff, 0, 0xa1]), "{line:?}");
        }
        for line in ["", "\n", "# nothing"] {
            assert_eq!(octets(line.as_bytes()).ok(), Some(Vec::new()), "{line:?}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        for (line, offset, part) in
            [("ff0", 3, "two hex digits"), ("f f", 1, "two hex digits"), ("ff zz", 3, "found 'z'")]
        {
            let error = octets(line.as_bytes()).err().map(|error| (error.offset, error.message)).unwrap_or_default();
            assert!(error.0 == offset && error.1.contains(part), "{line:?}: {error:?}");
        }
    }
}
