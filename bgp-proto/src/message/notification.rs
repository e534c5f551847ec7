//! NOTIFICATION: why a session ends (RFC 4271 §4.5), with the names of the IANA "BGP Error Codes" registry.
//!
//! Decoding one cannot fail: there is no way to tell a peer that its NOTIFICATION is wrong (RFC 4271 §6.4), so codes are
//! open, data is carried as it is, and what is in it is read leniently.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::{HEADER_LEN, MAX_LEN, MessageError, MessageErrorKind, kind, put_message};
use crate::Family;

/// Longest text of a shutdown communication in octets. RFC 9003 §2
pub const MAX_SHUTDOWN_TEXT: usize = 255;

/// An error code. Codes are open: an unknown one is shown as a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub u8);

#[expect(missing_docs, reason = "the RFCs' own names")]
impl ErrorCode {
    pub const MESSAGE_HEADER: Self = Self(1);
    pub const OPEN_MESSAGE: Self = Self(2);
    pub const UPDATE_MESSAGE: Self = Self(3);
    pub const HOLD_TIMER_EXPIRED: Self = Self(4);
    pub const FSM: Self = Self(5);
    pub const CEASE: Self = Self(6);
    pub const ROUTE_REFRESH_MESSAGE: Self = Self(7);
    pub const SEND_HOLD_TIMER_EXPIRED: Self = Self(8);
}

impl ErrorCode {
    /// A NOTIFICATION of this code.
    pub(super) const fn with(self, subcode: u8, data: Bytes) -> Notification {
        Notification { code: self, subcode, data }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::MESSAGE_HEADER => "Message Header Error",
            Self::OPEN_MESSAGE => "OPEN Message Error",
            Self::UPDATE_MESSAGE => "UPDATE Message Error",
            Self::HOLD_TIMER_EXPIRED => "Hold Timer Expired",
            Self::FSM => "Finite State Machine Error",
            Self::CEASE => "Cease",
            Self::ROUTE_REFRESH_MESSAGE => "ROUTE-REFRESH Message Error",
            Self::SEND_HOLD_TIMER_EXPIRED => "Send Hold Timer Expired",
            Self(code) => return write!(f, "error {code}"),
        })
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Subcodes of [`ErrorCode::CEASE`]. RFC 4486 §3, RFC 8538 §3.1, RFC 9384 §3
pub mod cease {
    #![expect(missing_docs, reason = "the RFCs' own names")]
    pub const MAX_PREFIXES: u8 = 1;
    pub const ADMINISTRATIVE_SHUTDOWN: u8 = 2;
    pub const PEER_DECONFIGURED: u8 = 3;
    pub const ADMINISTRATIVE_RESET: u8 = 4;
    pub const CONNECTION_REJECTED: u8 = 5;
    pub const OTHER_CONFIGURATION_CHANGE: u8 = 6;
    pub const CONNECTION_COLLISION: u8 = 7;
    pub const OUT_OF_RESOURCES: u8 = 8;
    pub const HARD_RESET: u8 = 9;
    pub const BFD_DOWN: u8 = 10;
}

