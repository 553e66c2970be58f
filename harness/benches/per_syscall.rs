//! What an operation of a small loop costs under each core mode, as the tracee
//! lives it: the loop times itself, so that start-up does not count.
//!
//! A sample is a process of the harness's own binary, bound to one processor
//! with its tracer, and verified as in `harness run`: one that did anything
//! but what the workload states ends the benchmark. Every call of the loop is
//! a traced one.
//!
//! `cargo bench --bench per_syscall`, with Criterion's flags behind `--`

use criterion::{BenchmarkId, Criterion, Throughput};
use harness_measure::{Error, LoopTimer};
use harness_sys::signals::Termination;
use harness_workloads::Parameters;
use std::time::Duration;

const WORKLOADS: [&str; 3] = ["getppid", "read", "open-close"];
const MODES: [&str; 4] = ["none", "ptrace", "seccomp-linear", "seccomp-bitmap"];

/// Calls that one operation makes.
fn calls(workload: &str) -> u64 {
    let one = Parameters {
        operations: Some(1),
        ..Parameters::default()
    };
    let workload = harness_workloads::find(workload).expect("a workload");
    workload.statement(&one).loop_calls
}

fn or_end<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| match error {
        Error::Interrupted(signal) => std::process::exit(128 + signal),
        error => panic!("{error}"),
    })
}

fn main() {
    let termination = Termination::block().expect("signalfd");
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let mut group = criterion.benchmark_group("per_syscall");
    for workload in WORKLOADS {
        group.throughput(Throughput::Elements(calls(workload)));
        for mode in MODES {
            // Only what is not filtered out has to be possible here.
            let mut timer = None;
            group.bench_function(BenchmarkId::new(workload, mode), |bencher| {
                let timer = timer.get_or_insert_with(|| {
                    let harness = env!("CARGO_BIN_EXE_harness");
                    or_end(LoopTimer::new(harness, workload, mode, &termination))
                });
                bencher.iter_custom(|operations| or_end(timer.time(operations)));
            });
        }
    }
    group.finish();
    criterion.final_summary();
}
