//! Peers nobody has listed: made when one connects from a range of addresses, forgotten when it is gone for good.
//!
//! The doors send a connection of an unknown address here if a range covers it. This task gives the peer a number and
//! starts its task; from then on the doors know it. The peer's task ends when it has had no session, no connection and
//! no kept routes for the range's `forget_after`; its last word to the owner is that the peer goes.
//!
//! Tables of the RIB are indexed by the peers' numbers, so numbers are small and used again. What the owner is told of a
//! number, that it begins and that it ends, goes the way of the peer's other news, so nothing of one life can reach the
//! next.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rib::PeerId;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::backend::KnownPeer;
use super::news::{FromPeer, News};
use super::peer_status::PeerShared;
use super::peer_task::{PeerCommand, PeerTask};
use super::roster::Surroundings;
use super::setup;
use super::unopened::Incoming;
use crate::config::{Config, PeerSettings};

/// A connection from an address inside a range: the range's number, the address, the connection.
pub type Visitor = (usize, IpAddr, Incoming);

/// Visitors that may wait; more are turned away at the door.
pub const VISITORS: usize = 64;

/// The task's state.
pub struct Dynamic {
    /// The configuration, ranges included.
    pub config: Arc<Config>,
    /// Where visitors come from.
    pub visitors: mpsc::Receiver<Visitor>,
    /// What every peer is given.
    pub around: Surroundings,
}

/// A living peer.
struct Guest {
    id: PeerId,
    range: usize,
    address: IpAddr,
    commands: mpsc::Sender<PeerCommand>,
}

impl Dynamic {
    /// Runs until told to stop; then its peers' connections are closed without a word, as those of listed peers are.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut guests: HashMap<Id, Guest> = HashMap::new();
        let mut counts = vec![0_usize; self.config.dynamic_peers.len()];
        let mut tasks = JoinSet::new();
        let random = RandomState::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(ended) = tasks.join_next_with_id() => {
                    let task = match ended {
                        Ok((task, ())) => task,
                        Err(error) => error.id(),
                    };
                    let Some(guest) = guests.remove(&task) else { continue };
                    self.around.doors.close(guest.address, &guest.commands);
                    self.around.known.remove(guest.id);
                    counts[guest.range] -= 1;
                    free(&self.around.numbers, guest.id);
                    info!(event = "peer-gone", peer = %guest.address, "a dynamic peer is forgotten");
                }
                visitor = self.visitors.recv() => {
                    let Some((range, address, stream)) = visitor else { break };
                    // The peer may have been let in while this connection waited.
                    let known = guests.values().find(|guest| guest.address == address);
                    if let Some(guest) = known {
                        drop(guest.commands.try_send(PeerCommand::Accepted(stream)));
                        continue;
                    }
                    if self.around.restart.is_away() {
                        continue;
                    }
                    if counts[range] >= self.config.dynamic_peers[range].limit {
                        self.around.doors.count_over_limit(address);
                        continue;
                    }
                    let id = take(&self.around.numbers);
                    let (commands, receiver) = mpsc::channel(8);
                    drop(commands.try_send(PeerCommand::Accepted(stream)));
                    let way = (commands.clone(), receiver);
                    let Some(task) = self.welcome(range, address, id, way, random.hash_one(id)).await else { break };
                    let task = tasks.spawn(task.run()).id();
                    self.around.doors.open(address, commands.clone());
                    counts[range] += 1;
                    guests.insert(task, Guest { id, range, address, commands });
                }
            }
        }
        for guest in guests.values() {
            drop(guest.commands.send(PeerCommand::Stop(None)).await);
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Makes a peer; `None` when the owner has ended.
    async fn welcome(
        &self,
        range: usize,
        address: IpAddr,
        id: PeerId,
        (way, commands): (mpsc::Sender<PeerCommand>, mpsc::Receiver<PeerCommand>),
        seed: u64,
    ) -> Option<PeerTask> {
        let range = &self.config.dynamic_peers[range];
        let settings = PeerSettings { address, ..range.template.clone() };
        info!(event = "peer-known", peer = %address, range = %range.prefix, "a dynamic peer connects");
        let (shared, key) = (PeerShared::new(), self.around.keys.of(settings.password.as_ref()));
        let begin = News::Begin(Box::new(setup::rib_peer(&self.config, &settings)));
        if self.around.news.send(FromPeer { peer: id, news: begin, at: Instant::now(), turn: None }).await.is_err() {
            warn!("the owner has ended: no more peers");
            return None;
        }
        let mut spec = setup::peer(&self.config, id, &settings, key.clone(), &self.around.restart);
        spec.machine.peer_asn = range.asn.clone();
        spec.forget_after = Some(range.forget_after.max(Duration::from_millis(100)));
        self.around.known.insert(id, KnownPeer { settings, key, shared: shared.clone(), commands: Some(way) });
        let (news, wanted) = (self.around.news.clone(), self.around.wanted.clone());
        Some(PeerTask::new(spec, seed, commands, news, wanted, shared, self.around.restart.clone()))
    }
}

/// Numbers of peers, the smallest free one first.
pub struct Numbers {
    next: u32,
    free: BTreeSet<PeerId>,
}

impl Numbers {
    /// Those behind as many that are taken.
    pub fn after(listed: usize) -> Self {
        Self { next: u32::try_from(listed).unwrap_or(u32::MAX), free: BTreeSet::new() }
    }

    fn take(&mut self) -> PeerId {
        self.free.pop_first().unwrap_or_else(|| {
            self.next += 1;
            PeerId(self.next - 1)
        })
    }

    fn free(&mut self, id: PeerId) {
        self.free.insert(id);
    }
}

/// A number nobody has.
pub fn take(numbers: &Mutex<Numbers>) -> PeerId {
    numbers.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The peer of this number is gone, and the owner knows.
pub fn free(numbers: &Mutex<Numbers>, id: PeerId) {
    numbers.lock().unwrap_or_else(PoisonError::into_inner).free(id);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_listed_peers_and_are_used_again() {
        let mut numbers = Numbers::after(3);
        assert_eq!([numbers.take(), numbers.take(), numbers.take()], [PeerId(3), PeerId(4), PeerId(5)]);
        numbers.free(PeerId(4));
        assert_eq!([numbers.take(), numbers.take()], [PeerId(4), PeerId(6)]);
    }
}
