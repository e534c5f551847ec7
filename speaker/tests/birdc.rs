//! BIRD's control socket with a made-up daemon behind it: what is said to each line, and to whom nothing more is said.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod fake;

#[path = "birdc/answers.rs"]
mod answers;
#[path = "birdc/client.rs"]
mod client;
#[path = "birdc/limits.rs"]
mod limits;

use bgp_proto::Family;
use speaker::birdc::{Scope, serve_stream};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

use crate::fake::Fake;

const IPV4: Scope = Scope::Only(Family::IPV4_UNICAST);
const IPV6: Scope = Scope::Only(Family::IPV6_UNICAST);

/// A client that has been greeted.
struct Client {
    stream: BufReader<DuplexStream>,
}

impl Client {
    async fn connect(fake: Fake, scope: Scope) -> Self {
        let (stream, server) = tokio::io::duplex(4096);
        tokio::spawn(serve_stream(server, fake, scope));
        let mut client = Self { stream: BufReader::new(stream) };
        let greeting = client.answer().await;
        assert!(greeting.starts_with("0001 BIRD 1.6.8+roost-") && greeting.ends_with(" ready.\n"), "{greeting}");
        client
    }

    async fn ask(&mut self, line: &str) -> String {
        self.stream.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        self.answer().await
    }

    /// Lines up to the last, or what came before the end.
    async fn answer(&mut self) -> String {
        let mut answer = String::new();
        loop {
            let begin = answer.len();
            if self.stream.read_line(&mut answer).await.unwrap() == 0 {
                return answer;
            }
            let line = &answer.as_bytes()[begin..];
            if line.len() > 4 && line[4] == b' ' && line[..4].iter().all(u8::is_ascii_digit) {
                return answer;
            }
        }
    }

    async fn ended(&mut self) -> bool {
        self.stream.read_u8().await.is_err()
    }
}

/// With dates and times as `TIME` (rows have the same width with each), and with `|` at the ends of lines, where columns leave blanks.
fn steady(answer: &str) -> String {
    let mut words = answer.replace('\n', "|\n").replace('\t', "\\t").replace(env!("CARGO_PKG_VERSION"), "VERSION");
    for digits in ["dddd-dd-dd dd:dd:dd", "dddd-dd-dd", "dd:dd:dd  ", "dd:dd:dd"] {
        while let Some(at) = find(&words, digits) {
            words.replace_range(at..at + digits.len(), "TIME");
        }
    }
    words
}

/// Where a text of this form is: `d` is a digit.
fn find(text: &str, form: &str) -> Option<usize> {
    let is_it = |window: &[u8]| {
        window.iter().zip(form.bytes()).all(|(&c, form)| if form == b'd' { c.is_ascii_digit() } else { c == form })
    };
    text.as_bytes().windows(form.len()).position(is_it)
}
