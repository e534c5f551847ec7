//! Single values of the configuration: read from one YAML scalar, and unable to hold nonsense.
//!
//! [`Scalar`] is the contract between text and value. `Read<T>` carries it into serde and schemars, also for types of
//! other crates; the raw configuration spells it [`S`]. A value that is refused says what was expected; it quotes what
//! it found, except for a [`Secret`].

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use bgp_proto::attr::Community;
use bgp_proto::{AS_TRANS, Asn, Family, Prefix, RouterId};
use ipnetwork::IpNetwork;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::read::At;
use super::tree::crop;

/// Why a text is not the value that was expected.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Refusal {
    /// What was expected, and what was found.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Expected `what`, found `text`.
fn expected(what: &str, text: &str) -> Refusal {
    Refusal { message: format!("expected {what}, found `{}`", crop(text)), help: String::new() }
}

impl Refusal {
    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

/// A value that is written as one YAML scalar.
pub(super) trait Scalar: Sized {
    /// The value in words, as in "expected …".
    const WHAT: &'static str;
    /// Its JSON Schema.
    fn schema() -> Schema;
    /// The value `text` stands for.
    fn from_text(text: &str) -> Result<Self, Refusal>;
}

/// A field of the raw configuration that is a scalar.
pub(super) type S<T> = At<Read<T>>;

/// Carries a [`Scalar`] into serde and schemars.
#[derive(Clone, Debug)]
pub(super) struct Read<T>(pub T);

impl<T: Clone> At<Read<T>> {
    /// The value, when there is a good one.
    pub fn get(&self) -> Option<T> {
        self.value().map(|read| read.0.clone())
    }
}

impl<'de, T: Scalar> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor<T>(PhantomData<T>);

        impl<T: Scalar> Visitor<'_> for TextVisitor<T> {
            type Value = Read<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::WHAT)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Read<T>, E> {
                T::from_text(text)
                    .map(Read)
                    .map_err(|Refusal { message, help }| E::custom(format!("{message}\n{help}")))
            }
        }

        deserializer.deserialize_str(TextVisitor(PhantomData))
    }
}

impl<T: Scalar> JsonSchema for Read<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::WHAT.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

impl Scalar for String {
    const WHAT: &'static str = "text";

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        match text.chars().any(char::is_control) {
            true => Err(expected("text on one line", &text.escape_debug().to_string())),
            false => Ok(text.to_owned()),
        }
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Int<const MIN: u64, const MAX: u64>(pub u64);

impl<const MIN: u64, const MAX: u64> Scalar for Int<MIN, MAX> {
    const WHAT: &'static str = "a whole number";

    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits && (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(expected(&format!("a whole number from {MIN} to {MAX}"), text)),
        }
    }
}

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

/// An address packets can be sent to.
fn usable(address: IpAddr, text: &str) -> Result<IpAddr, Refusal> {
    let what = match address {
        address if address.is_unspecified() => "the unspecified address",
        address if address.is_multicast() => "a multicast address",
        IpAddr::V4(Ipv4Addr::BROADCAST) => "the broadcast address",
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            return Err(expected("an address", text).help("write an IPv4-mapped address as plain IPv4"));
        }
        address => return Ok(address),
    };
    Err(Refusal { message: format!("`{}` is {what}", crop(text)), help: "expected the address of one host".to_owned() })
}

fn address(text: &str) -> Result<IpAddr, Refusal> {
    text.parse().map_err(|_| {
        let refusal = expected("an IP address, such as 172.16.1.1 or fd00::1", text);
        match text {
            _ if text.contains('/') => refusal.help("no prefix length here"),
            _ if text.parse::<SocketAddr>().is_ok() => refusal.help("the port has a key of its own"),
            _ => refusal,
        }
    })
}

impl Scalar for IpAddr {
    const WHAT: &'static str = "an IP address";

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        usable(address(text)?, text)
    }
}

/// The address of a peer: a link-local one names its interface, `fe80::1%eth0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PeerAddress {
    pub address: IpAddr,
    pub interface: Option<DeviceName>,
}

