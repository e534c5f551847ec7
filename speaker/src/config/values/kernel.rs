//! What the kernel and the file system name: devices, paths, permissions, route protocols and tables.

use std::fmt;
use std::path::PathBuf;

use fib_sync::Metric;
use schemars::{Schema, json_schema};

use super::{Int, Refusal, Scalar, expected};

/// The name of a network device: 1 to 15 bytes without `/` or blanks, as the kernel allows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceName(String);

impl DeviceName {
    /// A device name, or `None` when the kernel would refuse it.
    pub fn new(name: &str) -> Option<Self> {
        let good = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '/' | ':');
        let valid = (1..=15).contains(&name.len()) && name.chars().all(good) && !matches!(name, "." | "..");
        valid.then(|| Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Scalar for DeviceName {
    const WHAT: &'static str = "a network device of at most 15 characters, such as tunl0";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 15 })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        Self::new(text).ok_or_else(|| expected(Self::WHAT, text))
    }
}

/// Permissions of the control socket: three octal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SocketMode(u32);

impl SocketMode {
    /// Owner and group may talk to the speaker.
    pub const DEFAULT: Self = Self(0o660);

    /// The bits, as `chmod` takes them.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for SocketMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl Scalar for SocketMode {
    const WHAT: &'static str = "octal permissions, such as \"0660\"";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^0?[0-7]{3}$" })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let digits = text.strip_prefix("0o").or_else(|| text.strip_prefix('0')).unwrap_or(text);
        match u32::from_str_radix(digits, 8) {
            Ok(bits) if digits.len() == 3 && !digits.starts_with('+') => Ok(Self(bits)),
            _ => Err(expected(Self::WHAT, text)),
        }
    }
}

/// The group of the control socket: a name, or a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketGroup(String);

impl SocketGroup {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Scalar for SocketGroup {
    const WHAT: &'static str = "a group of the system, by name or number";

    fn schema() -> Schema {
        json_schema!({ "type": ["string", "integer"], "minLength": 1, "maxLength": 32, "minimum": 0 })
    }

    /// groupadd(8): names have at most 32 characters.
    fn from_text(text: &str) -> Result<Self, Refusal> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-$".contains(&byte);
        match (1..=32).contains(&text.len()) && text.bytes().all(known) && !text.starts_with('-') {
            true => Ok(Self(text.to_owned())),
            false => Err(expected(Self::WHAT, text)),
        }
    }
}

impl Scalar for PathBuf {
    const WHAT: &'static str = "a path";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        match text.is_empty() || text.contains('\0') {
            true => Err(expected(Self::WHAT, text)),
            false => Ok(text.into()),
        }
    }
}

/// The kernel's protocol id of our routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct RouteProtocol(pub u8);

impl Scalar for RouteProtocol {
    const WHAT: &'static str = "a route protocol: bird, bgp, or a number from 5 to 255";

    fn schema() -> Schema {
        json_schema!({ "oneOf": [
            { "type": "integer", "minimum": 5, "maximum": 255 },
            { "type": "string", "enum": ["bird", "bgp"] },
        ] })
    }

    /// Names as in iproute2's `rt_protos`; 0 to 4 belong to the kernel, its redirects and the administrator.
    fn from_text(text: &str) -> Result<Self, Refusal> {
        match text {
            "bird" => Ok(Self(12)),
            "bgp" => Ok(Self(186)),
            _ => match Int::<5, 255>::from_text(text).ok().and_then(|id| u8::try_from(id.0).ok()) {
                Some(id) => Ok(Self(id)),
                None => Err(expected(Self::WHAT, text).help("0 to 4 belong to the kernel and the administrator")),
            },
        }
    }
}

/// The kernel's metric of our routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct RouteMetric(pub Metric);

impl Scalar for RouteMetric {
    const WHAT: &'static str = "a metric: a number from 0 to 4294967295, or local-pref";

    fn schema() -> Schema {
        json_schema!({ "oneOf": [
            { "type": "integer", "minimum": 0, "maximum": u32::MAX },
            { "type": "string", "enum": ["local-pref"] },
        ] })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        const MAX: u64 = u32::MAX as u64;
        if text == "local-pref" {
            return Ok(Self(Metric::FromPreference));
        }
        match Int::<0, MAX>::from_text(text).ok().and_then(|metric| u32::try_from(metric.0).ok()) {
            Some(0) => Ok(Self(Metric::None)),
            Some(metric) => Ok(Self(Metric::Fixed(metric))),
            None => Err(expected(Self::WHAT, text)),
        }
    }
}

/// A routing table of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct RouteTable(pub u32);

impl Scalar for RouteTable {
    const WHAT: &'static str = "a routing table: main, or a number other than 0 and 255";

    fn schema() -> Schema {
        json_schema!({ "oneOf": [
            { "type": "integer", "minimum": 1, "maximum": u32::MAX },
            { "type": "string", "enum": ["main"] },
        ] })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        match (text, text.parse::<u32>()) {
            ("main", _) => Ok(Self(254)),
            (_, Ok(table)) if !matches!(table, 0 | 255) && !text.starts_with('+') => Ok(Self(table)),
            _ => Err(expected(Self::WHAT, text).help("0 means none, 255 is the kernel's own `local`")),
        }
    }
}
