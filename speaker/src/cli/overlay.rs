//! `roost peer add|remove` and `roost pool add|remove`: what is set at run time, and kept over restarts.

use std::io::Write;

use anyhow::Context;
use axum::http::Method;
use serde_json::{Map, Value};

use super::args::{MoreKeys, NewPeer, PoolOrder};
use super::client::{Client, escape};
use super::render;
use super::run::pass;

/// Adds a peer, or gives it other settings.
pub(super) async fn add_peer(client: &Client, peer: NewPeer, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let NewPeer { address, asn, group, description, import, export, client: is_client, password_file, more } = peer;
    let mut settings = Map::new();
    let texts = [
        ("asn", asn),
        ("group", group),
        ("description", description),
        ("import", import),
        ("export", export),
        ("password_file", password_file),
    ];
    settings.extend(texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), Value::String(text?)))));
    if is_client {
        settings.insert("route_reflector_client".to_owned(), Value::Bool(true));
    }
    add(&more, &mut settings)?;
    send(client, Method::PUT, &peer_page(&address), Some(&settings), json, out).await
}

/// Removes a peer that was added.
pub(super) async fn remove_peer(
    client: &Client,
    address: &str,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    send(client, Method::DELETE, &peer_page(address), None, json, out).await
}

/// Adds a pool, or removes one that was added.
pub(super) async fn pool(client: &Client, order: PoolOrder, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let page = |cidr: &str| format!("/v1/pools/{}", escape(cidr));
    match order {
        PoolOrder::Add { cidr, mode, more } => {
            let mode = mode.map(|mode| ("mode".to_owned(), Value::String(mode)));
            let mut settings: Map<_, _> = mode.into_iter().collect();
            add(&more, &mut settings)?;
            send(client, Method::PUT, &page(&cidr), Some(&settings), json, out).await
        }
        PoolOrder::Remove { cidr } => send(client, Method::DELETE, &page(&cidr), None, json, out).await,
    }
}

fn peer_page(address: &str) -> String {
    format!("/v1/peers/{}", escape(address))
}

/// `KEY=VALUE`: what is JSON is taken as such, all else as text.
fn add(MoreKeys { keys }: &MoreKeys, settings: &mut Map<String, Value>) -> anyhow::Result<()> {
    for key in keys {
        let (name, value) = key.split_once('=').with_context(|| {
            format!("--set {key}: expected KEY=VALUE, with a key of the configuration file, such as hold_time=30s")
        })?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        settings.insert(name.to_owned(), value);
    }
    Ok(())
}

async fn send(
    client: &Client,
    method: Method,
    page: &str,
    settings: Option<&Map<String, Value>>,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let body = settings.map(|settings| client.json(settings)).transpose()?;
    if json {
        return pass(client, method, page, body, out).await;
    }
    out.write_all(render::config_steps(&client.send(method, page, body).await?, false).as_bytes())?;
    Ok(())
}
