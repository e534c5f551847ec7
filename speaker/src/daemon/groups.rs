//! `GET /v1/groups`: the update groups of the table, with the members' names.

use rib::{GroupView, PeerKind};

use super::known_peers::KnownPeers;
use super::owner::OwnerHandle;
use crate::api::model::GroupRow;

/// The groups, in order of family and of their first members; none when the owner has ended.
pub async fn rows(owner: &OwnerHandle, peers: &KnownPeers) -> Vec<GroupRow> {
    let groups = owner.ask(|owner| owner.rib.groups()).await.unwrap_or_default();
    let mut rows: Vec<_> = groups.into_iter().map(|group| row(group, peers)).collect();
    rows.sort_by(|a, b| (&a.family, &a.members).cmp(&(&b.family, &b.members)));
    rows
}

fn row(group: GroupView, peers: &KnownPeers) -> GroupRow {
    let kind = match group.key.kind {
        PeerKind::External { .. } => "external",
        PeerKind::Confederation { .. } => "confederation",
        PeerKind::Internal => "internal",
        PeerKind::Client { .. } => "client",
    };
    let mut members: Vec<_> = group.members.iter().filter_map(|id| peers.name(*id)).collect();
    members.sort();
    GroupRow {
        family: group.key.family.to_string(),
        kind: kind.to_owned(),
        export: group.key.export.name().to_owned(),
        own_address: group.key.own_address,
        add_path: group.key.is_add_path(),
        members,
        announced: group.announced,
        tombstones: group.tombstones,
        behind: group.behind,
        filled: group.filled,
        written: group.ring_misses,
        reused: group.ring_hits,
        too_large: group.too_large,
    }
}
