//! What can be wrong with a message, and the NOTIFICATION that says so (RFC 4271 §6).

use bytes::Bytes;

use super::nlri::NlriFault;
use super::notification::{ErrorCode, Notification};
use crate::attr::{AttrCode, AttrFault};
use crate::{Asn, Family};

/// An error in a message: where, and what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("offset {offset}: {kind}")]
pub struct MessageError {
    /// Octets from the start of the message, header included.
    pub offset: usize,
    /// What is wrong.
    pub kind: MessageErrorKind,
}

/// What is wrong with a message. Each kind has its NOTIFICATION (RFC 4271 §6, and the RFCs named here).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageErrorKind {
    /// The first 16 octets are not all ones. RFC 4271 §6.1
    #[error("marker is not 16 octets of ones: not BGP, or the stream lost its place")]
    Marker,
    /// The message's length cannot be right for its type. RFC 4271 §6.1
    #[error("message length {length}, expected {min}–{max} octets for {what}")]
    Length {
        /// What the header says.
        length: u16,
        /// Smallest that can be right.
        min: u16,
        /// Largest that can be right.
        max: u16,
        /// The message's type in words.
        what: &'static str,
    },
    /// A message type we do not know. RFC 4271 §6.1
    #[error("message type {0}, expected 1 to 5")]
    Type(u8),
    /// An OPEN of another version of BGP. RFC 4271 §6.2
    #[error("BGP version {0}, expected 4")]
    Version(u8),
    /// "My Autonomous System" and the four-octet capability name different ASes. RFC 6793 §4.1, §9
    #[error("OPEN says AS {field} in its header and AS {capability} in its four-octet AS capability")]
    AsMismatch {
        /// The OPEN's two-octet field.
        field: Asn,
        /// The capability's value.
        capability: Asn,
    },
    /// An optional parameter other than Capabilities. RFC 4271 §6.2
    #[error("optional parameter {0}, expected 2 (Capabilities)")]
    OptionalParameter(u8),
    /// The optional parameters do not fill the room their lengths say. RFC 4271 §6.2, RFC 9072 §2
    #[error("optional parameters end {what}: {length} octets where there are {room}")]
    OptionalParametersLength {
        /// Where the lengths contradict each other.
        what: &'static str,
        /// What the length field says.
        length: usize,
        /// What is there.
        room: usize,
    },
    /// A capability we know, of a length it cannot have. RFC 4271 §6.2: "recognized, but is malformed"
    #[error("{name} capability of {length} octets, expected {expected}")]
    CapabilityLength {
        /// Which.
        name: &'static str,
        /// Its length.
        length: usize,
        /// The lengths it can have.
        expected: &'static str,
    },
    /// Withdrawn Routes Length points behind the message. RFC 4271 §6.3, RFC 7606 §3 b
    #[error("Withdrawn Routes Length {length}, expected at most {room}")]
    WithdrawnLength {
        /// What the field says.
        length: usize,
        /// What the message has room for.
        room: usize,
    },
    /// Total Path Attribute Length points behind the message. RFC 4271 §6.3, RFC 7606 §3 b
    #[error("Total Path Attribute Length {length}, expected at most {room}")]
    AttributesLength {
        /// What the field says.
        length: usize,
        /// What the message has room for.
        room: usize,
    },
    /// Octets behind the last attribute, too few for another one. RFC 7606 §4
    #[error("{left} octets behind the last path attribute, expected none or a whole attribute")]
    AttributeHeader {
        /// How many.
        left: usize,
    },
    /// A path attribute is wrong.
    #[error("{code}: {fault}")]
    Attribute {
        /// Which.
        code: AttrCode,
        /// What is wrong with it.
        fault: AttrFault,
        /// The attribute as it stands in the message: flags, type, length and value.
        attr: Bytes,
    },
    /// A mandatory attribute is not there. RFC 4271 §6.3, RFC 7606 §3 d
    #[error("{0} is missing")]
    Missing(AttrCode),
    /// Prefixes outside MP_REACH_NLRI and MP_UNREACH_NLRI that cannot be read. RFC 7606 §5.3
    #[error("{field}: {fault}")]
    Nlri {
        /// `NLRI` or `Withdrawn Routes`.
        field: &'static str,
        /// What is wrong.
        fault: NlriFault,
    },
    /// Prefixes outside MP_REACH_NLRI and MP_UNREACH_NLRI, on a session that does not carry IPv4 unicast.
    #[error("{field}: {family} prefixes on a session that does not carry them")]
    NotNegotiated {
        /// `NLRI` or `Withdrawn Routes`.
        field: &'static str,
        /// Their family.
        family: Family,
    },
    /// A ROUTE-REFRESH that is not 23 octets long. RFC 7313 §5
    #[error("ROUTE-REFRESH of {} octets, expected 23", message.len())]
    RefreshLength {
        /// The whole message.
        message: Bytes,
    },
}

impl MessageErrorKind {
    /// The kind with its place: octets from the start of the message.
    pub(crate) const fn at(self, offset: usize) -> MessageError {
        MessageError { offset, kind: self }
    }
}

impl From<&MessageError> for Notification {
    fn from(error: &MessageError) -> Self {
        use MessageErrorKind as Kind;
        match &error.kind {
            // RFC 4271 §6.1
            Kind::Marker => ErrorCode::MESSAGE_HEADER.with(1, Bytes::new()),
            Kind::Length { length, .. } => {
                ErrorCode::MESSAGE_HEADER.with(2, Bytes::copy_from_slice(&length.to_be_bytes()))
            }
            Kind::Type(kind) => ErrorCode::MESSAGE_HEADER.with(3, Bytes::copy_from_slice(&[*kind])),
            // RFC 4271 §6.2: the largest version we speak, in two octets.
            Kind::Version(_) => ErrorCode::OPEN_MESSAGE.with(1, Bytes::from_static(&[0, 4])),
            Kind::AsMismatch { .. } => ErrorCode::OPEN_MESSAGE.with(2, Bytes::new()),
            Kind::OptionalParameter(_) => ErrorCode::OPEN_MESSAGE.with(4, Bytes::new()),
            Kind::OptionalParametersLength { .. } | Kind::CapabilityLength { .. } => {
                ErrorCode::OPEN_MESSAGE.with(0, Bytes::new())
            }
            // RFC 4271 §6.3
            Kind::WithdrawnLength { .. } | Kind::AttributesLength { .. } | Kind::AttributeHeader { .. } => {
                ErrorCode::UPDATE_MESSAGE.with(1, Bytes::new())
            }
            Kind::Attribute { code, fault, attr } => {
                let subcode = fault.subcode(*code);
                // Malformed Attribute List and Malformed AS_PATH carry no data, the others the attribute.
                let data = if matches!(subcode, 1 | 11) { Bytes::new() } else { attr.clone() };
                ErrorCode::UPDATE_MESSAGE.with(subcode, data)
            }
            Kind::Missing(code) => ErrorCode::UPDATE_MESSAGE.with(3, Bytes::copy_from_slice(&[code.0])),
            Kind::Nlri { .. } | Kind::NotNegotiated { .. } => ErrorCode::UPDATE_MESSAGE.with(10, Bytes::new()),
            // RFC 7313 §5
            Kind::RefreshLength { message } => ErrorCode::ROUTE_REFRESH_MESSAGE.with(1, message.clone()),
        }
    }
}
