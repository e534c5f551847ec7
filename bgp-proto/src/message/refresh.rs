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
    /// Reads the message. RFC 7313 §5: another length than four octets of body is an error of its own (7/1) that returns
    /// the whole message. We answer so for every subtype: RFC 2918 and RFC 4271 §6.1 name no other code, and entries
    /// of outbound route filters (RFC 5291) are sent only to those who asked for them, which we never do.
    pub(super) fn decode(message: &Bytes) -> Result<Self, MessageError> {
        let Some(&[afi_high, afi_low, subtype, safi]) = message.get(HEADER_LEN..) else {
            return Err(MessageErrorKind::RefreshLength { message: message.clone() }.at(16));
        };
        let kind = match subtype {
            0 => RefreshKind::Request,
            1 => RefreshKind::Begin,
            2 => RefreshKind::End,
            other => RefreshKind::Unknown(other),
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
