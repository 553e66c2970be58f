//! Programs with known calls make exactly the stops and notifications they must, in every mode.

mod common;

use common::{FAIL, Harness, modes, row, text};
use harness_mode::{Mechanism, Role};
use harness_testing::{Missing, clock_without_vdso, installed, skip};
use serde_json::Value;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Stops by kind, as `results[].stops` has them.
#[derive(Debug, PartialEq, Eq)]
struct Stops {
    enter: u64,
    exit: u64,
    seccomp: u64,
    event: u64,
    signal: u64,
    group: u64,
}

fn stops(row: &Value) -> Stops {
    let count = |kind: &str| row["stops"][kind].as_u64().expect("a count of stops");
    let stops = Stops {
        enter: count("syscall_enter"),
        exit: count("syscall_exit"),
        seccomp: count("seccomp"),
        event: count("event"),
        signal: count("signal"),
        group: count("group"),
    };
    let sum = stops.enter + stops.exit + stops.seccomp + stops.event + stops.signal + stops.group;
    assert_eq!(count("total"), sum, "total is the sum of the kinds");
    stops
}

/// What a workload does, by which its stops are determined.
struct Case {
    workload: &'static str,
    trace: &'static str,
    operations: u64,
    /// Calls of the trace set.
    traced: u64,
    /// Of these, calls that never return.
    endless: u64,
    /// Processes and threads made.
    children: u64,
    /// SIGCHLD for each process among them.
    signals: u64,
    /// Programs executed, the first included.
    execs: u64,
}

const N: u64 = 25;

const CASES: [Case; 9] = [
    Case {
        workload: "getppid",
        trace: "getppid",
        operations: N,
        traced: N,
        endless: 0,
        children: 0,
        signals: 0,
        execs: 1,
    },
    Case {
        workload: "getppid",
        trace: "connect",
        operations: N,
        traced: 0,
        endless: 0,
        children: 0,
        signals: 0,
        execs: 1,
    },
    Case {
        workload: "getppid",
        trace: "exit_group",
        operations: N,
        traced: 1,
        endless: 1,
        children: 0,
        signals: 0,
        execs: 1,
    },
    Case {
        workload: "getppid",
        trace: "getppid,execve",
        operations: N,
        traced: N + 1,
        endless: 0,
        children: 0,
        signals: 0,
        execs: 1,
    },
    Case {
        workload: "stat",
        trace: "getppid",
        operations: N,
        traced: 0,
        endless: 0,
        children: 0,
        signals: 0,
        execs: 1,
    },
    Case {
        workload: "connect",
        trace: "connect",
        operations: N,
        traced: N,
        endless: 0,
        children: 0,
        signals: 0,
        execs: 1,
    },
    Case {
        workload: "pipe",
        trace: "exit_group",
        operations: N,
        traced: 2,
        endless: 2,
        children: 1,
        signals: 1,
        execs: 1,
    },
    Case {
        workload: "fork-exec",
        trace: "execve",
        operations: N,
        traced: N + 1,
        endless: 0,
        children: N,
        signals: N,
        execs: N + 1,
    },
    Case {
        workload: "threads",
        trace: "getppid",
        operations: N,
        traced: 0,
        endless: 0,
        children: N,
        signals: 0,
        execs: 1,
    },
];

/// Checks the row of a mode by what the mode declares.
fn check(case: &Case, mode: &str, row: &Value) {
    let name = format!("{} --trace {}, {mode}", case.workload, case.trace);
    assert_eq!(row["verified"], true, "{name}");
    let mechanism = modes::mechanism(mode);
    // Each child tells of itself twice (its parent's event, its own first
    // stop), each exec once.
    let event = 2 * case.children + case.execs;
    let expected = match mechanism {
        // Every process and thread ends in a call that does not return.
        Mechanism::PtraceEveryCall => {
            let calls = row["syscalls"].as_u64().expect("it sees every call");
            Some(Stops {
                enter: calls,
                exit: calls - case.children - 1,
                seccomp: 0,
                event,
                signal: case.signals,
                group: 0,
            })
        }
        Mechanism::PtraceFiltered => Some(Stops {
            enter: 0,
            exit: case.traced - case.endless,
            seccomp: case.traced,
            event,
            signal: case.signals,
            group: 0,
        }),
        _ => None,
    };
    match expected {
        Some(expected) => assert_eq!(stops(row), expected, "{name}"),
        None => assert_eq!(row["stops"]["total"].as_u64().unwrap_or(0), 0, "{name}"),
    }
    match (modes::role(mode), mechanism) {
        (Role::Control | Role::OnButIdle, _) => {
            assert!(row["traced_events"].is_null(), "{name}: it traces nothing");
        }
        // By its own set, which `verified` is about.
        (_, Mechanism::Peer) => assert!(row["traced_events"].is_u64(), "{name}"),
        _ => assert_eq!(row["traced_events"], case.traced, "{name}"),
    }
    if mechanism == Mechanism::UserNotification {
        // No signal comes during a call here but to a parent of processes that end.
        let taken_over = row["interceptions"].as_u64().expect("a count");
        let most = case.traced + case.signals;
        assert!(
            (case.traced..=most).contains(&taken_over),
            "{name}: {taken_over}"
        );
    }
}

