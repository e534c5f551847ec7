//! Peers nobody has listed: made when one connects from a range of addresses, forgotten when it is gone for good.
//!
//! The doors send a connection of an unknown address here if a range covers it. This task gives the peer a number and
//! starts its task; from then on the doors know it. The peer's task ends when it has had no session, no connection and
//! no kept routes for the range's `forget_after`; its last word to the owner is that the peer goes.
//!
//! Ranges come, change and go while they are in use ([`RangeChange`]): only their own peers are concerned.
//!
//! Tables of the RIB are indexed by the peers' numbers, so numbers are small and used again. What the owner is told of a
//! number, that it begins and that it ends, goes the way of the peer's other news, so nothing of one life can reach the
//! next.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bgp_proto::Prefix;
use rib::PeerId;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::keys::Key;
use super::known_peers::KnownPeer;
use super::news::{FromPeer, News};
use super::peer_status::PeerShared;
use super::peer_task::{Configured, PeerCommand, PeerSpec, PeerTask};
use super::roster::Surroundings;
use super::setup;
use super::unopened::Incoming;
use crate::config::{Config, DynamicPeers, PeerSettings};

/// A connection from an address inside a range: the range, the address, the connection.
pub type Visitor = (Prefix, IpAddr, Incoming);

/// Visitors that may wait; more are turned away at the door.
pub const VISITORS: usize = 64;
/// Changes that may wait: the one who makes them waits for each.
pub const CHANGES: usize = 1;

/// A range comes, or has other settings, or goes.
pub struct RangeChange {
    /// What holds from now on, all ranges included.
    pub config: Arc<Config>,
    /// Which range.
    pub prefix: Prefix,
    /// What becomes of its peers.
    pub guests: Guests,
    /// Whether a session was ended.
    pub answer: oneshot::Sender<bool>,
}

/// What becomes of the peers of a range that is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guests {
    /// They have its settings; their sessions end, for this reason if there is one, and others may follow.
    Stay(Option<&'static str>),
    /// They are peers no more.
    Leave,
}

/// The task's state.
pub struct Dynamic {
    /// The configuration, ranges included.
    config: Arc<Config>,
    /// Where visitors come from.
    visitors: mpsc::Receiver<Visitor>,
    /// Where changes of the ranges come from.
    changes: mpsc::Receiver<RangeChange>,
    /// What every peer is given.
    around: Surroundings,
    guests: HashMap<Id, Guest>,
    /// How many there are of each range.
    counts: HashMap<Prefix, usize>,
    tasks: JoinSet<()>,
    random: RandomState,
}

/// A living peer.
struct Guest {
    id: PeerId,
    range: Prefix,
    address: IpAddr,
    commands: mpsc::Sender<PeerCommand>,
}

impl Dynamic {
    /// Nobody yet.
    pub fn new(
        config: Arc<Config>,
        visitors: mpsc::Receiver<Visitor>,
        changes: mpsc::Receiver<RangeChange>,
        around: Surroundings,
    ) -> Self {
        let (guests, counts, tasks) = (HashMap::new(), HashMap::new(), JoinSet::new());
        Self { config, visitors, changes, around, guests, counts, tasks, random: RandomState::new() }
    }

