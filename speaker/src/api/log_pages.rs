//! The page of the log's levels.

use axum::Json;
use axum::extract::State;

use super::backend::Backend;
use super::body::Body;
use super::fields::Fields;
use super::model::{LogLevels, LogOrder, Problem};
use super::prefixes::shown;

/// Crates that log; the others are pure, and the libraries say nothing.
const OURS: [&str; 2] = ["speaker", "fib_sync"];
/// Longest name of a target, in octets.
const LONGEST: usize = 128;

/// `GET /v1/log`
pub(super) async fn levels<B: Backend>(State(backend): State<B>) -> Json<LogLevels> {
    Json(backend.log().await)
}

/// `POST /v1/log`
pub(super) async fn change<B: Backend>(
    State(backend): State<B>,
    Body(order): Body<LogOrder>,
) -> Result<Json<LogLevels>, Problem> {
    let mut fields = Fields::default();
    for target in order.targets.keys().filter(|target| !is_ours(target)) {
        let key = target.replace('~', "~0").replace('/', "~1"); // RFC 6901 §3
        let [one, other] = OURS;
        let expected = format!("expected {one} or {other}, or what is below, as {other}::engine");
        fields.wrong(
            format!("/targets/{}", shown(&key).trim_matches('"')),
            format!("{expected}, found {}", shown(target)),
        );
    }
    match fields.problem() {
        Some(problem) => Err(problem),
        None => backend.set_log(order).await.map(Json),
    }
}

/// A path of modules whose first is one of our crates. A wrong one would be in no event, and so show nothing.
fn is_ours(target: &str) -> bool {
    let mut modules = target.split("::");
    target.len() <= LONGEST
        && modules.next().is_some_and(|name| OURS.contains(&name))
        && modules
            .all(|name| !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_'))
}
