//! The process that traces, one a measurement: this project's modes, strace, and
//! loops that wait in other ways.

use crate::{crowd, waits};
use harness_mode::{End, Job, find};
use harness_record::Counter;
use harness_sys::launcher::{Launch, Start};
use harness_sys::{files, procfs, wait};
use harness_syscalls::{Table, TraceSet};
use std::ffi::{OsStr, OsString};
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::process::{Command, ExitCode, Stdio};

pub(crate) const WORD: &str = "__tracer";

/// What traces, in the order in which they are reported.
pub(crate) const TRACERS: [&str; 8] = [
    PTRACE, SECCOMP, STRACE, STRACE_BPF, LOOPS[0], LOOPS[1], LOOPS[2], UNTRACED,
];

pub(crate) const PTRACE: &str = "ptrace";
pub(crate) const SECCOMP: &str = "seccomp-linear";

/// strace(1) of the one call that is made: without a filter, two stops at every
/// call, as mode `ptrace`; with one, two stops at that call, as the modes with
/// filters.
pub(crate) const STRACE: &str = "strace";
pub(crate) const STRACE_BPF: &str = "strace --seccomp-bpf";

/// The least loop, which waits in one of the ways of [`crate::waits`].
pub(crate) const LOOPS: [&str; 3] = ["loop, any", "loop, likely", "loop, SIGCHLD"];

/// Nothing does; the time is that of a call.
pub(crate) const UNTRACED: &str = "untraced";

/// What one process measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// In which the calls were made.
    pub(crate) ns: u64,
    /// Stops in that time; untraced, calls.
    pub(crate) timed_stops: u64,
    /// Stops of the whole run; 0 where the tracer does not say.
    pub(crate) stops: u64,
    /// VmHWM of the tracer; 0 where it is not known.
    pub(crate) tracer_peak_kib: u64,
}

impl Measured {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self {
            ns: next()?,
            timed_stops: next()?,
            stops: next()?,
            tracer_peak_kib: next()?,
        })
    }
}

pub(crate) fn is_here(tracer: &str) -> bool {
    let version = || {
        Command::new("strace")
            .arg("-V")
            .stdout(Stdio::null())
            .status()
    };
    !tracer.starts_with(STRACE) || version().is_ok()
}

/// `TRACER WORK SIZE`.
pub(crate) fn main(words: &[String]) -> ExitCode {
    let [tracer, work, size] = words else {
        panic!("{WORD} takes a tracer, a work and a size")
    };
    let own = std::env::current_exe().expect("this program");
    let own = own.as_os_str();
    let crowd = [
        own,
        OsStr::new(crowd::WORD),
        OsStr::new(work),
        OsStr::new(size),
    ];
    let mut report = files::anonymous("report").expect("memfd_create(2)");
    let shared = report.try_clone().expect("dup(2)");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let environment = [(OsString::from("PATH"), path)];
    let launch = |program: &OsStr, words: &[&OsStr]| {
        let words = words.iter().copied();
        let mut launch = Launch::new(program, words, environment.clone()).expect("the program");
        launch.descriptor(shared.as_fd(), crowd::REPORT);
        launch
    };
    let stops = match tracer.as_str() {
        STRACE | STRACE_BPF => {
            let mut words = vec!["strace", "-f", "-qq", "-o", "/dev/null"];
            words.extend(["-e", "trace=getppid", "-e", "signal=none"]);
            if tracer == STRACE_BPF {
                words.push("--seccomp-bpf");
            }
            let words: Vec<&OsStr> = words.into_iter().map(OsStr::new).chain(crowd).collect();
            run_untraced(&launch(OsStr::new("strace"), &words));
            0
        }
        UNTRACED => {
            run_untraced(&launch(own, &crowd));
            0
        }
        _ => {
            let launch = launch(own, &crowd);
            if let Some(way) = LOOPS.iter().position(|name| name == tracer) {
                waits::trace(&launch, waits::WAYS[way])
            } else {
                let set = TraceSet::parse("getppid", Table::current()).expect("a trace set");
                let mode = find(tracer).expect("a mode");
                let mut job = Job {
                    set: &set,
                    log: None,
                    scratch: None,
                };
                let outcome = mode.run(launch, &mut job).expect("a run");
                assert_eq!(outcome.end, Some(End::Exited(0)));
                outcome
                    .counts
                    .get(Counter::Stops)
                    .expect("a tracer counts stops")
            }
        }
    };
    let mut line = String::new();
    report.seek(SeekFrom::Start(0)).expect("lseek(2)");
    report.read_to_string(&mut line).expect("read(2)");
    let numbers: Vec<u64> = line
        .split_whitespace()
        .map(|word| word.parse().expect("a number"))
        .collect();
    let [ns, calls, others] = numbers[..] else {
        panic!("the report: {line:?}")
    };
    let timed = match tracer.as_str() {
        SECCOMP | STRACE_BPF => 2 * calls,
        UNTRACED => calls + others,
        _ => 2 * (calls + others),
    };
    // What a filter does not stop at makes no stop to share the time out over.
    let timed = if timed == 0 { stops } else { timed };
    // Of the others it would be that of this program, or of no tracer.
    let own_tracer = stops > 0;
    println!(
        "{ns} {timed} {stops} {}",
        if own_tracer { peak_kib() } else { 0 }
    );
    ExitCode::SUCCESS
}

fn run_untraced(launch: &Launch<'_>) {
    let mut child = launch.spawn(Start::UNTRACED).expect("fork(2)");
    child.release();
    assert_eq!(wait::one(child.tid()), Ok(0), "a program failed");
}

/// VmHWM of this process (proc_pid_status(5)).
fn peak_kib() -> u64 {
    let status = procfs::own_status().expect("/proc");
    status.kib("VmHWM").expect("VmHWM in /proc/self/status")
}
