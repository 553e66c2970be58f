//! What the estimators cost, on samples of the sizes that runs make (10, 50)
//! and on large ones; the signed-rank interval is exact up to 50.
//!
//! `cargo bench --bench stats`, with Criterion's flags behind `--`

use criterion::{BenchmarkId, Criterion};
use harness_stats::random::Rng;
use harness_stats::{hodges_lehmann, median};
use std::hint::black_box;
use std::time::Duration;

const SIZES: [usize; 4] = [10, 50, 1_000, 10_000];
const LEVEL: f64 = 0.95;
const SEED: u64 = 1;

/// Like ratios of times: about 1, and skewed to the right.
fn sample(size: usize) -> Vec<f64> {
    let mut rng = Rng::new(SEED);
    (0..size).map(|_| 1.0 - 0.1 * rng.uniform().ln()).collect()
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
    }
    group.finish();
    criterion.final_summary();
}
