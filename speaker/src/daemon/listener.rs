//! Accepting connections and handing each to the peer it comes from.
//!
//! A connection from an address that is no peer's is closed at once and counted: with TCP MD5 a stranger connects
//! unsigned, so the address is what decides.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::peer_task::PeerCommand;

/// Who may connect. Shared by all listeners.
#[derive(Default)]
pub struct Doors {
    peers: RwLock<HashMap<IpAddr, mpsc::Sender<PeerCommand>>>,
    strangers: AtomicU64,
}

impl Doors {
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
        match peers.get(&from.ip().to_canonical()) {
            // A peer with so many connections waiting is being flooded; the machine would refuse them anyway.
            Some(peer) if peer.try_send(PeerCommand::Accepted(stream)).is_err() => Entered::Crowded,
            Some(_) => Entered::Peer,
            None => {
                self.strangers.fetch_add(1, Ordering::Relaxed);
                Entered::Stranger
            }
        }
    }
}

enum Entered {
    Peer,
    Crowded,
    Stranger,
}

/// Accepts for ever. Ends only with its task.
pub async fn accept(listener: TcpListener, doors: Arc<Doors>) {
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
