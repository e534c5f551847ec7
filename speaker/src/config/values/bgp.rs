//! Values of BGP itself: AS numbers, router ids, communities, families, and who waits in a mesh.

use bgp_proto::attr::Community;
use bgp_proto::message::Role;
use bgp_proto::{AS_TRANS, Asn, Family, RouterId};
use schemars::{Schema, json_schema};

use crate::config::rules::PrivateAs;

use super::{Refusal, Scalar, expected};

impl Scalar for Asn {
    const WHAT: &'static str = "an AS number";

    fn schema() -> Schema {
        json_schema!({ "oneOf": [
            { "type": "integer", "minimum": 1, "maximum": 4_294_967_294_u32 },
            { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$" },
        ] })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let shape = text.bytes().all(|c| c.is_ascii_digit() || c == b'.');
        let asn = match text.parse::<Asn>() {
            Ok(asn) if shape => asn,
            _ => return Err(expected("an AS number from 1 to 4294967294 (or 1.10 in asdot)", text)),
        };
        let why = match asn {
            Asn(0) => "AS 0 names no AS (RFC 7607)",
            AS_TRANS => "AS 23456 is AS_TRANS, which stands for numbers that do not fit two octets (RFC 6793)",
            Asn(65535 | u32::MAX) => "this AS number is reserved (RFC 7300)",
            _ => return Ok(asn),
        };
        Err(Refusal {
            message: why.to_owned(),
            help: "private numbers are 64512–65534 and 4200000000–4294967294".to_owned(),
        })
    }
}

impl Scalar for RouterId {
    const WHAT: &'static str = "a router id, written like an IPv4 address";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "format": "ipv4" })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        match text.parse::<RouterId>() {
            Ok(id) if id.is_valid() => Ok(id),
            Ok(_) => {
                Err(Refusal { message: "0.0.0.0 is no router id (RFC 6286 §2.1)".to_owned(), ..Refusal::default() }
                    .help("leave the key out to take the node's first IPv4 address"))
            }
            Err(_) => Err(expected(Self::WHAT, text)),
        }
    }
}

impl Scalar for Community {
    const WHAT: &'static str = "a community, such as 64512:100 or no-export";

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        text.parse().map_err(|_| expected(Self::WHAT, text).help("both numbers are at most 65535"))
    }
}

impl Scalar for Family {
    const WHAT: &'static str = "ipv4 or ipv6";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "enum": ["ipv4", "ipv6"] })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        match text {
            "ipv4" => Ok(Self::IPV4_UNICAST),
            "ipv6" => Ok(Self::IPV6_UNICAST),
            _ => Err(expected(Self::WHAT, text)),
        }
    }
}

impl Scalar for Role {
    const WHAT: &'static str = "provider, customer, peer, rs or rs-client: what we are to the peer";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "enum": ["provider", "customer", "peer", "rs", "rs-client"] })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        match text {
            "provider" => Ok(Self::Provider),
            "customer" => Ok(Self::Customer),
            "peer" => Ok(Self::Peer),
            "rs" => Ok(Self::RouteServer),
            "rs-client" => Ok(Self::RouteServerClient),
            _ => Err(expected(Self::WHAT, text)),
        }
    }
}

impl Scalar for PrivateAs {
    const WHAT: &'static str = "true, false, all or replace";

    fn schema() -> Schema {
        json_schema!({ "enum": [true, false, "all", "replace"] })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        match text {
            "false" => Ok(Self::Keep),
            "true" => Ok(Self::RemoveIfAll),
            "all" => Ok(Self::Remove),
            "replace" => Ok(Self::Replace),
            _ => Err(expected(Self::WHAT, text)),
        }
    }
}

/// Who waits in the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum MeshPassive {
    /// This node does, or does not.
    Is(bool),
    /// Of two nodes the one whose address is smaller as text.
    Auto,
}

impl Scalar for MeshPassive {
    const WHAT: &'static str = "true, false or auto";

    fn schema() -> Schema {
        json_schema!({ "enum": [true, false, "auto"] })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        match text {
            "true" => Ok(Self::Is(true)),
            "false" => Ok(Self::Is(false)),
            "auto" => Ok(Self::Auto),
            _ => Err(expected(Self::WHAT, text)),
        }
    }
}
