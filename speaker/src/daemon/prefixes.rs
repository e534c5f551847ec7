//! The prefixes of the table, gathered in a few turns of the owner and sorted by the asker: a million in one turn would let
//! everybody wait for a tenth of a second.

use bgp_proto::Prefix;
use rib::RouteFilter;

use super::owner::{Owner, OwnerHandle};

/// Places of the table that are looked through in one turn.
pub const PLACES: u32 = 65_536;

/// Those that pass a filter, in order; `None` when the owner has ended. What the table holds all the while is among them.
pub async fn of(owner: &OwnerHandle, filter: RouteFilter) -> Option<Vec<Prefix>> {
    let (mut prefixes, mut from) = (Vec::new(), Some(0));
    while let Some(place) = from {
        let ask = move |owner: &mut Owner| owner.rib.prefixes_from(&filter, place, PLACES);
        let (more, next) = owner.ask(ask).await?;
        prefixes.extend(more);
        from = next;
    }
    let sorted = move || {
        prefixes.sort_unstable();
        prefixes.dedup();
        prefixes
    };
    // Sessions on the same thread would wait.
    tokio::task::spawn_blocking(sorted).await.ok()
}
