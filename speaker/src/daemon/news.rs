//! What a peer's task tells the owner, in order.

use std::sync::Arc;
use std::time::Instant;

use bgp_proto::fsm::Negotiated;
use bgp_proto::message::{RouteRefresh, Update};
use bgp_proto::{Family, FamilySet};
use rib::PeerId;
use tokio::sync::OwnedSemaphorePermit;

use super::out_queue::OutQueue;

/// A message to the owner and who sends it.
pub struct FromPeer {
    /// The sender.
    pub peer: PeerId,
    /// What happened.
    pub news: News,
    /// When it was read from the socket.
    pub at: Instant,
    /// The sender's turn, given back when the owner has taken the news in: so a peer that floods fills neither the
    /// memory nor the way of the others.
    pub turn: Option<OwnedSemaphorePermit>,
}

/// What happened to a peer.
pub enum News {
    /// A peer that nobody listed begins, with these settings.
    Begin(Box<rib::PeerSettings>),
    /// It is gone for good, with all it announced.
    End,
    /// A session is established; its UPDATEs are to be put into the queue.
    Up(Arc<Negotiated>, Arc<OutQueue>),
    /// UPDATEs in the order of their arrival: one message for many, never one per route.
    Updates(Vec<Update>),
    /// The peer asks for our routes again, or frames its own (RFC 2918, RFC 7313).
    Refresh(RouteRefresh),
    /// The operator wants our routes of a family sent to it again.
    Resend(Family),
    /// The session is gone. Paths of `retain` stay as stale (RFC 4724 §4.2), the others go.
    Down {
        /// Families whose paths stay.
        retain: FamilySet,
    },
    /// The peer is away for longer than its restart time, and its stale paths of these families stay (RFC 9494 §4.2).
    LongLived(FamilySet),
    /// Stale paths of these families go: the peer came back without having preserved them, or not in time.
    Flush(FamilySet),
    /// The peer has sent everything again: what is still stale goes.
    PurgeStale(Family),
}

impl News {
    /// Families of which the peer has now sent all it has.
    pub fn end_of_rib(&self) -> FamilySet {
        match self {
            Self::Updates(updates) => updates.iter().filter_map(|update| update.end_of_rib).collect(),
            _ => FamilySet::EMPTY,
        }
    }
}
