//! Lists that are too long to be held at once: a JSON array, written slice by slice while it is sent.

use std::io;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, BoxStream, StreamExt};
use serde::Serialize;

use super::model::Problem;

/// A list, slice by slice. The next slice is asked for when the one before is on its way.
pub type Slices<T> = BoxStream<'static, Result<Vec<T>, Problem>>;

/// One slice is sent with its length, as all other answers are; more of them without, as they come. A problem in the
/// first two is the answer. A later one breaks the connection, so that nobody takes half of a list for all of it.
pub(super) async fn list<T: Serialize + Send + 'static>(slices: Slices<T>) -> Result<Response, Problem> {
    let mut slices = slices.fuse(); // it is asked for a second one behind the end, when there is none
    let first = slices.next().await.transpose()?.unwrap_or_default();
    let Some(second) = slices.next().await.transpose()? else { return Ok(Json(first).into_response()) };
    let mut separator = "";
    let text = move |slice: Result<Vec<T>, Problem>| -> io::Result<Bytes> {
        let mut text = Vec::new();
        for row in slice.map_err(|problem| io::Error::other(problem.detail))? {
            text.extend_from_slice(separator.as_bytes());
            serde_json::to_writer(&mut text, &row)?;
            separator = ",";
        }
        Ok(text.into())
    };
    let bracket = |bracket: &'static str| stream::iter([Ok(Bytes::from_static(bracket.as_bytes()))]);
    let rows = stream::iter([Ok(first), Ok(second)]).chain(slices).map(text);
    let body = Body::from_stream(bracket("[").chain(rows).chain(bracket("]")));
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response())
}
