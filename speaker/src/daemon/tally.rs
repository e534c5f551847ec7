//! What all sessions count together, beside what each counts for itself: sums that outlive every one of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fib_sync::Latency;

/// Shared by the sessions. Each of its locks is held for a few instructions.
#[derive(Debug, Default)]
pub struct Tally {
    to_wire: Mutex<Latency>,
    lost: Mutex<Reasons>,
    failed: Mutex<Reasons>,
}

/// How often, by the names of their reasons.
pub type Reasons = BTreeMap<&'static str, u64>;

impl Tally {
    /// What came from a socket so long ago has been written to another one.
    pub fn wrote(&self, after: Duration) {
        lock(&self.to_wire).observe(after);
    }

    /// A session ended.
    pub fn lost(&self, reason: &'static str) {
        *lock(&self.lost).entry(reason).or_default() += 1;
    }

    /// An attempt at a session came to nothing.
    pub fn failed(&self, reason: &'static str) {
        *lock(&self.failed).entry(reason).or_default() += 1;
    }

    /// How long news has taken from socket to socket.
    pub fn to_wire(&self) -> Latency {
        *lock(&self.to_wire)
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
