//! hyperfine's `--export-json`: one result for each workload and mode, in seconds.
//!
//! The fields are those of `BenchmarkResult` in hyperfine 1.20, `src/benchmark/benchmark_result.rs`;
//! its `scripts/` read them. Times are wall times of one execution, as hyperfine takes them: a
//! sample of several executions back to back gives their mean. CPU times are those of tracer and
//! tracees together, as a shell's `time` of a tracing tool would have them.

use super::{Entry, ExportFormat, Source, Written, json};
use harness_record::Sample;
use serde::Serialize;

pub(super) const FORMAT: ExportFormat = ExportFormat {
    name: "hyperfine",
    summary: "hyperfine's JSON: wall times in seconds, a result for each workload and mode",
    write,
};

#[derive(Serialize)]
struct Document {
    results: Vec<BenchmarkResult>,
}

#[derive(Serialize)]
struct BenchmarkResult {
    command: String,
    mean: f64,
    /// `null` for a single run.
    stddev: Option<f64>,
    median: f64,
    user: f64,
    system: f64,
    min: f64,
    max: f64,
    times: Vec<f64>,
    /// Left out where one is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_usage_byte: Option<Vec<u64>>,
    exit_codes: Vec<Option<i32>>,
}

fn write(source: &Source) -> Written {
    let results: Vec<_> = source.entries.iter().map(result).collect();
    Written {
        text: json(results.len(), &Document { results }),
        left_out: Vec::new(),
    }
}

fn result(entry: &Entry) -> BenchmarkResult {
    let times = seconds(entry, |sample| sample.wall_ns);
    let mean_of = |value: fn(&Sample) -> u64| mean(&seconds(entry, value));
    let mut sorted = times.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let (last, middle) = (sorted.len() - 1, sorted.len() / 2);
    BenchmarkResult {
        command: entry.name(),
        mean: mean(&times),
        stddev: standard_deviation(&times),
        median: f64::midpoint(sorted[last - middle], sorted[middle]),
        user: mean_of(|sample| {
            sample
                .user_ns
                .saturating_add(sample.tracer_user_ns.unwrap_or(0))
        }),
        system: mean_of(|sample| {
            sample
                .sys_ns
                .saturating_add(sample.tracer_sys_ns.unwrap_or(0))
        }),
        min: sorted[0],
        max: sorted[last],
        times,
        memory_usage_byte: (entry.samples.iter())
            .map(|sample| Some(sample.max_rss_kib?.saturating_mul(1024)))
            .collect(),
        exit_codes: entry
            .samples
            .iter()
            .map(|sample| sample.exit_code)
            .collect(),
    }
}

/// Per execution, a value a sample.
fn seconds(entry: &Entry, value: impl Fn(&Sample) -> u64) -> Vec<f64> {
    (entry.samples.iter())
        .map(|sample| value(sample) as f64 / f64::from(sample.executions) / 1e9)
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Of the sample (n − 1); `None` for a single value.
fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}