impl Scalar for PeerAddress {
    const WHAT: &'static str = "the peer's IP address";

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let (host, zone) = text.split_once('%').map_or((text, None), |(host, zone)| (host, Some(zone)));
        let address = usable(address(host)?, host)?;
        let link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
        let interface = match (link_local, zone) {
            (true, Some(zone)) => Some(DeviceName::from_text(zone)?),
            (false, None) => None,
            (true, None) => {
                return Err(expected("an address with its interface", text).help(format!("write `{host}%eth0`")));
            }
            (false, Some(_)) => {
                return Err(expected("an address", text).help("only link-local addresses have a `%interface`"));
            }
        };
        Ok(Self { address, interface })
    }
}

impl Scalar for SocketAddr {
    const WHAT: &'static str = "ADDRESS:PORT";

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        text.parse().map_err(|_| {
            let refusal = expected("ADDRESS:PORT, such as 0.0.0.0:179 or [::]:179", text);
            match text.parse::<IpAddr>() {
                Ok(IpAddr::V4(_)) => refusal.help(format!("did you mean `{text}:179`?")),
                Ok(IpAddr::V6(_)) => refusal.help(format!("did you mean `[{text}]:179`?")),
                Err(_) => refusal,
            }
        })
    }
}

/// A block of addresses: no host bits set.
impl Scalar for Prefix {
    const WHAT: &'static str = "a prefix";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-fA-F:.]+/[0-9]{1,3}$" })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let prefix: Prefix = text.parse().map_err(|error| {
            let refusal = expected("a prefix, such as 10.65.1.0/26 or fd00:10::/122", text);
            match (error, text.parse::<IpAddr>()) {
                (bgp_proto::PrefixError::Length { max, .. }, _) => refusal.help(format!("the length is at most {max}")),
                (_, Ok(address)) => refusal.help(format!("for one address write `{}`", Prefix::host(address))),
                _ => refusal,
            }
        })?;
        let written = text.split_once('/').and_then(|(address, _)| address.parse::<IpAddr>().ok());
        if written != Some(prefix.addr()) {
            return Err(Refusal {
                message: format!("`{}` has bits set behind its length", crop(text)),
                help: format!("did you mean `{prefix}`?"),
            });
        }
        Ok(prefix)
    }
}

/// An address of this node with the length of its subnet. A bare address is a subnet of its own.
impl Scalar for IpNetwork {
    const WHAT: &'static str = "an address with its prefix length, such as 172.16.1.1/24";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-fA-F:.]+(/[0-9]{1,3})?$" })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let (host, len) = text.split_once('/').map_or((text, None), |(host, len)| (host, Some(len)));
        let address = usable(address(host)?, host)?;
        let max = if address.is_ipv4() { 32 } else { 128 };
        let len = match len.map(Int::<0, 128>::from_text).transpose() {
            Ok(len) => len.map_or(max, |len| len.0),
            Err(_) => return Err(expected(Self::WHAT, text)),
        };
        let network = u8::try_from(len).ok().and_then(|len| IpNetwork::new(address, len).ok());
        network.ok_or_else(|| expected(Self::WHAT, text).help(format!("the length is at most {max}")))
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

/// Reads `90s`, `2m`, `1h30m`, `250ms`; a bare number is seconds.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let millis: u64 = match &rest[..unit] {
            "" if digits == text.len() => 1_000,
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        rest = &rest[unit..];
        total = total.checked_add(Duration::from_millis(number.checked_mul(millis)?))?;
    }
    (!text.is_empty()).then_some(total)
}

/// A duration as the configuration writes it.
pub(super) fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0 => "0s".to_owned(),
        _ if millis % 1_000 != 0 => format!("{millis}ms"),
        _ if millis % 3_600_000 == 0 => format!("{}h", millis / 3_600_000),
        _ if millis % 60_000 == 0 && millis > 120_000 => format!("{}m", millis / 60_000),
        _ => format!("{}s", millis / 1_000),
    }
}

fn duration_schema() -> Schema {
    json_schema!({ "oneOf": [
        { "type": "integer", "minimum": 0, "description": "seconds" },
        { "type": "string", "pattern": "^([0-9]+|([0-9]+(ms|s|m|min|h|d))+)$" },
    ] })
}

