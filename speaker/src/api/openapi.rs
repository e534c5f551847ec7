//! The OpenAPI 3.1 document, made from the endpoint table and the types' own schemas (OpenAPI 3.1 §4.8.24: a schema
//! object is JSON Schema 2020-12, which is what schemars writes).
//!
//! Nothing here is said twice: texts are the types' doc comments, pages are the router's.

use axum::body::Bytes;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

use super::backend::Backend;
use super::endpoints::{Endpoint, endpoints};
use super::model::Problem;

/// The document as served.
pub(super) fn document_bytes<B: Backend>() -> Bytes {
    static BYTES: OnceLock<Bytes> = OnceLock::new(); // the same for every backend
    BYTES.get_or_init(|| Bytes::from(document::<B>().to_string())).clone()
}

/// The document.
pub fn document<B: Backend>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let mut paths = Map::new();
    for endpoint in endpoints::<B>() {
        let path = paths.entry(endpoint.path.replace("{*", "{")).or_insert_with(|| json!({}));
        path[endpoint.method.as_str().to_ascii_lowercase()] = operation(&endpoint, &mut schemas);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "roost",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the control socket answers. Times are seconds, addresses and prefixes are text. \
                            Fields are only added, never changed or removed, within /v1.",
        },
        "servers": [{ "url": "http://roost", "description": "on the Unix socket; the host name is not looked at" }],
        "paths": paths,
        "components": { "schemas": schemas.take_definitions(true) },
    })
}

fn operation<B>(endpoint: &Endpoint<B>, schemas: &mut SchemaGenerator) -> Value {
    let answer = (endpoint.answer)(schemas);
    let mut responses = Map::new();
    responses.insert(
        "200".to_owned(),
        json!({ "description": endpoint.summary, "content": { (endpoint.media): { "schema": answer } } }),
    );
    for status in endpoint.problems {
        let problem = schemas.subschema_for::<Problem>();
        let title = axum::http::StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
        responses.insert(
            status.to_string(),
            json!({
                "description": title.unwrap_or("a problem"),
                "content": { "application/problem+json": { "schema": problem } },
            }),
        );
    }
    let mut operation = json!({
        "summary": endpoint.summary,
        "operationId": operation_id(endpoint),
        "responses": responses,
    });
    let parameters = parameters(endpoint, schemas);
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(body) = endpoint.body {
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": body(schemas) } } });
    }
    operation
}

/// `getPeersName` for `GET /v1/peers/{name}`.
fn operation_id<B>(endpoint: &Endpoint<B>) -> String {
    let mut id = endpoint.method.as_str().to_ascii_lowercase();
    for part in endpoint.path.trim_start_matches("/v1").split('/') {
        let mut letters = part.trim_matches(['{', '*', '}']).chars();
        id.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        id.extend(letters);
    }
    id
}

/// The path's parameter, and one query parameter for each field of the query type.
fn parameters<B>(endpoint: &Endpoint<B>, schemas: &mut SchemaGenerator) -> Vec<Value> {
    let mut parameters = Vec::new();
    if let Some((name, meaning)) = endpoint.parameter {
        let mut schema = json!({ "type": "string" });
        if let Some(pattern) = endpoint.pattern {
            schema["pattern"] = json!(pattern);
        }
        parameters
            .push(json!({ "name": name, "in": "path", "required": true, "description": meaning, "schema": schema }));
    }
    let Some(query) = endpoint.query else { return parameters };
    let schema = query(schemas);
    let fields = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| reference.rsplit('/').next())
        .and_then(|name| schemas.definitions().get(name))
        .and_then(|schema| schema.get("properties"))
        .and_then(Value::as_object);
    for (name, schema) in fields.into_iter().flatten() {
        let mut schema = schema.clone();
        let meaning = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        parameters
            .push(json!({ "name": name, "in": "query", "required": false, "description": meaning, "schema": schema }));
    }
    parameters
}
