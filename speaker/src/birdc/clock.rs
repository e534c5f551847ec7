//! Times as BIRD writes them: by the machine's clock and time zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// From here on a date says more than a time: 20 hours, as BIRD's `iso short` has it.
const LONG_AGO: u64 = 20 * 3600 * 1000;

/// The time of an answer, in milliseconds since 1970, and where.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    pub now: u64,
    pub zone: TimeZone,
}

impl Clock {
    /// The machine's.
    pub fn now() -> Self {
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        Self { now, zone: TimeZone::system() }
    }

    /// `2026-11-21 01:06:59`
    pub fn long(&self, at: u64) -> String {
        self.format(at, "%Y-%m-%d %H:%M:%S")
    }

    /// `01:06:59`, or the date when that is long ago.
    pub fn short(&self, at: u64) -> String {
        self.format(at, if self.now.saturating_sub(at) <= LONG_AGO { "%H:%M:%S" } else { "%Y-%m-%d" })
    }

    fn format(&self, at: u64, format: &str) -> String {
        let at = i64::try_from(at).ok().and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or(Timestamp::MAX);
        at.to_zoned(self.zone.clone()).strftime(format).to_string()
    }
}
