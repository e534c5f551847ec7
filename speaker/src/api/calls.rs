//! Who has changed something over the control socket: one line in the log for each such call, also for a refused one.

use axum::extract::{Extension, Request};
use axum::middleware::Next;
use axum::response::Response;
use tracing::info;

use super::caller::Caller;

/// Says who has made the request, and what became of it.
pub(super) async fn note(Extension(caller): Extension<Caller>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    info!(by = %caller, status = response.status().as_u16(), "control socket: {method} {path}");
    response
}
