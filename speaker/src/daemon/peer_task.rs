//! One task a peer: drives its state machine over real sockets.
//!
//! The machine decides, the task obeys: it reads, writes, connects and closes when told, sleeps until the machine's
//! next timeout, and passes what was learned on to the owner. It owns at most two connections (RFC 4271 §6.8).
//!
//! When the owner is busy, the task stops *reading* (TCP then slows the peer) but goes on with timers and keepalives:
//! nothing here ever waits for the owner.

mod configure;
mod events;
mod orders;
mod recover;
mod sockets;

pub use configure::Configured;
pub use orders::{Done, Ordered};

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_proto::fsm::graceful::Helper;
use bgp_proto::fsm::{Command, ConnId, IoAction, Negotiated, Peer, State};
use bgp_proto::message::{Notification, Update, cease};
use futures::FutureExt;
use rib::PeerId;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::conn::Conn;
use super::keys::Key;
use super::news::{FromPeer, News};
use super::out_queue::{OutQueue, Wanted};
use super::peer_status::PeerShared;
use super::restart::Restart;
use super::unopened::Incoming;
use crate::net::tcp::SocketOptions;

/// UPDATEs that go to the owner in one message.
const BATCH: usize = 64;
/// Messages to the owner that may wait here before reading stops.
const OUTBOX: usize = 4;
/// Messages of one peer that may be on their way to the owner. Each has at most the UPDATEs of one read, so a peer that
/// floods has no more than this before the owner, and the next one's turn is never far.
const TURNS: usize = 8;

/// How long a peer that nobody has listed, and that never had a session, is remembered after its connection.
const KNOCK: Duration = Duration::from_millis(100);

/// What a peer's task is given.
pub struct PeerSpec {
    /// The owner's name for the peer.
    pub id: PeerId,
    /// What people call it: its address, with the interface of a link-local one.
    pub name: Arc<str>,
    /// Where it is.
    pub remote: SocketAddr,
    /// The address to speak from.
    pub source: Option<IpAddr>,
    /// TCP MD5 and TTLs.
    pub socket: SocketOptions,
    /// Where `socket` has its key from.
    pub key: Key,
    /// What the state machine has to know.
    pub machine: bgp_proto::fsm::PeerConfig,
    /// How long stale routes stay when the peer is back and never ends its dump.
    pub stale_time: Duration,
    /// How long its routes are held whatever was negotiated.
    pub hold: Duration,
    /// How long a peer that announced too many prefixes is refused; `None`: until it is let in.
    pub limit_pause: Option<Duration>,
    /// Nobody has listed the peer: it ends after it has had no session, no connection and no kept routes for so long, and
    /// almost at once if it never had a session: the range's places are not for those who only knock.
    pub forget_after: Option<Duration>,
}

/// What others want of a peer's task.
pub enum PeerCommand {
    /// A connection from the peer's address was accepted.
    Accepted(Incoming),
    /// End. With a NOTIFICATION the peer forgets our routes; without one the connection of a peer with graceful restart
    /// is just closed, so that it keeps them until we are back, and others are told with a Cease.
    Stop(Option<Notification>),
    /// The operator wants something.
    Order(Ordered),
    /// The configuration says something else of the peer.
    Configure(Box<Configured>),
    /// The peer is one no more: its session and its routes go, then the task ends and tells the owner so.
    Leave,
    /// The node is drained: end the session with this, and want none. The answer comes when that is shown.
    Drain(Notification, oneshot::Sender<()>),
    /// The node is back in service.
    Return,
}

type Connecting = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// The task's state.
pub struct PeerTask {
    spec: PeerSpec,
    machine: Peer,
    conns: [Option<Conn>; 2],
    connecting: Option<(ConnId, Connecting)>,
    commands: mpsc::Receiver<PeerCommand>,
    owner: mpsc::Sender<FromPeer>,
    outbox: VecDeque<FromPeer>,
    turns: Arc<Semaphore>,
    /// UPDATEs of the current turn, not yet in the outbox.
    updates: Vec<Update>,
    queue: Option<Arc<OutQueue>>,
    wanted: Arc<Wanted>,
    /// Since when the oldest was news of what the queue has given and the socket not taken.
    unwritten: Option<Instant>,
    shared: Arc<PeerShared>,
    restart: Arc<Restart>,
    /// What becomes of the peer's routes while it is away.
    helper: Helper,
    /// Connections accepted so far: their names.
    accepted: u32,
    /// What the last session negotiated: whether this process had one, and what its end means for the routes.
    session: Option<Arc<Negotiated>>,
    stopping: bool,
    /// The peer is one no more.
    leaving: bool,
    /// When the machine is to be started.
    start_at: Option<Instant>,
    /// Feeds the jitter of its timers.
    seed: u64,
    /// The operator wants no session.
    disabled: bool,
    /// Since when there is nothing to remember of a peer that nobody has listed.
    idle_since: Option<Instant>,
}

