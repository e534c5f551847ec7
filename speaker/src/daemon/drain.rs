//! The node is taken out of service, and put back: `roost drain` and `roost undrain`.
//!
//! All that is announced goes out again, with the community GRACEFUL_SHUTDOWN and inside the AS with LOCAL_PREF 0, so that
//! peers take other ways while this one still works (RFC 8326 §4.2). When every session has been sent all of it, and a
//! while is over in which they decide and write their kernels' routes, or when there is no more time, the sessions end
//! with Cease/Administrative Shutdown and the operator's text (RFC 9003); none is wanted until the node is back.
//!
//! Nobody says that he has moved: a peer with one way keeps it, and what another one has written into its kernel is not
//! told. So it is what was sent that is awaited, and a time for the rest.
//!
//! A drained node stays drained when roost starts again, as one that is cordoned does: who works on it would be surprised
//! by traffic. A file beside the control socket says so; under `/run` it goes with a reboot. What is to last only until
//! roost ends (a pod's preStop hook) has no file.
//!
//! A drain that was under way when roost ended goes on at the start, with its whole time again: peers keep our routes
//! meanwhile (RFC 4724 §4.2), so each of them is let in, told to prefer other ways, and then its session ends.
//!
//! SIGTERM is another thing: the kernel's routes stay, and peers keep ours until roost is back (RFC 4724).

mod file;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_proto::fsm::State;
use bgp_proto::message::{Notification, cease};
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{info, warn};

use super::known_peers::KnownPeers;
use super::owner::OwnerHandle;
use super::peer_task::PeerCommand;
use super::restart::Restart;
use crate::api::Drain;
use crate::api::model::{DrainPhase, DrainState};
pub use file::DrainFile;

/// Between two looks at what is still to be sent.
const LOOK: Duration = Duration::from_millis(100);

/// What is wanted: a drain, or none any more.
type Wish = (Option<Drain>, oneshot::Sender<Result<(), String>>);

/// How things stand.
#[derive(Clone, Debug)]
struct Now {
    phase: DrainPhase,
    since: Instant,
    order: Drain,
    /// Sessions to which something is still to be sent.
    awaited: usize,
}

/// The way to who drains.
#[derive(Clone)]
pub struct DrainHandle {
    wishes: mpsc::Sender<Wish>,
    now: watch::Receiver<Now>,
}

impl DrainHandle {
    /// Begins to drain, or (`None`) takes the node back into service.
    ///
    /// # Errors
    /// When that cannot be kept over a restart, or roost is ending; nothing has changed.
    pub async fn wish(&self, order: Option<Drain>) -> Result<(), String> {
        let (answer, receive) = oneshot::channel();
        let ending = |()| "roost is ending".to_owned();
        self.wishes.send((order, answer)).await.map_err(|_| ending(()))?;
        receive.await.map_err(|_| ending(()))?
    }

    /// How things stand.
    pub fn state(&self) -> DrainState {
        let Now { phase, since, order, awaited } = self.now.borrow().clone();
        let on = phase != DrainPhase::Off;
        let left = order.timeout.saturating_sub(since.elapsed());
        DrainState {
            state: phase,
            since: since.elapsed().as_secs(),
            message: order.message.filter(|_| on),
            until_restart: on && order.until_restart,
            awaited,
            ends_in: (phase == DrainPhase::Leaving).then_some(left.as_secs()),
        }
    }

    /// Whether peers are to be told to prefer other ways.
    pub fn is_leaving(&self) -> bool {
        self.now.borrow().phase == DrainPhase::Leaving
    }

    /// Does what signals ask for: the first drains as `roost drain` does, the second takes back.
    pub async fn obey(self, [mut drain, mut undrain]: [Signal; 2]) {
        loop {
            let (signal, order) = tokio::select! {
                _ = drain.recv() => ("SIGUSR1", Some(Drain::default())),
                _ = undrain.recv() => ("SIGUSR2", None),
            };
            info!(signal, "the operator's order");
            if let Err(error) = self.wish(order).await {
                warn!(event = "drain", signal, error, "not done");
            }
        }
    }
}

/// Who drains.
pub struct Drainer {
    node: Node,
    wishes: mpsc::Receiver<Wish>,
}

/// What is drained.
struct Node {
    owner: OwnerHandle,
    peers: Arc<KnownPeers>,
    restart: Arc<Restart>,
    file: Option<DrainFile>,
    now: watch::Sender<Now>,
}

impl Drainer {
    /// Of these parts. Where a file says so, the node is drained from the start and no session is wanted, or is leaving: then
    /// the table has to be, too ([`DrainHandle::is_leaving`]).
    pub fn new(
        owner: OwnerHandle,
        peers: Arc<KnownPeers>,
        restart: Arc<Restart>,
        file: Option<DrainFile>,
    ) -> (Self, DrainHandle) {
        let (phase, order) = file.as_ref().and_then(DrainFile::read).unwrap_or((DrainPhase::Off, Drain::default()));
        let text = order.message.as_deref().unwrap_or_default();
        match phase {
            DrainPhase::Off => {}
            DrainPhase::Leaving => warn!(
                event = "drain",
                text, "the node was being drained when roost ended, and is: peers are told to prefer other ways"
            ),
            DrainPhase::Drained => {
                warn!(event = "drain", text, "the node is drained: no session is wanted until `roost undrain`");
                restart.set_away(true);
            }
        }
        let (now, receiver) = watch::channel(Now { phase, since: Instant::now(), order, awaited: 0 });
        let (sender, wishes) = mpsc::channel(8);
        let node = Node { owner, peers, restart, file, now };
        (Self { node, wishes }, DrainHandle { wishes: sender, now: receiver })
    }

