//! What concerns all paths of a peer is done a slice a turn: a session's end, a refresh, another import policy.
//!
//! A million paths in one turn let everybody wait: 49 ms when a session ends, 280 ms when its policy changes. In slices of
//! 4096 the longest takes some 12 ms, and all together take no longer than before (`benches/turns.rs`, on two cores).
//! So it is a [`Walk`] along the peer's list that goes on with every [`Rib::settle`], the peers taking turns. A slice is
//! as long as leaves room for deciding it in the same turn: what others announce meanwhile waits behind one slice, not
//! behind the walk.
//!
//! A path that was not reached yet is as it was: nobody can tell that from a speaker that heard of it later. Only the
//! peer's own news must not overtake its walks, so [`Rib::apply`] and [`Rib::peer_up`] finish them first. The owner, who
//! wants short turns, asks [`Rib::is_busy`] before it hands them in.
//!
//! Why not a generation per peer that makes its old paths invalid at once: decision, export, limits, views and the logs
//! would have to ask for it at each path, always, for what takes a second when a full table goes.

use std::collections::VecDeque;

use bgp_proto::{Family, FamilySet};

use crate::core::Core;
use crate::limit::room;
use crate::peer::PeerId;
use crate::rib::Rib;
use crate::table::Path;

/// What is done to each path of a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Task {
    /// The session is gone: paths of these families turn stale, the others go. RFC 4724 §4.2
    Down(FamilySet),
    /// The peer begins to say a family again. RFC 7313 §4
    BeginRefresh(Family),
    /// What the peer did not renew goes. RFC 4724 §4.2, RFC 7313 §4
    Purge(Family),
    /// All of these families goes.
    Flush(FamilySet),
    /// Stale ones of a family are kept for long. RFC 9494 §4.2
    KeepForLong(Family),
    /// Import looks again.
    Import,
    /// They are decided again.
    Decide,
    /// All goes, and in the end the peer itself.
    Forget,
}

/// A task under way.
#[derive(Clone, Copy)]
pub(crate) struct Walk {
    task: Task,
    /// The next path; none: the head of the peer's list.
    at: Option<u32>,
}

/// Who has walks.
#[derive(Default)]
pub(crate) struct Walkers {
    /// Each peer once; the one whose turn it is first.
    peers: VecDeque<PeerId>,
    /// Working memory: the paths of a slice.
    slice: Vec<u32>,
}

impl Walkers {
    pub(crate) fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }
}

impl Rib {
    /// Whether something is being done to all paths of a peer. Its UPDATEs and its next session are best kept back until
    /// [`Rib::settle`] is done with it, or all that is left is done at once when they come.
    pub fn is_busy(&self, id: PeerId) -> bool {
        self.core.peers.find(id).is_some_and(|peer| !peer.walks.is_empty())
    }

    /// Puts a task behind those the peer has.
    pub(crate) fn walk(&mut self, id: PeerId, task: Task) {
        let Some(peer) = self.core.peers.find_mut(id) else { return };
        if !peer.walks.is_empty() {
            peer.walks.push_back(Walk { task, at: None });
        } else if self.core.table.paths_of_peer(id).next().is_some() {
            peer.walks.push_back(Walk { task, at: None });
            self.walkers.peers.push_back(id);
        } else {
            self.arrive(id, task);
        }
    }

    /// Goes on with walks, over about so many paths.
    pub(crate) fn walk_on(&mut self, limit: usize) {
        let mut left = limit;
        while left > 0
            && let Some(id) = self.walkers.peers.pop_front()
        {
            // A peer without paths costs something, too.
            left = left.saturating_sub(self.step(id, left).max(1));
            if self.is_busy(id) {
                self.walkers.peers.push_back(id);
            }
        }
    }

    /// Does all that is left of a peer's walks.
    pub(crate) fn finish_walks(&mut self, id: PeerId) {
        if !self.is_busy(id) {
            return;
        }
        while self.is_busy(id) {
            self.step(id, usize::MAX);
        }
        self.walkers.peers.retain(|other| *other != id);
    }

    /// A part of the peer's first walk; returns the number of paths it went over.
    fn step(&mut self, id: PeerId, limit: usize) -> usize {
        let Some(walk) = self.core.peers.find(id).and_then(|peer| peer.walks.front().copied()) else { return 0 };
        let mut paths = std::mem::take(&mut self.walkers.slice);
        // Nothing else adds or removes paths of the peer meanwhile, so the place stays good.
        let next = {
            let mut list = self.core.table.paths_of_peer_from(id, walk.at);
            paths.extend(list.by_ref().take(limit));
            list.next()
        };
        self.core.do_to_all(id, walk.task, &paths);
        let count = paths.len();
        paths.clear();
        self.walkers.slice = paths;
        let Some(peer) = self.core.peers.find_mut(id) else { return count };
        if next.is_some() {
            peer.walks[0].at = next;
        } else {
            peer.walks.pop_front();
            self.arrive(id, walk.task);
        }
        count
    }

    /// A walk is done.
    fn arrive(&mut self, id: PeerId, task: Task) {
        match task {
            Task::Purge(_) => self.limit_events.extend(std::iter::from_fn(|| room(&mut self.core, id))),
            Task::Forget => self.core.peers.remove(id),
            _ => {}
        }
    }
}

impl Core {
    fn do_to_all(&mut self, id: PeerId, task: Task, paths: &[u32]) {
        match task {
            Task::Import => return self.reimport(id, paths),
            Task::KeepForLong(family) => return self.keep_for_long(id, family, paths),
            _ => {}
        }
        for &number in paths {
            let path = self.table.paths[number];
            let family = self.table.dests[path.dest].prefix.family();
            let goes = match task {
                Task::Down(retain) => {
                    if retain.contains(family) {
                        let lost = |path: &mut Path| (path.marks.stale, path.marks.refreshing) = (true, false);
                        self.table.update_path(number, lost);
                        self.note_change(path.dest);
                    }
                    !retain.contains(family)
                }
                Task::BeginRefresh(of) => {
                    if family == of {
                        self.table.update_path(number, |path| path.marks.refreshing = true);
                    }
                    false
                }
                Task::Purge(of) => family == of && (path.marks.stale || path.marks.refreshing),
                Task::Flush(families) => families.contains(family),
                Task::Decide => {
                    self.mark_dirty(path.dest);
                    false
                }
                Task::Forget => true,
                Task::Import | Task::KeepForLong(_) => false,
            };
            if goes {
                self.remove_path(number);
            }
        }
    }
}
