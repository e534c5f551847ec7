//! ROUTE-REFRESH: asking for all routes of a family again, and framing the answer (RFC 2918, RFC 7313).

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::{HEADER_LEN, MessageError, MessageErrorKind, kind, put_message};
use crate::Family;

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

impl RouteRefresh {
    /// Reads the message. Another length than four octets of body is an error of its own for the two marks (7/1, RFC 7313
    /// §5, returning the whole message). Too few of them for anything else are a bad length (1/2, RFC 4271 §6.1); more
    /// behind a request would be outbound route filters (RFC 5291), which nobody is asked for, and are passed over.
    pub(super) fn decode(message: &Bytes) -> Result<Self, MessageError> {
        let body = message.get(HEADER_LEN..).unwrap_or_default();
        let kind = match body.get(2) {
            None | Some(0) => RefreshKind::Request,
            Some(1) => RefreshKind::Begin,
            Some(2) => RefreshKind::End,
            Some(&other) => RefreshKind::Unknown(other),
        };
        if matches!(kind, RefreshKind::Begin | RefreshKind::End) && body.len() != 4 {
            return Err(MessageErrorKind::RefreshLength { message: message.clone() }.at(16));
        }
        let &[afi_high, afi_low, _, safi, ..] = body else {
            let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
            let error = MessageErrorKind::Length { length, min: 23, max: u16::MAX, what: "a ROUTE-REFRESH" };
            return Err(error.at(16));
        };
        Ok(Self { family: Family { afi: u16::from_be_bytes([afi_high, afi_low]), safi }, kind })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        put_message(out, kind::ROUTE_REFRESH, |out| {
            out.put_u16(self.family.afi);
            out.put_u8(match self.kind {
                RefreshKind::Request => 0,
                RefreshKind::Begin => 1,
                RefreshKind::End => 2,
                RefreshKind::Unknown(subtype) => subtype,
            });
            out.put_u8(self.family.safi);
        });
    }
}

impl fmt::Display for RefreshKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Begin => "begin",
            Self::End => "end",
            Self::Unknown(subtype) => return write!(f, "subtype {subtype}"),
        })
    }
}