    /// Runs for as long as roost does.
    pub async fn keep(self) {
        let Self { node, mut wishes } = self;
        loop {
            let Now { phase, since, order, .. } = node.now.borrow().clone();
            tokio::select! {
                wish = wishes.recv() => {
                    let Some((order, answer)) = wish else { return };
                    let done = match order {
                        Some(order) => node.begin(order).await,
                        None => node.come_back().await,
                    };
                    // Whoever asked may have gone: it is done all the same.
                    drop(answer.send(done));
                }
                in_time = node.moved(since, &order), if phase == DrainPhase::Leaving => node.go(in_time, &order).await,
            }
        }
    }
}

impl Node {
    /// Begins; one that is under way begins anew with this order's times and text, and a node that is drained is.
    async fn begin(&self, order: Drain) -> Result<(), String> {
        let drained = self.now.borrow().phase == DrainPhase::Drained;
        match &self.file {
            Some(file) if !order.until_restart && drained => file.write(&order)?,
            Some(file) if !order.until_restart => file.begin(&order)?,
            // What an earlier order has kept.
            Some(file) => file.remove()?,
            None => {}
        }
        if drained {
            self.now.send_modify(|now| now.order = order);
            return Ok(());
        }
        info!(event = "drain", ?order, "the node is drained: peers are told to prefer other ways");
        self.owner.ask(|owner| owner.rib.set_leaving(true)).await.ok_or("the daemon is ending")?;
        self.now.send_replace(Now { phase: DrainPhase::Leaving, since: Instant::now(), order, awaited: 0 });
        Ok(())
    }

    /// Completes when the sessions can end: everything was sent and a while is over (`true`), or there is no more time.
    async fn moved(&self, since: Instant, order: &Drain) -> bool {
        let moved = async {
            loop {
                let awaited = self.awaited().await;
                self.now.send_if_modified(|now| std::mem::replace(&mut now.awaited, awaited) != awaited);
                if awaited == 0 {
                    break;
                }
                tokio::time::sleep(LOOK).await;
            }
            tokio::time::sleep(order.settle).await;
        };
        tokio::time::timeout_at((since + order.timeout).into(), moved).await.is_ok()
    }

    /// Sessions to which something is still to be sent. After a restart peers keep what the last run has announced (RFC 4724
    /// §4.2), and only a session can tell them: so each that has none yet is one, until the startup is over.
    async fn awaited(&self) -> usize {
        let all = self.peers.all().into_iter().map(|(id, peer)| (id, peer.shared.snapshot()));
        let (up, down): (Vec<_>, Vec<_>) = all.partition(|(_, peer)| peer.state == State::Established);
        let away = down.iter().filter(|(_, peer)| self.restart.restarted() && !peer.disabled).map(|(id, _)| *id);
        let up: Vec<_> = up.iter().map(|(id, _)| *id).collect();
        let mut untold = self.owner.ask(move |owner| owner.untold(&up)).await.unwrap_or_default();
        untold.extend(away);
        untold.extend(self.peers.all().iter().filter(|(_, peer)| peer.shared.memory().1 > 0).map(|(id, _)| *id));
        untold.len()
    }

    /// The sessions end. RFC 8326 §4.2, RFC 9003 §2
    async fn go(&self, in_time: bool, order: &Drain) {
        match in_time {
            true => info!(event = "drain", "peers were told and had time to move: the sessions end"),
            false => warn!(event = "drain", "the time for draining is over: the sessions end, though not all was sent"),
        }
        self.restart.set_away(true);
        let farewell = Notification::cease(cease::ADMINISTRATIVE_SHUTDOWN, order.message.as_deref());
        let mut ended = Vec::new();
        self.tell_all(|| {
            let (done, wait) = oneshot::channel();
            ended.push(wait);
            PeerCommand::Drain(farewell.clone(), done)
        })
        .await;
        // Who sees that the node is drained sees no session. A peer that is just going has none either.
        drop(futures::future::join_all(ended).await);
        self.now.send_modify(|now| (now.phase, now.since, now.awaited) = (DrainPhase::Drained, Instant::now(), 0));
        if let Some(file) = &self.file {
            file.complete();
        }
    }

    async fn come_back(&self) -> Result<(), String> {
        if let Some(file) = &self.file {
            file.remove()?;
        }
        self.owner.ask(|owner| owner.rib.set_leaving(false)).await.ok_or("the daemon is ending")?;
        if self.now.borrow().phase != DrainPhase::Off {
            info!(event = "drain", "the node is back in service");
        }
        self.restart.set_away(false);
        self.tell_all(|| PeerCommand::Return).await;
        let order = Drain::default();
        self.now.send_replace(Now { phase: DrainPhase::Off, since: Instant::now(), order, awaited: 0 });
        Ok(())
    }

    async fn tell_all(&self, mut command: impl FnMut() -> PeerCommand) {
        for (_, peer) in self.peers.all() {
            if let Some(commands) = &peer.commands {
                // A peer that is just going needs no telling.
                drop(commands.send(command()).await);
            }
        }
    }
}
