//! What passes between a [`Peer`](super::Peer) and the driver that owns its sockets.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{DownReason, Negotiated};
use crate::Family;
use crate::message::{Notification, RouteRefresh, Update};

/// How long a driver should wait for the last bytes of a connection it was told to [`IoAction::Close`] to leave,
/// before it drops the socket with them: a peer that does not read must not keep a socket alive.
pub const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// Names one TCP connection of a peer, from its first SYN to its close.
///
/// The machine numbers the connections it asks for; the driver numbers those it accepted, with [`ConnId::accepted`],
/// so that the two never meet. A number is not used twice while its connection is open.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u32);

impl ConnId {
    const ACCEPTED: u32 = 0x8000_0000;

    /// The id of the `n`-th connection a driver accepted for a peer (any counter of its own; it may wrap).
    pub const fn accepted(n: u32) -> Self {
        Self(n | Self::ACCEPTED)
    }

    /// The id of the `n`-th connection a peer asked for.
    pub(super) const fn dialled(n: u32) -> Self {
        Self(n & !Self::ACCEPTED)
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.0 & Self::ACCEPTED != 0 { "in" } else { "out" };
        write!(f, "{kind}#{}", self.0 & !Self::ACCEPTED)
    }
}

impl fmt::Debug for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What happened to a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IoInput {
    /// The connection asked for by [`IoAction::Connect`] stands (RFC 4271 event 16).
    Connected {
        /// Which.
        conn: ConnId,
        /// Our end.
        local: SocketAddr,
        /// The peer's end.
        remote: SocketAddr,
    },
    /// The peer connected to us (RFC 4271 event 17).
    Accepted {
        /// Its number, from [`ConnId::accepted`].
        conn: ConnId,
        /// Our end.
        local: SocketAddr,
        /// The peer's end.
        remote: SocketAddr,
    },
    /// The connection asked for could not be made (RFC 4271 event 18).
    ConnectFailed {
        /// Which.
        conn: ConnId,
        /// Why.
        reason: ConnectError,
    },
    /// A connection ended (RFC 4271 event 18). Not said for connections the machine had closed by itself; harmless if it is.
    /// To be said only after all bytes that came before were taken by `handle_bytes`.
    Closed {
        /// Which.
        conn: ConnId,
        /// `None` for an orderly end of stream, else what the socket said (`connection reset by peer`).
        error: Option<String>,
    },
}

/// Why a connection could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// ECONNREFUSED: the host answers, nobody listens.
    Refused,
    /// EHOSTUNREACH, ENETUNREACH: no route, or no answer to ARP.
    Unreachable,
    /// ETIMEDOUT: the host is silent.
    TimedOut,
    /// Anything else, in the words of the system (`cannot assign requested address`).
    Other(String),
}

/// What the driver is to do with sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoAction {
    /// Connect to the peer and report with this id.
    Connect(ConnId),
    /// Close the connection once the bytes already polled for it are written, or after [`CLOSE_GRACE`]. The bytes of
    /// UPDATEs that wait in the driver are dropped unless one is half written.
    Close(ConnId),
    /// Drop the connection now, or the attempt to make it: nothing more can or need be written.
    Abort(ConnId),
}

/// What the operator, or the rest of the speaker, wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin to want sessions (RFC 4271 events 1, 3–7). Ends an idle hold at once.
    Start,
    /// Want no session any more (RFC 4271 events 2 and 8). With a NOTIFICATION (usually Cease/Administrative Shutdown
    /// with a text, RFC 9003), the peer forgets our routes; without one the connection is just closed, and a peer that
    /// negotiated graceful restart keeps them.
    Stop(Option<Notification>),
    /// End the session with this NOTIFICATION (Cease/Administrative Reset, /BFD Down, /Maximum Number of Prefixes …)
    /// and come back. The peer is dialled again after the idle hold time.
    Reset(Notification),
    /// End the session: the peer announced more prefixes of a family than it may (RFC 4271 §6.7, Cease/Maximum Number of
    /// Prefixes). It is refused until the pause is over; without one, until [`Command::Start`].
    TooManyPrefixes {
        /// The family.
        family: Family,
        /// How many it may announce.
        limit: u32,
        /// How long it is refused.
        pause: Option<Duration>,
    },
    /// Ask the peer for all its routes of a family (RFC 2918). Without effect unless that was negotiated.
    RequestRefresh(Family),
}

/// What happened on the BGP level. `Up`, `Update`, `RouteRefresh` and `Down` all belong to the one established session
/// and come in this order: everything between an `Up` and the next `Down` is of that session.
#[derive(Clone, Debug, PartialEq)]
pub enum PeerEvent {
    /// [`Peer::state`](super::Peer::state) changed.
    StateChanged(State),
    /// The session is established.
    Up(Arc<Negotiated>),
    /// An UPDATE came. End-of-RIB is one, too.
    Update(Update),
    /// The peer wants our routes, or marks a refresh of its own.
    RouteRefresh(RouteRefresh),
    /// The established session ended.
    Down(DownReason),
    /// A connection ended, or could not be made, before it was established. No routes are concerned.
    AttemptFailed(DownReason),
}

/// The states of RFC 4271 §8.2.2, of the peer's most advanced connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum State {
    /// No connection is wanted now: stopped, or holding after an error.
    #[default]
    Idle,
    /// Waiting for the peer to connect, and for the time to dial again.
    Active,
    /// Dialling.
    Connect,
    /// Our OPEN is sent.
    OpenSent,
    /// The peer's OPEN is accepted; its first KEEPALIVE is missing.
    OpenConfirm,
    /// Routes flow.
    Established,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Idle => "Idle",
            Self::Active => "Active",
            Self::Connect => "Connect",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
        })
    }
}
