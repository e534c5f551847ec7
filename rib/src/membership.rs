//! How a peer comes into the update groups its session and settings call for, moves between them and leaves.

use bgp_proto::{Family, PathId, Prefix};

use crate::group::{Dump, Group, GroupKey};
use crate::peer::{Membership, PeerId};
use crate::rib::Rib;
use crate::table::family_index;

impl Rib {
    pub(crate) fn end_session(&mut self, id: PeerId) {
        let Some(peer) = self.core.peers.find_mut(id) else { return };
        peer.session = None;
        for membership in std::mem::take(&mut peer.memberships) {
            self.leave(membership, false);
        }
    }

    /// Moves a peer's memberships to the groups its settings now call for.
    pub(crate) fn regroup(&mut self, id: PeerId) {
        let Some(peer) = self.core.peers.find(id) else { return };
        let Some(session) = peer.session else { return };
        for membership in peer.memberships.clone() {
            let Some(peer) = self.core.peers.find(id) else { return };
            let Some(group) = self.groups[membership.group as usize].as_ref() else { continue };
            let family = group.key.family;
            let key = GroupKey::of(family, &session, &peer.settings, &self.core.config);
            if key == group.key {
                continue;
            }
            // What was under way goes on in the new group.
            let former = group.member(membership.member);
            let (dump, wanted) = former.map_or((None, None), |member| (member.dump, member.refresh_wanted));
            let rest = former.map(|member| member.rest.clone()).unwrap_or_default();
            if let Some(peer) = self.core.peers.find_mut(id) {
                peer.memberships.retain(|at| at.group != membership.group);
            }
            let held = self.leave(membership, true);
            let at = self.join(id, family, dump.unwrap_or(Dump::Moved), held);
            let group = at.and_then(|at| Some((self.groups[at.group as usize].as_mut()?, at.member)));
            if let Some((group, member)) = group {
                group.take_over(member, wanted, rest);
            }
        }
    }

    pub(crate) fn join(
        &mut self,
        id: PeerId,
        family: Family,
        dump: Dump,
        held: Vec<(PathId, Prefix)>,
    ) -> Option<Membership> {
        let peer = self.core.peers.find(id)?;
        let key = GroupKey::of(family, &peer.session?, &peer.settings, &self.core.config);
        let same = |group: &Option<Group>| group.as_ref().is_some_and(|group| group.key == key);
        let number = self.groups.iter().position(same).unwrap_or_else(|| {
            let free = self.groups.iter().position(Option::is_none).unwrap_or_else(|| {
                self.groups.push(None);
                self.groups.len() - 1
            });
            self.core.add_path_groups[family_index(family)] += usize::from(key.is_add_path());
            self.groups[free] = Some(Group::new(key));
            free
        });
        let member = self.groups[number].as_mut()?.join(id, dump, held, &self.core);
        let membership = Membership { group: number as u32, member };
        self.core.peers.find_mut(id)?.memberships.push(membership);
        Some(membership)
    }

    fn leave(&mut self, at: Membership, moving: bool) -> Vec<(PathId, Prefix)> {
        let slot = &mut self.groups[at.group as usize];
        let Some(group) = slot.as_mut() else { return Vec::new() };
        let held = group.leave(at.member, moving, &self.core);
        if group.len() == 0
            && let Some(group) = slot.take()
        {
            self.core.add_path_groups[family_index(group.key.family)] -= usize::from(group.key.is_add_path());
            self.dissolving.push(group.dissolve(&mut self.core));
        }
        held
    }
}
