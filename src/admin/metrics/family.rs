//! Metrics with their series, as the Prometheus crate has them.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use stalls_actors::histogram;

/// A value with its labels.
pub(super) struct Series {
    labels: Vec<LabelPair>,
    value: f64,
}

impl Series {
    /// The value of a metric without labels.
    pub(super) fn of(value: f64) -> Self {
        Self::labelled([], value)
    }

    /// The value for these labels: a `kind()`, a port or a name of the settings each, never a name from outside.
    pub(super) fn labelled<const N: usize>(labels: [(&str, &str); N], value: f64) -> Self {
        let labels = labels.map(|(name, value)| {
            let mut label = LabelPair::default();
            label.set_name(name.into());
            label.set_value(value.into());
            label
        });
        Self { labels: labels.into(), value }
    }

    fn metric(self) -> (Metric, f64) {
        let mut metric = Metric::default();
        metric.set_label(self.labels);
        (metric, self.value)
    }
}

/// What goes up and down.
pub(super) fn gauge(name: &str, help: &str, series: impl IntoIterator<Item = Series>) -> MetricFamily {
    let metrics = series.into_iter().map(|series| {
        let ((mut metric, value), mut gauge) = (series.metric(), Gauge::default());
        gauge.set_value(value);
        metric.set_gauge(gauge);
        metric
    });
    family(name, help, MetricType::GAUGE, metrics)
}

/// What only grows, until the process that counts ends.
pub(super) fn counter(name: &str, help: &str, series: impl IntoIterator<Item = Series>) -> MetricFamily {
    let metrics = series.into_iter().map(|series| {
        let ((mut metric, value), mut counter) = (series.metric(), Counter::default());
        counter.set_value(value);
        metric.set_counter(counter);
        metric
    });
    family(name, help, MetricType::COUNTER, metrics)
}

/// How long something takes.
pub(super) fn seconds(name: &str, help: &str, took: &histogram::Histogram) -> MetricFamily {
    let buckets = took.cumulative().map(|(bound, count)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound.as_secs_f64());
        bucket.set_cumulative_count(count);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(took.count());
    histogram.set_sample_sum(took.sum().as_secs_f64());
    let mut metric = Metric::default();
    metric.set_histogram(histogram);
    family(name, help, MetricType::HISTOGRAM, [metric])
}

fn family(
    name: &str,
    help: &str,
    kind: MetricType,
    metrics: impl IntoIterator<Item = Metric>,
) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.into());
    family.set_help(help.into());
    family.set_field_type(kind);
    family.set_metric(metrics.into_iter().collect());
    family
}
