//! Criterion's benchmarks: each of this project's compilers by itself, to be compared with an earlier revision of
//! itself. How they compare with each other and with their peers is in the tables.

use crate::contender::contenders;
use crate::live::{self, NO_TRACER};
use criterion::{BenchmarkId, Criterion};
use harness_sys::probe_calls::Idle;
use std::time::Duration;

/// Many numbers in many ranges.
const SET: &str = "%file";

/// A call that the set does not hold and one that it does, and the error each fails with.
const CALLS: [(&str, Idle, i32); 2] = [
    ("allowed", Idle::Getppid, 0),
    ("traced", Idle::Lstat, NO_TRACER),
];

/// Does what Criterion's flags say.
pub(crate) fn measure() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut group = criterion.benchmark_group("filters");
    for contender in contenders(SET).iter().filter(|contender| !contender.peer) {
        let program = contender.verified();
        let compile = BenchmarkId::new("compile", contender.name);
        group.bench_function(compile, |bencher| bencher.iter(&contender.compile));
        for (kind, call, expected) in CALLS {
            group.bench_function(BenchmarkId::new(kind, contender.name), |bencher| {
                bencher.iter_custom(|calls| {
                    let (time, error) = live::total(&program, call, calls);
                    assert_eq!(error, expected, "{} is {kind}", call.name());
                    time
                });
            });
        }
    }
    group.finish();
    criterion.final_summary();
}
