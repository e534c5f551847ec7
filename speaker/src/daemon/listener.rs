//! Accepting connections and handing each to the peer it comes from.
//!
//! A connection from an address that is no peer's is closed at once and counted: with TCP MD5 a stranger connects
//! unsigned, so the address is what decides.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bgp_proto::Prefix;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::dynamic::Visitor;
use super::peer_task::PeerCommand;

/// Who may connect. Shared by all listeners.
#[derive(Default)]
pub struct Doors {
    peers: RwLock<HashMap<IpAddr, mpsc::Sender<PeerCommand>>>,
    strangers: AtomicU64,
    /// Ranges whose hosts may become peers, by falling length, each with its number; and who makes them.
    ranges: Vec<(Prefix, usize)>,
    visitors: Option<mpsc::Sender<Visitor>>,
    over_limit: AtomicU64,
}

impl Doors {
    /// Doors behind which `visitors` waits for connections from these ranges.
    pub fn with_ranges(ranges: impl IntoIterator<Item = Prefix>, visitors: mpsc::Sender<Visitor>) -> Self {
        let mut ranges: Vec<(Prefix, usize)> = ranges.into_iter().zip(0..).collect();
        ranges.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Self { ranges, visitors: Some(visitors), ..Self::default() }
    }

    /// Nobody at `address` is a peer any more.
    pub fn close(&self, address: IpAddr) {
        self.peers.write().unwrap_or_else(PoisonError::into_inner).remove(&address);
    }

    /// Connections refused because their range of dynamic peers is full.
    pub fn over_limit(&self) -> u64 {
        self.over_limit.load(Ordering::Relaxed)
    }

    /// One more of these.
    pub fn count_over_limit(&self) {
        self.over_limit.fetch_add(1, Ordering::Relaxed);
    }

    /// Lets the peer at `address` in.
    pub fn open(&self, address: IpAddr, commands: mpsc::Sender<PeerCommand>) {
        self.peers.write().unwrap_or_else(PoisonError::into_inner).insert(address, commands);
    }

    /// Connections refused because no peer has their address.
    pub fn strangers(&self) -> u64 {
        self.strangers.load(Ordering::Relaxed)
    }

    /// Passes a connection on; drops it when nobody wants it.
    fn enter(&self, stream: TcpStream, from: SocketAddr) -> Entered {
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        let address = from.ip().to_canonical();
        if let Some(peer) = peers.get(&address) {
            // A peer with so many connections waiting is being flooded; the machine would refuse them anyway.
            return Entered::peer_if(peer.try_send(PeerCommand::Accepted(stream)).is_ok());
        }
        if let (Some(range), Some(visitors)) = (self.range_of(address), &self.visitors) {
            return Entered::peer_if(visitors.try_send((range, address, stream)).is_ok());
        }
        self.strangers.fetch_add(1, Ordering::Relaxed);
        Entered::Stranger
    }

    fn range_of(&self, address: IpAddr) -> Option<usize> {
        let covers = |range: &&(Prefix, usize)| range.0.contains_addr(address);
        self.ranges.iter().find(covers).map(|(_, number)| *number)
    }
}

enum Entered {
    Peer,
    Crowded,
    Stranger,
}

impl Entered {
    fn peer_if(taken: bool) -> Self {
        if taken { Self::Peer } else { Self::Crowded }
    }
}

/// Accepts for ever. Ends only with its task.
pub async fn accept(listener: Arc<TcpListener>, doors: Arc<Doors>) {
    let mut quiet_until: Option<Instant> = None;
    loop {
        match listener.accept().await {
            Ok((stream, from)) => match doors.enter(stream, from) {
                Entered::Peer => debug!(%from, "accepted"),
                Entered::Crowded => debug!(%from, "refused: the peer has too many connections waiting"),
                Entered::Stranger if quiet_until.is_none_or(|until| until <= Instant::now()) => {
                    quiet_until = Some(Instant::now() + Duration::from_secs(10));
                    info!(%from, strangers = doors.strangers(), "refused a connection: no peer has this address; add it under `peers`");
                }
                Entered::Stranger => {}
            },
            Err(error) => {
                // Out of descriptors or memory: the pending connection stays in the backlog, so a pause is needed.
                warn!(%error, "cannot accept a connection; trying again in 100 ms");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
