//! Programs with known calls make exactly the stops they must, in every mode.

mod common;

use common::{Harness, row};
use harness_testing::installed;
use serde_json::Value;

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

/// The modes with a filter of the harness's own and a tracer.
const SECCOMP: [&str; 5] = [
    "seccomp-naive",
    "seccomp-linear",
    "seccomp-bitmap",
    "seccomp-tree",
    "seccomp-optimal",
];

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

#[test]
fn stops_are_exactly_those_the_calls_determine() {
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
            "all",
        ]);
        let name = format!("{} --trace {}", case.workload, case.trace);
        // Each child tells of itself twice (its parent's event, its own first
        // stop), each exec once.
        let event = 2 * case.children + case.execs;
        for mode in SECCOMP {
            let row = row(&record, case.workload, mode);
            assert_eq!(row["traced_events"], case.traced, "{name}, {mode}");
            assert_eq!(row["verified"], true, "{name}, {mode}");
            let expected = Stops {
                enter: 0,
                exit: case.traced - case.endless,
                seccomp: case.traced,
                event,
                signal: case.signals,
                group: 0,
            };
            assert_eq!(stops(row), expected, "{name}, {mode}");
        }
        let allow = row(&record, case.workload, "seccomp-allow");
        assert_eq!(allow["verified"], true, "{name}");
        assert_eq!(allow["stops"]["total"], 0, "{name}: nobody traces");
        assert!(allow["traced_events"].is_null(), "{name}");
        let row = row(&record, case.workload, "ptrace");
        assert_eq!(row["traced_events"], case.traced, "{name}");
        let calls = row["syscalls"].as_u64().expect("ptrace sees every call");
        // Every process and thread ends in a call that does not return.
        let expected = Stops {
            enter: calls,
            exit: calls - case.children - 1,
            seccomp: 0,
            event,
            signal: case.signals,
            group: 0,
        };
        assert_eq!(stops(row), expected, "{name}, ptrace");
    }
}

/// The count that strace's own output gives, an oracle that nobody here wrote.
#[test]
fn strace_counts_the_same_calls() {
    if !installed("strace", "comparison with strace's counts") {
        return;
    }
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
            let status = std::process::Command::new("strace")
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
                    &["--trace", set, "--runs", "1", "--modes", "all", "--"],
                    command,
                ]
                .concat(),
            );
            for mode in ["ptrace"].into_iter().chain(SECCOMP) {
                let row = row(&record, "command", mode);
                assert_eq!(
                    row["traced_events"], entered,
                    "{command:?} --trace {set}, {mode}"
                );
            }
        }
    }
}