/// A turn before the owner, and a place in its mail.
type Room = (OwnedSemaphorePermit, mpsc::OwnedPermit<FromPeer>);

/// What woke the task.
enum Wake {
    Command(Option<PeerCommand>),
    Connected(io::Result<TcpStream>),
    Conn(usize),
    Key,
    OwnerHasRoom(Option<Room>),
    Queue,
    Timeout,
}

impl PeerTask {
    /// A task that has not started. `seed` feeds the jitter of its timers.
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        spec: PeerSpec,
        seed: u64,
        commands: mpsc::Receiver<PeerCommand>,
        owner: mpsc::Sender<FromPeer>,
        wanted: Arc<Wanted>,
        shared: Arc<PeerShared>,
        restart: Arc<Restart>,
    ) -> Self {
        let machine = Peer::new(spec.machine.clone(), seed);
        let helper = Helper::new(spec.stale_time, spec.hold);
        Self {
            spec,
            helper,
            accepted: 0,
            session: None,
            machine,
            conns: [None, None],
            connecting: None,
            commands,
            owner,
            outbox: VecDeque::new(),
            turns: Arc::new(Semaphore::new(TURNS)),
            updates: Vec::new(),
            queue: None,
            wanted,
            unwritten: None,
            shared,
            restart,
            stopping: false,
            leaving: false,
            start_at: Some(Instant::now()),
            seed,
            disabled: false,
            idle_since: None,
        }
    }

    /// Runs until it is told to stop and everything is said.
    pub async fn run(mut self) {
        // What a panic may have left half done is thrown away before anything looks at it.
        while let Err(panic) = AssertUnwindSafe(self.turns()).catch_unwind().await {
            self.recover(&*panic);
        }
        if !self.stopping || self.leaving {
            self.take_leave().await;
        }
    }

    /// Runs until it is told to stop and everything is said, or until the peer is forgotten.
    async fn turns(&mut self) {
        loop {
            self.start();
            self.obey();
            if self.stopping && self.conns.iter().all(Option::is_none) {
                return;
            }
            if self.is_forgotten(Instant::now()) {
                return;
            }
            let wake = self.wait().await;
            // What woke us may make an OPEN, and the startup may have ended while we slept.
            let had_session = self.session.is_some();
            self.machine.set_restart_state(self.restart.restarted(), self.restart.preserved(had_session));
            match wake {
                Wake::Command(Some(PeerCommand::Accepted(incoming))) => self.accepted(incoming),
                Wake::Command(Some(PeerCommand::Stop(notification))) => self.stop(notification),
                Wake::Command(Some(PeerCommand::Order(ordered))) => self.ordered(ordered),
                Wake::Command(Some(PeerCommand::Configure(configured))) => self.configure(*configured),
                Wake::Command(Some(PeerCommand::Leave)) => self.leave(),
                Wake::Command(Some(PeerCommand::Drain(farewell, done))) => self.drain(farewell, done),
                Wake::Command(Some(PeerCommand::Return)) => self.come_back(),
                Wake::Command(None) => self.stop(None),
                Wake::Connected(result) => self.connected(result),
                Wake::Conn(slot) => self.read(slot),
                Wake::Key => self.key_changed(),
                Wake::OwnerHasRoom(room) => self.tell_owner(room),
                Wake::Queue => self.limits(),
                Wake::Timeout => self.timeout(),
            }
        }
    }

    /// Sleeps until something happens.
    async fn wait(&mut self) -> Wake {
        let listen_to_peer = self.outbox.len() < OUTBOX;
        let forget = self.forget_after().zip(self.idle_since).map(|(after, since)| since + after);
        let Self {
            spec,
            start_at,
            conns,
            connecting,
            commands,
            owner,
            outbox,
            turns,
            queue,
            machine,
            helper,
            stopping,
            ..
        } = self;
        let closing = conns.iter().flatten().filter_map(Conn::close_by).min();
        let deadlines = [machine.poll_timeout(), helper.poll_timeout(), closing, forget, *start_at];
        let deadline = deadlines.into_iter().flatten().min();
        let [first, second] = conns;
        tokio::select! {
            biased;
            command = commands.recv(), if !*stopping => Wake::Command(command),
            () = sleep_until(deadline) => Wake::Timeout,
            result = option(connecting.as_mut().map(|(_, connecting)| connecting)) => Wake::Connected(result),
            () = spec.key.changed() => Wake::Key,
            room = room(owner, turns), if !outbox.is_empty() => Wake::OwnerHasRoom(room),
            () = ready(first.as_ref(), listen_to_peer) => Wake::Conn(0),
            () = ready(second.as_ref(), listen_to_peer) => Wake::Conn(1),
            () = filled(queue.as_deref()) => Wake::Queue,
        }
    }

    /// Does all that the machine wants and that can be done without waiting.
    fn obey(&mut self) {
        loop {
            let mut idle = !self.heed();
            idle &= !self.write();
            idle &= !self.handle_received();
            self.note_opened();
            if idle && self.outbox.len() >= OUTBOX {
                // Octets wait that were read already: no socket will wake us for them, so they go on as soon as the owner
                // takes something.
                self.tell_owner(None);
                idle = self.outbox.len() >= OUTBOX;
            }
            if idle {
                break;
            }
        }
        self.hand_over_updates();
        self.tell_owner(None);
        let held = self.conns.iter().flatten().map(Conn::memory);
        self.shared.holds(held.fold((0, 0), |(own, unsent), conn| (own + conn.0, unsent + conn.1)));
    }

    /// Takes from the machine what is to be said and done, and what has happened; says whether there was anything. Nothing
    /// of it is on the wire yet.
    fn heed(&mut self) -> bool {
        let mut any = false;
        while let Some((id, message)) = self.machine.poll_transmit() {
            any = true;
            if let Some(notification) = Notification::in_message(&message) {
                self.wanted.tally.notification("out", &notification);
            }
            if let Some(conn) = self.conn(id) {
                conn.send_control(message);
            }
        }
        while let Some(action) = self.machine.poll_io() {
            any = true;
            match action {
                IoAction::Connect(id) => self.connect(id),
                IoAction::Close(id) => self.close(id),
                IoAction::Abort(id) => self.abort(id),
            }
        }
        while let Some(event) = self.machine.poll_event() {
            any = true;
            self.event(event);
        }
        if any {
            self.show();
        }
        any
    }

    /// Shows what is so to those who look from outside. Comes before anybody is told: the peer, the owner, whoever gave an
    /// order. Who looks because of what he heard must not find what was so before.
    fn show(&self) {
        if self.shared.observe(&self.machine) {
            self.wanted.journal.peer(&self.spec.name);
        }
    }

    /// Whether a peer that nobody has listed has been gone for long enough. One that is refused for a while (Idle) is
    /// remembered, or the pause would end with its memory.
    fn is_forgotten(&mut self, now: Instant) -> bool {
        let Some(after) = self.forget_after() else { return false };
        let idle = self.queue.is_none()
            && self.conns.iter().all(Option::is_none)
            && self.helper.stale().is_empty()
            && self.machine.state() != State::Idle;
        self.idle_since = if idle { self.idle_since.or(Some(now)) } else { None };
        self.idle_since.is_some_and(|since| since + after <= now)
    }

    fn forget_after(&self) -> Option<Duration> {
        let after = self.spec.forget_after?;
        Some(if self.session.is_some() { after } else { after.min(KNOCK) })
    }

    /// Tells the owner what is left to tell, that the peer goes last.
    async fn take_leave(mut self) {
        self.tell(News::End);
        for message in self.outbox {
            drop(self.owner.send(message).await);
        }
    }

    fn timeout(&mut self) {
        // Timers are judged after what has arrived is read: a busy machine must not declare a live peer dead.
        for slot in 0..self.conns.len() {
            self.read(slot);
        }
        self.handle_received();
        self.machine.handle_timeout(Instant::now());
        self.helper.handle_timeout(Instant::now());
        self.help();
    }

    /// Starts the machine when it is time to.
    fn start(&mut self) {
        let now = Instant::now();
        let wanted = !self.stopping && !self.disabled && !self.restart.is_away();
        if self.start_at.take_if(|at| *at <= now).is_some() && wanted {
            self.machine.command(now, Command::Start);
        }
    }

    fn stop(&mut self, notification: Option<Notification>) {
        self.stopping = true;
        // RFC 4271 §8.2.2: a Cease. It would drop our routes from a peer that keeps them for us (RFC 4724 §4).
        let keeps_nothing = self.machine.negotiated().is_some_and(|session| session.peer_graceful_restart.is_none());
        let farewell = || keeps_nothing.then(|| Notification::cease(cease::ADMINISTRATIVE_SHUTDOWN, None));
        let notification = notification.or_else(farewell);
        self.machine.command(Instant::now(), Command::Stop(notification));
    }
}

/// Waits for a future that may not be there.
async fn option<F: Future + Unpin>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// Completes when the connection, if there is one, can be read or written.
async fn ready(conn: Option<&Conn>, listen: bool) {
    match conn {
        Some(conn) => drop(conn.ready(listen).await),
        None => pending().await,
    }
}

/// Completes when the owner has put something into the queue, if there is one.
async fn filled(queue: Option<&OutQueue>) {
    match queue {
        Some(queue) => queue.filled().await,
        None => pending().await,
    }
}

/// Completes when another message to the owner can be sent, with the room for it; without when the owner has ended.
///
/// The room is used and not given back to be asked for again: it would go to who waits next, and so on. More tasks than
/// the owner's mail has places would pass the places around for ever, and none would have one when it looks.
async fn room(owner: &mpsc::Sender<FromPeer>, turns: &Arc<Semaphore>) -> Option<Room> {
    let turn = turns.clone().acquire_owned().await.ok()?;
    Some((turn, owner.clone().reserve_owned().await.ok()?))
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests;
