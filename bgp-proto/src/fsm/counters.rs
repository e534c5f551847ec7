//! What a peer counts. All values only grow, except `established_since`.

use std::time::Instant;

use crate::message::kind;

/// Messages by type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCounts {
    /// OPEN.
    pub open: u64,
    /// UPDATE, End-of-RIB included.
    pub update: u64,
    /// NOTIFICATION.
    pub notification: u64,
    /// KEEPALIVE.
    pub keepalive: u64,
    /// ROUTE-REFRESH of any subtype.
    pub route_refresh: u64,
}

impl MessageCounts {
    pub(super) fn count(&mut self, kind: u8) {
        *match kind {
            kind::OPEN => &mut self.open,
            kind::UPDATE => &mut self.update,
            kind::NOTIFICATION => &mut self.notification,
            kind::KEEPALIVE => &mut self.keepalive,
            kind::ROUTE_REFRESH => &mut self.route_refresh,
            _ => return,
        } += 1;
    }

    /// All of them.
    pub const fn total(&self) -> u64 {
        self.open + self.update + self.notification + self.keepalive + self.route_refresh
    }
}

/// What happened to a peer so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages with a good header that were taken from connections.
    pub received: MessageCounts,
    /// Messages sent. UPDATEs are counted by [`Peer::count_updates_sent`](super::Peer::count_updates_sent).
    pub sent: MessageCounts,
    /// Octets the driver wrote to sockets.
    pub bytes_sent: u64,
    /// Octets of the messages taken from sockets.
    pub bytes_received: u64,
    /// Connections we asked for.
    pub dialled: u64,
    /// Connections the peer made, refused ones included.
    pub accepted: u64,
    /// Connections of the peer we closed at once (stopped, idle, or too many).
    pub refused: u64,
    /// Collisions of two connections that were resolved.
    pub collisions: u64,
    /// Sessions that reached Established.
    pub established: u64,
    /// Established sessions that ended.
    pub lost: u64,
    /// Connections and attempts that ended before Established.
    pub failed: u64,
    /// Messages that could not be read; each ended a session.
    pub message_errors: u64,
    /// UPDATEs with errors the session survived (RFC 7606).
    pub update_faults: u64,
    /// Since when the session is established, while it is.
    pub established_since: Option<Instant>,
    /// When the last one ended.
    pub last_lost: Option<Instant>,
}
