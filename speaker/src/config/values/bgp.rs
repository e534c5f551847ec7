//! Values of BGP itself: AS numbers, router ids, communities, families, and who waits in a mesh.

use std::borrow::Cow;
use std::fmt;

use bgp_proto::attr::Community;
use bgp_proto::message::Role;
use bgp_proto::{AS_TRANS, Asn, Family, RouterId};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, IntoDeserializer, SeqAccess, Visitor};

use crate::config::rules::PrivateAs;

use super::{Read, Refusal, S, Scalar, expected};

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

/// Which ASes dynamic peers may be of.
#[derive(Clone, Debug)]
pub(in crate::config) enum Asns {
    /// One number.
    One(Asn),
    /// Any of these.
    List(Vec<S<Asn>>),
    /// Any external one.
    Any,
}

impl<'de> Deserialize<'de> for Asns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsnsVisitor;

        impl<'de> Visitor<'de> for AsnsVisitor {
            type Value = Asns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an AS number, a list of them, or any")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Asns, E> {
                if text == "any" {
                    return Ok(Asns::Any);
                }
                Read::deserialize(text.into_deserializer()).map(|Read(asn)| Asns::One(asn))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Asns, A::Error> {
                let mut list = Vec::new();
                while let Some(asn) = seq.next_element()? {
                    list.push(asn);
                }
                Ok(Asns::List(list))
            }
        }

        deserializer.deserialize_any(AsnsVisitor)
    }
}

impl JsonSchema for Asns {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Asns".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let asn = Asn::schema();
        json_schema!({ "anyOf": [asn, { "const": "any" }, { "type": "array", "items": asn, "minItems": 1 }] })
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
