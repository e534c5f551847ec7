//! The listed peers: they come, change and go as the configuration says, each without the others noticing.
//!
//! A peer has a number, a door, a place in what the API shows and, unless it is disabled, a task. What the owner hears of
//! a number goes the way of its task's news, so that nothing of one life can reach the next: `Begin` before the task
//! starts, `End` as the task's last word. Only then is the number free for another peer.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rib::PeerId;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinSet};
use tracing::{error, info};

use super::dynamic::{self, Numbers};
use super::keys::Keys;
use super::known_peers::{KnownPeer, KnownPeers};
use super::listener::Doors;
use super::news::{FromPeer, News};
use super::out_queue::Wanted;
use super::owner::OwnerHandle;
use super::peer_status::PeerShared;
use super::peer_task::{Configured, PeerCommand, PeerTask};
use super::restart::Restart;
use super::setup;
use crate::config::{Config, DeviceName, PeerSettings};

/// Where a peer is: no other listed one is there.
type Place = (IpAddr, Option<DeviceName>);

/// What every peer is given, listed or not.
#[derive(Clone)]
pub struct Surroundings {
    /// Who is let in.
    pub doors: Arc<Doors>,
    /// The passwords.
    pub keys: Arc<Keys>,
    /// What the API shows.
    pub known: Arc<KnownPeers>,
    /// The table, for who has to ask.
    pub owner: OwnerHandle,
    /// The way to the owner.
    pub news: mpsc::Sender<FromPeer>,
    /// Sessions with room for routes.
    pub wanted: Arc<Wanted>,
    /// The phase of the process.
    pub restart: Arc<Restart>,
    /// Numbers that nobody has.
    pub numbers: Arc<Mutex<Numbers>>,
}

/// The listed peers.
pub struct Roster {
    around: Surroundings,
    listed: BTreeMap<Place, Listed>,
    tasks: JoinSet<()>,
    /// Peers that are told to leave, by their tasks.
    leaving: HashMap<Id, (PeerId, String)>,
    random: RandomState,
}

struct Listed {
    id: PeerId,
    /// None has no task: it is disabled.
    running: Option<(mpsc::Sender<PeerCommand>, Id)>,
}

impl Roster {
    /// Nobody yet.
    pub fn new(around: Surroundings) -> Self {
        let random = RandomState::new();
        Self { around, listed: BTreeMap::new(), tasks: JoinSet::new(), leaving: HashMap::new(), random }
    }

    /// What the API shows.
    pub fn known(&self) -> &KnownPeers {
        &self.around.known
    }

    /// A peer begins, of which the owner knows already.
    pub fn seat(&mut self, config: &Config, id: PeerId, peer: &PeerSettings) {
        let Surroundings { doors, keys, known, news, wanted, restart, .. } = &self.around;
        let (shared, key) = (PeerShared::new(), keys.of(peer.password.as_ref()));
        let (sender, receiver) = mpsc::channel(8);
        let commands = peer.enabled.then(|| sender.clone());
        known.insert(id, KnownPeer { settings: peer.clone(), key: key.clone(), shared: shared.clone(), commands });
        let running = peer.enabled.then(|| {
            doors.list(peer.address, peer.interface.clone(), sender.clone());
            let (spec, seed) = (setup::peer(config, id, peer, key, restart), self.random.hash_one(id));
            let task = PeerTask::new(spec, seed, receiver, news.clone(), wanted.clone(), shared, restart.clone());
            (sender, self.tasks.spawn(task.run()).id())
        });
        self.listed.insert(place(peer), Listed { id, running });
    }

    /// A peer begins.
    pub async fn add(&mut self, config: &Config, peer: &PeerSettings) {
        let id = dynamic::take(&self.around.numbers);
        let begin = News::Begin(Box::new(setup::rib_peer(config, peer)));
        // An owner that has ended ends us all.
        drop(self.around.news.send(FromPeer { peer: id, news: begin, at: Instant::now(), turn: None }).await);
        self.seat(config, id, peer);
    }

    /// A peer has other settings; `reset` says why its session has to end, if it has to. Completes with whether one did.
    pub async fn change(
        &mut self,
        config: &Config,
        peer: &PeerSettings,
        reset: Option<&'static str>,
        owner: &OwnerHandle,
    ) -> bool {
        let Some(Listed { id, running }) = self.listed.get(&place(peer)) else { return false };
        if running.is_some() != peer.enabled {
            let ended = self.remove(peer).await;
            self.add(config, peer).await;
            return ended;
        }
        let (id, key) = (*id, self.around.keys.of(peer.password.as_ref()));
        self.around.known.change(id, peer.clone(), key.clone());
        let settings = setup::rib_peer(config, peer);
        // An owner that has ended ends us all.
        let _ = owner.ask(move |owner| owner.rib.peer_update(id, settings)).await;
        let Some((commands, _)) = running else { return false };
        let (answer, done) = oneshot::channel();
        let spec = setup::peer(config, id, peer, key, &self.around.restart);
        let configured = PeerCommand::Configure(Box::new(Configured { spec, reset, answer }));
        commands.send(configured).await.is_ok() && done.await.unwrap_or(false)
    }

    /// A peer goes, with its session and its routes. Completes with whether it had one.
    pub async fn remove(&mut self, peer: &PeerSettings) -> bool {
        let Surroundings { doors, known, .. } = &self.around;
        let Some(Listed { id, running }) = self.listed.remove(&place(peer)) else { return false };
        let had_session = known.remove(id);
        match running {
            Some((commands, task)) => {
                doors.close(peer.address, &commands);
                self.leaving.insert(task, (id, peer.name()));
                drop(commands.send(PeerCommand::Leave).await);
            }
            None => {
                let end = FromPeer { peer: id, news: News::End, at: Instant::now(), turn: None };
                drop(self.around.news.send(end).await);
                dynamic::free(&self.around.numbers, id);
            }
        }
        had_session
    }

    /// Completes when the task of a peer has ended. Can be dropped and called again.
    pub async fn ended(&mut self) {
        let Some(ended) = self.tasks.join_next_with_id().await else { return std::future::pending().await };
        let task = match ended {
            Ok((task, ())) => task,
            Err(error) => {
                error!(event = "fault", %error, "a peer's task has ended, which it never should");
                error.id()
            }
        };
        if let Some((id, peer)) = self.leaving.remove(&task) {
            dynamic::free(&self.around.numbers, id);
            info!(event = "peer-gone", %peer, "a peer that is not in the configuration any more is gone");
        }
    }

    /// The end of the process: every connection is closed, as a restart wants it.
    pub async fn farewell(mut self) {
        for (commands, _) in self.listed.values().filter_map(|listed| listed.running.as_ref()) {
            drop(commands.send(PeerCommand::Stop(None)).await);
        }
        while self.tasks.join_next().await.is_some() {}
    }
}

fn place(peer: &PeerSettings) -> Place {
    (peer.address, peer.interface.clone())
}
