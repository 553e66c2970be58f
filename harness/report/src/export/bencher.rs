//! Bencher Metric Format: `{benchmark: {measure: {value, lower_value?, upper_value?}}}`.
//!
//! Its schema is <https://bencher.dev/bmf.json>. A benchmark is `WORKLOAD/MODE`. `latency` is
//! Bencher's own measure, in nanoseconds; the others are made on their first report, under the
//! slugs that they have here. Limits are those of the confidence interval.

use super::{Entry, ExportFormat, Source, Written, exported, json, slug};
use harness_record::{Distribution, TimeMeasure};
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) const FORMAT: ExportFormat = ExportFormat {
    name: "bencher",
    summary: "Bencher Metric Format: latency, ratio to untraced, overheads, counts",
    write,
};

/// By slug.
type Measures = BTreeMap<String, Metric>;

#[derive(Serialize)]
struct Metric {
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper_value: Option<f64>,
}

impl Metric {
    fn new(value: f64, low: Option<f64>, high: Option<f64>) -> Self {
        Self {
            value,
            lower_value: low,
            upper_value: high,
        }
    }

    fn of(distribution: Distribution) -> Self {
        Self::new(distribution.median, distribution.low, distribution.high)
    }

    fn count(count: u64) -> Self {
        Self::new(count as f64, None, None)
    }
}

fn write(source: &Source) -> Written {
    let benchmarks: BTreeMap<_, _> = (source.entries.iter())
        .map(|entry| {
            (
                format!("{}/{}", entry.label(), entry.row.mode),
                measures(entry),
            )
        })
        .collect();
    Written {
        text: json(benchmarks.len(), &benchmarks),
        left_out: Vec::new(),
    }
}

fn measures(entry: &Entry) -> Measures {
    let row = entry.row;
    let time = match entry.workload.time_measure() {
        TimeMeasure::WallNs => row.wall_ns,
        TimeMeasure::LoopNs => row.loop_ns,
    };
    let mut measures = Measures::new();
    let mut push = |slug: &str, metric: Option<Metric>| {
        if let Some(metric) = metric {
            measures.insert(slug.to_owned(), metric);
        }
    };
    push("latency", time.map(Metric::of));
    if !entry.is_untraced() {
        let ratio = row.ratio;
        push(
            "ratio-to-none",
            ratio.map(|ratio| Metric::new(ratio.estimate, ratio.low, ratio.high)),
        );
        let overhead = row.overhead_ns_per_syscall_distribution;
        push("overhead-ns-per-syscall", overhead.map(Metric::of));
        for counter in exported() {
            push(&slug(counter), row.counts.get(counter).map(Metric::count));
        }
        let filter = row.filter.as_ref();
        push(
            "filter-instructions",
            filter.map(|filter| Metric::count(filter.instructions.into())),
        );
    }
    measures
}
