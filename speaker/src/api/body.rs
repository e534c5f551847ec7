//! The body of a request: JSON that comes within half a minute. Few large ones are held at once.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::model::Problem;
use super::object::Object;

/// Longest wait for a body, as long as for a head: a client that stops half-way must not hold its place for ever.
const WAIT: Duration = Duration::from_secs(30);

/// Octets from which on a body is large.
const LARGE: u64 = 1 << 20;

/// Places of requests with a large body: so many are read and answered at once, further ones wait.
#[derive(Clone)]
pub(super) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(4)))
    }
}

/// A body that was read whole.
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match timeout(WAIT, Json::from_request(request, state)).await {
            Ok(Ok(Json(Object(body)))) => Ok(Self(body)),
            Ok(Err(rejection)) => Err(rejection.into()),
            // RFC 9110 §15.5.9
            Err(_) => Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                format!(
                    "the body did not come within {} s; nothing was done, send it again as a whole",
                    WAIT.as_secs()
                ),
            )),
        }
    }
}

/// Lets a request with a large body, or one of unknown length, wait until others are done: what a hundred of them would
/// take is more than a node has to spare.
pub(super) async fn few_large_bodies(State(Places(places)): State<Places>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let small = length.map_or(!headers.contains_key(header::TRANSFER_ENCODING), |length| length < LARGE);
    if small {
        return next.run(request).await;
    }
    match timeout(WAIT, places.acquire()).await {
        Ok(_place) => next.run(request).await,
        Err(_) => Problem::unavailable("too many large requests are being read; nothing was done, send it again")
            .into_response(),
    }
}
