//! Filters of running processes, and programs of the user's in a measurement.

mod common;

use common::{FAIL, Harness, USAGE, one_clear_line, row, text, wait_until};
use harness_testing::{Missing, skip};
use serde_json::Value;
use std::process::{Command, Output, Stdio};

/// A running process with two filters, and no tracer.
struct Filtered {
    harness: Harness,
    outer: std::process::Child,
    pid: String,
}

impl Filtered {
    fn start() -> Self {
        let harness = Harness::new();
        let allow = [
            "run",
            "--modes",
            "seccomp-allow",
            "--runs",
            "1",
            "--warmup",
            "0",
            "--trace",
        ];
        let own = env!("CARGO_BIN_EXE_harness");
        let script = "echo $$ > pid.new; mv pid.new pid; exec sleep 60";
        let inner = [&allow[..], &["read", "--", "sh", "-c", script]].concat();
        let words = [&allow[..], &["connect", "--", own], &inner].concat();
        let mut outer = harness.command(&words);
        let outer = outer.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let outer = outer.expect("the harness");
        let file = harness.directory().join("pid");
        wait_until("the process runs", || file.exists());
        let pid = std::fs::read_to_string(file).expect("its id");
        let pid = pid.trim().to_owned();
        let comm = format!("/proc/{pid}/comm");
        wait_until("it sleeps", || {
            std::fs::read_to_string(&comm).is_ok_and(|comm| comm == "sleep\n")
        });
        Self {
            harness,
            outer,
            pid,
        }
    }

    fn dump(&self, words: &[&str]) -> Output {
        let words = [&["filter", "dump", "--pid", &self.pid], words].concat();
        self.harness.output(&words)
    }

    /// Field of proc_pid_status(5).
    fn status(&self, field: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid));
        let status = status.expect("the process lives");
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        line.unwrap_or_default()
            .trim_start_matches(':')
            .trim()
            .to_owned()
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.pid]).status();
        assert!(status.expect("kill").success());
    }
}

impl Drop for Filtered {
    fn drop(&mut self) {
        // All that it started dies with it.
        let _ = self.outer.kill();
        let _ = self.outer.wait();
    }
}

#[test]
fn filters_of_a_running_process_are_read_and_it_goes_on() {
    let process = Filtered::start();
    let output = process.dump(&["--format", "json"]);
    let stderr = text(&output.stderr);
    for (part, missing) in [
        ("CAP_SYS_ADMIN", Missing::Root),
        ("CONFIG_CHECKPOINT_RESTORE", Missing::Host),
    ] {
        if stderr.contains(part) {
            let why = stderr.trim_end();
            return skip(missing, &format!("reading the filters of a process: {why}"));
        }
    }
    assert!(output.status.success(), "{stderr}");
    let dumped: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let lengths: Vec<usize> = dumped["filters"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|filter| filter["instructions"].as_array().expect("an array").len())
        .collect();
    assert!(lengths.len() >= 2, "{dumped}");
    // In the order of their installation, made from seccomp-linear's; what the tests run under
    // comes before.
    let first = lengths.len() - 2;
    for (index, set) in [(first, "connect"), (first + 1, "read")] {
        let index = &index.to_string();
        let words = ["--trace", set, "--compiler", "linear", "--format", "raw"];
        let mut expected = process.harness.show(&words);
        for insn in expected.chunks_mut(8).filter(|insn| insn[0] == 0x06) {
            insn[4..].copy_from_slice(&0x7fff_0000_u32.to_le_bytes());
        }
        let raw = process.dump(&["--index", index, "--format", "raw"]);
        assert_eq!(
            raw.stdout,
            expected,
            "filter {index}: {}",
            text(&raw.stderr)
        );
    }
    let missing = process.dump(&["--index", "99"]);
    one_clear_line(&missing, FAIL, &["--index 99"], &["has no filter 99"]);
    let several = process.dump(&["--format", "raw"]);
    one_clear_line(&several, FAIL, &["--format raw"], &["filters", "--index"]);
    let listing = text(&process.dump(&[]).stdout);
    assert!(
        listing.contains("/* connect */") && listing.contains("/* read */"),
        "{listing}"
    );
    // It goes on as it was: running, or stopped.
    assert_eq!(process.status("TracerPid"), "0");
    wait_until("it sleeps again", || {
        process.status("State").starts_with('S')
    });
    process.signal("-STOP");
    wait_until("it stops", || process.status("State").starts_with('T'));
    assert!(process.dump(&["--index", "0"]).status.success());
    assert!(
        process.status("State").starts_with("T (stopped)"),
        "{}",
        process.status("State")
    );
    process.signal("-CONT");
    wait_until("it goes on", || process.status("State").starts_with('S'));
}

