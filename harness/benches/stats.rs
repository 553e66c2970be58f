//! What the estimators cost, on samples of the sizes that runs make (10, 50)
//! and on large ones; the signed-rank interval is exact up to 50.
//!
//! `cargo bench --bench stats`, with Criterion's flags behind `--`

use criterion::{BenchmarkId, Criterion};
use harness_stats::random::Rng;
use harness_stats::{bootstrap_percentile, classify_outliers, hodges_lehmann, median};
use std::hint::black_box;
use std::time::Duration;

const SIZES: [usize; 4] = [10, 50, 1_000, 10_000];
const LEVEL: f64 = 0.95;
const RESAMPLES: usize = 500;
const SEED: u64 = 1;

/// Like ratios of times: about 1, and skewed to the right.
fn sample(size: usize) -> Vec<f64> {
    let mut rng = Rng::new(SEED);
    let mut uniform = || (rng.below(1 << 53) + 1) as f64 / (1_u64 << 53) as f64;
    (0..size).map(|_| 1.0 - 0.1 * uniform().ln()).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .sample_size(50)
        .configure_from_args();
    let mut group = criterion.benchmark_group("stats");
    for size in SIZES {
        let sample = sample(size);
        let sample = &sample[..];
        group.bench_function(BenchmarkId::new("hodges_lehmann", size), |bencher| {
            bencher.iter(|| hodges_lehmann(black_box(sample), LEVEL));
        });
        group.bench_function(BenchmarkId::new("median", size), |bencher| {
            bencher.iter(|| median(black_box(sample), LEVEL));
        });
        group.bench_function(BenchmarkId::new("classify_outliers", size), |bencher| {
            bencher.iter(|| classify_outliers(black_box(sample)));
        });
        group.bench_function(BenchmarkId::new("bootstrap_percentile", size), |bencher| {
            bencher.iter(|| {
                let mut rng = Rng::new(SEED);
                bootstrap_percentile(black_box(sample), mean, LEVEL, RESAMPLES, &mut rng)
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
