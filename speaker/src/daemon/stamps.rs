//! Since when news waits: to be decided, and to be told to the sessions.
//!
//! News carries the moment it was read from its socket, one for all UPDATEs of a message to the owner. What is taken in
//! together keeps the oldest. The RIB decides prefixes in the order they came in, so news is decided when as many prefixes
//! have been as were waiting behind it. What comes out is the age of the oldest news in each batch, never that of a prefix.

use std::collections::VecDeque;
use std::time::Instant;

/// The stamps of what the owner has in hand.
#[derive(Debug, Default)]
pub struct Stamps {
    /// Of the news of this turn.
    heard: Option<Instant>,
    /// Oldest first: decided when so many prefixes have been, since the start.
    undecided: VecDeque<(u64, Instant)>,
    decided: u64,
    /// The oldest of what is decided and was not told.
    untold: Option<Instant>,
}

impl Stamps {
    /// News of this age is taken in.
    pub fn hear(&mut self, at: Instant) {
        self.heard = earlier(self.heard, Some(at));
    }

    /// So many prefixes are undecided now; some of them are decided next.
    pub fn taken_in(&mut self, unsettled: usize) {
        if let Some(at) = self.heard.take() {
            self.undecided.push_back((self.decided + unsettled as u64, at));
        }
    }

    /// So many prefixes have been decided. Gives the age of the oldest news among them.
    pub fn decided(&mut self, prefixes: usize) -> Option<Instant> {
        self.decided += prefixes as u64;
        let oldest = self.undecided.front().map(|(_, at)| *at);
        while self.undecided.pop_front_if(|(last, _)| *last <= self.decided).is_some() {}
        self.untold = earlier(self.untold, oldest);
        oldest
    }

    /// Those who have something to hear are told now. Gives the age of the oldest news among it.
    pub fn told(&mut self) -> Option<Instant> {
        self.untold.take()
    }
}

/// The earlier of two moments that may not be.
pub fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    a.into_iter().chain(b).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn news_waits_until_as_many_prefixes_are_decided_as_were_before_it() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let mut stamps = Stamps::default();
        stamps.hear(at(2));
        stamps.hear(at(1));
        stamps.taken_in(100);
        assert_eq!(stamps.decided(60), Some(at(1)), "the oldest of the message");
        stamps.hear(at(5));
        stamps.taken_in(70);
        assert_eq!(stamps.decided(40), Some(at(1)));
        assert_eq!(stamps.decided(30), Some(at(5)));
        assert_eq!(stamps.decided(10), None);
        assert_eq!((stamps.told(), stamps.told()), (Some(at(1)), None));
    }

    #[test]
    fn news_that_changes_nothing_leaves_no_stamp_behind() {
        let mut stamps = Stamps::default();
        stamps.hear(Instant::now());
        stamps.taken_in(0);
        assert!(stamps.decided(0).is_some() && stamps.told().is_some());
        assert_eq!((stamps.decided(7), stamps.told()), (None, None));
    }
}
