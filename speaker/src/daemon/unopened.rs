//! Connections whose OPEN has not been accepted: how many there may be, for how long, and what was refused.
//!
//! Such a connection is anybody's: it has shown an address and nothing else. Each carries a [`Ticket`] from the door to
//! the moment its OPEN is accepted or it ends, wherever it waits meanwhile, so the count cannot drift from the truth.
//!
//! The bounds are `router.limits` of the configuration:
//! * one address has at most `unopened_per_peer`;
//! * addresses that are no listed peer's and have had no OPEN accepted yet have at most `unopened` together. Listed
//!   peers, and dynamic peers that have once had a session, get in however many strangers fill their ranges;
//! * each has `open_timeout` to send its OPEN (RFC 4271 §8.2.2: "a large value"), and a quarter of it while `unopened`
//!   is more than half full, so that a flood ends sooner than it can be kept up.
//!
//! So there are never more than `unopened` and `unopened_per_peer` for each known peer. One costs a descriptor, at most
//! [`UNOPENED_ROOM`](super::conn::UNOPENED_ROOM) octets of what it sent, and in a range the task of a dynamic peer: less
//! than 64 KiB all together. A stranger's connection costs nothing: it is closed before anything is read.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tracing::{info, warn};

use crate::config::Limits;

/// Time between two lines of the log about refusals of one kind.
const QUIET: Duration = Duration::from_secs(10);

/// Why a connection was refused, or closed before its OPEN was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No peer has its address, and no range covers it.
    Stranger,
    /// Its range has as many dynamic peers as it may.
    RangeFull,
    /// Too many connections of unknown addresses wait for their OPEN.
    Unopened,
    /// Too many connections of its own address do, or the peer has two already.
    PerPeer,
    /// Its OPEN did not come in time.
    OpenTimeout,
}

impl Refusal {
    /// All of them, as they are numbered.
    pub const ALL: [Self; 5] = [Self::Stranger, Self::RangeFull, Self::Unopened, Self::PerPeer, Self::OpenTimeout];

    /// Its name in metrics and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stranger => "stranger",
            Self::RangeFull => "range_full",
            Self::Unopened => "unopened",
            Self::PerPeer => "unopened_per_peer",
            Self::OpenTimeout => "open_timeout",
        }
    }

    /// What it means, and what to do when it should not be.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Stranger => "no peer has this address; add it under `peers`",
            Self::RangeFull => "its range has as many dynamic peers as it may; raise `dynamic_peers.limit`",
            Self::Unopened => {
                "too many wait for their OPEN; raise `router.limits.unopened`, or look who floods the range"
            }
            Self::PerPeer => "this address has more than enough already; is BGP running twice over there?",
            Self::OpenTimeout => "its OPEN did not come in time (`router.limits.open_timeout`)",
        }
    }
}

/// The count of all listeners.
pub struct Unopened {
    limits: Limits,
    book: Mutex<Book>,
    refused: [AtomicU64; Refusal::ALL.len()],
}

#[derive(Default)]
struct Book {
    /// Connections by address; no entry is zero.
    waiting: HashMap<IpAddr, usize>,
    /// Those of addresses that are not known.
    unknown: usize,
    /// Addresses of listed peers, and of dynamic ones whose OPEN was accepted once.
    known: HashSet<IpAddr>,
    /// When the log may have another line about a reason.
    quiet_until: [Option<Instant>; Refusal::ALL.len()],
}

impl Unopened {
    /// Nothing waits.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, book: Mutex::default(), refused: Default::default() })
    }

    /// Lets one more connection wait for its OPEN.
    ///
    /// # Errors
    /// [`Refusal::PerPeer`], [`Refusal::Unopened`]; both are counted here.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Ticket, Refusal> {
        let mut book = self.lock();
        let own = book.waiting.get(&address).copied().unwrap_or_default();
        let unknown = !book.known.contains(&address);
        let refusal = if own >= self.limits.unopened_per_peer {
            Refusal::PerPeer
        } else if unknown && book.unknown >= self.limits.unopened {
            Refusal::Unopened
        } else {
            book.waiting.insert(address, own + 1);
            book.unknown += usize::from(unknown);
            return Ok(Ticket { all: self.clone(), address, unknown });
        };
        drop(book);
        self.count(refusal, address);
        Err(refusal)
    }

    /// The address is a peer's: connections of unknown addresses do not keep it out.
    pub fn know(&self, address: IpAddr) {
        self.lock().known.insert(address);
    }

    /// It is a peer's no more.
    pub fn forget(&self, address: IpAddr) {
        self.lock().known.remove(&address);
    }

    /// One more was refused. The log tells of the first of a kind, and then now and then: a flood of connections must not
    /// become one of the log.
    pub fn count(&self, refusal: Refusal, address: IpAddr) {
        let so_far = self.refused[refusal as usize].fetch_add(1, Ordering::Relaxed) + 1;
        let now = Instant::now();
        let mut book = self.lock();
        let quiet_until = &mut book.quiet_until[refusal as usize];
        if quiet_until.is_some_and(|until| until > now) {
            return;
        }
        *quiet_until = Some(now + QUIET);
        drop(book);
        let (reason, explained) = (refusal.name(), refusal.explain());
        match refusal {
            // Any port scan does this.
            Refusal::Stranger => info!(from = %address, reason, so_far, "refused a connection: {explained}"),
            _ => warn!(event = "refused", from = %address, reason, so_far, "refused a connection: {explained}"),
        }
    }

    /// How many were refused so far.
    pub fn refused(&self, refusal: Refusal) -> u64 {
        self.refused[refusal as usize].load(Ordering::Relaxed)
    }

    /// Connections that wait for their OPEN now.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.values().sum()
    }

    /// The bounds.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection. Dropping it gives the place back.
pub struct Ticket {
    all: Arc<Unopened>,
    address: IpAddr,
    unknown: bool,
}

impl Ticket {
    /// How long the connection may wait for its OPEN. RFC 4271 §8.2.2
    pub fn open_timeout(&self) -> Duration {
        let Limits { open_timeout, unopened, .. } = self.all.limits;
        if self.unknown && self.all.lock().unknown > unopened / 2 { open_timeout / 4 } else { open_timeout }
    }

    /// The OPEN was accepted: from now on the address is known.
    pub fn opened(self) {
        self.all.know(self.address);
    }

    /// The connection ends without an accepted OPEN, for this reason.
    pub fn refuse(self, refusal: Refusal) {
        self.all.count(refusal, self.address);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut book = self.all.lock();
        book.unknown -= usize::from(self.unknown);
        if let Some(own) = book.waiting.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                book.waiting.remove(&self.address);
            }
        }
    }
}

/// A connection that was accepted, with its place.
pub struct Incoming {
    /// The connection.
    pub stream: TcpStream,
    /// Its place.
    pub ticket: Ticket,
}

#[cfg(test)]
mod tests;
