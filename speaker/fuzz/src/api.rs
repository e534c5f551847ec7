//! Octets as a client of the API sends them: what comes back is a row of whole HTTP answers, then the end, whatever was
//! sent.
//!
//! The first octet says which listener they go to, in which pieces they come, and whether the client then closes its side;
//! the rest is the stream. A clock that stands still until nothing else can happen shows a connection that never ends.

use std::time::Duration;

use crate::fake::Fake;
use crate::targets::input::Bound;
use serde::Deserialize;
use serde::de::IgnoredAny;
use speaker::api::{serve_metrics_stream, serve_stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};

/// A runtime, the router, the buffers of a connection, and the OpenAPI document, which is ready before. A string for every
/// three octets of JSON, and copies of it while lists are made of them.
pub const BOUND: Bound = Bound { fixed: 1 << 20, per_octet: 32 };

/// The listener's longest life, and some.
const PATIENCE: Duration = Duration::from_secs(90);

pub fn run(data: &[u8]) {
    let Some((&how, input)) = data.split_first() else { return };
    let metrics = how & 1 != 0;
    let piece = if how & 0x80 == 0 { usize::MAX } else { 1 + usize::from(how >> 4 & 7) };
    // Both listeners cut off a client that says half of something and waits.
    let stays = how & 2 != 0;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let (client, server) = tokio::io::duplex(4096);
        let (reading, writing) = tokio::io::split(client);
        let fake = Fake::default();
        // A watch has no end. With all places taken its query is read, and then there is none for it.
        let _places: Vec<_> = std::iter::from_fn(|| fake.journal.place()).collect();
        let serve = async {
            match metrics {
                true => serve_metrics_stream(server, fake).await,
                false => serve_stream(server, fake).await,
            }
        };
        let heads = input.windows(5).filter(|five| *five == b"HEAD ").count();
        let all = async { tokio::join!(serve, send(writing, input, piece, stays), Answers::new(heads).read(reading)) };
        tokio::time::timeout(PATIENCE, all).await.expect("the connection ends");
    });
}

async fn send(mut stream: WriteHalf<DuplexStream>, input: &[u8], piece: usize, stays: bool) {
    for part in input.chunks(piece) {
        if stream.write_all(part).await.is_err() {
            return; // the server has closed
        }
        tokio::task::yield_now().await;
    }
    if !stays {
        let _ = stream.shutdown().await; // it may be closed
    }
}

/// What has come and is not yet a whole answer.
struct Answers {
    open: Vec<u8>,
    /// How many answers may be without their body.
    heads: usize,
    /// The last one was not the API's own, so nothing may follow.
    closed: bool,
}

/// The members that the API promises (RFC 9457 §3.1).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Problem {
    status: u16,
    title: String,
    detail: String,
    #[serde(default)]
    errors: Vec<FieldProblem>,
}

/// One wrong field (RFC 9457 §3).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldProblem {
    pointer: String,
    detail: String,
}

impl Answers {
    fn new(heads: usize) -> Self {
        Self { open: Vec::new(), heads, closed: false }
    }

    async fn read(mut self, mut stream: ReadHalf<DuplexStream>) {
        while stream.read_buf(&mut self.open).await.expect("a pipe in memory") != 0 {
            while self.take(false) {}
        }
        while self.take(true) {}
        assert!(self.open.is_empty(), "cut off: {}", String::from_utf8_lossy(&self.open));
    }

    /// Judges the first answer, if it is whole, and drops it.
    fn take(&mut self, ended: bool) -> bool {
        let Some(end) = self.open.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
        let (head, rest) = self.open.split_at(end + 4);
        let head = str::from_utf8(head).expect("a head is ASCII");
        let (line, fields) = head.split_once("\r\n").expect("a head has lines");
        let (version, status) = line.split_at_checked(9).expect("a status line");
        assert!(version == "HTTP/1.1 " || version == "HTTP/1.0 ", "{line}");
        let status: u16 = status.get(..3).and_then(|digits| digits.parse().ok()).expect("three digits");
        let field = |name: &str| {
            let mut pairs = fields.lines().filter_map(|line| line.split_once(": "));
            pairs.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        assert!(!self.closed, "an answer behind the last: {head}");
        let length = if status == 100 { 0 } else { field("content-length").expect(head).parse().expect("a length") };
        // No body begins like a head does, so an answer to HEAD shows by what is behind it.
        let bare = length > 0 && (rest.first() == Some(&b'H') || rest.is_empty() && ended);
        if rest.len() < length && !bare {
            return false;
        }
        if bare {
            self.heads = self.heads.checked_sub(1).expect("only HEAD is answered without a body");
        } else {
            match status {
                100 => {}
                // Not the API's but the connection's: it was no HTTP, or too long.
                400 | 414 | 431 if length == 0 => self.closed = true,
                _ => judge(status, field("content-type").expect("a content type"), &rest[..length]),
            }
        }
        self.open.drain(..end + 4 + if bare { 0 } else { length });
        true
    }
}

/// An answer of the API itself.
fn judge(status: u16, kind: &str, body: &[u8]) {
    match kind {
        "application/json" => {
            assert_eq!(status, 200);
            serde_json::from_slice::<IgnoredAny>(body).expect("JSON");
        }
        "application/problem+json" => {
            let problem: Problem = serde_json::from_slice(body).expect("a problem");
            assert!(status >= 400 && problem.status == status, "{status} with a problem of {}", problem.status);
            assert!(!problem.title.is_empty() && !problem.detail.is_empty());
            for FieldProblem { pointer, detail } in problem.errors {
                // RFC 6901 §3
                assert!((pointer.is_empty() || pointer.starts_with('/')) && !detail.is_empty(), "{pointer:?}");
            }
        }
        _ => assert!(status == 200 && kind.starts_with("text/plain"), "{status} {kind}"),
    }
}