#[test]
fn a_process_without_filters_or_none_at_all_is_said_so() {
    let harness = Harness::new();
    let dump = |pid: &str| harness.output(&["filter", "dump", "--pid", pid]);
    // Above PID_MAX_LIMIT of include/linux/threads.h.
    one_clear_line(
        &dump("4194305"),
        FAIL,
        &["no process"],
        &["4194305", "no such process"],
    );
    one_clear_line(&dump("0"), USAGE, &["0"], &["--pid"]);
    let mut sleep = Command::new("sleep").arg("60").spawn().expect("sleep");
    let output = dump(&sleep.id().to_string());
    sleep.kill().expect("SIGKILL");
    sleep.wait().expect("it ends");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(FAIL));
    let known = [
        "has no seccomp filter",
        "CAP_SYS_ADMIN",
        "kernel.yama.ptrace_scope",
    ];
    assert!(known.iter().any(|part| stderr.contains(part)), "{stderr}");
}

/// What a program of the user's traces is counted as it traces it, whatever the set and the data.
#[test]
fn a_program_of_the_users_is_measured_as_a_mode() {
    let harness = Harness::new();
    for data in ["0", "7", "0x7ace"] {
        let words = [
            "--trace",
            "getppid,execve",
            "--data",
            data,
            "--format",
            "raw",
        ];
        harness.write("own", &harness.show(&words));
        let output = format!("r{data}");
        let record = harness.record(&[
            "--workload",
            "getppid",
            "--operations",
            "30",
            "--runs",
            "1",
            "--trace",
            "connect",
            "--filter",
            "own",
            "--output",
            &output,
        ]);
        let own = row(&record, "getppid", "seccomp-file");
        assert_eq!(own["stops"]["seccomp"], 31);
        assert_eq!(own["traced_events"], 31);
        assert!(
            own["verified"].is_null(),
            "there is nothing to compare it with"
        );
        assert_eq!(own["filter"]["compiler"], "file");
        // The others are verified as ever.
        for mode in ["ptrace", "seccomp-tree"] {
            assert_eq!(row(&record, "getppid", mode)["traced_events"], 0);
            assert_eq!(row(&record, "getppid", mode)["verified"], true);
        }
        let kept = format!("{output}/seccomp-file.txt");
        let words = [
            "filter",
            "check",
            &kept,
            "optimal:getppid,execve",
            "--data",
            data,
        ];
        assert!(harness.stdout(&words).starts_with(b"equal"));
    }
    let one_mode = ["run", "--modes", "none", "--filter", "own", "--", "true"];
    let words = ["run", "--modes", "seccomp-file", "--", "true"];
    one_clear_line(
        &harness.output(&one_mode),
        USAGE,
        &one_mode,
        &["--filter", "--modes"],
    );
    one_clear_line(
        &harness.output(&words),
        USAGE,
        &words,
        &["seccomp-file", "--filter FILE"],
    );
}

#[test]
fn a_program_that_forbids_the_run_is_named_as_the_cause() {
    for (set, action, parts) in [
        (
            "kill",
            "kill",
            ["ended before it could execute", "kill(2) and execve(2)"],
        ),
        ("execve", "errno:13", ["execve(2)", "EACCES"]),
        (
            "getppid",
            "kill",
            ["under mode seccomp-file", "killed by signal 31"],
        ),
    ] {
        let harness = Harness::new();
        let words = ["--trace", set, "--action", action, "--format", "raw"];
        harness.write("own", &harness.show(&words));
        let words = [
            "run",
            "--workload",
            "getppid",
            "--operations",
            "30",
            "--runs",
            "1",
            "--modes",
            "none,seccomp-file",
            "--filter",
            "own",
        ];
        let output = harness.output(&words);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(FAIL), "{stderr}");
        for part in parts {
            assert!(stderr.contains(part), "{set}: {part:?} is not in: {stderr}");
        }
    }
}
