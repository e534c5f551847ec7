//! Peers and pools that are set and taken back at run time: their pages, and what they mean.
//!
//! A body has the keys of a peer or a pool in the configuration file, so it is not a type of the API's: the configuration
//! reads and checks it, and says what is wrong with it, field by field.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::backend::Backend;
use super::body::Body;
use super::caller::Caller;
use super::configuration::{ConfigSteps, ConfigText, OverlayRow};
use super::model::{FieldProblem, Problem};
use crate::config::overlay::{Entry, Key};

/// What somebody wants set over the API, or taken back.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// This peer or pool, as a whole.
    Put(Entry),
    /// Not any more.
    Remove(Key),
}

impl Setting {
    /// What it is about.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put(entry) => &entry.key,
            Self::Remove(key) => key,
        }
    }
}

impl Problem {
    /// 422: these fields are wrong, each a JSON pointer and what is wrong with it.
    pub fn wrong_fields(fields: Vec<(String, String)>) -> Self {
        let detail: Vec<_> = fields.iter().map(|(_, detail)| detail.as_str()).collect();
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail.join("\n"));
        let errors = fields.into_iter().map(|(pointer, detail)| FieldProblem { pointer, detail }).collect();
        Self { errors, ..problem }
    }
}

/// `GET /v1/config`
pub(super) async fn config<B: Backend>(State(backend): State<B>) -> Result<Json<ConfigText>, Problem> {
    backend.config_text().await.map(Json)
}

/// `GET /v1/overlay`
pub(super) async fn list<B: Backend>(State(backend): State<B>) -> Json<Vec<OverlayRow>> {
    Json(backend.overlay().await)
}

/// `PUT /v1/peers/{name}`
pub(super) async fn put_peer<B: Backend>(
    State(backend): State<B>,
    Extension(caller): Extension<Caller>,
    name: Result<Path<String>, PathRejection>,
    Body(settings): Body<Map<String, Value>>,
) -> Result<Json<ConfigSteps>, Problem> {
    put(backend, caller, Key::peer(&name?.0), settings).await
}

/// `DELETE /v1/peers/{name}`
pub(super) async fn remove_peer<B: Backend>(
    State(backend): State<B>,
    Extension(caller): Extension<Caller>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<ConfigSteps>, Problem> {
    remove(backend, caller, Key::peer(&name?.0)).await
}

/// `PUT /v1/pools/{cidr}`
pub(super) async fn put_pool<B: Backend>(
    State(backend): State<B>,
    Extension(caller): Extension<Caller>,
    cidr: Result<Path<String>, PathRejection>,
    Body(settings): Body<Map<String, Value>>,
) -> Result<Json<ConfigSteps>, Problem> {
    put(backend, caller, Key::pool(&cidr?.0), settings).await
}

/// `DELETE /v1/pools/{cidr}`
pub(super) async fn remove_pool<B: Backend>(
    State(backend): State<B>,
    Extension(caller): Extension<Caller>,
    cidr: Result<Path<String>, PathRejection>,
) -> Result<Json<ConfigSteps>, Problem> {
    remove(backend, caller, Key::pool(&cidr?.0)).await
}

async fn put<B: Backend>(
    backend: B,
    caller: Caller,
    key: Result<Key, String>,
    settings: Map<String, Value>,
) -> Result<Json<ConfigSteps>, Problem> {
    let key = key.map_err(Problem::bad_request)?;
    let entry = Entry::new(key, settings, caller.uid()).map_err(|wrong| Problem::wrong_fields(vec![wrong]))?;
    backend.set(Setting::Put(entry), caller).await.map(Json)
}

async fn remove<B: Backend>(
    backend: B,
    caller: Caller,
    key: Result<Key, String>,
) -> Result<Json<ConfigSteps>, Problem> {
    backend.set(Setting::Remove(key.map_err(Problem::bad_request)?), caller).await.map(Json)
}
