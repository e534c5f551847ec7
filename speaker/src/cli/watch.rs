//! `roost watch`: what changes, a line each, also over restarts of the daemon.
//!
//! Each line says where to go on from. When the connection ends, the watch begins again behind the last line it has read:
//! what has changed meanwhile follows, or, where the daemon can't say any more, all there is. Which of the two it was is
//! told on standard error.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Context;
use axum::http::{Method, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::args::WatchArgs;
use super::client::{Client, ClientError, query};
use super::render;
use super::run::PassError;
use crate::api::model::{WatchLine, WatchQuery};

/// Between two tries to reach a daemon that has gone.
const PAUSE: Duration = Duration::from_millis(200);
/// Longest line: a prefix with more paths than a mesh has nodes.
const LONGEST: usize = 64 << 20;

/// Follows until the time is over or nobody reads any more. The daemon has to be there at the start; later it is waited
/// for.
pub(super) async fn watch(client: &Client, args: WatchArgs, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let end = args.timeout.map(|seconds| Instant::now() + Duration::from_secs(u64::from(seconds)));
    let begin = if args.all { None } else { Some(args.from.clone().unwrap_or_else(|| "now".to_owned())) };
    let mut reader = Reader { json, last: None, gap: None, rest: Vec::new() };
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(());
        }
        let ask = WatchQuery {
            topics: (!args.topics.is_empty()).then(|| args.topics.join(",")),
            from: reader.last.clone().or_else(|| begin.clone()),
            prefix: args.prefix.clone(),
            longer: args.longer,
            peer: args.peer.clone(),
            community: args.community.clone(),
            state: args.state,
            timeout: left.map(|left| u32::try_from(left.as_secs()).unwrap_or(u32::MAX).max(1)),
        };
        reader.rest.clear();
        let path = format!("/v1/watch{}", query(&ask)?);
        let ended = client.pass(Method::GET, &path, None, |piece| reader.read(piece, out)).await;
        let why = match ended {
            Ok(()) => "it has ended".to_owned(),
            Err(PassError::Out(error)) => return Err(error.into()),
            Err(PassError::Client(error)) if reader.last.is_none() || !may_come_back(&error) => {
                return Err(error.into());
            }
            Err(PassError::Client(error)) => error.to_string(),
        };
        if end.is_some_and(|end| end <= Instant::now()) {
            return Ok(());
        }
        if reader.gap.is_none() {
            writeln!(io::stderr(), "roost: the watch is interrupted: {why}; trying again")?;
        }
        reader.gap = reader.last.clone();
        sleep(PAUSE).await;
    }
}

/// Whether another try may go better.
fn may_come_back(error: &ClientError) -> bool {
    match error {
        ClientError::Connect { .. } | ClientError::Timeout { .. } | ClientError::Strange { .. } => true,
        ClientError::Refused(problem) => problem.status == StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// From octets to lines, and from lines to what is printed.
struct Reader {
    json: bool,
    /// The token of the last line.
    last: Option<String>,
    /// That of the last line before the connection was lost, until there is another one.
    gap: Option<String>,
    /// The beginning of a line whose end is to come.
    rest: Vec<u8>,
}

/// What has to be known of every line.
#[derive(Deserialize)]
struct Head {
    token: String,
    what: String,
    /// Why all there is follows.
    reason: Option<String>,
}

impl Reader {
    fn read(&mut self, piece: &[u8], out: &mut impl Write) -> Result<(), PassError> {
        let mut pieces = piece.split(|octet| *octet == b'\n');
        self.rest.extend_from_slice(pieces.next().unwrap_or_default());
        for next in pieces {
            let line = std::mem::replace(&mut self.rest, next.to_vec());
            self.line(&line, out).map_err(|error| PassError::Out(io::Error::other(error)))?;
        }
        if self.rest.len() > LONGEST {
            return Err(PassError::Out(io::Error::other(format!("a line of over {LONGEST} octets"))));
        }
        Ok(out.flush()?)
    }

    fn line(&mut self, text: &[u8], out: &mut impl Write) -> anyhow::Result<()> {
        let unreadable = || format!("a line that can't be read: {}", String::from_utf8_lossy(text));
        let Head { token, what, reason } = serde_json::from_slice(text).with_context(unreadable)?;
        if let Some(gap) = self.gap.take() {
            writeln!(io::stderr(), "roost: connected again: {}", again(&gap, &token, &what, reason))?;
        }
        if self.json {
            out.write_all(text)?;
            writeln!(out)?;
        } else {
            let line: WatchLine = serde_json::from_slice(text).with_context(unreadable)?;
            if let Some(line) = render::watch_line(&line) {
                writeln!(out, "{line}")?;
            }
        }
        self.last = Some(token);
        Ok(())
    }
}

/// What the first line behind a gap says.
fn again(before: &str, token: &str, what: &str, reason: Option<String>) -> String {
    let run = |token: &str| token.rsplit_once('-').map(|(run, _)| run.to_owned());
    match what {
        "resync" if run(before) != run(token) => "the daemon was started again; all there is follows".to_owned(),
        "resync" => format!("{}; all there is follows", reason.unwrap_or_default()),
        _ => "nothing was missed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::again;

    #[test]
    fn what_a_gap_has_cost_is_said() {
        let again = |token, what, reason: Option<&str>| again("a-7", token, what, reason.map(str::to_owned));
        assert_eq!(again("a-7", "synced", None), "nothing was missed");
        assert_eq!(again("a-0", "resync", Some("much is new")), "much is new; all there is follows");
        assert!(again("b-0", "resync", Some("it is another run")).starts_with("the daemon was started again"));
    }
}
