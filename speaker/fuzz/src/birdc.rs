//! Octets as a client of BIRD's control socket sends them: each line has one whole answer, in order, and then comes the end.
//!
//! The first octet says which family the socket is of, and in which pieces the octets come; the rest is the stream.

use std::time::Duration;

use crate::fake::Fake;
use crate::targets::input::Bound;
use bgp_proto::Family;
use speaker::birdc::{Scope, serve_stream};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf};

/// A runtime and the buffers of a connection. A line of two octets is answered with more.
pub const BOUND: Bound = Bound { fixed: 2 << 20, per_octet: 64 };

/// Longest line, with its end.
const LINE: usize = 4096;
/// Less than what ends an idle client.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn run(data: &[u8]) {
    let Some((&how, input)) = data.split_first() else { return };
    let scope = match how & 3 {
        0 => Scope::Only(Family::IPV4_UNICAST),
        1 => Scope::Only(Family::IPV6_UNICAST),
        _ => Scope::Both,
    };
    let piece = if how & 0x80 == 0 { usize::MAX } else { 1 + usize::from(how >> 4 & 7) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let (client, server) = tokio::io::duplex(4096);
        let (reading, mut writing) = tokio::io::split(client);
        let send = async {
            for part in input.chunks(piece) {
                if writing.write_all(part).await.is_err() {
                    return; // the server has closed
                }
                tokio::task::yield_now().await;
            }
            let _ = writing.shutdown().await; // it may be closed
        };
        let all = async { tokio::join!(serve_stream(server, Fake::default(), scope), send, answers(reading)) };
        let ((), (), answers) = tokio::time::timeout(PATIENCE, all).await.expect("the connection ends");
        assert_eq!(answers, expected(input));
    });
}

/// The greeting and an answer a line; one that is too long is the last.
fn expected(mut input: &[u8]) -> usize {
    let mut answers = 1;
    while !input.is_empty() {
        match input.iter().take(LINE).position(|&octet| octet == b'\n') {
            Some(end) => input = &input[end + 1..],
            None => return answers + usize::from(input.len() >= LINE),
        }
        answers += 1;
    }
    answers
}

/// Reads to the end, and counts whole answers.
async fn answers(stream: ReadHalf<DuplexStream>) -> usize {
    let (mut stream, mut line) = (BufReader::new(stream), Vec::new());
    let (mut count, mut code) = (0, None);
    while stream.read_until(b'\n', &mut line).await.expect("a pipe in memory") != 0 {
        let text = str::from_utf8(&line).expect("UTF-8").strip_suffix('\n').expect("a whole line");
        assert!(!text.contains(|c: char| c.is_control() && c != '\t'), "{text:?}");
        if !text.starts_with(' ') {
            let new = text.get(..4).filter(|digits| digits.bytes().all(|c| c.is_ascii_digit())).expect("a code");
            assert_ne!(code.as_deref().filter(|_| text[4..].starts_with('-')), Some(new), "said again: {text}");
            code = Some(new.to_owned());
        }
        assert!(code.is_some(), "the first line has no code: {text}");
        if text[text.len().min(4)..].starts_with(' ') && !text.starts_with(' ') {
            count += 1;
            code = None;
        } else {
            assert!(text.starts_with(' ') || text[4..].starts_with('-'), "{text}");
        }
        line.clear();
    }
    assert_eq!(code, None, "cut off");
    count
}