    /// Runs until told to stop; then its peers' connections are closed without a word, as those of listed peers are.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(ended) = self.tasks.join_next_with_id() => self.forget(ended),
                Some(change) = self.changes.recv() => self.change(change).await,
                visitor = self.visitors.recv() => {
                    let Some(visitor) = visitor else { break };
                    if !self.receive(visitor).await {
                        break;
                    }
                }
            }
        }
        for guest in self.guests.values() {
            drop(guest.commands.send(PeerCommand::Stop(None)).await);
        }
        while self.tasks.join_next().await.is_some() {}
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) {
        let task = match ended {
            Ok((task, ())) => task,
            Err(error) => error.id(),
        };
        let Some(guest) = self.guests.remove(&task) else { return };
        self.around.doors.close(guest.address, &guest.commands);
        self.around.known.remove(guest.id);
        if let Some(count) = self.counts.get_mut(&guest.range) {
            *count -= 1;
        }
        free(&self.around.numbers, guest.id);
        info!(event = "peer-gone", peer = %guest.address, "a dynamic peer is forgotten");
    }

    /// Lets somebody in; false when the owner has ended.
    async fn receive(&mut self, (prefix, address, stream): Visitor) -> bool {
        // The peer may have been let in while this connection waited.
        let known = self.guests.values().find(|guest| guest.address == address);
        if let Some(guest) = known {
            drop(guest.commands.try_send(PeerCommand::Accepted(stream)));
            return true;
        }
        // Or its range is there no more.
        let Some(range) = range_of(&self.config, prefix).filter(|_| !self.around.restart.is_away()) else {
            return true;
        };
        let count = self.counts.entry(prefix).or_default();
        if *count >= range.limit {
            self.around.doors.count_over_limit(address);
            return true;
        }
        *count += 1;
        let id = take(&self.around.numbers);
        let (commands, receiver) = mpsc::channel(8);
        drop(commands.try_send(PeerCommand::Accepted(stream)));
        let way = (commands.clone(), receiver);
        let Some(task) = self.welcome(prefix, address, id, way, self.random.hash_one(id)).await else { return false };
        let task = self.tasks.spawn(task.run()).id();
        self.around.doors.open(address, commands.clone());
        self.guests.insert(task, Guest { id, range: prefix, address, commands });
        true
    }

    /// Makes a peer; `None` when the owner has ended.
    async fn welcome(
        &self,
        prefix: Prefix,
        address: IpAddr,
        id: PeerId,
        (way, commands): (mpsc::Sender<PeerCommand>, mpsc::Receiver<PeerCommand>),
        seed: u64,
    ) -> Option<PeerTask> {
        let range = range_of(&self.config, prefix)?;
        let settings = PeerSettings { address, ..range.template.clone() };
        info!(event = "peer-known", peer = %address, range = %range.prefix, "a dynamic peer connects");
        let (shared, key) = (PeerShared::new(), self.around.keys.of(settings.password.as_ref()));
        let begin = News::Begin(Box::new(setup::rib_peer(&self.config, &settings)));
        if self.around.news.send(FromPeer { peer: id, news: begin, at: Instant::now(), turn: None }).await.is_err() {
            warn!("the owner has ended: no more peers");
            return None;
        }
        let spec = self.spec(id, range, &settings, key.clone());
        self.around.known.insert(id, KnownPeer { settings, key, shared: shared.clone(), commands: Some(way) });
        let (news, wanted) = (self.around.news.clone(), self.around.wanted.clone());
        Some(PeerTask::new(spec, seed, commands, news, wanted, shared, self.around.restart.clone()))
    }

    fn spec(&self, id: PeerId, range: &DynamicPeers, settings: &PeerSettings, key: Key) -> PeerSpec {
        let mut spec = setup::peer(&self.config, id, settings, key, &self.around.restart);
        spec.machine.peer_asn = range.asn.clone();
        spec.forget_after = Some(range.forget_after.max(Duration::from_millis(100)));
        spec
    }

    /// Puts other ranges in force. Peers of the others take no notice.
    async fn change(&mut self, RangeChange { config, prefix, guests, answer }: RangeChange) {
        self.config = config;
        self.around.doors.set_ranges(&self.config.dynamic_peers);
        let mut ended = false;
        for guest in self.guests.values().filter(|guest| guest.range == prefix) {
            match (guests, range_of(&self.config, prefix)) {
                (Guests::Stay(reset), Some(range)) => ended |= self.reconfigure(guest, range, reset).await,
                _ => {
                    // A new connection of his is another range's.
                    self.around.doors.close(guest.address, &guest.commands);
                    ended |= self.around.known.remove(guest.id);
                    drop(guest.commands.send(PeerCommand::Leave).await);
                }
            }
        }
        let _ = answer.send(ended); // who asked may be gone
    }

    /// Gives a peer its range's settings. Completes with whether that has ended its session.
    async fn reconfigure(&self, guest: &Guest, range: &DynamicPeers, reset: Option<&'static str>) -> bool {
        let settings = PeerSettings { address: guest.address, ..range.template.clone() };
        let key = self.around.keys.of(settings.password.as_ref());
        let of_rib = setup::rib_peer(&self.config, &settings);
        let spec = self.spec(guest.id, range, &settings, key.clone());
        self.around.known.change(guest.id, settings, key);
        let id = guest.id;
        let _ = self.around.owner.ask(move |owner| owner.rib.peer_update(id, of_rib)).await;
        let (answer, done) = oneshot::channel();
        let configured = PeerCommand::Configure(Box::new(Configured { spec, reset, answer }));
        guest.commands.send(configured).await.is_ok() && done.await.unwrap_or(false)
    }
}

/// The range in force with this prefix.
fn range_of(config: &Config, prefix: Prefix) -> Option<&DynamicPeers> {
    config.dynamic_peers.iter().find(|range| range.prefix == prefix && range.template.enabled)
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
