//! What can be wrong with one attribute. What it costs is in the [table](super::table), or, where RFC 7606 does not leave
//! it to the attribute, in [`decode`](super::decode).

use super::{AttrCode, AttrFlags};
use crate::Family;
use crate::message::NlriFault;

/// An error in a path attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttrFault {
    /// The Optional or Transitive bit is not what the attribute has. RFC 7606 §3 c
    #[error("flags 0x{:02x}, expected {}", got.0, category(*expected))]
    Flags {
        /// What stands there.
        got: AttrFlags,
        /// The two bits as they should be.
        expected: u8,
    },
    /// A length the attribute cannot have.
    #[error("length {got}, expected {expected}")]
    Length {
        /// What stands there.
        got: usize,
        /// The lengths it can have.
        expected: &'static str,
    },
    /// The attribute is longer than what is left of the attributes. RFC 7606 §4
    #[error("length {length} where {room} octets are left")]
    Overrun {
        /// What stands there.
        length: usize,
        /// What is left.
        room: usize,
    },
    /// An undefined ORIGIN. RFC 7606 §7.1
    #[error("value {0}, expected 0 (IGP), 1 (EGP) or 2 (INCOMPLETE)")]
    Origin(u8),
    /// A path segment that cannot be. RFC 7606 §7.2
    #[error("{0}")]
    Segment(#[from] SegmentFault),
    /// AS 0 names nobody. RFC 7607 §2
    #[error("AS 0 stands in it")]
    ZeroAs,
    /// A well-known attribute we do not know. RFC 4271 §6.3
    #[error("its flags say well-known, which it is not")]
    NotWellKnown,
    /// The attribute stands in the message twice. RFC 7606 §3 g
    #[error("is there a second time")]
    Duplicate,
    /// Only internal peers may send it. RFC 7606 §7.5, §7.9, §7.10
    #[error("from an external peer")]
    FromExternal,
    /// Only two-octet speakers may send it. RFC 6793 §6
    #[error("from a peer with four-octet AS numbers")]
    FromFourOctet,
    /// A next hop of a length its family does not have. RFC 7606 §7.11
    #[error("{family} next hop of {got} octets, expected {expected}")]
    NextHopLength {
        /// The family of the prefixes.
        family: Family,
        /// What stands there.
        got: usize,
        /// The lengths it can have.
        expected: &'static str,
    },
    /// A family the session does not carry. RFC 4760 §7
    #[error("{0} on a session that does not carry it")]
    NotNegotiated(Family),
    /// Prefixes that cannot be read. RFC 7606 §5.3
    #[error("{family} prefixes: {fault}")]
    Nlri {
        /// Their family.
        family: Family,
        /// What is wrong.
        fault: NlriFault,
    },
}

/// Why an AS_PATH cannot be read. RFC 7606 §7.2
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentFault {
    /// An undefined kind of segment.
    #[error("segment type {0}, expected 1 to 4")]
    Kind(u8),
    /// A segment without a number.
    #[error("a segment of no AS")]
    Empty,
    /// More numbers than there are octets.
    #[error("a segment of {count} ASes where {left} octets are left")]
    Overrun {
        /// Numbers the segment says it has.
        count: u8,
        /// Octets behind its header.
        left: usize,
    },
    /// One octet behind the last segment.
    #[error("one octet behind the last segment")]
    Underrun,
    /// A confederation's segment from outside the confederation. RFC 5065 §5
    #[error("a confederation segment from an external peer")]
    Confed,
}

impl AttrFault {
    /// The subcode of the UPDATE Message Error, should it come to that. RFC 4271 §6.3
    pub(crate) fn subcode(&self, code: AttrCode) -> u8 {
        let multiprotocol = matches!(code, AttrCode::MP_REACH_NLRI | AttrCode::MP_UNREACH_NLRI);
        match self {
            Self::Duplicate => 1,
            Self::NotWellKnown => 2,
            Self::Flags { .. } => 4,
            _ if multiprotocol => 9, // RFC 4760 §7
            Self::Overrun { .. } => 1,
            Self::Length { .. } => 5,
            Self::Origin(_) => 6,
            Self::Segment(_) => 11,
            Self::ZeroAs if code == AttrCode::AS_PATH => 11,
            _ => 9,
        }
    }
}

/// The category two flag bits stand for. RFC 4271 §5
fn category(flags: u8) -> &'static str {
    match (flags & AttrFlags::OPTIONAL != 0, flags & AttrFlags::TRANSITIVE != 0) {
        (false, _) => "0x40 (well-known)",
        (true, true) => "0xc0 (optional transitive)",
        (true, false) => "0x80 (optional non-transitive)",
    }
}
