//! The body of a request: JSON that comes within half a minute.

use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::model::Problem;

/// Longest wait for a body, as long as for a head: a client that stops half-way must not hold its place for ever.
const WAIT: Duration = Duration::from_secs(30);

/// A body that was read whole.
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match timeout(WAIT, Json::from_request(request, state)).await {
            Ok(Ok(Json(body))) => Ok(Self(body)),
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
