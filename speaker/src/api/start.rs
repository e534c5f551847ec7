//! The metrics listener before there is a daemon to ask: probes are answered while its start waits for something.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use tokio::sync::watch;

use super::model::{Liveness, Readiness};

/// What is waited for, in words.
pub type Awaited = watch::Receiver<Vec<String>>;

/// The pages of the listener: alive, not ready, and a page of metrics that says so.
pub(super) fn start_router(awaited: Awaited, metrics: String) -> Router {
    Router::new()
        .route("/livez", get(async || Json(Liveness { alive: true, ..Liveness::default() })))
        .route("/readyz", get(readyz))
        .with_state(awaited)
        .route(
            "/metrics",
            get(async move || {
                let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                ([(header::CONTENT_TYPE, format)], metrics)
            }),
        )
}

async fn readyz(State(awaited): State<Awaited>) -> impl IntoResponse {
    let reasons = awaited.borrow().clone();
    (StatusCode::SERVICE_UNAVAILABLE, Json(Readiness { reasons, ..Readiness::default() }))
}
