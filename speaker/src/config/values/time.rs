//! Durations, written `90s`, `2m` or `1h30m`; a bare number is seconds.

use std::fmt;
use std::time::Duration;

use schemars::{Schema, json_schema};

use super::{Refusal, Scalar, expected};

/// Reads `90s`, `2m`, `1h30m`, `250ms`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Option<Duration> {
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
pub(in crate::config) fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0 => "0s".to_owned(),
        _ if !millis.is_multiple_of(1_000) => format!("{millis}ms"),
        _ if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
        _ if millis.is_multiple_of(60_000) && millis > 120_000 => format!("{}m", millis / 60_000),
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
pub(in crate::config) struct Lasting<const MIN: u64, const MAX: u64>(pub Duration);

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
pub(in crate::config) struct Seconds<const MIN: u64, const MAX: u64>(pub Duration);

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
