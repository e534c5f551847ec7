//! When the sessions are told: at once while there is little to tell, in rounds while there is much.
//!
//! Waking a session and one `write` cost the same for one message as for a hundred, and a change is told to all. So when
//! changes come faster than the sessions can be told of each by itself, telling them together saves most of the work.
//! There is no timer that news has to sit out: a round is owed a moment of rest in proportion to the sessions it woke,
//! and only news that comes within that moment waits for its end. A quiet speaker has rested enough for many rounds in
//! advance.
//!
//! The bench (`tests/bench R5`): 100 clients of a reflector with 2,000 changes a second together.

use std::time::{Duration, Instant};

/// Rest a session costs when the round did not have to wait: news is rare.
const CALM: Duration = Duration::from_micros(10);
/// Rest a session costs when it had to: many times the work of waking it and writing to it.
const BUSY: Duration = Duration::from_micros(60);
/// Longest rest after a round, however many sessions there are.
const LONGEST: Duration = Duration::from_micros(5_500);
/// Rest that is saved up at most.
const SAVED: Duration = Duration::from_millis(10);

/// The rest that is owed.
#[derive(Default)]
pub struct Pace {
    /// Rested until then; in the past, that much is saved up. `None`: always.
    rested: Option<Instant>,
    /// A round has been put off.
    waiting: bool,
}

impl Pace {
    /// Whether a round may begin. If not, [`Pace::due`] says when.
    pub fn may_tell(&mut self, now: Instant) -> bool {
        self.waiting = self.rested.is_some_and(|rested| rested > now);
        !self.waiting
    }

    /// When a round that has been put off may begin; `None` when none has.
    pub fn due(&self) -> Option<Instant> {
        self.rested.filter(|_| self.waiting)
    }

    /// A round woke so many sessions; `late` if it had been put off before.
    pub fn told(&mut self, now: Instant, sessions: usize, late: bool) {
        let each = if late { BUSY } else { CALM };
        let rest = each.saturating_mul(u32::try_from(sessions).unwrap_or(u32::MAX)).min(LONGEST);
        let earliest = now.checked_sub(SAVED).unwrap_or(now);
        self.rested = Some(self.rested.map_or(earliest, |rested| rested.max(earliest)) + rest);
    }
}

#[cfg(test)]
mod tests;
