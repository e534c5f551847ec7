//! `POST /v1/apply` and `POST /v1/confirm`: another configuration, for good or until it is confirmed.

use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backend::Backend;
use super::body::Body;
use super::caller::Caller;
use super::configuration::{ConfigStatus, ConfigSteps};
use super::model::Problem;

/// The longest wait for a confirmation, in seconds: a day.
pub const LONGEST_WAIT: u64 = 86_400;

/// A configuration to put in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// What mistakes call it.
    pub name: String,
    /// The file's whole text. Password files that it names are looked for on the node, beside the file in force.
    pub text: String,
    /// Seconds within which it must be confirmed, 1 to 86400; otherwise what is in force now is in force again then, and
    /// the configuration file keeps its old text. Without it, the file has the new text at once.
    #[serde(default)]
    #[schemars(range(min = 1, max = 86_400))]
    pub confirm: Option<u64>,
}

/// What was done to put it in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct Applied {
    /// The steps.
    #[serde(flatten)]
    pub steps: ConfigSteps,
    /// The configuration file.
    pub file: String,
    /// Seconds within which it must be confirmed; nothing when the file has the text already.
    pub confirm_within: Option<u64>,
}

/// What becomes of a configuration that waits to be confirmed.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRequest {
    /// Go back now, instead of keeping it.
    #[serde(default)]
    pub undo: bool,
}

/// A configuration in force that waits to be confirmed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct Unconfirmed {
    /// What it was called when it was put in force.
    pub name: String,
    /// Seconds left; then the one before it is in force again.
    pub left: u64,
}

/// [`ApplyRequest`], read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apply {
    /// What mistakes call it.
    pub name: String,
    /// The text.
    pub text: String,
    /// Within which it must be confirmed.
    pub confirm: Option<Duration>,
}

impl TryFrom<ApplyRequest> for Apply {
    type Error = Problem;

    fn try_from(ApplyRequest { name, text, confirm }: ApplyRequest) -> Result<Self, Problem> {
        match confirm {
            Some(seconds) if !(1..=LONGEST_WAIT).contains(&seconds) => {
                Err(Problem::bad_request(format!("confirm: expected 1 to {LONGEST_WAIT} seconds, found {seconds}")))
            }
            confirm => Ok(Self { name, text, confirm: confirm.map(Duration::from_secs) }),
        }
    }
}

/// `POST /v1/apply`
pub(super) async fn apply<B: Backend>(
    State(backend): State<B>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<ApplyRequest>,
) -> Result<Json<Applied>, Problem> {
    backend.apply(request.try_into()?, caller).await.map(Json)
}

/// `POST /v1/confirm`
pub(super) async fn confirm<B: Backend>(
    State(backend): State<B>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<ConfirmRequest>,
) -> Result<Json<ConfigStatus>, Problem> {
    backend.confirm(request.undo, caller).await.map(Json)
}
