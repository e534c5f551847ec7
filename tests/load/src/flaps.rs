//! Prefixes that come and go by a timetable, and how long each coming takes to reach each receiver.
//!
//! Each announcement carries its number as MED, so an announcement that arrives late is not taken for the next one of the
//! same prefix, and one that a daemon left out, as its withdrawal had come, is not counted as delivered.

use std::time::Duration;

use crate::histogram::Histogram;

/// What happens next: one prefix of one sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Toggle {
    /// The sender's number.
    pub sender: usize,
    /// The prefix's number.
    pub index: usize,
    /// The announcement's number among those of the prefix; `None`: it is withdrawn.
    pub tag: Option<u32>,
}

/// The timetable and its log.
#[derive(Debug)]
pub struct Flaps {
    senders: usize,
    prefixes: usize,
    rate: f64,
    rounds: usize,
    /// When each announcement was sent, in microseconds from the start: a row of rounds for each prefix.
    sent: Vec<Option<u64>>,
    gone: Vec<Option<u64>>,
    arrived: Vec<Vec<u64>>,
    /// From an announcement to a receiver.
    pub announce: Histogram,
    /// From a withdrawal to a receiver.
    pub withdraw: Histogram,
    /// Announcements sent.
    pub announced: u64,
}

impl Flaps {
    /// A timetable for `senders` with `prefixes` each, `rate` announcements a second of each, for a time.
    pub fn new(senders: usize, prefixes: usize, rate: f64, length: Duration) -> Flaps {
        let rounds = (length.as_secs_f64() * rate / prefixes as f64).ceil() as usize + 1;
        let distinct = senders * prefixes;
        Flaps {
            senders,
            prefixes,
            rate,
            rounds,
            sent: vec![None; distinct * rounds],
            gone: vec![None; distinct],
            arrived: vec![vec![0; (distinct * rounds).div_ceil(64)]; senders],
            announce: Histogram::default(),
            withdraw: Histogram::default(),
            announced: 0,
        }
    }

    /// When the toggle of this number happens, from the start. Senders take turns, so toggles are spread evenly.
    pub fn time(&self, number: usize) -> Duration {
        Duration::from_secs_f64(number as f64 / (2.0 * self.rate * self.senders as f64))
    }

    /// The toggle of this number; `None` while the first round has nothing to withdraw yet.
    pub fn toggle(&self, number: usize) -> Option<Toggle> {
        let (sender, own) = (number % self.senders, number / self.senders);
        // A sender announces at even numbers, and withdraws at odd ones what it announced half a round ago.
        let half = self.prefixes / 2;
        let at = if own % 2 == 0 { own / 2 } else { (own / 2).checked_sub(half)? };
        let index = sender * self.prefixes + at % self.prefixes;
        Some(Toggle { sender, index, tag: (own % 2 == 0).then_some((at / self.prefixes) as u32) })
    }

    /// Notes that a toggle is sent at `now`, in microseconds from the start.
    pub fn sent(&mut self, toggle: Toggle, now: u64) {
        match toggle.tag {
            Some(tag) => {
                self.announced += 1;
                self.gone[toggle.index] = None; // a withdrawal that arrives from here on may be of either round
                self.sent[toggle.index * self.rounds + tag as usize] = Some(now);
            }
            None => self.gone[toggle.index] = Some(now),
        }
    }

    /// Notes that all prefixes are withdrawn at `now`.
    pub fn ends(&mut self, now: u64) {
        self.gone.iter_mut().for_each(|gone| *gone = gone.or(Some(now)));
    }

    /// An announcement has arrived.
    pub fn announced(&mut self, receiver: usize, index: usize, tag: u32, now: u64) {
        let cell = index * self.rounds + tag as usize;
        let Some(sent) = self.sent.get(cell).copied().flatten().filter(|_| (tag as usize) < self.rounds) else {
            return;
        };
        let (word, bit) = (&mut self.arrived[receiver][cell / 64], 1 << (cell % 64));
        if *word & bit == 0 {
            *word |= bit;
            self.announce.record(now.saturating_sub(sent));
        }
    }

    /// A withdrawal has arrived, of a prefix that was held.
    pub fn withdrawn(&mut self, index: usize, now: u64) {
        if let Some(gone) = self.gone[index] {
            self.withdraw.record(now.saturating_sub(gone));
        }
    }

    /// Announcements that every other client should have heard of.
    pub fn due(&self) -> u64 {
        self.announced * (self.senders as u64 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_prefix_is_announced_once_a_round_and_gone_half_a_round_later() {
        let (senders, prefixes, rate) = (3, 4, 4.0);
        let flaps = Flaps::new(senders, prefixes, rate, Duration::from_secs(5));
        let mut up = vec![None::<(Duration, u32)>; senders * prefixes];
        let mut counts = vec![0; senders * prefixes];
        for number in 0.. {
            let time = flaps.time(number);
            if time >= Duration::from_secs(5) {
                break;
            }
            let Some(toggle) = flaps.toggle(number) else { continue };
            assert_eq!(toggle.index / prefixes, toggle.sender);
            match toggle.tag {
                Some(tag) => {
                    assert_eq!((up[toggle.index], counts[toggle.index]), (None, tag), "{toggle:?}");
                    counts[toggle.index] += 1;
                    up[toggle.index] = Some((time, tag));
                }
                None => {
                    let (since, _) = up[toggle.index].take().expect("was announced");
                    let lasted = (time - since).as_secs_f64();
                    assert!((lasted - 0.625).abs() < 0.01, "half a round and half a step: {lasted}");
                }
            }
        }
        assert_eq!(counts, vec![5; senders * prefixes]);
    }

    #[test]
    fn a_withdrawal_is_measured_from_the_last_one_sent() {
        let mut flaps = Flaps::new(2, 2, 2.0, Duration::from_secs(3));
        let toggle = |tag| Toggle { sender: 0, index: 1, tag };
        flaps.sent(toggle(Some(0)), 1_000);
        flaps.withdrawn(1, 1_500);
        flaps.sent(toggle(None), 2_000);
        flaps.withdrawn(1, 2_010);
        flaps.sent(toggle(Some(1)), 3_000);
        flaps.ends(4_000);
        flaps.withdrawn(1, 4_020);
        assert_eq!((flaps.withdraw.count(), flaps.withdraw.quantile(0.5), flaps.withdraw.quantile(1.0)), (2, 10, 20));
    }

    #[test]
    fn an_announcement_is_delivered_once_and_by_its_own_number() {
        let mut flaps = Flaps::new(2, 2, 2.0, Duration::from_secs(3));
        flaps.sent(Toggle { sender: 0, index: 1, tag: Some(0) }, 1_000);
        flaps.announced(1, 1, 1, 3_000); // was never sent
        flaps.announced(1, 1, 0, 3_000);
        flaps.announced(1, 1, 0, 9_000);
        flaps.announced(1, 1, 4_000_000, 9_000);
        assert_eq!((flaps.announce.count(), flaps.announce.quantile(1.0), flaps.due()), (1, 2_000, 1));
    }
}
