//! One task a peer: drives its state machine over real sockets.
//!
//! The machine decides, the task obeys: it reads, writes, connects and closes when told, sleeps until the machine's
//! next timeout, and passes what was learned on to the owner. It owns at most two connections (RFC 4271 §6.8).
//!
//! When the owner is busy, the task stops *reading* (TCP then slows the peer) but goes on with timers and keepalives:
//! nothing here ever waits for the owner.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_proto::fsm::graceful::{GrEvent, Helper};
use bgp_proto::fsm::{
    CLOSE_GRACE, Command, ConnId, ConnectError, DownReason, IoAction, IoInput, Negotiated, Peer, PeerEvent,
};
use bgp_proto::message::{Notification, Update};
use rib::PeerId;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::conn::Conn;
use super::news::{FromPeer, News};
use super::out_queue::{OutQueue, Wanted};
use super::peer_status::PeerShared;
use super::restart::Restart;
use crate::net::tcp::{self, SocketOptions};

/// UPDATEs that go to the owner in one message.
const BATCH: usize = 64;
/// Messages to the owner that may wait here before reading stops.
const OUTBOX: usize = 4;

/// What a peer's task is given.
pub struct PeerSpec {
    /// The owner's name for the peer.
    pub id: PeerId,
    /// Where it is.
    pub remote: SocketAddr,
    /// The address to speak from.
    pub source: Option<IpAddr>,
    /// TCP MD5 and TTLs.
    pub socket: SocketOptions,
    /// What the state machine has to know.
    pub machine: bgp_proto::fsm::PeerConfig,
    /// How long stale routes stay when the peer is back and never ends its dump.
    pub stale_time: Duration,
}

/// What others want of a peer's task.
pub enum PeerCommand {
    /// A connection from the peer's address was accepted.
    Accepted(TcpStream),
    /// End. With a NOTIFICATION the peer forgets our routes; without one the connection is just closed, so that it
    /// keeps them until we are back.
    Stop(Option<Notification>),
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
    /// UPDATEs of the current turn, not yet in the outbox.
    updates: Vec<Update>,
    queue: Option<Arc<OutQueue>>,
    wanted: Arc<Wanted>,
    shared: Arc<PeerShared>,
    restart: Arc<Restart>,
    /// What becomes of the peer's routes while it is away.
    helper: Helper,
    /// Connections accepted so far: their names.
    accepted: u32,
    /// What the last session negotiated: whether this process had one, and what its end means for the routes.
    session: Option<Arc<Negotiated>>,
    stopping: bool,
}

