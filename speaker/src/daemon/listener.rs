//! Accepting connections and handing each to the peer it comes from.
//!
//! A connection from an address that is no peer's is closed at once and counted: with TCP MD5 a stranger connects
//! unsigned, so the address is what decides. What the others may cost until they have sent an OPEN is the business of
//! [`unopened`](super::unopened).
//!
//! When 500 peers connect at once (R6 of `tests/bench`), 16 % of the processor time is the kernel opening and closing
//! sockets, 18 % writing three messages to each, 11 % first touches of memory; all are up within 0.04 s.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bgp_proto::Prefix;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::dynamic::Visitor;
use super::peer_task::PeerCommand;
use super::unopened::{Incoming, Refusal, Unopened};
use crate::config::{DeviceName, DynamicPeers};
use crate::net::tcp::interface_index;

/// Time between two lines of the log about connections that cannot be accepted.
const QUIET: Duration = Duration::from_secs(10);

/// Who may connect. Shared by all listeners.
pub struct Doors {
    peers: RwLock<HashMap<IpAddr, Vec<Door>>>,
    /// Ranges whose hosts may become peers, by falling length; and who makes them.
    ranges: RwLock<Vec<Prefix>>,
    visitors: mpsc::Sender<Visitor>,
    unopened: Arc<Unopened>,
}

/// One peer's. Several have the same address only when it is link-local, each on another interface.
struct Door {
    interface: Option<DeviceName>,
    commands: mpsc::Sender<PeerCommand>,
}

impl Door {
    /// Whether a connection from there is this peer's: a link-local address is another one on each link.
    fn is_for(&self, from: SocketAddr) -> bool {
        match (&self.interface, from) {
            (Some(name), SocketAddr::V6(from)) => {
                interface_index(name.as_str()).is_ok_and(|index| index == from.scope_id())
            }
            (Some(_), SocketAddr::V4(_)) => false,
            (None, _) => true,
        }
    }
}

impl Doors {
    /// Doors behind which `visitors` waits for connections from these ranges.
    pub fn new(ranges: &[DynamicPeers], visitors: mpsc::Sender<Visitor>, unopened: Arc<Unopened>) -> Self {
        let doors = Self { peers: RwLock::default(), ranges: RwLock::default(), visitors, unopened };
        doors.set_ranges(ranges);
        doors
    }

    /// Opens to these ranges, but for disabled ones, and to no others. Who is in stays.
    pub fn set_ranges(&self, ranges: &[DynamicPeers]) {
        let enabled = ranges.iter().filter(|range| range.template.enabled);
        let mut prefixes: Vec<_> = enabled.map(|range| range.prefix).collect();
        prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
        *self.ranges.write().unwrap_or_else(PoisonError::into_inner) = prefixes;
    }

    /// Lets the listed peer at `address` in, however many others wait. Who came from a range before leaves: now the peer
    /// is somebody.
    pub fn list(&self, address: IpAddr, interface: Option<DeviceName>, commands: mpsc::Sender<PeerCommand>) {
        self.unopened.know(address);
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        let doors = peers.entry(address).or_default();
        doors.retain(|door| {
            let other = door.interface != interface;
            if !other {
                let _ = door.commands.try_send(PeerCommand::Leave); // who is busy is leaving already
            }
            other
        });
        doors.push(Door { interface, commands });
    }

    /// Lets the peer at `address` in.
    pub fn open(&self, address: IpAddr, commands: mpsc::Sender<PeerCommand>) {
        let door = Door { interface: None, commands };
        self.peers.write().unwrap_or_else(PoisonError::into_inner).entry(address).or_default().push(door);
    }

    fn peer_of(&self, from: SocketAddr) -> Option<mpsc::Sender<PeerCommand>> {
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        let doors = peers.get(&from.ip().to_canonical())?;
        doors.iter().find(|door| door.is_for(from)).map(|door| door.commands.clone())
    }

    /// Who has this way at `address` is a peer no more.
    pub fn close(&self, address: IpAddr, commands: &mpsc::Sender<PeerCommand>) {
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        let Some(doors) = peers.get_mut(&address) else { return };
        doors.retain(|door| !door.commands.same_channel(commands));
        if doors.is_empty() {
            peers.remove(&address);
            self.unopened.forget(address);
        }
    }

    /// One more connection was refused because its range has as many peers as it may.
    pub fn count_over_limit(&self, address: IpAddr) {
        self.unopened.count(Refusal::RangeFull, address);
    }

    /// Connections that wait for their OPEN, and those that were refused.
    pub fn unopened(&self) -> &Unopened {
        &self.unopened
    }

    /// Passes a connection on; drops it when nobody wants it.
    fn enter(&self, stream: TcpStream, from: SocketAddr) -> Result<(), Refusal> {
        let address = from.ip().to_canonical();
        let peer = self.peer_of(from);
        let range = if peer.is_none() { self.range_of(address) } else { None };
        if peer.is_none() && range.is_none() {
            self.unopened.count(Refusal::Stranger, address);
            return Err(Refusal::Stranger);
        }
        let incoming = Incoming { stream, ticket: self.unopened.admit(address)? };
        let taken = match (peer, range) {
            (Some(peer), _) => peer.try_send(PeerCommand::Accepted(incoming)).is_ok(),
            (None, Some(range)) => self.visitors.try_send((range, address, incoming)).is_ok(),
            (None, None) => false,
        };
        // Whoever it is for is busy, and others wait already; the machine would refuse them anyway.
        let refusal = if range.is_some() { Refusal::Unopened } else { Refusal::PerPeer };
        if taken {
            return Ok(());
        }
        self.unopened.count(refusal, address);
        Err(refusal)
    }

    fn range_of(&self, address: IpAddr) -> Option<Prefix> {
        let ranges = self.ranges.read().unwrap_or_else(PoisonError::into_inner);
        ranges.iter().find(|range| range.contains_addr(address)).copied()
    }
}

/// Accepts for ever. Ends only with its task.
pub async fn accept(listener: Arc<TcpListener>, doors: Arc<Doors>) {
    let mut quiet_until: Option<Instant> = None;
    loop {
        match listener.accept().await {
            Ok((stream, from)) => match doors.enter(stream, from) {
                Ok(()) => debug!(%from, "accepted"),
                Err(refusal) => debug!(%from, reason = refusal.name(), "refused"),
            },
            Err(error) => {
                let now = Instant::now();
                if quiet_until.is_none_or(|until| until <= now) {
                    quiet_until = Some(now + QUIET);
                    warn!(event = "fault", %error, "cannot accept connections; trying again each 100 ms");
                }
                // Out of descriptors or memory: the pending connection stays in the backlog, so a pause is needed.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
