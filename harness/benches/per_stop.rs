//! What a stop costs under this project's tracer, and under the least loop that
//! could do the same: waitpid, `PTRACE_GET_SYSCALL_INFO`, `PTRACE_SYSCALL`.
//!
//! Both trace the same program, one after the other, bound to one processor.
//! Criterion reports each; the ratio that matters is taken from pairs in turn.
//!
//! `cargo bench --bench per_stop`; with Criterion's flags (behind `--`) it does
//! only what they say.

use criterion::{Criterion, Throughput};
use harness_stats::{hodges_lehmann, random::Rng};
use harness_sys::launcher::{Launch, Launched, Start};
use harness_sys::ptrace::{self, Options};
use harness_sys::{affinity, wait};
use harness_syscalls::{Table, TraceSet};
use harness_tracer::Events;
use harness_tracer::machine::Policy;
use harness_tracer::stop::{Report, Stop, classify};
use std::ffi::OsStr;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// So few that what else the machine does falls on some pairs, not on all.
const CALLS: u64 = 5_000;
const STOPS: u64 = 2 * CALLS;
const PAIRS: usize = 120;

fn spawn() -> Launched {
    let calls = CALLS.to_string();
    let program = env!("CARGO_BIN_EXE_harness");
    let words = [
        "harness",
        "__workload",
        "getppid",
        "--operations",
        &calls,
        "--report-fd",
        "1",
    ];
    let null = std::fs::File::options()
        .write(true)
        .open("/dev/null")
        .expect("/dev/null");
    let mut launch =
        Launch::new(OsStr::new(program), words.map(OsStr::new), []).expect("the harness's binary");
    launch.descriptor(std::os::fd::AsFd::as_fd(&null), 1);
    launch.spawn(Start::Traced).expect("fork")
}

/// The floor: no look-up, no count, one tracee.
fn floor() -> Duration {
    let mut child = spawn();
    let tid = child.tid();
    ptrace::seize(tid, Options::WHOLE_TREE).expect("PTRACE_SEIZE");
    child.release();
    let mut started = None;
    loop {
        let (_, status) = wait::any().expect("wait4");
        match classify(status) {
            Report::Exited(0) => break,
            Report::Stopped(Stop::Syscall) => {
                black_box(ptrace::syscall_info(tid).expect("PTRACE_GET_SYSCALL_INFO"));
            }
            Report::Stopped(Stop::Signal(_)) => started = Some(Instant::now()),
            Report::Stopped(_) => {}
            end => panic!("the program ended with {end:?}"),
        }
        ptrace::syscall(tid, 0).expect("PTRACE_SYSCALL");
    }
    started.expect("the mark").elapsed()
}

fn tracer() -> Duration {
    // A set that does not hold the call, as in `strace -e connect`.
    let set = TraceSet::parse("connect", Table::current()).expect("a trace set");
    let outcome = harness_tracer::trace(spawn(), Policy::EveryCall, Events::InSet(&set), None)
        .expect("a trace");
    assert!(outcome.counts.stops.total() > STOPS);
    outcome.wall
}

fn total(iterations: u64, run: fn() -> Duration) -> Duration {
    (0..iterations).map(|_| run()).sum()
}

/// Pairs in random order of their two, as a fixed order would favour one.
fn ratio() {
    let mut rng = Rng::new(1);
    let log_ratios: Vec<f64> = (0..PAIRS)
        .map(|_| {
            let (floor, tracer) = if rng.below(2) == 0 {
                let floor = floor();
                (floor, tracer())
            } else {
                let tracer = tracer();
                (floor(), tracer)
            };
            (tracer.as_secs_f64() / floor.as_secs_f64()).ln()
        })
        .collect();
    let ratio = hodges_lehmann(&log_ratios, 0.95).expect("finite numbers");
    let (low, high) = (
        ratio.low.unwrap_or(f64::NAN),
        ratio.high.unwrap_or(f64::NAN),
    );
    println!(
        "tracer/floor, time per stop: {:.4} (95 % interval {:.4} to {:.4}, {PAIRS} pairs of {STOPS} stops)",
        ratio.estimate.exp(),
        low.exp(),
        high.exp()
    );
}

fn main() {
    let processors = affinity::allowed().expect("sched_getaffinity");
    affinity::pin_to(*processors.last().expect("a processor")).expect("sched_setaffinity");
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    let mut group = criterion.benchmark_group("per_stop");
    group.throughput(Throughput::Elements(STOPS));
    group.bench_function("floor", |bencher| bencher.iter_custom(|n| total(n, floor)));
    group.bench_function("tracer", |bencher| {
        bencher.iter_custom(|n| total(n, tracer));
    });
    group.finish();
    criterion.final_summary();
    // Cargo's word, which is missing where it tests, and no flag of Criterion's.
    if std::env::args().skip(1).eq(["--bench"]) {
        ratio();
    }
}
