//! The objects: where and when a message was seen, then the message, then what is wrong with it.

use std::io::Write;
use std::net::IpAddr;

use bgp_proto::message::{Frame, MessageError};
use serde::Serialize;

use super::DecodeError;
use super::context::{Session, Side};
use super::json::{Body, ErrorJson};

/// When a message was seen, from whom, to whom: as much of it as the recording says.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Place {
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write_time")]
    pub time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<End>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_as: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<End>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_as: Option<u32>,
    /// Line of the input, for hex text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

/// One end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub(super) enum End {
    /// Of an MRT record.
    Address(IpAddr),
    /// Of a TCP connection.
    Socket(std::net::SocketAddr),
}

/// Time since 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time {
    pub seconds: u64,
    /// 0–999,999,999.
    pub nanos: u32,
    /// Digits of the fraction that the recording has: 0, 6 or 9.
    pub digits: usize,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    place: &'a Place,
    #[serde(flatten)]
    body: &'a Body,
}

/// Writes objects, one a line.
pub(super) struct Output<'a> {
    out: &'a mut dyn Write,
    objects: u64,
}

impl<'a> Output<'a> {
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out, objects: 0 }
    }

    /// How many objects were written.
    pub fn objects(&self) -> u64 {
        self.objects
    }

    /// One message, decoded with what is known of its session; or what is wrong with its header.
    pub fn frame(
        &mut self,
        place: &Place,
        frame: Result<Frame, MessageError>,
        session: &mut Session,
        side: Side,
    ) -> Result<(), DecodeError> {
        let body = match frame {
            Ok(frame) => match session.decode(side, &frame) {
                Ok(message) => Body::of(&message),
                Err(error) => Body::broken(&frame, &error),
            },
            Err(error) => Body::no_header(&error),
        };
        self.object(place, &body)
    }

    /// Octets that belong to no message.
    pub fn missing(&mut self, place: &Place, octets: usize, why: &str) -> Result<(), DecodeError> {
        let message = format!("{why}: {octets} octets of it are here");
        self.object(place, &Body::Incomplete { error: ErrorJson::plain(octets, message) })
    }

    /// Octets between messages, or within one, that the capture does not have.
    pub fn not_captured(&mut self, place: &Place, octets: usize) -> Result<(), DecodeError> {
        let message = format!("{octets} octets of the connection were not captured");
        self.object(place, &Body::Incomplete { error: ErrorJson::plain(0, message) })
    }

    /// Any object.
    pub fn object(&mut self, place: &Place, body: &Body) -> Result<(), DecodeError> {
        self.objects += 1;
        serde_json::to_writer(&mut *self.out, &Line { place, body })
            .map_err(std::io::Error::from)
            .and_then(|()| self.out.write_all(b"\n"))
            .map_err(DecodeError::Write)
    }

    /// Shows what was written so far: the input may come slowly.
    pub fn flush(&mut self) -> Result<(), DecodeError> {
        self.out.flush().map_err(DecodeError::Write)
    }
}

fn write_time<S: serde::Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}

impl std::fmt::Display for Time {
    /// RFC 3339, in UTC.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = date(self.seconds / 86_400);
        let (hour, minute, second) = (self.seconds / 3600 % 24, self.seconds / 60 % 60, self.seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.digits > 0 {
            write!(f, ".{}", &format!("{:09}", self.nanos)[..self.digits])?;
        }
        f.write_str("Z")
    }
}

/// Year, month and day of a day counted from 1970-01-01: Hinnant's `civil_from_days`, whose years begin in March.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // from 0000-03-01
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Octets in hex, without anything between.
pub(super) fn hex(octets: &[u8]) -> String {
    use std::fmt::Write;
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        let _ = write!(text, "{octet:02x}"); // writing to a String cannot fail
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        for (seconds, nanos, digits, text) in [
            (0, 0, 0, "1970-01-01T00:00:00Z"),
            (951_782_399, 0, 0, "2000-02-28T23:59:59Z"),
            (951_782_400, 0, 0, "2000-02-29T00:00:00Z"),
            (951_868_800, 0, 0, "2000-03-01T00:00:00Z"),
            (1_546_300_800, 1_000, 6, "2019-01-01T00:00:00.000001Z"),
            (1_546_300_799, 999_999_999, 9, "2018-12-31T23:59:59.999999999Z"),
            (u64::from(u32::MAX), 0, 0, "2106-02-07T06:28:15Z"),
        ] {
            assert_eq!(Time { seconds, nanos, digits }.to_string(), text);
        }
    }
}
