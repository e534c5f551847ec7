//! Errors of the API as `application/problem+json` (RFC 9457), also for what axum refuses before a handler runs.

use std::error::Error;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use serde_path_to_error::Segment;

use super::model::{FieldProblem, Problem};

/// Characters shown of a field's name.
const LONGEST_STEP: usize = 64;

impl Problem {
    /// A problem of this status; the title is the status's own name. RFC 9457 §3.1.3
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        Self { status: status.as_u16(), title, detail: detail.into(), errors: Vec::new() }
    }

    /// 400: the request cannot be understood; `detail` names the field.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404: nothing of that name.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 409: understood, but it contradicts what is there.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 503: a part of the daemon has failed.
    pub fn unavailable_because(error: impl std::fmt::Display) -> Self {
        Self::unavailable(format!("the daemon cannot do it now: {error}"))
    }

    /// 503: the daemon is starting or stopping.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let mut response = (status, [content_type], Json(self)).into_response();
        if status == StatusCode::REQUEST_TIMEOUT {
            // What is still to come of the request would be taken for the next one. RFC 9110 §15.5.9
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        // The text names the field: `prefixes[1]: invalid type: …`.
        let problem = Self::new(rejection.status(), rejection.body_text());
        let mut source: Option<&dyn Error> = Some(&rejection);
        while let Some(error) = source {
            if let Some(error) = error.downcast_ref::<serde_path_to_error::Error<serde_json::Error>>() {
                let (pointer, detail) = (pointer(error.path()), error.inner().to_string());
                return Self { errors: vec![FieldProblem { pointer, detail }], ..problem };
            }
            source = error.source();
        }
        problem
    }
}

/// A place in JSON. RFC 6901 §3
fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let step = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.chars().take(LONGEST_STEP).collect(),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => "?".to_owned(),
        };
        pointer.push('/');
        pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
    }
    pointer
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}
