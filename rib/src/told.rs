//! What peers hold of ours when they have read all: for whoever compares two tables.

use std::collections::HashMap;
use std::sync::Arc;

use bgp_proto::attr::PathAttrs;
use bgp_proto::{Family, PathId, Prefix};

use crate::export::outgoing;
use crate::group::Group;
use crate::peer::PeerId;
use crate::rib::Rib;

/// What the members of an update group are told.
#[derive(Clone, Debug)]
pub struct Told {
    /// Of this family.
    pub family: Family,
    /// Who is.
    pub members: Vec<PeerId>,
    /// What is said, by prefix and path id ([`PathId::NONE`] where members are told one path a prefix). The peer a path came
    /// from is not told it.
    pub paths: HashMap<(Prefix, PathId), (PeerId, Arc<PathAttrs>)>,
}

impl Rib {
    /// What the members of each update group are told, once all is settled and read.
    pub fn told(&self) -> Vec<Told> {
        self.groups.iter().flatten().map(|group| self.told_by(group)).collect()
    }

    fn told_by(&self, group: &Group) -> Told {
        let (core, key) = (&self.core, &group.key);
        let mut said = HashMap::new();
        let mut paths = HashMap::new();
        for entry in group.log.iter().filter(|entry| !entry.is_gone()) {
            let attrs = said.entry((entry.attrs, entry.source, entry.keep_med)).or_insert_with(|| {
                let source = core.peers.source(entry.source);
                Arc::new(outgoing(key, &source, &core.attrs.attrs(entry.attrs), entry.keep_med))
            });
            let path_id = if key.is_add_path() { entry.path_id } else { PathId::NONE };
            paths.insert((core.table.dests[entry.dest].prefix, path_id), (entry.source, attrs.clone()));
        }
        Told { family: key.family, members: group.members().map(|member| member.peer).collect(), paths }
    }
}
