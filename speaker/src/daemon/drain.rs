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
//! SIGTERM is another thing: the kernel's routes stay, and peers keep ours until roost is back (RFC 4724).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_proto::fsm::State;
use bgp_proto::message::{MAX_SHUTDOWN_TEXT, Notification, cease};
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{info, warn};

use super::backend::KnownPeers;
use super::owner::OwnerHandle;
use super::peer_status::PeerStatus;
use super::peer_task::PeerCommand;
use super::restart::Restart;
use super::whole_file;
use crate::api::Drain;
use crate::api::model::{DrainPhase, DrainState};

/// Between two looks at what is still to be sent.
const LOOK: Duration = Duration::from_millis(100);

/// The file that says that the node is drained; in it the operator's text.
#[derive(Clone, Debug)]
pub struct DrainFile(PathBuf);

impl DrainFile {
    /// The one that belongs to a control socket: `roost.sock` has `roost.sock.drained`.
    pub fn beside(socket: &Path) -> Self {
        let mut path = socket.as_os_str().to_owned();
        path.push(".drained");
        Self(path.into())
    }

    /// The text, if the node is drained. A file that is there and cannot be read says so, too.
    pub fn read(&self) -> Option<String> {
        whole_file::read(&self.0, MAX_SHUTDOWN_TEXT).unwrap_or_else(|error| {
            warn!(
                event = "drain", file = %self.0.display(), %error,
                "cannot read why the node is drained; it is, as the file is there"
            );
            Some(String::new())
        })
    }

    fn write(&self, message: Option<&str>) -> Result<(), String> {
        whole_file::replace(&self.0, message.unwrap_or_default()).map_err(|error| {
            format!(
                "{}: cannot keep that the node is drained: {error}; nothing was changed; without a file it can be drained \
                 until roost ends (--until-restart)",
                self.0.display()
            )
        })
    }

    fn remove(&self) -> Result<(), String> {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(format!("{}: cannot remove it: {error}; the node stays drained", self.0.display()))
            }
            _ => Ok(()),
        }
    }
}

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
    /// Of these parts. With the text of a file the node is drained from the start, and no session is wanted.
    pub fn new(
        owner: OwnerHandle,
        peers: Arc<KnownPeers>,
        restart: Arc<Restart>,
        file: Option<DrainFile>,
    ) -> (Self, DrainHandle) {
        let message = file.as_ref().and_then(DrainFile::read);
        let phase = if message.is_some() { DrainPhase::Drained } else { DrainPhase::Off };
        if let Some(text) = &message {
            warn!(event = "drain", text, "the node is drained: no session is wanted until `roost undrain`");
            restart.set_away(true);
        }
        let order = Drain { message: message.filter(|text| !text.is_empty()), ..Drain::default() };
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
            Some(file) if !order.until_restart => file.write(order.message.as_deref())?,
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
        let absent = |peer: &PeerStatus| !peer.disabled && peer.state != State::Established;
        let all = self.peers.all();
        let away = all.iter().filter(|(_, peer)| self.restart.restarted() && absent(&peer.shared.snapshot()));
        let away: Vec<_> = away.map(|(id, _)| *id).collect();
        let mut untold = self.owner.ask(|owner| owner.untold()).await.unwrap_or_default();
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
        self.tell_all(|| PeerCommand::Drain(farewell.clone())).await;
        self.now.send_modify(|now| (now.phase, now.since, now.awaited) = (DrainPhase::Drained, Instant::now(), 0));
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

    async fn tell_all(&self, command: impl Fn() -> PeerCommand) {
        for (_, peer) in self.peers.all() {
            if let Some(commands) = &peer.commands {
                // A peer that is just going needs no telling.
                drop(commands.send(command()).await);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_that_the_node_is_drained_and_why() {
        let folder = tempfile::tempdir().unwrap();
        let file = DrainFile::beside(&folder.path().join("roost.sock"));
        assert_eq!(file.read(), None);
        for text in [Some("disk"), None] {
            file.write(text).unwrap();
            assert_eq!(file.read().as_deref(), Some(text.unwrap_or_default()));
        }
        file.remove().unwrap();
        file.remove().unwrap();
        assert_eq!(file.read(), None);
        // What nobody can read is there all the same: better no traffic than one that nobody expects.
        std::fs::create_dir(folder.path().join("roost.sock.drained")).unwrap();
        assert_eq!(file.read().as_deref(), Some(""));
        assert!(file.remove().unwrap_err().contains("the node stays drained"));
        let nowhere = DrainFile::beside(Path::new("/nonexistent/roost.sock"));
        assert!(nowhere.write(None).unwrap_err().contains("--until-restart"));
    }
}
