//! A drain with its times and text read: the body of `POST /v1/drain` becomes a [`Drain`] or a problem that names the
//! field.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::model::{DrainOrder, Problem};
use super::orders::message;

/// How the node is to be drained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// For the peers' operators (RFC 9003).
    pub message: Option<String>,
    /// From when all was sent until the sessions end.
    pub settle: Duration,
    /// When they end in any case.
    pub timeout: Duration,
    /// It ends with the process.
    pub until_restart: bool,
}

impl Default for Drain {
    /// 5 seconds to move, 60 in all, and over restarts.
    fn default() -> Self {
        let [settle, timeout] = [5, 60].map(Duration::from_secs);
        Self { message: None, settle, timeout, until_restart: false }
    }
}

impl TryFrom<DrainOrder> for Drain {
    type Error = Problem;

    fn try_from(order: DrainOrder) -> Result<Self, Problem> {
        let usual = Self::default();
        Ok(Self {
            message: message(order.message)?,
            settle: seconds("settle", order.settle, 0..=3600)?.unwrap_or(usual.settle),
            timeout: seconds("timeout", order.timeout, 1..=86_400)?.unwrap_or(usual.timeout),
            until_restart: order.until_restart,
        })
    }
}

fn seconds(field: &str, given: Option<u64>, allowed: RangeInclusive<u64>) -> Result<Option<Duration>, Problem> {
    match given {
        Some(number) if !allowed.contains(&number) => Err(Problem::bad_request(format!(
            "{field}: expected {} to {} seconds, found {number}",
            allowed.start(),
            allowed.end()
        ))),
        given => Ok(given.map(Duration::from_secs)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_as_usual_and_what_is_too_much_is_named() {
        assert_eq!(Drain::try_from(DrainOrder::default()).unwrap(), Drain::default());
        let problem = |order: DrainOrder| Drain::try_from(order).unwrap_err().detail;
        let order = DrainOrder { settle: Some(3601), ..DrainOrder::default() };
        assert_eq!(problem(order), "settle: expected 0 to 3600 seconds, found 3601");
        let order = DrainOrder { timeout: Some(0), ..DrainOrder::default() };
        assert_eq!(problem(order), "timeout: expected 1 to 86400 seconds, found 0");
        let order = DrainOrder { message: Some("x".repeat(256)), ..DrainOrder::default() };
        assert!(problem(order).contains("at most 255 fit"));
    }
}
