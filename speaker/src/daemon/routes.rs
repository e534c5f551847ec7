//! `GET /v1/routes`: the table in slices, each asked of the owner and of the kernel side when the one before is on its
//! way to the reader. So an answer costs the memory of a slice and of the list of prefixes, however many routes it has
//! and however slow its reader is, and the owner's turns stay short.
//!
//! The prefixes are those of the beginning, gathered in a few turns and sorted by the asker; what is said of each is true
//! when its slice is made.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::vec;

use bgp_proto::Prefix;
use fib_sync::{FibHandle, RowFilter};
use futures::stream::{self, StreamExt};
use rib::{PeerId, RouteView};

use super::backend::ended;
use super::known_peers::KnownPeers;
use super::owner::OwnerHandle;
use super::{names, rows};
use crate::api::model::{KernelState, RouteFilter, RouteRow};
use crate::api::{Problem, Slices, parse_prefixes};

/// Prefixes of a slice: some hundred kilobytes of JSON.
const SLICE: usize = 1024;

/// Where the answer comes from.
#[derive(Clone)]
pub struct Sources {
    /// The table.
    pub owner: OwnerHandle,
    /// The kernel side, if there is one.
    pub fib: Option<FibHandle>,
    /// Whose paths they are.
    pub peers: Arc<KnownPeers>,
}

/// The routes that pass a filter, in order of prefix.
///
/// # Errors
/// 400 for a text that is no prefix, 404 for a name that no peer has, 503 when the owner has ended.
pub async fn slices(sources: Sources, filter: &RouteFilter) -> Result<Slices<RouteRow>, Problem> {
    let wanted = Wanted::read(filter, &sources.peers)?;
    let (peers, filter) = (wanted.peers.clone(), filter.clone());
    let prefixes = wanted.prefixes(&sources.owner).await?;
    let rest = Rest { sources, prefixes: prefixes.into_iter(), peers, filter };
    Ok(stream::try_unfold(rest, async |mut rest| Ok(rest.slice().await?.map(|rows| (rows, rest)))).boxed())
}

/// A filter with its texts read.
struct Wanted {
    prefix: Option<Prefix>,
    longer: bool,
    address: Option<IpAddr>,
    peers: Option<Vec<PeerId>>,
}

impl Wanted {
    fn read(filter: &RouteFilter, peers: &KnownPeers) -> Result<Self, Problem> {
        let prefix = match &filter.prefix {
            Some(text) => parse_prefixes(std::slice::from_ref(text))?.first().copied(),
            None => None,
        };
        let peers = match &filter.peer {
            Some(name) => Some(names::find(&peers.all(), name)?.into_iter().map(|(id, _)| *id).collect()),
            None => None,
        };
        Ok(Self { prefix, longer: filter.longer, address: filter.address, peers })
    }

    async fn prefixes(&self, owner: &OwnerHandle) -> Result<Vec<Prefix>, Problem> {
        if let Some(address) = self.address {
            let route = owner.ask(move |owner| owner.rib.lookup(address)).await.ok_or_else(ended)?;
            return Ok(route.map(|route| route.prefix).into_iter().collect());
        }
        match self.prefix {
            Some(prefix) if !self.longer => Ok(vec![prefix]),
            within => {
                // With one peer the RIB need not look at the paths of the others.
                let peer = self.peers.as_deref().and_then(|peers| if let [one] = peers { Some(*one) } else { None });
                let filter = rib::RouteFilter { within, peer, ..rib::RouteFilter::default() };
                super::prefixes::of(owner, filter).await.ok_or_else(ended)
            }
        }
    }
}

/// What of an answer is still to be made.
struct Rest {
    sources: Sources,
    prefixes: vec::IntoIter<Prefix>,
    /// Whose paths are wanted; `None`: everybody's.
    peers: Option<Vec<PeerId>>,
    /// Which of them are.
    filter: RouteFilter,
}

impl Rest {
    /// The next slice; `None` after the last.
    async fn slice(&mut self) -> Result<Option<Vec<RouteRow>>, Problem> {
        let prefixes: Vec<Prefix> = self.prefixes.by_ref().take(SLICE).collect();
        if prefixes.is_empty() {
            return Ok(None);
        }
        let ask = move |owner: &mut super::owner::Owner| -> Vec<RouteView> {
            prefixes.iter().filter_map(|prefix| owner.rib.route(prefix)).collect()
        };
        let routes = self.sources.owner.ask(ask).await.ok_or_else(ended)?;
        let kernel = self.kernel(&routes).await;
        let name = |id| self.sources.peers.name(id).unwrap_or_else(|| format!("{id}"));
        let mut found = Vec::with_capacity(routes.len());
        for route in &routes {
            let rows = route.paths.iter().zip(rows::route(route, name, kernel.get(&route.prefix)));
            let of_peer = |peer: &PeerId| self.peers.as_ref().is_none_or(|peers| peers.contains(peer));
            let wanted = rows.filter(|(path, row)| of_peer(&path.peer) && self.filter.passes(row));
            found.extend(wanted.map(|(_, row)| row));
        }
        Ok(Some(found))
    }

    /// What the kernel has for these routes.
    async fn kernel(&self, routes: &[RouteView]) -> HashMap<Prefix, KernelState> {
        let Some(fib) = &self.sources.fib else {
            let off = KernelState { state: "off".to_owned(), route: None, reason: None };
            return routes.iter().map(|route| (route.prefix, off.clone())).collect();
        };
        let prefixes = routes.iter().map(|route| route.prefix.into()).collect();
        let rows = fib.rows(RowFilter::Each(prefixes)).await;
        rows.iter().map(|row| (Prefix::from(row.prefix), rows::kernel(row))).collect()
    }
}

#[cfg(test)]
mod tests;