/// The registry's names: code, subcode, name. `(deprecated)` ones are still met.
const SUBCODES: &[(ErrorCode, u8, &str)] = &[
    // RFC 4271 §6.1
    (ErrorCode::MESSAGE_HEADER, 1, "Connection Not Synchronized"),
    (ErrorCode::MESSAGE_HEADER, 2, "Bad Message Length"),
    (ErrorCode::MESSAGE_HEADER, 3, "Bad Message Type"),
    // RFC 4271 §6.2, RFC 5492 §5, RFC 9234 §4.2
    (ErrorCode::OPEN_MESSAGE, 1, "Unsupported Version Number"),
    (ErrorCode::OPEN_MESSAGE, 2, "Bad Peer AS"),
    (ErrorCode::OPEN_MESSAGE, 3, "Bad BGP Identifier"),
    (ErrorCode::OPEN_MESSAGE, 4, "Unsupported Optional Parameter"),
    (ErrorCode::OPEN_MESSAGE, 5, "Authentication Failure (deprecated)"),
    (ErrorCode::OPEN_MESSAGE, 6, "Unacceptable Hold Time"),
    (ErrorCode::OPEN_MESSAGE, 7, "Unsupported Capability"),
    (ErrorCode::OPEN_MESSAGE, 11, "Role Mismatch"),
    // RFC 4271 §6.3
    (ErrorCode::UPDATE_MESSAGE, 1, "Malformed Attribute List"),
    (ErrorCode::UPDATE_MESSAGE, 2, "Unrecognized Well-known Attribute"),
    (ErrorCode::UPDATE_MESSAGE, 3, "Missing Well-known Attribute"),
    (ErrorCode::UPDATE_MESSAGE, 4, "Attribute Flags Error"),
    (ErrorCode::UPDATE_MESSAGE, 5, "Attribute Length Error"),
    (ErrorCode::UPDATE_MESSAGE, 6, "Invalid ORIGIN Attribute"),
    (ErrorCode::UPDATE_MESSAGE, 7, "AS Routing Loop (deprecated)"),
    (ErrorCode::UPDATE_MESSAGE, 8, "Invalid NEXT_HOP Attribute"),
    (ErrorCode::UPDATE_MESSAGE, 9, "Optional Attribute Error"),
    (ErrorCode::UPDATE_MESSAGE, 10, "Invalid Network Field"),
    (ErrorCode::UPDATE_MESSAGE, 11, "Malformed AS_PATH"),
    // RFC 6608 §3
    (ErrorCode::FSM, 1, "Receive Unexpected Message in OpenSent State"),
    (ErrorCode::FSM, 2, "Receive Unexpected Message in OpenConfirm State"),
    (ErrorCode::FSM, 3, "Receive Unexpected Message in Established State"),
    // RFC 4486 §3, RFC 8538 §3.1, RFC 9384 §3
    (ErrorCode::CEASE, cease::MAX_PREFIXES, "Maximum Number of Prefixes Reached"),
    (ErrorCode::CEASE, cease::ADMINISTRATIVE_SHUTDOWN, "Administrative Shutdown"),
    (ErrorCode::CEASE, cease::PEER_DECONFIGURED, "Peer De-configured"),
    (ErrorCode::CEASE, cease::ADMINISTRATIVE_RESET, "Administrative Reset"),
    (ErrorCode::CEASE, cease::CONNECTION_REJECTED, "Connection Rejected"),
    (ErrorCode::CEASE, cease::OTHER_CONFIGURATION_CHANGE, "Other Configuration Change"),
    (ErrorCode::CEASE, cease::CONNECTION_COLLISION, "Connection Collision Resolution"),
    (ErrorCode::CEASE, cease::OUT_OF_RESOURCES, "Out of Resources"),
    (ErrorCode::CEASE, cease::HARD_RESET, "Hard Reset"),
    (ErrorCode::CEASE, cease::BFD_DOWN, "BFD Down"),
    // RFC 7313 §5
    (ErrorCode::ROUTE_REFRESH_MESSAGE, 1, "Invalid Message Length"),
];

/// Says why a session ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The kind of error.
    pub code: ErrorCode,
    /// Which error of that kind; zero is "unspecific".
    pub subcode: u8,
    /// What helps to find it; its meaning depends on the codes.
    pub data: Bytes,
}

impl Notification {
    /// The hold timer ran out. RFC 4271 §6.5
    pub const fn hold_timer_expired() -> Self {
        ErrorCode::HOLD_TIMER_EXPIRED.with(0, Bytes::new())
    }

    /// The peer takes nothing from us. RFC 9687 §3.2
    pub const fn send_hold_timer_expired() -> Self {
        ErrorCode::SEND_HOLD_TIMER_EXPIRED.with(0, Bytes::new())
    }

    /// A message that has no place in the state. RFC 6608 §3
    pub const fn fsm(subcode: u8) -> Self {
        ErrorCode::FSM.with(subcode, Bytes::new())
    }

    /// An OPEN that is not accepted. RFC 4271 §6.2
    pub const fn open(subcode: u8, data: Bytes) -> Self {
        ErrorCode::OPEN_MESSAGE.with(subcode, data)
    }

    /// The session is no longer wanted; see [`cease`] for subcodes. The text is for the peer's operator, and is sent with
    /// the two subcodes that may carry one (shutdown and reset); it is cut at 255 octets, between characters. RFC 9003 §2
    pub fn cease(subcode: u8, text: Option<&str>) -> Self {
        let mut data = BytesMut::new();
        if let Some(text) = text.filter(|text| carries_text(subcode) && !text.is_empty()) {
            let text = &text[..text.floor_char_boundary(MAX_SHUTDOWN_TEXT)];
            data.put_u8(text.len() as u8);
            data.put_slice(text.as_bytes());
        }
        ErrorCode::CEASE.with(subcode, data.freeze())
    }

    /// The peer announced more prefixes of a family than it may: the family and the limit. RFC 4486 §4
    pub fn max_prefixes(family: Family, limit: u32) -> Self {
        let mut data = BytesMut::with_capacity(7);
        data.put_u16(family.afi);
        data.put_u8(family.safi);
        data.put_u32(limit);
        ErrorCode::CEASE.with(cease::MAX_PREFIXES, data.freeze())
    }