/// A duration from `MIN` to `MAX` milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lasting<const MIN: u64, const MAX: u64>(pub Duration);

impl<const MIN: u64, const MAX: u64> Scalar for Lasting<MIN, MAX> {
    const WHAT: &'static str = "a duration, such as 90s or 2m";

    fn schema() -> Schema {
        duration_schema()
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let (min, max) = (Duration::from_millis(MIN), Duration::from_millis(MAX));
        match duration(text) {
            Some(duration) if (min..=max).contains(&duration) => Ok(Self(duration)),
            Some(_) => {
                Err(expected(&format!("a duration from {} to {}", show_duration(min), show_duration(max)), text))
            }
            None => Err(expected(Self::WHAT, text).help("units are ms, s, m, h, d; a bare number is seconds")),
        }
    }
}

/// A duration of whole seconds, from `MIN` to `MAX` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seconds<const MIN: u64, const MAX: u64>(pub Duration);

impl<const MIN: u64, const MAX: u64> Scalar for Seconds<MIN, MAX> {
    const WHAT: &'static str = "a duration in whole seconds, such as 90s or 2m";

    fn schema() -> Schema {
        duration_schema()
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let whole = duration(text).filter(|duration| duration.subsec_nanos() == 0);
        whole.filter(|duration| (MIN..=MAX).contains(&duration.as_secs())).map(Self).ok_or_else(|| {
            let (min, max) = (Duration::from_secs(MIN), Duration::from_secs(MAX));
            let what = format!("a duration from {} to {} in whole seconds", show_duration(min), show_duration(max));
            expected(&what, text).help("write 90s, 2m or 1m30s; a bare number is seconds")
        })
    }
}

/// A hold time: zero (no keepalives, never expires) or 3 to 65535 whole seconds. RFC 4271 §4.2
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldTime(u16);

impl HoldTime {
    /// 90 seconds, what RFC 4271 §10 suggests.
    pub const DEFAULT: Self = Self(90);

    /// A hold time of whole seconds; one and two are refused.
    pub fn new(seconds: u16) -> Option<Self> {
        (!matches!(seconds, 1 | 2)).then_some(Self(seconds))
    }

    /// The seconds as they stand in an OPEN.
    pub fn as_secs(self) -> u16 {
        self.0
    }

    /// The hold time as a duration.
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0.into())
    }

    /// Whether the session has no hold timer at all.
    pub fn is_off(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Debug for HoldTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

impl Scalar for HoldTime {
    const WHAT: &'static str = "a hold time, such as 90s";

    fn schema() -> Schema {
        duration_schema()
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let whole = duration(text).filter(|duration| duration.subsec_nanos() == 0);
        let seconds = whole.and_then(|duration| u16::try_from(duration.as_secs()).ok());
        seconds.and_then(Self::new).ok_or_else(|| {
            expected("a hold time of 0 or 3s to 65535s", text)
                .help("RFC 4271 §4.2 allows no other; 0 turns the hold timer off")
        })
    }
}

/// Text nobody may see: `Debug` prints `***`, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The kernel takes TCP-MD5 keys of 1 to 80 bytes (`TCP_MD5SIG_MAXKEYLEN`).
    pub const MAX_LEN: usize = 80;

    /// A secret of 1 to [`Self::MAX_LEN`] bytes.
    pub fn new(text: &str) -> Option<Self> {
        (1..=Self::MAX_LEN).contains(&text.len()).then(|| Self(text.to_owned()))
    }

    /// The text itself, for the one who has to use it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Scalar for Secret {
    const WHAT: &'static str = "a password";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 80 })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        Self::new(text).ok_or_else(|| Refusal {
            message: format!("expected a password of 1 to {} bytes, found {} bytes", Self::MAX_LEN, text.len()),
            help: "the kernel takes no other TCP-MD5 key".to_owned(),
        })
    }
}

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
pub(super) struct RouteProtocol(pub u8);

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

/// A routing table of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RouteTable(pub u32);

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

/// Who waits in the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MeshPassive {
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
