//! Cutting a stream into messages (RFC 4271 §4.1, §6.1).
//!
//! A header is judged as soon as its 19 octets are there: a message that cannot be right is refused before its body is
//! waited for, and nothing longer than the session allows is ever buffered.

use bytes::{Bytes, BytesMut};

use super::{HEADER_LEN, MAX_LEN, MessageError, MessageErrorKind};

/// Message types. RFC 4271 §4.1, RFC 2918 §3
pub mod kind {
    #![expect(missing_docs, reason = "the RFCs' own names")]
    pub const OPEN: u8 = 1;
    pub const UPDATE: u8 = 2;
    pub const NOTIFICATION: u8 = 3;
    pub const KEEPALIVE: u8 = 4;
    pub const ROUTE_REFRESH: u8 = 5;

    /// The RFCs' name of a type.
    pub const fn name(kind: u8) -> &'static str {
        match kind {
            OPEN => "OPEN",
            UPDATE => "UPDATE",
            NOTIFICATION => "NOTIFICATION",
            KEEPALIVE => "KEEPALIVE",
            ROUTE_REFRESH => "ROUTE-REFRESH",
            _ => "unknown",
        }
    }
}

/// A whole message whose header is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its type, one of [`kind`].
    pub kind: u8,
    /// The message, header included.
    pub bytes: Bytes,
}

/// Takes the next message off the front of `buf`, or `None` when it is not complete yet; then room for the rest of it is
/// reserved, which is never more than `max_len` octets. After an error, the buffer is of no use any more.
pub fn split_frame(buf: &mut BytesMut, max_len: usize) -> Result<Option<Frame>, MessageError> {
    let Some(header) = buf.first_chunk::<HEADER_LEN>() else { return Ok(None) };
    let (len, kind) = check_header(header, max_len)?;
    if buf.len() < len {
        buf.reserve(len - buf.len());
        return Ok(None);
    }
    Ok(Some(Frame { kind, bytes: buf.split_to(len).freeze() }))
}

/// The message's length and type. RFC 4271 §6.1, in the order of its text: marker, length, type.
fn check_header(header: &[u8; HEADER_LEN], max_len: usize) -> Result<(usize, u8), MessageError> {
    let [marker @ .., high, low, kind] = header;
    let (length, kind) = (u16::from_be_bytes([*high, *low]), *kind);
    if let Some(offset) = marker.iter().position(|&octet| octet != 0xff) {
        return Err(MessageErrorKind::Marker.at(offset));
    }
    let max = u16::try_from(max_len).unwrap_or(u16::MAX);
    let short = max.min(MAX_LEN as u16); // RFC 8654 §4: OPEN and KEEPALIVE do not grow
    let (min, max, what) = match kind {
        kind::OPEN => (29, short, "an OPEN"),
        kind::UPDATE => (23, max, "an UPDATE"),
        kind::NOTIFICATION => (21, max, "a NOTIFICATION"),
        kind::KEEPALIVE => (19, 19, "a KEEPALIVE"),
        // Which error a wrong length is depends on the subtype (RFC 7313 §5): see `RouteRefresh::decode`.
        kind::ROUTE_REFRESH => (19, max, "a ROUTE-REFRESH"),
        _ => (19, max, "any message"),
    };
    if !(min..=max).contains(&length) {
        return Err(MessageErrorKind::Length { length, min, max, what }.at(16));
    }
    if !(kind::OPEN..=kind::ROUTE_REFRESH).contains(&kind) {
        return Err(MessageErrorKind::Type(kind).at(18));
    }
    Ok((usize::from(length), kind))
}
