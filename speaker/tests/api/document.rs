//! The OpenAPI document against what the server does: every page of the document answers, and every answer has the
//! form the document promises.

use axum::http::Method;
use serde_json::{Map, Value};

use crate::fake::{Fake, ask, get, serve};

/// A request for each operation of the document; a new page must be added here, or the test fails.
fn example(method: &str, path: &str) -> (Method, String, Option<&'static str>) {
    match (method, path) {
        ("get", "/v1/peers/{name}") => (Method::GET, path.replace("{name}", "172.16.1.3"), None),
        ("put" | "delete", "/v1/peers/{name}") => {
            let body = (method == "put").then_some(r#"{"asn":64513,"add_path":{"send":true}}"#);
            (method.to_uppercase().parse().unwrap(), path.replace("{name}", "fe80::7%25eth0"), body)
        }
        ("put" | "delete", "/v1/pools/{cidr}") => {
            let body = (method == "put").then_some(r#"{"mode":"ipip","cidr":"10.66.0.0/16"}"#);
            (method.to_uppercase().parse().unwrap(), path.replace("{cidr}", "10.66.0.0/16"), body)
        }
        ("get", "/v1/routes/{prefix}") => (Method::GET, path.replace("{prefix}", "10.65.2.0/26"), None),
        ("get", "/v1/why/{address}") => (Method::GET, path.replace("{address}", "10.65.2.7"), None),
        ("get" | "delete", "/v1/owners/{owner}") => {
            (method.to_uppercase().parse().unwrap(), path.replace("{owner}", "cni"), None)
        }
        ("put", "/v1/owners/{owner}") => (
            Method::PUT,
            path.replace("{owner}", "cni"),
            Some(r#"{"prefixes":["10.65.1.0/26"],"services":["10.9.9.9"],"lease":{"seconds":60,"then":"withdraw"}}"#),
        ),
        ("patch", "/v1/owners/{owner}") => {
            (Method::PATCH, path.replace("{owner}", "cni"), Some(r#"{"announce":["10.65.1.0/26"],"withdraw":["::1"]}"#))
        }
        ("get", "/v1/watch") => (Method::GET, format!("{path}?timeout=1"), None),
        ("get", path) if !path.contains('{') => (Method::GET, path.to_owned(), None),
        ("post", "/v1/announce" | "/v1/withdraw") => {
            (Method::POST, path.to_owned(), Some(r#"{"prefixes":["10.65.1.0/26"]}"#))
        }
        ("post", "/v1/peers/refresh") => {
            (Method::POST, path.to_owned(), Some(r#"{"peers":["172.16.1.2"],"families":["ipv4"],"direction":"in"}"#))
        }
        ("post", "/v1/plan") => {
            (Method::POST, path.to_owned(), Some(r#"{"name":"-","text":"router: { asn: 64512 }"}"#))
        }
        ("post", "/v1/apply") => {
            (Method::POST, path.to_owned(), Some(r#"{"name":"-","text":"router: { asn: 64512 }","confirm":60}"#))
        }
        ("post", "/v1/confirm") => (Method::POST, path.to_owned(), Some(r#"{"undo":true}"#)),
        ("post", "/v1/reload") => (Method::POST, path.to_owned(), Some(r#"{"check":true}"#)),
        ("post", "/v1/drain") => (Method::POST, path.to_owned(), Some(r#"{"message":"new disk","timeout":20}"#)),
        ("post", "/v1/log") => {
            (Method::POST, path.to_owned(), Some(r#"{"level":"warn","targets":{"fib_sync::engine":"debug"}}"#))
        }
        ("post", "/v1/undrain") => (Method::POST, path.to_owned(), None),
        ("post", path) if path.starts_with("/v1/peers/") => {
            (Method::POST, path.to_owned(), Some(r#"{"peers":["172.16.1.2"]}"#))
        }
        _ => panic!("no example for {method} {path}"),
    }
}

#[tokio::test]
async fn every_page_of_the_document_answers_in_the_form_it_promises() {
    let server = serve(Fake::default());
    let document = get(&server.socket, "/openapi.json").await.json();
    let mut pages = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let (verb, url, body) = example(method, path);
            let answer = ask(&server.socket, verb, &url, body).await;
            assert_eq!(answer.status, 200, "{method} {path}");
            let media = answer.headers["content-type"].to_str().unwrap();
            let schema = &operation["responses"]["200"]["content"][media]["schema"];
            let answers: Vec<Value> = match media {
                "application/x-ndjson" => {
                    serde_json::Deserializer::from_slice(&answer.body).into_iter().collect::<Result<_, _>>().unwrap()
                }
                _ => vec![answer.json()],
            };
            for answer in &answers {
                Schemas(&document).check(schema, answer, &format!("{method} {path}"));
            }
            pages.push(format!("{method} {path}"));
        }
    }
    assert_eq!(
        pages,
        [
            "post /v1/announce",
            "post /v1/apply",
            "get /v1/config",
            "post /v1/confirm",
            "get /v1/drain",
            "post /v1/drain",
            "get /v1/events",
            "get /v1/examination",
            "get /v1/fib",
            "get /v1/groups",
            "get /v1/log",
            "post /v1/log",
            "get /v1/memory",
            "get /v1/overlay",
            "get /v1/owners",
            "delete /v1/owners/{owner}",
            "get /v1/owners/{owner}",
            "patch /v1/owners/{owner}",
            "put /v1/owners/{owner}",
            "get /v1/peers",
            "post /v1/peers/disable",
            "post /v1/peers/enable",
            "post /v1/peers/refresh",
            "post /v1/peers/reset",
            "delete /v1/peers/{name}",
            "get /v1/peers/{name}",
            "put /v1/peers/{name}",
            "post /v1/plan",
            "get /v1/pools",
            "delete /v1/pools/{cidr}",
            "put /v1/pools/{cidr}",
            "post /v1/reload",
            "get /v1/routes",
            "get /v1/routes/{prefix}",
            "get /v1/status",
            "post /v1/undrain",
            "get /v1/watch",
            "get /v1/why/{address}",
            "post /v1/withdraw"
        ]
    );
}

#[tokio::test]
async fn the_promised_problems_and_parameters_are_there() {
    let server = serve(Fake::default());
    let document = get(&server.socket, "/openapi.json").await.json();
    let peer = &document["paths"]["/v1/peers/{name}"]["get"];
    let problem = get(&server.socket, "/v1/peers/10.9.9.9").await.json();
    let schema = &peer["responses"]["404"]["content"]["application/problem+json"]["schema"];
    Schemas(&document).check(schema, &problem, "404");
    assert_eq!(peer["parameters"][0]["name"], "name");
    let names: Vec<_> = document["paths"]["/v1/routes"]["get"]["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| parameter["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["address", "best", "community", "longer", "peer", "prefix", "state"]);
    for (path, method, body) in [
        ("/v1/announce", "post", serde_json::json!({"prefixes": ["10.65.1.0/26"]})),
        ("/v1/owners/{owner}", "put", serde_json::json!({"lease": {"seconds": 60, "then": "keep"}, "services": []})),
    ] {
        let schema = &document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"];
        Schemas(&document).check(schema, &body, path);
    }
    let answer =
        ask(&server.socket, Method::PUT, "/v1/owners/cni", Some(r#"{"prefixes":["10.65.1.0"],"lease":7}"#)).await;
    let put = &document["paths"]["/v1/owners/{owner}"]["put"];
    let schema = &put["responses"]["422"]["content"]["application/problem+json"]["schema"];
    Schemas(&document).check(schema, &answer.json(), "422");
}

/// A check of the part of JSON Schema 2020-12 that the document uses; a keyword it does not know is a failure, so it
/// cannot pass by not looking.
struct Schemas<'a>(&'a Value);

impl Schemas<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str) {
        if let Err(reason) = self.matches(schema, value, at) {
            panic!("{reason}");
        }
    }

    fn matches(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let schema = schema.as_object().ok_or_else(|| format!("{at}: {schema} is no schema"))?;
        for (keyword, rule) in schema {
            let fine = match keyword.as_str() {
                "$ref" => {
                    let pointer = rule.as_str().unwrap().trim_start_matches('#');
                    let target = self.0.pointer(pointer).ok_or_else(|| format!("{at}: {pointer} is missing"))?;
                    return self.matches(target, value, at);
                }
                "type" => match rule {
                    Value::Array(names) => names.iter().any(|name| is_of_type(value, name)),
                    name => is_of_type(value, name),
                },
                // What all have in common stands beside the choice.
                "properties" if schema.contains_key("oneOf") => {
                    let (common, _) = split(value, rule.as_object().unwrap());
                    self.properties(rule.as_object().unwrap(), &common, at)?
                }
                "properties" => self.properties(rule.as_object().unwrap(), value, at)?,
                "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
                // A map: names that nobody knows, and what each stands for.
                "additionalProperties" if rule.is_object() => {
                    for (name, field) in value.as_object().into_iter().flatten() {
                        self.matches(rule, field, &format!("{at}.{name}"))?;
                    }
                    true
                }
                "additionalProperties" if *rule == Value::Bool(true) => true,
                "additionalProperties" => {
                    let known = schema["properties"].as_object().unwrap();
                    *rule == Value::Bool(false)
                        && value.as_object().is_none_or(|fields| fields.keys().all(|name| known.contains_key(name)))
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.matches(rule, item, &format!("{at}[{index}]"))?;
                    }
                    true
                }
                "oneOf" if schema.contains_key("properties") => {
                    let (_, own) = split(value, schema["properties"].as_object().unwrap());
                    rule.as_array().unwrap().iter().any(|rule| self.matches(rule, &own, at).is_ok())
                }
                "anyOf" | "oneOf" => rule.as_array().unwrap().iter().any(|rule| self.matches(rule, value, at).is_ok()),
                "enum" => rule.as_array().unwrap().contains(value),
                "const" => rule == value,
                "minimum" => value.as_i64().is_none_or(|value| value >= rule.as_i64().unwrap()),
                "maximum" => value.as_i64().is_none_or(|value| value <= rule.as_i64().unwrap()),
                "description" | "title" | "default" => true,
                // Only names of owners have one.
                "pattern" => value.as_str().is_none_or(|text| text.parse::<speaker::api::OwnerName>().is_ok()),
                "format" => match rule.as_str().unwrap() {
                    "ip" => value.as_str().is_none_or(|text| text.parse::<std::net::IpAddr>().is_ok()),
                    format => format.starts_with("uint"),
                },
                other => return Err(format!("{at}: the check does not know the keyword {other}")),
            };
            if !fine {
                return Err(format!("{at}: {value} breaks {keyword}: {rule}"));
            }
        }
        Ok(())
    }

    fn properties(&self, rules: &Map<String, Value>, value: &Value, at: &str) -> Result<bool, String> {
        let Some(fields) = value.as_object() else { return Ok(true) };
        for (name, field) in fields {
            let rule = rules.get(name).ok_or_else(|| format!("{at}: the field {name} is not in the document"))?;
            self.matches(rule, field, &format!("{at}.{name}"))?;
        }
        Ok(true)
    }
}

/// An object's fields that are named, and the others.
fn split(value: &Value, named: &Map<String, Value>) -> (Value, Value) {
    let fields = value.as_object().cloned().unwrap_or_default();
    let (named, others): (Map<_, _>, Map<_, _>) = fields.into_iter().partition(|(name, _)| named.contains_key(name));
    (named.into(), others.into())
}

fn is_of_type(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no such type: {other}"),
    }
}
