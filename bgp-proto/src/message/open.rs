//! OPEN: who a speaker is and what it can do (RFC 4271 §4.2, RFC 5492, RFC 9072).
//!
//! Refused here is what cannot be read, or contradicts itself. Whether the AS, the identifier and the hold time are
//! acceptable is for the session to say, which knows whom it expected.

use bytes::{BufMut, Bytes, BytesMut};
use nom::Parser;
use nom::number::complete::{be_u8, be_u16, be_u32};

use super::{Capability, HEADER_LEN, MAX_LEN, MessageError, MessageErrorKind, kind, put_message};
use crate::{AS_TRANS, Asn, RouterId};

/// The parameter that carries capabilities. RFC 5492 §4
const CAPABILITIES: u8 = 2;
/// As the first parameter's type: the parameters follow in the extended form. RFC 9072 §2
const EXTENDED: u8 = 255;

/// An OPEN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// 4.
    pub version: u8,
    /// The speaker's AS: the one of the four-octet AS capability if there is one, else the two-octet field.
    pub asn: Asn,
    /// Proposed hold time in seconds; 0 is none, 1 and 2 are not acceptable (RFC 4271 §6.2).
    pub hold_time: u16,
    /// The BGP Identifier; zero is not acceptable (RFC 6286 §2.1).
    pub router_id: RouterId,
    /// In the order of the message, with those that are repeated and those we do not know.
    pub capabilities: Vec<Capability>,
}

impl Open {
    /// The first four-octet AS capability's value. RFC 6793 §3
    pub fn four_octet_as(&self) -> Option<Asn> {
        self.capabilities.iter().find_map(|capability| match capability {
            Capability::FourOctetAs(asn) => Some(*asn),
            _ => None,
        })
    }

    /// Reads the message; [`split_frame`](super::split_frame) has checked its length.
    pub(super) fn decode(message: &Bytes) -> Result<Self, MessageError> {
        let mut fields = (be_u8::<_, ()>, be_u16, be_u16, be_u32, be_u8);
        let body = message.get(HEADER_LEN..).unwrap_or_default();
        let Ok((parameters, (version, field, hold_time, router_id, length))) = fields.parse(body) else {
            let length = message.len() as u16;
            return Err(MessageErrorKind::Length { length, min: 29, max: MAX_LEN as u16, what: "an OPEN" }.at(16));
        };
        // Before anything else: another version may mean something else by what follows.
        if version != 4 {
            return Err(MessageErrorKind::Version(version).at(HEADER_LEN));
        }
        let capabilities = decode_parameters(parameters, length)?;
        let mut open =
            Self { version, asn: Asn(field.into()), hold_time, router_id: RouterId(router_id), capabilities };
        if let Some(capability) = open.four_octet_as() {
            check_asn(open.asn, capability)?;
            open.asn = capability;
        }
        Ok(open)
    }

    /// Capabilities that do not fit 4,096 octets are left out (RFC 8654 §4); ours have a tenth of that.
    pub(super) fn encode(&self, out: &mut BytesMut) {
        let mut capabilities = BytesMut::new();
        for capability in &self.capabilities {
            let start = capabilities.len();
            capability.encode(&mut capabilities);
            if capabilities.len() > MAX_LEN - HEADER_LEN - 10 - 6 {
                capabilities.truncate(start);
                break;
            }
        }
        put_message(out, kind::OPEN, |out| {
            out.put_u8(self.version);
            out.put_u16(self.asn.to_two_octet());
            out.put_u16(self.hold_time);
            out.put_u32(self.router_id.0);
            match capabilities.len() {
                0 => out.put_u8(0),
                len @ 1..=253 => out.put_slice(&[len as u8 + 2, CAPABILITIES, len as u8]),
                // RFC 9072 §2: only where the plain form has no room.
                len => {
                    out.put_slice(&[255, EXTENDED]);
                    out.put_u16(len as u16 + 3);
                    out.put_u8(CAPABILITIES);
                    out.put_u16(len as u16);
                }
            }
            out.put_slice(&capabilities);
        });
    }
}

/// RFC 6793 §4.2.2 lets a speaker with a number over 65535 put another number of its own, or AS_TRANS, into the field. A
/// number that fits stands in both places; AS_TRANS itself is nobody's number (§9).
fn check_asn(field: Asn, capability: Asn) -> Result<(), MessageError> {
    let same = !capability.is_two_octet() || field == capability || field == AS_TRANS;
    if same && capability != AS_TRANS && field != Asn(0) {
        return Ok(());
    }
    Err(MessageErrorKind::AsMismatch { field, capability }.at(HEADER_LEN + 1))
}

/// The parameters behind the octet that says `length`, in the plain or the extended form. RFC 4271 §4.2, RFC 9072 §2
fn decode_parameters(mut rest: &[u8], length: u8) -> Result<Vec<Capability>, MessageError> {
    let mut offset = HEADER_LEN + 10;
    let mut room = usize::from(length);
    // RFC 9072 §2: the type decides, the plain length does not count unless it is zero.
    let extended = length != 0 && rest.first() == Some(&EXTENDED);
    if extended {
        let Ok((tail, (_, len))) = (be_u8::<_, ()>, be_u16).parse(rest) else {
            let what = "within the extended length";
            return Err(MessageErrorKind::OptionalParametersLength { what, length: 3, room: rest.len() }.at(offset));
        };
        (rest, room, offset) = (tail, len.into(), offset + 3);
    }
    if room != rest.len() {
        let what = "elsewhere than the message";
        return Err(MessageErrorKind::OptionalParametersLength { what, length: room, room: rest.len() }.at(offset - 1));
    }
    let mut capabilities = Vec::new();
    while !rest.is_empty() {
        let header = if extended { (be_u8::<_, ()>, be_u16).parse(rest) } else { short_header(rest) };
        let header_len = if extended { 3 } else { 2 };
        let Ok((tail, (kind, len))) = header else {
            let what = "within a parameter's header";
            return Err(
                MessageErrorKind::OptionalParametersLength { what, length: header_len, room: rest.len() }.at(offset)
            );
        };
        let Some((value, tail)) = tail.split_at_checked(len.into()) else {
            let what = "within a parameter";
            let kind = MessageErrorKind::OptionalParametersLength { what, length: len.into(), room: tail.len() };
            return Err(kind.at(offset));
        };
        if kind != CAPABILITIES {
            return Err(MessageErrorKind::OptionalParameter(kind).at(offset));
        }
        Capability::decode_all(value, offset + header_len, &mut capabilities)?;
        rest = tail;
        offset += header_len + value.len();
    }
    Ok(capabilities)
}

fn short_header(input: &[u8]) -> nom::IResult<&[u8], (u8, u16), ()> {
    (be_u8, be_u8.map(u16::from)).parse(input)
}
