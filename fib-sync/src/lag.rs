//! How long wishes wait for the kernel.
//!
//! A stamp is put on what is handed in together, where it is handed in: a look at the clock for a batch, never one for a
//! prefix. It is taken off when the kernel has answered what was planned for it. While one batch follows another the thread
//! is never idle, so "nothing left to do" would not tell: instead the stamp hangs on the last batch that was out when
//! nothing was left to plan.

use crate::latency::Latency;
use std::collections::VecDeque;
use std::time::Instant;

#[derive(Debug, Default)]
pub(crate) struct Lag {
    /// The oldest stamp of what was taken up, while some of it is to be planned.
    planned: Option<Instant>,
    /// Oldest first: after so many batches have landed since the start, the kernel has answered.
    flying: VecDeque<(u64, Instant)>,
    /// How long those waited whose stamp has been taken off.
    latency: Latency,
}

impl Lag {
    /// Wishes were taken up that were handed in from this moment on.
    pub(crate) fn take_up(&mut self, since: Option<Instant>) {
        self.planned = self.planned.into_iter().chain(since).min();
    }

    /// At the end of a turn: whether nothing is left to plan, how many batches have landed so far, and how many are out.
    pub(crate) fn turn(&mut self, all_planned: bool, landed: u64, out: usize) {
        if all_planned && let Some(since) = self.planned.take() {
            self.flying.push_back((landed + out as u64, since));
        }
        if self.flying.front().is_none_or(|(awaited, _)| *awaited > landed) {
            return;
        }
        let now = Instant::now();
        while let Some((_, since)) = self.flying.pop_front_if(|(awaited, _)| *awaited <= landed) {
            self.latency.observe(now.saturating_duration_since(since));
        }
    }

    /// How long wishes have waited so far.
    pub(crate) fn latency(&self) -> Latency {
        self.latency
    }

    /// The oldest stamp of what the kernel has not answered.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.flying.front().map(|(_, since)| *since).or(self.planned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_stamp_goes_when_the_last_batch_out_at_its_planning_has_landed_though_others_follow() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let mut lag = Lag::default();
        assert_eq!(lag.oldest(), None);
        lag.take_up(Some(at(0)));
        lag.turn(false, 0, 1);
        assert_eq!(lag.oldest(), Some(at(0)), "some of it is to be planned");
        lag.turn(true, 0, 2);
        lag.take_up(Some(at(5)));
        lag.turn(true, 1, 2);
        assert_eq!(lag.oldest(), Some(at(0)), "one of its two batches is out");
        lag.turn(true, 2, 1);
        assert_eq!(lag.oldest(), Some(at(5)));
        lag.take_up(None);
        lag.turn(true, 3, 0);
        assert_eq!(lag.oldest(), None);
        assert_eq!(lag.latency().total().0, 2);
    }

    #[test]
    fn what_is_taken_up_while_older_wishes_are_planned_is_as_old_as_they_are() {
        let (old, new) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let mut lag = Lag::default();
        lag.take_up(Some(old));
        lag.take_up(Some(new));
        lag.turn(true, 7, 1);
        assert_eq!(lag.oldest(), Some(old));
        lag.turn(true, 8, 0);
        assert_eq!(lag.oldest(), None);
    }
}
