//! BGP messages: what stands on the wire, as values (RFC 4271 §4).
//!
//! [`split_frame`] cuts a stream into messages, [`Message::decode`] turns one into a value, and every type has its
//! `encode` beside its `decode`. Decoding depends on what the session negotiated, so it takes a [`Codec`]. UPDATEs are
//! written by [`pack_reach`] and [`pack_unreach`], which fill messages to the last octet.
//!
//! An error in a message is a [`MessageError`]: where it is and what it is. The NOTIFICATION that answers it follows
//! from its kind; no caller builds one by hand.
//!
//! Decoding is total: every input gives a value or an error, nothing panics, and what is allocated is bounded by a small
//! multiple of the message's length, since counts and lengths are checked against the octets that are there before
//! anything is reserved for them.

use bytes::{BufMut, Bytes, BytesMut};

use crate::FamilySet;
use crate::attr::AttrCache;

pub use capability::{AddPathDirection, Capability, GracefulRestart, GracefulRestartFamily, LlgrFamily, Role};
pub use error::{MessageError, MessageErrorKind};
pub use frame::{Frame, kind, split_frame};
pub use nlri::{Nlri, NlriFault, NlriIter};
pub use notification::{ErrorCode, MAX_SHUTDOWN_TEXT, Notification, cease};
pub use open::Open;
pub use pack::{AttrsTooLarge, end_of_rib, pack_reach, pack_unreach};
pub use refresh::{RefreshKind, RouteRefresh};
pub use update::{Reach, Treatment, Update, UpdateFault};

mod capability;
mod error;
mod frame;
mod mp;
mod nlri;
mod notification;
mod open;
mod pack;
mod refresh;
mod update;

#[cfg(test)]
mod tests;

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
    /// Whether the peer is in another AS: decides which attributes may be present (RFC 7606 §7.5, §7.9, §7.10) and that
    /// confederation segments may not (RFC 5065 §5). False for a peer of our confederation.
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

impl Message {
    /// Reads one message. RFC 4271 §4
    ///
    /// Errors are those that end the session; what RFC 7606 lets a session survive is in [`Update::faults`].
    pub fn decode(frame: &Frame, codec: &Codec) -> Result<Self, MessageError> {
        Self::decode_with(frame, codec, &mut AttrCache::disabled())
    }

    /// Reads one message of a session that remembers attribute blocks it has seen: a repeated one costs a comparison and
    /// gives the same `Arc`.
    pub fn decode_with(frame: &Frame, codec: &Codec, cache: &mut AttrCache) -> Result<Self, MessageError> {
        Ok(match frame.kind {
            kind::OPEN => Self::Open(Open::decode(&frame.bytes)?),
            kind::UPDATE => Self::Update(Update::decode(&frame.bytes, codec, cache)?),
            kind::NOTIFICATION => Self::Notification(Notification::decode(&frame.bytes)?),
            kind::KEEPALIVE => Self::Keepalive,
            kind::ROUTE_REFRESH => Self::RouteRefresh(RouteRefresh::decode(&frame.bytes)?),
            other => return Err(MessageErrorKind::Type(other).at(18)),
        })
    }

    /// Writes the message. An [`Update`] may take several, which stand one behind the other.
    pub fn encode(&self, codec: &Codec) -> Bytes {
        let mut out = BytesMut::new();
        match self {
            Self::Open(open) => open.encode(&mut out),
            Self::Update(update) => update.encode(&mut out, codec),
            Self::Notification(notification) => notification.encode(&mut out),
            Self::Keepalive => put_message(&mut out, kind::KEEPALIVE, |_| {}),
            Self::RouteRefresh(refresh) => refresh.encode(&mut out),
        }
        out.freeze()
    }

    /// The type code. RFC 4271 §4.1
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Open(_) => kind::OPEN,
            Self::Update(_) => kind::UPDATE,
            Self::Notification(_) => kind::NOTIFICATION,
            Self::Keepalive => kind::KEEPALIVE,
            Self::RouteRefresh(_) => kind::ROUTE_REFRESH,
        }
    }
}

/// Writes marker, length and type around a body. Bodies are at most [`MAX_LEN_EXTENDED`] less the header by construction.
fn put_message(out: &mut BytesMut, kind: u8, body: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_bytes(0xff, 16);
    out.put_u16(0);
    out.put_u8(kind);
    body(out);
    let len = out.len() - start;
    debug_assert!(len <= MAX_LEN_EXTENDED);
    out[start + 16..start + 18].copy_from_slice(&(len as u16).to_be_bytes());
}