    /// The same, and "forget my routes" to a peer that would keep them over a NOTIFICATION. RFC 8538 §3.1
    #[must_use]
    pub fn into_hard_reset(self) -> Self {
        let mut data = BytesMut::with_capacity(2 + self.data.len());
        data.put_slice(&[self.code.0, self.subcode]);
        data.put_slice(&self.data);
        ErrorCode::CEASE.with(cease::HARD_RESET, data.freeze())
    }

    /// What a Hard Reset stands for. RFC 8538 §3.1
    pub fn hard_reset(&self) -> Option<Self> {
        if (self.code, self.subcode) != (ErrorCode::CEASE, cease::HARD_RESET) {
            return None;
        }
        let (&code, &subcode) = (self.data.first()?, self.data.get(1)?);
        Some(ErrorCode(code).with(subcode, self.data.slice(2..)))
    }

    /// The shutdown communication of the peer's operator, also one inside a Hard Reset. Octets that are no UTF-8 are
    /// replaced, a length that is more than what is there is cut. RFC 9003 §2, §4
    pub fn shutdown_text(&self) -> Option<String> {
        if let Some(inner) = self.hard_reset() {
            // A Hard Reset in a Hard Reset says nothing (RFC 8538 §3.1 knows none): stop after one.
            return if inner.hard_reset().is_some() { None } else { inner.shutdown_text() };
        }
        if self.code != ErrorCode::CEASE || !carries_text(self.subcode) {
            return None;
        }
        let (&len, text) = self.data.split_first()?;
        let text = text.get(..usize::from(len)).unwrap_or(text);
        if text.is_empty() { None } else { Some(String::from_utf8_lossy(text).into_owned()) }
    }

    /// The registry's name of the subcode, where it has one.
    pub fn subcode_name(&self) -> Option<&'static str> {
        let row = SUBCODES.iter().find(|(code, subcode, _)| (*code, *subcode) == (self.code, self.subcode));
        row.map(|(_, _, name)| *name)
    }

    /// `Cease/Administrative Shutdown`: the names without text or data.
    pub fn name(&self) -> String {
        match (self.subcode_name(), self.subcode) {
            (Some(name), _) => format!("{}/{name}", self.code),
            (None, 0) => self.code.to_string(),
            (None, subcode) => format!("{}/{subcode}", self.code),
        }
    }

    /// The one that an encoded message is; `None` for all other messages.
    pub fn in_message(message: &Bytes) -> Option<Self> {
        let is_one = message.get(HEADER_LEN - 1) == Some(&kind::NOTIFICATION);
        if is_one { Self::decode(message).ok() } else { None }
    }

    /// Reads the message; [`split_frame`](super::split_frame) has checked that both codes are there.
    pub(super) fn decode(message: &Bytes) -> Result<Self, MessageError> {
        let Some(&[code, subcode, ..]) = message.get(HEADER_LEN..) else {
            let length = message.len() as u16;
            return Err(MessageErrorKind::Length { length, min: 21, max: u16::MAX, what: "a NOTIFICATION" }.at(16));
        };
        Ok(ErrorCode(code).with(subcode, message.slice(HEADER_LEN + 2..)))
    }

    /// Data that does not fit [`MAX_LEN`] is cut: whether the peer takes longer messages may just be the error.
    pub(super) fn encode(&self, out: &mut BytesMut) {
        put_message(out, kind::NOTIFICATION, |out| {
            out.put_slice(&[self.code.0, self.subcode]);
            out.put_slice(&self.data[..self.data.len().min(MAX_LEN - HEADER_LEN - 2)]);
        });
    }
}

/// RFC 9003 §2
const fn carries_text(subcode: u8) -> bool {
    matches!(subcode, cease::ADMINISTRATIVE_SHUTDOWN | cease::ADMINISTRATIVE_RESET)
}

impl fmt::Display for Notification {
    /// `Cease/Administrative Shutdown: "maintenance until 6"`. A Hard Reset names what it stands for; other data is shown
    /// in hex, at most 32 octets of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        if let Some(inner) = self.hard_reset() {
            write!(f, " ({})", inner.name())?;
        }
        if let Some(text) = self.shutdown_text() {
            return write!(f, ": {text:?}");
        }
        if !self.data.is_empty() && self.hard_reset().is_none() {
            f.write_str(" [")?;
            for octet in self.data.iter().take(32) {
                write!(f, "{octet:02x}")?;
            }
            f.write_str(if self.data.len() > 32 { "…]" } else { "]" })?;
        }
        Ok(())
    }
}