#[test]
fn stops_are_exactly_those_the_calls_determine() {
    let available = modes::available(|_| true, "exact stops");
    for case in &CASES {
        let harness = Harness::new();
        let operations = case.operations.to_string();
        let record = harness.record(&[
            "--workload",
            case.workload,
            "--trace",
            case.trace,
            "--operations",
            &operations,
            "--runs",
            "1",
            "--modes",
            &available.join(","),
        ]);
        for mode in &available {
            check(case, mode, row(&record, case.workload, mode));
        }
    }
}

/// The count that strace's own output gives, an oracle that nobody here wrote.
#[test]
fn strace_counts_the_same_calls() {
    if !installed("strace", "comparison with strace's counts") {
        return;
    }
    // Peers that count calls when they return count other ones.
    let ours = |mechanism: Mechanism| mechanism != Mechanism::Peer;
    let mut modes = modes::available(ours, "comparison with strace's counts");
    modes.retain(|mode| modes::role(mode) == Role::Tracer);
    let words = modes.join(",");
    let commands: [&[&str]; 4] = [
        &["/bin/true"],
        &["/bin/sh", "-c", "/bin/true; /bin/true"],
        &["/bin/sh", "-c", "cd /; echo x > /dev/null; exit 0"],
        &["/bin/ls", "/proc/self/fd"],
    ];
    for command in commands {
        for set in ["all", "%file", "openat,close,read", "!mmap", "%process"] {
            let harness = Harness::new();
            let log = harness.directory().join("strace.log");
            let status = Command::new("strace")
                .args([
                    "-f",
                    "-qq",
                    "-e",
                    "signal=none",
                    "-e",
                    &format!("trace={set}"),
                    "-o",
                ])
                .arg(&log)
                .args(command)
                .env_clear()
                .env("PATH", common::PATH)
                .stdout(std::process::Stdio::null())
                .status()
                .expect("strace can be executed");
            assert!(status.success());
            let text = std::fs::read_to_string(&log).expect("strace's log");
            // A line an entered call; a call that another process interrupts is
            // resumed on a line of its own.
            let entered = text
                .lines()
                .filter(|line| !line.contains(" resumed>") && line.contains('('))
                .count() as u64;
            let record = harness.record(
                &[
                    &["--trace", set, "--runs", "1", "--modes", &words, "--"],
                    command,
                ]
                .concat(),
            );
            for mode in &modes {
                let row = row(&record, "command", mode);
                assert_eq!(
                    row["traced_events"], entered,
                    "{command:?} --trace {set}, {mode}"
                );
            }
        }
    }
}

/// A copy of the harness for which the clock is a system call, as on a machine whose vDSO cannot
/// read the clock source: its libgcc_s is a library that has a clock_gettime(2) of its own and
/// loads the real one. None where that cannot be made here, which it says.
fn harness_without_vdso(directory: &Path) -> Option<(PathBuf, tempfile::TempPath)> {
    const LIBRARY: &[u8; 14] = b"libgcc_s.so.1\0";
    let skipped = |why: &str| {
        let what = format!("a clock that is a system call: {why}");
        skip(Missing::Host, &what);
        None
    };
    let mut binary = std::fs::read(env!("CARGO_BIN_EXE_harness")).expect("the harness");
    // The first is in .dynstr, for the loader.
    let at = binary
        .windows(LIBRARY.len())
        .position(|bytes| bytes == LIBRARY);
    let Some(at) = at else {
        return skipped("the harness is not linked with a shared libgcc_s");
    };
    // A path as long as the name that it takes the place of.
    let library = tempfile::Builder::new()
        .prefix("")
        .rand_bytes(LIBRARY.len() - "/tmp/".len() - 1)
        .tempfile_in("/tmp")
        .expect("a file in /tmp")
        .into_temp_path();
    if !clock_without_vdso(&library, &["-l:libgcc_s.so.1"]) {
        return None;
    }
    binary[at..at + LIBRARY.len() - 1].copy_from_slice(library.as_os_str().as_encoded_bytes());
    let (patched, copy) = (directory.join("patched"), directory.join("harness"));
    std::fs::write(&patched, binary).expect("a copy");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&patched, executable).expect("a mode");
    // Another test's child may still hold a descriptor that was open for writing here, and then
    // execve(2) fails with ETXTBSY: what is executed, another process writes.
    let copied = Command::new("cp").args([&patched, &copy]).status();
    assert!(copied.expect("cp").success());
    match Command::new(&copy).arg("--version").output() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            skipped("the directory of temporary files is mounted noexec")
        }
        // ld.so's, where mmap(2) refuses PROT_EXEC.
        Ok(output) if text(&output.stderr).contains("failed to map segment") => {
            skipped("/tmp is mounted noexec")
        }
        started => {
            assert!(started.expect("the copy").status.success());
            Some((copy, library))
        }
    }
}

