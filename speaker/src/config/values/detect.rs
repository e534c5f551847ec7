//! What node addresses are looked for by: patterns of interface names, and hosts.

use std::net::IpAddr;

use schemars::{Schema, json_schema};

use super::{Refusal, Scalar, expected};
use crate::config::secrets::crop;
use crate::detect::{Host, MAX_PATTERN, Pattern};

impl Scalar for Pattern {
    const WHAT: &'static str = "a regular expression over interface names, such as ^eth";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "format": "regex", "minLength": 1, "maxLength": MAX_PATTERN })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        Self::new(text).map_err(|why| Refusal {
            message: format!("`{}` is no regular expression: {why}", crop(text)),
            help: "it is found anywhere in the name of an interface: `^eth0$` means exactly eth0".to_owned(),
        })
    }
}

impl Scalar for Host {
    const WHAT: &'static str = "a host, by IP address or name";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX_HOST })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        match text.parse::<IpAddr>() {
            Ok(_) => IpAddr::from_text(text).map(Self::Address),
            // What is all digits and dots was meant to be an address.
            Err(_) if text.chars().all(|c| c.is_ascii_digit() || c == '.') => Err(expected(Self::WHAT, text)),
            Err(_) if text.len() <= MAX_HOST && text.chars().all(of_name) => Ok(Self::Name(text.to_owned())),
            Err(_) => Err(expected(Self::WHAT, text).help("no port, no prefix length, no scheme")),
        }
    }
}

/// The longest name of a host: RFC 1035 §2.3.4, without the root.
const MAX_HOST: usize = 253;

#[cfg(test)]
mod tests;
