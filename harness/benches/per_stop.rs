//! What a stop costs under this project's tracer, and a notification under its supervisor, each beside
//! the least loop that could do the same: waitpid, `PTRACE_GET_SYSCALL_INFO`, `PTRACE_SYSCALL`; poll,
//! `SECCOMP_IOCTL_NOTIF_RECV`, `SECCOMP_IOCTL_NOTIF_SEND`.
//!
//! Both trace the same program, one after the other, bound to one processor.
//! Criterion reports each; the ratios that matter are taken from pairs in turn.
//!
//! `cargo bench --bench per_stop`; with Criterion's flags (behind `--`) it does
//! only what they say.

use criterion::{Criterion, Throughput};
use harness_cbpf::Action;
use harness_notify::supervise;
use harness_stats::{hodges_lehmann, random::Rng};
use harness_sys::launcher::{Launch, Launched, Start};
use harness_sys::ptrace::{self, Options};
use harness_sys::seccomp::Insn;
use harness_sys::{affinity, files, process, wait};
use harness_syscalls::{Table, TraceSet};
use harness_tracer::Events;
use harness_tracer::machine::Policy;
use harness_tracer::stop::{Report, Stop, classify};
use std::ffi::OsStr;
use std::hint::black_box;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// So few that what else the machine does falls on some pairs, not on all.
const CALLS: u64 = 5_000;
const PAIRS: usize = 120;

/// A way of tracing, as the least loop does it and as this project does.
struct Contest {
    name: &'static str,
    /// How often the tracer takes over in an execution.
    interceptions: u64,
    floor: fn() -> Duration,
    own: fn() -> Duration,
}

const CONTESTS: [Contest; 2] = [
    Contest {
        name: "ptrace",
        interceptions: STOPS,
        floor: ptrace_floor,
        own: tracer,
    },
    Contest {
        name: "user-notify",
        interceptions: CALLS,
        floor: notification_floor,
        own: supervisor,
    },
];

const STOPS: u64 = 2 * CALLS;

fn spawn(start: Start<'_>) -> Launched {
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
    launch.descriptor(null.as_fd(), 1);
    launch.spawn(start).expect("fork")
}

fn set(text: &str) -> TraceSet {
    TraceSet::parse(text, Table::current()).expect("a trace set")
}

/// No look-up, no count, one tracee.
fn ptrace_floor() -> Duration {
    let mut child = spawn(Start::TRACED);
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
    let set = set("connect");
    let child = spawn(Start::TRACED);
    let outcome = harness_tracer::trace(child, Policy::EveryCall, Events::InSet(&set), None);
    let outcome = outcome.expect("a trace");
    assert!(outcome.counts.stops.total() > STOPS);
    outcome.wall
}

fn notify_of_getppid() -> Vec<Insn> {
    let options = harness_filter::Options::new(Action::UserNotif, Action::Allow);
    let compiler = harness_filter::find("linear").expect("a compiler");
    let program = compiler.compile(&set("getppid"), &options);
    program.expect("a program").instructions().to_vec()
}

/// No count, one process, whose end is seen by its pidfd.
fn notification_floor() -> Duration {
    let mut child = spawn(Start::UNTRACED.supervised(&notify_of_getppid()));
    let tid = child.tid();
    let process = process::descriptor(tid).expect("pidfd_open");
    child.await_ready();
    child.release();
    let mut notifications = child.take_listener().expect("pidfd_getfd");
    let started = Instant::now();
    child.go_on();
    loop {
        let ready = files::wait_ready([notifications.as_fd(), process.as_fd()], None);
        if !ready.expect("poll")[0].readable {
            break;
        }
        let call = black_box(notifications.receive().expect("NOTIF_RECV"));
        notifications.let_go_on(call.id).expect("NOTIF_SEND");
    }
    assert_eq!(wait::one(tid), Ok(0));
    started.elapsed()
}

fn supervisor() -> Duration {
    let child = spawn(Start::UNTRACED.supervised(&notify_of_getppid()));
    let outcome = supervise(child, harness_notify::Options::default(), None);
    let outcome = outcome.expect("a supervision");
    assert_eq!(outcome.counts.traced_events, CALLS);
    outcome.wall
}

fn total(iterations: u64, run: fn() -> Duration) -> Duration {
    (0..iterations).map(|_| run()).sum()
}

/// Pairs in random order of their two, as a fixed order would favour one.
fn ratio(contest: &Contest) {
    let mut rng = Rng::new(1);
    let log_ratios: Vec<f64> = (0..PAIRS)
        .map(|_| {
            let (floor, own) = if rng.below(2) == 0 {
                let floor = (contest.floor)();
                (floor, (contest.own)())
            } else {
                let own = (contest.own)();
                ((contest.floor)(), own)
            };
            (own.as_secs_f64() / floor.as_secs_f64()).ln()
        })
        .collect();
    let ratio = hodges_lehmann(&log_ratios, 0.95).expect("finite numbers");
    let (low, high) = (
        ratio.low.unwrap_or(f64::NAN),
        ratio.high.unwrap_or(f64::NAN),
    );
    println!(
        "{}: this project/floor, time per interception: {:.4} (95 % interval {:.4} to {:.4}, {PAIRS} pairs of {} each)",
        contest.name,
        ratio.estimate.exp(),
        low.exp(),
        high.exp(),
        contest.interceptions,
    );
}

fn main() {
    let processors = affinity::allowed().expect("sched_getaffinity");
    affinity::pin_to(*processors.last().expect("a processor")).expect("sched_setaffinity");
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    for contest in &CONTESTS {
        let mut group = criterion.benchmark_group(format!("per_stop/{}", contest.name));
        group.throughput(Throughput::Elements(contest.interceptions));
        group.bench_function("floor", |bencher| {
            bencher.iter_custom(|n| total(n, contest.floor));
        });
        group.bench_function("own", |bencher| {
            bencher.iter_custom(|n| total(n, contest.own));
        });
        group.finish();
    }
    criterion.final_summary();
    // Cargo's word, which is missing where it tests, and no flag of Criterion's.
    if std::env::args().skip(1).eq(["--bench"]) {
        CONTESTS.iter().for_each(ratio);
    }
}
