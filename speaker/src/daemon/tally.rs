//! What all sessions, and those who ask the owner, count together, beside what each counts for itself: sums that outlive
//! every one of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bgp_proto::message::{ErrorCode, Notification};
use fib_sync::Latency;

/// Shared by the sessions. Each of its locks is held for a few instructions.
#[derive(Debug, Default)]
pub struct Tally {
    to_wire: Mutex<Latency>,
    owner_wait: Mutex<Latency>,
    lost: Mutex<Reasons>,
    failed: Mutex<Reasons>,
    notifications: Mutex<Notifications>,
}

/// How often, by `in` or `out` and the name of the error. As many as the registry has names.
pub type Notifications = BTreeMap<(&'static str, String), u64>;

/// How often, by the names of their reasons.
pub type Reasons = BTreeMap<&'static str, u64>;

impl Tally {
    /// What came from a socket so long ago has been written to another one.
    pub fn wrote(&self, after: Duration) {
        lock(&self.to_wire).observe(after);
    }

    /// A question or an order to the owner has waited so long until its turn.
    pub fn asked(&self, after: Duration) {
        lock(&self.owner_wait).observe(after);
    }

    /// A session ended.
    pub fn lost(&self, reason: &'static str) {
        *lock(&self.lost).entry(reason).or_default() += 1;
    }

    /// An attempt at a session came to nothing.
    pub fn failed(&self, reason: &'static str) {
        *lock(&self.failed).entry(reason).or_default() += 1;
    }

    /// A NOTIFICATION came in (`in`), or went out (`out`).
    pub fn notification(&self, direction: &'static str, notification: &Notification) {
        let known = notification.code <= ErrorCode::SEND_HOLD_TIMER_EXPIRED && notification.code.0 > 0;
        let error = match notification.subcode_name() {
            Some(_) => notification.name(),
            // A peer may send any number, and must not make a series of each.
            None if known => notification.code.to_string(),
            None => "unknown".to_owned(),
        };
        *lock(&self.notifications).entry((direction, error)).or_default() += 1;
    }

    /// NOTIFICATIONs by direction and error.
    pub fn notifications(&self) -> Notifications {
        lock(&self.notifications).clone()
    }

    /// How long news has taken from socket to socket.
    pub fn to_wire(&self) -> Latency {
        *lock(&self.to_wire)
    }

    /// How long questions and orders have waited for the owner.
    pub fn owner_wait(&self) -> Latency {
        *lock(&self.owner_wait)
    }

    /// Sessions that ended, and attempts that failed.
    pub fn reasons(&self) -> [Reasons; 2] {
        [lock(&self.lost).clone(), lock(&self.failed).clone()]
    }
}

/// One that panicked while it held the lock has left a whole value behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use bgp_proto::message::{ErrorCode, Notification};
    use bytes::Bytes;

    use super::*;

    #[test]
    fn errors_are_counted_by_the_registrys_names_and_all_others_together() {
        let tally = Tally::default();
        for code in 0..=u8::MAX {
            for subcode in 0..=u8::MAX {
                tally.notification("in", &Notification { code: ErrorCode(code), subcode, data: Bytes::new() });
            }
        }
        tally.notification("out", &Notification::cease(2, Some("maintenance")));
        let counts = tally.notifications();
        let of = |direction, error: &str| counts.get(&(direction, error.to_owned())).copied().unwrap_or(0);
        assert_eq!((of("in", "Cease/Administrative Shutdown"), of("out", "Cease/Administrative Shutdown")), (1, 1));
        assert_eq!(of("in", "Hold Timer Expired"), 256, "it has no subcodes");
        assert_eq!((of("in", "Cease"), of("in", "unknown")), (246, 248 * 256 - 256 + 256), "{counts:?}");
        assert!(counts.len() < 64, "{} series", counts.len());
        assert_eq!(counts.values().sum::<u64>(), 65_536 + 1);
    }
}
