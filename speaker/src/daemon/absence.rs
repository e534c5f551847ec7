//! What becomes of routes when some peers are gone: which ones vanish, and which take another way.
//!
//! `roost plan` says it before, and a peer that is replaced goes when nothing vanishes by it. The table is asked in slices,
//! so that it goes on meanwhile: the answer is that of the moment, and nothing is changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use bgp_proto::Prefix;
use rib::{PathView, PeerId, RouteFilter};

use super::owner::{Owner, OwnerHandle};

/// Prefixes looked at in one turn of the owner.
const SLICE: usize = 1_024;

/// What becomes of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// The prefix.
    pub prefix: Prefix,
    /// Its next hop now.
    pub before: String,
    /// Its next hop then; `None`: there is no route.
    pub after: Option<String>,
    /// Whether the kernel has it.
    pub in_kernel: bool,
}

/// The routes that have their best path of one of these peers, in order; `enough` of them end the search.
pub async fn of(owner: &OwnerHandle, gone: BTreeSet<PeerId>, enough: impl Fn(&Fate) -> bool) -> Vec<Fate> {
    let mut prefixes = BTreeSet::new();
    for peer in gone.iter().copied() {
        let of_peer = RouteFilter { peer: Some(peer), ..RouteFilter::default() };
        prefixes.extend(super::prefixes::of(owner, of_peer).await.unwrap_or_default());
    }
    let (prefixes, gone): (Vec<_>, _) = (prefixes.into_iter().collect(), Arc::new(gone));
    let mut fates = Vec::new();
    for slice in prefixes.chunks(SLICE) {
        let (slice, gone) = (slice.to_vec(), gone.clone());
        let look = move |owner: &mut Owner| slice.iter().filter_map(|prefix| fate(owner, prefix, &gone)).collect();
        let found: Vec<Fate> = owner.ask(look).await.unwrap_or_default();
        let done = found.iter().any(&enough);
        fates.extend(found);
        if done {
            break;
        }
    }
    fates
}

fn fate(owner: &Owner, prefix: &Prefix, gone: &BTreeSet<PeerId>) -> Option<Fate> {
    let route = owner.rib.route(prefix)?;
    let best = route.best().filter(|best| gone.contains(&best.peer))?;
    // They are in falling order of preference.
    let stays = |path: &&PathView| !gone.contains(&path.peer) && path.rejected.is_none() && path.next_hop.usable;
    let after = route.paths.iter().find(stays).map(|path| path.attrs.next_hop.addr().to_string());
    let before = best.attrs.next_hop.addr().to_string();
    Some(Fate { prefix: *prefix, before, after, in_kernel: route.fib.is_some() })
}