/// What woke the task.
enum Wake {
    Command(Option<PeerCommand>),
    Connected(io::Result<TcpStream>),
    Conn(usize),
    OwnerHasRoom,
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
        let helper = Helper::new(spec.stale_time);
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
            updates: Vec::new(),
            queue: None,
            wanted,
            shared,
            restart,
            stopping: false,
        }
    }

    /// Runs until it is told to stop and everything is said.
    pub async fn run(mut self) {
        self.machine.command(Instant::now(), Command::Start);
        loop {
            self.obey();
            if self.stopping && self.conns.iter().all(Option::is_none) {
                break;
            }
            match self.wait().await {
                Wake::Command(Some(PeerCommand::Accepted(stream))) => self.accepted(stream),
                Wake::Command(Some(PeerCommand::Stop(notification))) => self.stop(notification),
                Wake::Command(None) => self.stop(None),
                Wake::Connected(result) => self.connected(result),
                Wake::Conn(slot) => self.read(slot),
                Wake::OwnerHasRoom => self.tell_owner(),
                Wake::Queue => {}
                Wake::Timeout => self.timeout(),
            }
        }
    }

    /// Sleeps until something happens.
    async fn wait(&mut self) -> Wake {
        let listen_to_peer = self.outbox.len() < OUTBOX;
        let Self { conns, connecting, commands, owner, outbox, queue, machine, helper, stopping, .. } = self;
        let closing = conns.iter().flatten().filter_map(Conn::close_by).min();
        let deadline = [machine.poll_timeout(), helper.poll_timeout(), closing].into_iter().flatten().min();
        let [first, second] = conns;
        tokio::select! {
            biased;
            command = commands.recv(), if !*stopping => Wake::Command(command),
            () = sleep_until(deadline) => Wake::Timeout,
            result = option(connecting.as_mut().map(|(_, connecting)| connecting)) => Wake::Connected(result),
            _ = owner.reserve(), if !outbox.is_empty() => Wake::OwnerHasRoom,
            _ = option(first.as_ref().map(|conn| Box::pin(conn.ready(listen_to_peer)))) => Wake::Conn(0),
            _ = option(second.as_ref().map(|conn| Box::pin(conn.ready(listen_to_peer)))) => Wake::Conn(1),
            () = option(queue.as_ref().map(|queue| Box::pin(queue.filled()))) => Wake::Queue,
        }
    }

    /// Does all that the machine wants and that can be done without waiting.
    fn obey(&mut self) {
        if self.session.is_none() {
            self.machine.set_restart_state(self.restart.restarted(), self.restart.preserved(false));
        }
        loop {
            let mut idle = true;
            while let Some((id, message)) = self.machine.poll_transmit() {
                idle = false;
                if let Some(conn) = self.conn(id) {
                    conn.send_control(message);
                }
            }
            while let Some(action) = self.machine.poll_io() {
                idle = false;
                match action {
                    IoAction::Connect(id) => self.connect(id),
                    IoAction::Close(id) => self.close(id),
                    IoAction::Abort(id) => self.abort(id),
                }
            }
            while let Some(event) = self.machine.poll_event() {
                idle = false;
                self.event(event);
            }
            idle &= !self.write();
            idle &= !self.handle_received();
            if idle {
                break;
            }
        }
        self.hand_over_updates();
        self.tell_owner();
        self.shared.observe(&self.machine);
    }

    fn conn(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.conns.iter_mut().flatten().find(|conn| conn.id == id)
    }

    fn connect(&mut self, id: ConnId) {
        let (source, remote, options) = (self.spec.source, self.spec.remote, self.spec.socket.clone());
        debug!(peer = %remote.ip(), "connecting");
        self.connecting = Some((id, Box::pin(async move { tcp::connect(source, remote, &options).await })));
    }

    fn connected(&mut self, result: io::Result<TcpStream>) {
        let Some((conn, _)) = self.connecting.take() else { return };
        let input = match result.and_then(|stream| Ok((stream.local_addr()?, stream.peer_addr()?, stream))) {
            Ok((local, remote, stream)) => match self.install(conn, stream) {
                true => IoInput::Connected { conn, local, remote },
                false => return,
            },
            Err(error) => IoInput::ConnectFailed { conn, reason: connect_error(&error) },
        };
        self.machine.handle_io(Instant::now(), input);
    }

    fn accepted(&mut self, stream: TcpStream) {
        if let Err(error) = tcp::adopt(&stream, &self.spec.socket) {
            warn!(peer = %self.spec.remote.ip(), %error, "cannot prepare an accepted connection");
            return;
        }
        let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else { return };
        self.accepted += 1;
        let conn = ConnId::accepted(self.accepted);
        if self.install(conn, stream) {
            self.machine.handle_io(Instant::now(), IoInput::Accepted { conn, local, remote });
        } else {
            debug!(peer = %remote.ip(), "refused a third connection");
        }
    }

    fn install(&mut self, id: ConnId, stream: TcpStream) -> bool {
        let slot = self.conns.iter_mut().find(|slot| slot.is_none());
        slot.map(|slot| *slot = Some(Conn::new(id, stream))).is_some()
    }

    fn close(&mut self, id: ConnId) {
        if let Some(conn) = self.conn(id) {
            conn.close(Instant::now() + CLOSE_GRACE);
        }
    }

    fn abort(&mut self, id: ConnId) {
        self.connecting.take_if(|(connecting, _)| *connecting == id);
        for slot in &mut self.conns {
            slot.take_if(|conn| conn.id == id);
        }
    }

    /// Writes what waits; says whether anything changed that the machine may want to react to.
    fn write(&mut self) -> bool {
        let established = self.machine.established_conn();
        let mut changed = false;
        for slot in 0..self.conns.len() {
            let Some(conn) = &mut self.conns[slot] else { continue };
            let id = conn.id;
            let result = loop {
                if established == Some(id)
                    && let Some(queue) = &self.queue
                    && let Some((routes, room)) = conn.routes_room()
                {
                    self.machine.count_updates_sent(queue.take(routes, room));
                }
                match conn.write() {
                    Ok(written) if written.bytes > 0 => {
                        self.machine.sent(Instant::now(), id, written.bytes);
                        if written.blocked {
                            break Ok(true);
                        }
                    }
                    Ok(written) => break Ok(written.blocked),
                    Err(error) => break Err(error),
                }
            };
            match result {
                Ok(_) if conn.is_done(Instant::now()) => self.conns[slot] = None,
                Ok(true) => self.machine.blocked(Instant::now(), id),
                Ok(false) => {}
                Err(error) => {
                    changed = true;
                    self.lost(slot, Some(error));
                }
            }
        }
        changed
    }

    fn read(&mut self, slot: usize) {
        if self.outbox.len() < OUTBOX
            && let Some(conn) = &mut self.conns[slot]
        {
            conn.read();
        }
    }

    /// Feeds received bytes to the machine while the owner keeps up; says whether there was anything.
    fn handle_received(&mut self) -> bool {
        let mut any = false;
        for slot in 0..self.conns.len() {
            let Some(conn) = &mut self.conns[slot] else { continue };
            if conn.is_closing() {
                conn.received.clear();
            }
            let before = conn.received.len();
            if before > 0 && self.outbox.len() < OUTBOX {
                self.machine.handle_bytes(Instant::now(), conn.id, &mut conn.received);
            }
            let progress = conn.received.len() != before;
            any |= progress;
            // The end counts after what came before it, a NOTIFICATION above all.
            if !progress
                && self.outbox.len() < OUTBOX
                && let Some(error) = conn.take_end()
            {
                any = true;
                self.lost(slot, error);
                continue;
            }
            conn.rest();
        }
        any
    }

    fn lost(&mut self, slot: usize, error: Option<io::Error>) {
        let Some(conn) = self.conns[slot].take() else { return };
        let error = error.map(|error| error.to_string());
        self.machine.handle_io(Instant::now(), IoInput::Closed { conn: conn.id, error });
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

    fn stop(&mut self, notification: Option<Notification>) {
        self.stopping = true;
        self.machine.command(Instant::now(), Command::Stop(notification));
    }

    fn event(&mut self, event: PeerEvent) {
        let peer = self.spec.remote.ip();
        match event {
            PeerEvent::StateChanged(state) => debug!(%peer, %state, "state"),
            PeerEvent::Up(negotiated) => self.up(negotiated),
            PeerEvent::Update(update) => self.update(update),
            PeerEvent::RouteRefresh(refresh) => {
                self.hand_over_updates();
                self.tell(News::Refresh(refresh));
            }
            PeerEvent::Down(reason) => self.down(&reason),
            PeerEvent::AttemptFailed(reason) => debug!(%peer, reason = reason.name(), "{reason}"),
        }
    }

    fn up(&mut self, negotiated: Arc<Negotiated>) {
        info!(
            peer = %self.spec.remote.ip(), asn = %negotiated.peer_asn, router_id = %negotiated.peer_id,
            families = ?negotiated.codec.families, hold_time = negotiated.hold_time.as_secs(), "established"
        );
        self.helper.up(Instant::now(), &negotiated);
        self.help();
        let queue = OutQueue::new(self.spec.id, self.wanted.clone());
        self.queue = Some(queue.clone());
        self.session = Some(negotiated.clone());
        self.shared.up(negotiated.clone());
        self.tell(News::Up(negotiated, queue));
    }

    fn down(&mut self, reason: &DownReason) {
        self.hand_over_updates();
        self.queue = None;
        let Some(negotiated) = self.session.clone() else { return };
        self.helper.lost(Instant::now(), &negotiated, reason);
        let retain = self.helper.stale();
        let peer = self.spec.remote.ip();
        if self.stopping {
            info!(%peer, "session closed");
        } else {
            let hint = reason.what_to_do(self.machine.config());
            warn!(%peer, reason = reason.name(), kept = ?retain, hint, "session lost: {reason}");
        }
        self.shared.down();
        self.tell(News::Down { retain });
        self.help();
        // From the second session on, only TCP was lost: packets were forwarded all the time.
        self.machine.set_restart_state(self.restart.restarted(), self.restart.preserved(true));
    }

    fn update(&mut self, update: Update) {
        for fault in &update.faults {
            let peer = self.spec.remote.ip();
            debug!(%peer, treatment = ?fault.treatment, error = %fault.error, "error in an UPDATE that the session survives");
            self.shared.fault(fault);
        }
        let end_of_rib = update.end_of_rib;
        self.updates.push(update);
        if let Some(family) = end_of_rib {
            self.shared.end_of_rib(family);
            self.helper.end_of_rib(family);
            self.help();
        }
        if self.updates.len() >= BATCH {
            self.hand_over_updates();
        }
    }

    /// Passes on what the graceful-restart helper has decided.
    fn help(&mut self) {
        while let Some(event) = self.helper.poll_event() {
            self.hand_over_updates();
            match event {
                // Said with `News::Down`.
                GrEvent::Retain(_) => {}
                GrEvent::Flush(families) => self.tell(News::Flush(families)),
                GrEvent::PurgeStale(family) => self.tell(News::PurgeStale(family)),
            }
        }
    }

    fn hand_over_updates(&mut self) {
        if !self.updates.is_empty() {
            let updates = std::mem::take(&mut self.updates);
            self.tell(News::Updates(updates));
        }
    }

    fn tell(&mut self, news: News) {
        self.outbox.push_back(FromPeer { peer: self.spec.id, news });
    }

    /// Gives the owner what it takes at the moment.
    fn tell_owner(&mut self) {
        while !self.outbox.is_empty() {
            let Ok(permit) = self.owner.try_reserve() else { return };
            if let Some(message) = self.outbox.pop_front() {
                permit.send(message);
            }
        }
    }
}

/// Waits for a future that may not be there.
async fn option<F: Future + Unpin>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => pending().await,
    }
}

fn connect_error(error: &io::Error) -> ConnectError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectError::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => ConnectError::Unreachable,
        io::ErrorKind::TimedOut => ConnectError::TimedOut,
        _ => ConnectError::Other(error.to_string()),
    }
}
