//! BGP messages: what stands on the wire, as values (RFC 4271 §4).
//!
//! [`frame`] cuts a stream into messages, [`decode`] turns one into a [`Message`], and every type has its `encode`
//! beside its `decode`. Decoding depends on what the session negotiated, so it takes a [`Codec`].
//!
//! An error in a message is a [`MessageError`]: where it is and what it is. The NOTIFICATION that answers it follows
//! from its kind; no caller builds one by hand.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::attr::PathAttrs;
use crate::{Asn, Family, FamilySet};

pub use capability::{AddPathDirection, Capability, GracefulRestart, GracefulRestartFamily, LlgrFamily, Role};
pub use nlri::{Nlri, NlriIter};
pub use notification::{ErrorCode, Notification};
pub use open::Open;

mod capability;
mod nlri;
mod notification;
mod open;

/// Largest message before RFC 8654 is negotiated, header included. RFC 4271 §4.1
pub const MAX_LEN: usize = 4096;
/// Largest message with the Extended Message capability. RFC 8654 §4
pub const MAX_LEN_EXTENDED: usize = 65_535;
/// Marker, length and type. RFC 4271 §4.1
pub const HEADER_LEN: usize = 19;

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Opens a session.
    Open(Open),
    /// Announces and withdraws prefixes.
    Update(Update),
    /// Says why a session ends.
    Notification(Notification),
    /// Keeps the hold timer from expiring.
    Keepalive,
    /// Asks for, or frames, all routes of a family.
    RouteRefresh(RouteRefresh),
}

/// ROUTE-REFRESH (RFC 2918, RFC 7313).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRefresh {
    /// Which routes. Any family can stand here; unknown ones are ignored by the session.
    pub family: Family,
    /// What is asked.
    pub kind: RefreshKind,
}

/// The subtype of a ROUTE-REFRESH (RFC 7313 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshKind {
    /// Send me all routes.
    Request,
    /// BoRR: all my routes follow.
    Begin,
    /// EoRR: that was all; what was not repeated is gone.
    End,
    /// A subtype of the future; to be ignored.
    Unknown(u8),
}

/// What decoding and encoding depend on: a few facts of the session. [`Codec::INITIAL`] until OPENs are exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Codec {
    /// AS numbers in AS_PATH and AGGREGATOR are four octets wide (RFC 6793).
    pub four_octet_as: bool,
    /// Messages up to [`MAX_LEN_EXTENDED`] (RFC 8654); an OPEN or KEEPALIVE stays within [`MAX_LEN`].
    pub extended_message: bool,
    /// Families negotiated by both sides (RFC 4760); others in MP_REACH/MP_UNREACH are ignored and counted.
    pub families: FamilySet,
    /// Families whose NLRI carry a path id when received (RFC 7911).
    pub add_path_rx: FamilySet,
    /// Families whose NLRI carry a path id when sent.
    pub add_path_tx: FamilySet,
    /// IPv4 prefixes may have IPv6 next hops (RFC 8950).
    pub ipv4_over_ipv6: bool,
    /// Whether the peer is in another AS: decides which attributes may be present (RFC 7606 §7.5, §7.9, §7.10).
    pub external: bool,
}

impl Codec {
    /// Before anything is negotiated: two-octet AS numbers, IPv4 unicast, 4,096 octets.
    pub const INITIAL: Self = Self {
        four_octet_as: false,
        extended_message: false,
        families: FamilySet::EMPTY,
        add_path_rx: FamilySet::EMPTY,
        add_path_tx: FamilySet::EMPTY,
        ipv4_over_ipv6: false,
        external: false,
    };

    /// Largest message of the session.
    pub const fn max_len(&self) -> usize {
        if self.extended_message { MAX_LEN_EXTENDED } else { MAX_LEN }
    }
}

/// A decoded UPDATE. Prefixes stay in wire form, checked, and are walked lazily.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// Prefixes announced: at most one entry for classic NLRI and one for MP_REACH_NLRI.
    pub reach: SmallVec<[Reach; 1]>,
    /// Prefixes withdrawn, including those of a treat-as-withdraw (RFC 7606 §2).
    pub unreach: SmallVec<[Nlri; 1]>,
    /// The family whose initial dump this message ends (RFC 4724 §2).
    pub end_of_rib: Option<Family>,
    /// What was wrong but does not end the session, strongest first (RFC 7606).
    pub faults: SmallVec<[UpdateFault; 0]>,
}

/// Prefixes announced with one set of attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    /// The attributes, next hop included.
    pub attrs: Arc<PathAttrs>,
    /// The prefixes.
    pub nlri: Nlri,
}

/// An error in an UPDATE which RFC 7606 lets the session survive.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateFault {
    /// What is wrong, and where.
    pub error: MessageError,
    /// What was done about it.
    pub treatment: Treatment,
}

/// What an error costs (RFC 7606 §2), weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Treatment {
    /// The attribute is ignored, the route is used.
    Discard,
    /// The prefixes of the message are withdrawn.
    Withdraw,
    /// The session is reset with a NOTIFICATION.
    Reset,
}

/// An error in a message: where, and what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("offset {offset}: {kind}")]
pub struct MessageError {
    /// Octets from the start of the message, header included.
    pub offset: usize,
    /// What is wrong.
    pub kind: MessageErrorKind,
}
