//! How long something took, time and again: counted by how long it was, for a histogram.

use std::time::Duration;

/// Times of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    counts: [u64; Latency::BOUNDS.len()],
    total: u64,
    sum: Duration,
}

impl Latency {
    /// Upper bounds of the buckets, in seconds.
    pub const BOUNDS: [f64; 14] =
        [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

    /// One took this long.
    pub fn observe(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        if let Some(bucket) = Self::BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.counts[bucket] += 1;
        }
        self.total += 1;
        self.sum += took;
    }

    /// For each of [`Self::BOUNDS`], how many took at most that long.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        Self::BOUNDS.into_iter().zip(self.counts).scan(0, |sum, (bound, count)| {
            *sum += count;
            Some((bound, *sum))
        })
    }

    /// How many there were, and how long they took together.
    pub fn total(&self) -> (u64, Duration) {
        (self.total, self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_counts_in_its_bucket_and_in_all_above() {
        let mut latency = Latency::default();
        for ms in [1, 1, 3, 20_000] {
            latency.observe(Duration::from_millis(ms));
        }
        let at = |bound: f64| latency.cumulative().find(|(upper, _)| *upper == bound).map(|(_, count)| count);
        assert_eq!([0.000_5, 0.001, 0.002_5, 0.005, 10.0].map(at), [0, 2, 2, 3, 3].map(Some));
        assert_eq!(latency.total(), (4, Duration::from_millis(20_005)));
    }
}
