//! Latencies: a histogram of fixed size with about 1.5 % error, whatever the range.
//!
//! Every power of two has 64 buckets. Recording is a shift and an addition: receivers record hundreds of thousands a second.

/// Buckets of one power of two.
const STEPS: usize = 64;

/// A histogram of microseconds.
#[derive(Debug, Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { buckets: vec![0; STEPS * 60], count: 0, max: 0 }
    }
}

impl Histogram {
    /// Adds a value.
    pub fn record(&mut self, micros: u64) {
        self.buckets[bucket(micros)] += 1;
        self.count += 1;
        self.max = self.max.max(micros);
    }

    /// Values recorded.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The value below which this share (0 to 1) of the values lies; the largest of its bucket. 0 without values.
    pub fn quantile(&self, share: f64) -> u64 {
        let rank = (share * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (number, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return largest(number).min(self.max);
            }
        }
        self.max
    }
}

/// Values below 64 have a bucket each; from there on, 64 buckets for each doubling.
fn bucket(micros: u64) -> usize {
    let power = micros.max(1).ilog2() as usize;
    if power < 6 {
        return micros as usize;
    }
    let shift = power - 6;
    ((shift + 1) * STEPS + (micros >> shift) as usize - STEPS).min(STEPS * 60 - 1)
}

fn largest(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let shift = bucket / STEPS - 1;
    let base = (bucket % STEPS + STEPS) as u64;
    ((base + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_within_a_bucket() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), 0);
        for micros in 1..=100_000 {
            histogram.record(micros);
        }
        for (share, wanted) in [(0.5, 50_000.0), (0.99, 99_000.0), (0.999, 99_900.0), (1.0, 100_000.0)] {
            let got = histogram.quantile(share) as f64;
            assert!((got - wanted).abs() / wanted < 0.016, "{share}: {got}");
        }
        assert_eq!(histogram.count(), 100_000);
    }

    #[test]
    fn every_value_lies_in_its_bucket() {
        for micros in (0..20_000).chain((14..50).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1])) {
            let number = bucket(micros);
            assert!(micros <= largest(number) && (number == 0 || micros > largest(number - 1)), "{micros} in {number}");
        }
    }
}
