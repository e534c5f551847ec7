//! Paths kept for a peer that is away for longer than its restart time (RFC 9494).
//!
//! They get the community LLGR_STALE, as if the peer had sent it: the decision then takes them last
//! ([`Step`](crate::Step)), import policies see it, and so does whoever is told. A path with NO_LLGR goes. The peer that
//! comes back announces its paths anew, and the community is gone with them.

use std::collections::HashMap;

use bgp_proto::Family;
use bgp_proto::attr::{Community, PathAttrs};

use crate::attrs::AttrId;
use crate::core::Core;
use crate::import::{Checks, Importer};
use crate::peer::PeerId;

impl Core {
    /// Keeps for long what is stale among some paths of a peer. RFC 9494 §4.2
    pub(crate) fn keep_for_long(&mut self, id: PeerId, family: Family, paths: &[u32]) {
        let core = self;
        let Some(peer) = core.peers.find(id) else { return };
        let (checks, policy) = (Checks::of(core, peer), peer.settings.import.clone());
        // Many paths share few attribute sets; both numbers stay counted until the end.
        let mut marked: HashMap<AttrId, AttrId> = HashMap::new();
        for &number in paths {
            let path = core.table.paths[number];
            let prefix = core.table.dests[path.dest].prefix;
            if prefix.family() != family || !path.marks.stale {
                continue;
            }
            let attrs = core.attrs.attrs(path.raw);
            if attrs.has_community(Community::NO_LLGR) {
                core.remove_path(number);
                continue;
            }
            let raw = match marked.get(&path.raw) {
                Some(raw) => *raw,
                None => {
                    let attrs = with_community(&attrs, Community::LLGR_STALE).into();
                    let raw = core.attrs.intern(&attrs, &mut core.next_hops);
                    core.attrs.retain(path.raw);
                    marked.insert(path.raw, raw);
                    raw
                }
            };
            let mut importer = Importer::new(core, &checks, policy.clone(), raw);
            let offer = importer.offer(core, &prefix);
            core.put(path.dest, id, path.path_id, offer);
            importer.finish(core);
            core.table.update_path(number, |path| path.marks.stale = true);
        }
        for id in marked.into_iter().flat_map(<[AttrId; 2]>::from) {
            core.attrs.release(id, &mut core.next_hops);
        }
    }
}

/// The same attributes with a community more; the list stays sorted.
pub(crate) fn with_community(attrs: &PathAttrs, community: Community) -> PathAttrs {
    let mut communities = attrs.communities.to_vec();
    if let Err(at) = communities.binary_search(&community) {
        communities.insert(at, community);
    }
    PathAttrs { communities: communities.into(), ..attrs.clone() }
}
