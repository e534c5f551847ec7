//! Jitter and the idle hold time: what keeps peers from doing the same thing at the same moment, forever.

use std::time::{Duration, Instant};

/// A SplitMix64 sequence. There is no source of randomness in this crate: the seed is an argument, so a trace repeats.
#[derive(Clone, Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The duration times a factor between 0.75 and 1.0. RFC 4271 §10
    pub fn shorten(&mut self, duration: Duration) -> Duration {
        // 1/1024ths, so that the arithmetic is exact and saturates where durations do.
        let parts = 768 + (self.next() % 257) as u32;
        duration.checked_mul(parts).map_or(duration, |d| d / 1024)
    }
}

/// The idle hold time: doubles from `min` to `max` with each bad end, and forgets after a good session.
#[derive(Clone, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// A session ended that was established from `since` on (`None`: it never was). Returns how long to pause.
    /// RFC 4271 §8.1.1 (IdleHoldTime); the way to choose it "is outside the scope" of the RFC.
    pub fn after_end(
        &mut self,
        now: Instant,
        since: Option<Instant>,
        (min, max): (Duration, Duration),
        jitter: &mut Jitter,
    ) -> Duration {
        // As long as the longest pause: the penalty could not have been longer than the good behaviour.
        if since.is_some_and(|since| now.saturating_duration_since(since) >= max) {
            self.reset();
        }
        let pause = 2u32.checked_pow(self.failures).and_then(|factor| min.checked_mul(factor)).unwrap_or(max).min(max);
        self.failures = self.failures.saturating_add(1);
        jitter.shorten(pause)
    }

    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_between_three_quarters_and_one() {
        // RFC 4271 §10
        let mut jitter = Jitter::new(7);
        let second = Duration::from_secs(1);
        let drawn: Vec<_> = (0..10_000).map(|_| jitter.shorten(second)).collect();
        assert!(drawn.iter().all(|d| *d >= second * 3 / 4 && *d <= second));
        assert!(
            drawn.iter().any(|d| *d < Duration::from_millis(760))
                && drawn.iter().any(|d| *d > Duration::from_millis(990))
        );
        assert_eq!(jitter.shorten(Duration::ZERO), Duration::ZERO);
        assert_eq!(jitter.shorten(Duration::MAX), Duration::MAX);
    }

    #[test]
    fn the_pause_doubles_up_to_its_limit_and_forgets_after_a_good_session() {
        let now = Instant::now();
        let limits = (Duration::from_secs(1), Duration::from_secs(60));
        let mut jitter = Jitter::new(1);
        let mut backoff = Backoff::default();
        for expected in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            let expected = Duration::from_secs(expected);
            let pause = backoff.after_end(now, None, limits, &mut jitter);
            assert!(pause >= expected * 3 / 4 && pause <= expected, "{pause:?} is not about {expected:?}");
        }
        for _ in 0..100 {
            backoff.after_end(now, Some(now), limits, &mut jitter);
        }
        let good = now + Duration::from_secs(60);
        assert!(backoff.after_end(good, Some(now), limits, &mut jitter) <= Duration::from_secs(1));
    }
}
