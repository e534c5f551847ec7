//! Prometheus' text, family by family: a name, what it means, and its samples.

use fib_sync::Latency;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, TextEncoder};

/// A page that grows.
#[derive(Default)]
pub struct Page(Vec<MetricFamily>);

/// Samples by the values of their labels.
pub type Samples<'a, const N: usize> = Vec<([&'a str; N], f64)>;

impl Page {
    /// What goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.gauges(name, help, [], vec![([], value)]);
    }

    /// The same, by labels.
    pub fn gauges<const N: usize>(&mut self, name: &str, help: &str, labels: [&str; N], samples: Samples<'_, N>) {
        self.family(name, help, MetricType::GAUGE, labels, samples, |metric, value| {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        });
    }

    /// What only grows.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.counters(name, help, [], vec![([], value as f64)]);
    }

    /// The same, by labels.
    pub fn counters<const N: usize>(&mut self, name: &str, help: &str, labels: [&str; N], samples: Samples<'_, N>) {
        self.family(name, help, MetricType::COUNTER, labels, samples, |metric, value| {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        });
    }

    /// Times, by how long they were.
    pub fn latency(&mut self, name: &str, help: &str, latency: &Latency) {
        let bucket = |(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(count);
            bucket
        };
        let (count, sum) = latency.total();
        let mut histogram = Histogram::default();
        histogram.set_bucket(latency.cumulative().map(bucket).collect());
        histogram.set_sample_count(count);
        histogram.set_sample_sum(sum.as_secs_f64());
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        self.push(name, help, MetricType::HISTOGRAM, vec![metric]);
    }

    /// As Prometheus reads it.
    ///
    /// # Errors
    /// When a family cannot be written: a mistake of this crate, found by its tests.
    pub fn text(&self) -> prometheus::Result<String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.0, &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn family<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        labels: [&str; N],
        samples: Samples<'_, N>,
        set: impl Fn(&mut Metric, f64),
    ) {
        let metric = |(values, value): ([&str; N], f64)| {
            let mut metric = Metric::default();
            metric.set_label(labels.iter().zip(values).map(|(label, value)| pair(label, value)).collect());
            set(&mut metric, value);
            metric
        };
        let metrics: Vec<_> = samples.into_iter().map(metric).collect();
        // A family of nothing is not written at all.
        if !metrics.is_empty() {
            self.push(name, help, kind, metrics);
        }
    }

    fn push(&mut self, name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(metrics);
        self.0.push(family);
    }
}

fn pair(label: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(label.to_owned());
    pair.set_value(value.to_owned());
    pair
}