/// Every microbenchmark is verified where reading the clock is a system call, and the calls of its
/// loop are one more: the end of the first reading and the beginning of the second.
#[test]
fn the_clock_may_be_a_system_call() {
    let harness = Harness::new();
    let Some((binary, _library)) = harness_without_vdso(harness.directory()) else {
        return;
    };
    let words = [
        "run",
        "--workload",
        "getppid,fork-exec,threads,make-sim",
        "--modes",
        "none,ptrace,seccomp-linear",
        "--trace",
        "clock_gettime,getppid,execve",
        "--operations",
        "20",
        "--units",
        "1",
        "--runs",
        "1",
        "--format",
        "json",
    ];
    let output = Command::new(&binary)
        .args(words)
        .env_clear()
        .env("PATH", common::PATH)
        .current_dir(harness.directory())
        .output()
        .expect("the copy");
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let record: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for row in record["results"].as_array().expect("results") {
        assert_eq!(row["verified"], true, "{row}");
    }
    let plans = record["plan"]["workloads"].as_array().expect("workloads");
    let plan = |name: &str| plans.iter().find(|plan| plan["name"] == name).expect("it");
    assert_eq!(plan("getppid")["stated_calls"]["clock_gettime"], 2);
    assert_eq!(plan("getppid")["loop_syscalls"], 21);
    assert_eq!(
        plan("make-sim")["stated_calls"]["clock_gettime"],
        Value::Null
    );
    let traced = row(&record, "getppid", "seccomp-linear");
    // The program's own execve(2), twenty calls, two readings.
    assert_eq!(traced["traced_events"], 1 + 20 + 2);
}

/// One run says nothing of counts that vary; a difference beyond chance is an error, unless it is accepted.
#[test]
fn the_counts_of_a_command_are_compared_beyond_chance_alone() {
    let run = |line: &str, more: &[&str]| {
        let harness = Harness::new();
        harness.write("c", b"");
        let words = [
            "run",
            "--modes",
            "ptrace,seccomp-linear",
            "--trace",
            "write",
            "--warmup",
            "0",
            "--shell",
            line,
        ];
        harness.output(&[&words[..], more].concat())
    };
    // One more write(2) in each run.
    let varies = "while read -r l; do echo; done <c; echo >>c";
    for runs in ["1", "2", "5"] {
        let output = run(varies, &["--runs", runs]);
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "{runs}: {stderr}");
        assert!(!stderr.contains("not verified"), "{runs}: {stderr}");
    }
    // One more under a filter.
    let differs = "while read -r name mode; do case $name$mode in Seccomp:2) echo;; esac; done </proc/self/status; echo";
    let table = |output: &Output| {
        let table = text(&output.stdout);
        table.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let few = run(differs, &["--runs", "1"]);
    assert!(few.status.success(), "{}", text(&few.stderr));
    assert!(table(&few).contains("too few to tell"), "{}", table(&few));
    let enough = run(differs, &["--runs", "5"]);
    assert_eq!(enough.status.code(), Some(FAIL));
    assert!(
        text(&enough.stderr).contains("is not verified"),
        "{}",
        text(&enough.stderr)
    );
    let accepted = run(differs, &["--runs", "5", "--accept-variation"]);
    assert!(accepted.status.success(), "{}", text(&accepted.stderr));
    assert!(
        table(&accepted).contains("accepted (--accept-variation)"),
        "{}",
        table(&accepted)
    );
}
