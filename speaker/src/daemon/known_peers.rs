//! All peers, listed or not, from outside: what each is given, what it shows, and the way to its task.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bgp_proto::fsm::State;
use rib::PeerId;
use tokio::sync::mpsc;

use super::keys::Key;
use super::peer_status::PeerShared;
use super::peer_task::PeerCommand;
use super::totals::Totals;
use crate::config::PeerSettings;
use crate::journal::Journal;

/// A configured peer and its task's outside.
#[derive(Clone)]
pub struct KnownPeer {
    /// The configuration.
    pub settings: PeerSettings,
    /// Its TCP MD5 key.
    pub key: Key,
    /// What its task shows.
    pub shared: Arc<PeerShared>,
    /// The way to its task; none for a peer that the configuration disables.
    pub commands: Option<mpsc::Sender<PeerCommand>>,
}

/// All peers, listed or not, by their numbers.
#[derive(Default)]
pub struct KnownPeers {
    peers: RwLock<Peers>,
    /// Where it is noted who comes and goes.
    journal: Arc<Journal>,
}

#[derive(Default)]
struct Peers {
    by_id: HashMap<PeerId, KnownPeer>,
    /// What those have counted that are forgotten.
    gone: Totals,
}

impl KnownPeers {
    /// Nobody yet; who comes and goes is noted there.
    pub fn new(journal: Arc<Journal>) -> Self {
        Self { journal, ..Self::default() }
    }

    /// One more.
    pub fn insert(&self, id: PeerId, peer: KnownPeer) {
        let name = peer.settings.name();
        self.peers.write().unwrap_or_else(PoisonError::into_inner).by_id.insert(id, peer);
        self.journal.peer(&name);
    }

    /// Other settings for one of them.
    pub fn change(&self, id: PeerId, settings: PeerSettings, key: Key) {
        let name = settings.name();
        if let Some(peer) = self.peers.write().unwrap_or_else(PoisonError::into_inner).by_id.get_mut(&id) {
            (peer.settings, peer.key) = (settings, key);
        }
        self.journal.peer(&name);
    }

    /// One less. Says whether it had a session.
    pub fn remove(&self, id: PeerId) -> bool {
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        let Some(peer) = peers.by_id.remove(&id) else { return false };
        let last = peer.shared.snapshot();
        peers.gone += Totals::of(&last);
        drop(peers);
        self.journal.peer(&peer.settings.name());
        last.state == State::Established
    }

    /// What all of them have counted, also those that were removed.
    pub fn totals(&self) -> Totals {
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        let mut totals = peers.gone.clone();
        peers.by_id.values().for_each(|peer| totals += Totals::of(&peer.shared.snapshot()));
        totals
    }

    /// All of them as they are now, in order of address.
    pub fn all(&self) -> Vec<(PeerId, KnownPeer)> {
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner).by_id.clone();
        let mut peers: Vec<_> = peers.into_iter().collect();
        peers.sort_by(|(_, a), (_, b)| a.settings.place().cmp(&b.settings.place()));
        peers
    }

    /// Whether each that may have a session has had one.
    pub fn have_all_been_up(&self) -> bool {
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        let mut enabled = peers.by_id.values().filter(|peer| peer.commands.is_some());
        enabled.all(|peer| peer.shared.snapshot().counters.established > 0)
    }

    /// What people call a peer.
    pub fn name(&self, id: PeerId) -> Option<String> {
        self.peers.read().unwrap_or_else(PoisonError::into_inner).by_id.get(&id).map(|known| known.settings.name())
    }
}
