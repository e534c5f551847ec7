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
use futures::stream;
use tokio::sync::mpsc;

use super::backend::Backend;
use super::model::{EventFilter, EventRow, PeerFilter, PeerRow, Problem, WatchQuery};
use super::server::Connection;
use crate::journal::{Topic, WATCHERS};
use teller::Teller;
use wanted::Wanted;

mod held;
mod teller;
mod wanted;

/// How long a client may take to read a slice.
const STALL: Duration = Duration::from_secs(60);

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
