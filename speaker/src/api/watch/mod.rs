//! `GET /v1/watch`: what changes, a line of JSON each, for as long as the client listens.
//!
//! A watch costs the daemon one slice of rows on the way, one in the channel and one in the connection's buffer, whatever
//! happens and however slowly the client reads: the next slice is only asked for when there is room for it. A client that
//! reads nothing for [`STALL`] is cut off, as its place is wanted by others; it may come back with its last token.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bgp_proto::Prefix;
use futures::stream;
use tokio::sync::mpsc;

use super::backend::Backend;
use super::model::{EventFilter, EventRow, PeerFilter, PeerRow, Problem, WatchQuery};
use super::prefixes::parse_prefixes;
use super::server::Connection;
use crate::journal::{Topic, WATCHERS};
use teller::Teller;

mod teller;

/// How long a client may take to read a slice.
const STALL: Duration = Duration::from_secs(60);
/// Longest time a watch can be asked to last, in seconds: a day.
const LONGEST: u32 = 86_400;

/// A query with its texts read.
struct Wanted {
    topics: Vec<Topic>,
    start: Start,
    within: Option<Within>,
    /// The names of the peers that are wanted; `None`: all.
    peers: Option<Vec<String>>,
    timeout: Option<Duration>,
}

/// What comes first.
enum Start {
    /// Nothing.
    Now,
    /// All there is, for this reason.
    All(&'static str),
    /// What has changed behind this number.
    Behind(u64),
}

/// Which prefixes are wanted.
#[derive(Clone, Copy)]
struct Within {
    prefix: Prefix,
    longer: bool,
}

impl Within {
    fn has(&self, other: &Prefix) -> bool {
        *other == self.prefix || (self.longer && self.prefix.contains(other))
    }
}

pub(super) async fn watch<B: Backend>(
    State(backend): State<B>,
    Extension(connection): Extension<Connection>,
    query: Result<Query<WatchQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let wanted = Wanted::read(query, &backend).await?;
    let full = || {
        let detail =
            format!("{WATCHERS} clients watch already, which is as many as can; end one of them, or try again");
        Problem::unavailable(detail)
    };
    let journal = backend.journal();
    let place = journal.place().ok_or_else(full)?;
    if wanted.topics.iter().any(|topic| matches!(topic, Topic::Routes | Topic::Fib)) {
        backend.note_routes().await?;
        journal.begin_routes();
    }
    let (sender, mut pieces) = mpsc::channel::<Bytes>(1);
    tokio::spawn(async move {
        Teller::new(backend, wanted, connection, sender).run().await;
        drop(place);
    });
    let body = Body::from_stream(stream::poll_fn(move |context| {
        pieces.poll_recv(context).map(|piece| piece.map(Ok::<_, std::convert::Infallible>))
    }));
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"))], body).into_response())
}

pub(super) async fn events<B: Backend>(
    State(backend): State<B>,
    filter: Result<Query<EventFilter>, QueryRejection>,
) -> Result<Json<Vec<EventRow>>, Problem> {
    let Query(EventFilter { peer, kind }) = filter?;
    let peers = names(peer, &backend).await?;
    let of_peer = |event: &EventRow| is_among(peers.as_deref(), event.subject.as_deref());
    let of_kind = |event: &EventRow| kind.as_ref().is_none_or(|kind| *kind == event.kind);
    let events = backend.journal().events();
    let wanted = events.iter().filter(|event| of_peer(event) && of_kind(event));
    Ok(Json(wanted.map(|event| EventRow::clone(event)).collect()))
}

/// The names of the peers that are called so; `None` when nobody is named.
async fn names<B: Backend>(peer: Option<String>, backend: &B) -> Result<Option<Vec<String>>, Problem> {
    if peer.is_none() {
        return Ok(None);
    }
    let rows = backend.peers(PeerFilter { peer, state: None }).await?;
    Ok(Some(rows.iter().map(PeerRow::name).collect()))
}

/// Whether a name is one of those that are wanted, if not all are.
fn is_among(wanted: Option<&[String]>, name: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| name.is_some_and(|name| wanted.iter().any(|wanted| wanted == name)))
}

impl Wanted {
    async fn read<B: Backend>(query: WatchQuery, backend: &B) -> Result<Self, Problem> {
        let WatchQuery { topics, from, prefix, longer, peer, timeout } = query;
        let (of_prefix, of_peer) = ([Topic::Routes, Topic::Fib], [Topic::Peers, Topic::Events]);
        let topics = match topics {
            Some(text) => read_topics(&text)?,
            None if prefix.is_some() && peer.is_none() => of_prefix.to_vec(),
            None if peer.is_some() && prefix.is_none() => of_peer.to_vec(),
            None => Topic::ALL.to_vec(),
        };
        let narrowed = |topics: &[Topic], of: [Topic; 2]| topics.iter().any(|topic| of.contains(topic));
        if prefix.is_some() && !narrowed(&topics, of_prefix) {
            return Err(Problem::bad_request("prefix: narrows `routes` and `fib`, which are not among the topics"));
        }
        if peer.is_some() && !narrowed(&topics, of_peer) {
            return Err(Problem::bad_request("peer: narrows `peers` and `events`, which are not among the topics"));
        }
        if longer && prefix.is_none() {
            return Err(Problem::bad_request("longer: means what lies inside `prefix`, which is not given"));
        }
        if timeout.is_some_and(|seconds| seconds == 0 || seconds > LONGEST) {
            return Err(Problem::bad_request(format!("timeout: wants 1 to {LONGEST} seconds")));
        }
        let prefix = prefix.map(|text| parse_prefixes(&[text])).transpose()?.and_then(|read| read.first().copied());
        Ok(Self {
            topics,
            start: Start::read(from.as_deref(), backend)?,
            within: prefix.map(|prefix| Within { prefix, longer }),
            peers: names(peer, backend).await?,
            timeout: timeout.map(|seconds| Duration::from_secs(u64::from(seconds))),
        })
    }
}

impl Start {
    fn read<B: Backend>(from: Option<&str>, backend: &B) -> Result<Self, Problem> {
        Ok(match from {
            None => Self::All("the watch begins"),
            Some("now") => Self::Now,
            Some(token) => match backend.journal().parse(token) {
                Ok(Some(number)) => Self::Behind(number),
                Ok(None) => Self::All("the token is of another run of the daemon"),
                Err(wrong) => return Err(Problem::bad_request(format!("from: {wrong}"))),
            },
        })
    }
}

fn read_topics(text: &str) -> Result<Vec<Topic>, Problem> {
    let topic = |name: &str| {
        let wrong = || {
            let shown: String = name.chars().take(64).collect();
            Problem::bad_request(format!("topics: {shown:?} is none of peers, routes, fib and events"))
        };
        Topic::ALL.into_iter().find(|topic| topic.name() == name).ok_or_else(wrong)
    };
    let mut topics = text.split(',').take(Topic::ALL.len() + 1).map(topic).collect::<Result<Vec<_>, _>>()?;
    topics.sort_unstable();
    topics.dedup();
    Ok(topics)
}
