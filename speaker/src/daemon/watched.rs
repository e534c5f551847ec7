//! What watchers are told: the rows that the journal's notes name, as they are now.

use bgp_proto::Prefix;
use fib_sync::{FibHandle, RowFilter};
use rib::RouteView;

use super::backend::ended;
use super::known_peers::KnownPeers;
use super::owner::{Owner, OwnerHandle};
use super::rows;
use crate::api::Problem;
use crate::api::model::{FibRow, RouteRow};

/// From now on both sides note what changes. Each stops by itself when the journal says that nobody watches any more.
///
/// # Errors
/// 503 when the owner has ended.
pub async fn begin(owner: &OwnerHandle, fib: Option<&FibHandle>) -> Result<(), Problem> {
    owner.ask(|owner| owner.rib.note_changes(true)).await.ok_or_else(ended)?;
    if let Some(fib) = fib {
        fib.note_changes().await;
    }
    Ok(())
}

/// The paths of these prefixes.
///
/// # Errors
/// 503 when the owner has ended.
pub async fn paths(prefixes: Vec<Prefix>, owner: &OwnerHandle, peers: &KnownPeers) -> Result<Vec<RouteRow>, Problem> {
    let ask = move |owner: &mut Owner| -> Vec<RouteView> {
        prefixes.iter().filter_map(|prefix| owner.rib.route(prefix)).collect()
    };
    let routes = owner.ask(ask).await.ok_or_else(ended)?;
    let name = |id| peers.name(id).unwrap_or_else(|| format!("{id}"));
    Ok(routes.iter().flat_map(|route| rows::route(route, name, None)).collect())
}

/// The kernel's side of these prefixes.
pub async fn kernel(prefixes: Vec<Prefix>, fib: Option<&FibHandle>) -> Vec<FibRow> {
    let Some(fib) = fib else { return Vec::new() };
    let rows = fib.rows(RowFilter::Each(prefixes.into_iter().map(Into::into).collect())).await;
    rows.iter().map(rows::fib).collect()
}
