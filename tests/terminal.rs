//! What reaches the harness from its surroundings (signals, a terminal, the
//! environment) and what a measured command can do to it.

mod common;

use common::{FAIL, Harness, row, text, wait_until};
use harness_testing::installed;
use std::process::{Command, Stdio};

/// A script that waits, and a word by which its processes are found.
struct Nap(String);

impl Nap {
    fn new(number: u32) -> Self {
        Self(format!("{number}.{}", std::process::id()))
    }

    fn command(&self) -> String {
        format!("sleep {}", self.0)
    }

    /// The sleeping processes.
    fn sleepers(&self) -> usize {
        let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
        let lines =
            entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
        lines
            .filter(|line| line.starts_with("sleep") && line.contains(&self.0))
            .count()
    }
}

fn rows(harness: &Harness) -> usize {
    let samples = std::fs::read_to_string(harness.directory().join("r/samples.csv"));
    samples.expect("samples").lines().count() - 1
}

/// A caller may close any of its descriptors, so that files and pipes of the
/// harness get the numbers that a workload's are to have.
#[test]
fn descriptors_that_are_closed_at_the_start_change_nothing() {
    for closed in ["3>&- 4>&-", "0<&- 3>&-", "0<&- 1>&- 2>&- 3>&- 4>&- 5>&-"] {
        let harness = Harness::new();
        let size = "--workload getppid --operations 10 --runs 1 --warmup 0";
        let run = format!("run {size} --modes none,ptrace --output r");
        let script = format!("exec {} {run} {closed}", env!("CARGO_BIN_EXE_harness"));
        let output = Command::new("sh")
            .args(["-c", &script])
            .current_dir(harness.directory())
            .output()
            .expect("sh");
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "{closed}: {stderr}");
        assert_eq!(rows(&harness), 2, "{closed}");
    }
}

/// A run that has ended is in the record, whatever comes after it.
#[test]
fn a_hook_that_fails_after_a_run_costs_no_row() {
    let harness = Harness::new();
    let words = [
        "run", "--modes", "none", "--runs", "2", "--warmup", "0", "--output", "r",
    ];
    let command = ["--conclude", "exit 3", "--", "true"];
    let output = harness.output(&[&words[..], &command].concat());
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(FAIL), "{stderr}");
    assert!(
        stderr.contains("--conclude") && stderr.contains("exit code 3"),
        "{stderr}"
    );
    assert_eq!(rows(&harness), 1);
}

/// A signal ends a hook at once, with all it started.
#[test]
fn a_signal_ends_a_hook() {
    for (i, (hook, kept)) in [("--setup", 0), ("--prepare", 0), ("--conclude", 1)]
        .into_iter()
        .enumerate()
    {
        let harness = Harness::new();
        let nap = Nap::new(64_100 + u32::try_from(i).unwrap_or(0));
        let waits = format!("setsid {0} & {0}", nap.command());
        let words = [
            "run", "--modes", "none", "--runs", "2", "--warmup", "0", "--output", "r", hook,
            &waits, "--", "true",
        ];
        let child = harness
            .command(&words)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the harness");
        wait_until("the hook runs", || nap.sleepers() == 2);
        let kill = Command::new("kill").arg(child.id().to_string()).status();
        assert!(kill.expect("kill").success());
        let output = child.wait_with_output().expect("the harness ends");
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(128 + 15), "{hook}: {stderr}");
        assert_eq!(nap.sleepers(), 0, "{hook}");
        assert_eq!(rows(&harness), kept, "{hook}");
    }
}

/// A caller that ignores SIGCHLD, as some supervisors do, would have the kernel
/// reap what is to be waited for.
#[test]
fn a_caller_may_ignore_sigchld() {
    let harness = Harness::new();
    let script = "trap '' CHLD; exec \"$0\" run --modes all --runs 1 --warmup 0 \
                  --prepare true --output r -- true";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_harness")])
        .current_dir(harness.directory())
        .output()
        .expect("sh");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// What a command sends to its own process group is its own affair.
#[test]
fn a_command_may_signal_its_group() {
    let harness = Harness::new();
    let words = ["--ignore-failure", "--modes", "none,ptrace", "--runs", "1"];
    let command = ["--", "sh", "-c", "kill -USR1 0"];
    let record = harness.record(&[&words[..], &command].concat());
    for mode in ["none", "ptrace"] {
        assert_eq!(row(&record, "command", mode)["samples"], 1);
    }
}

/// A measured command has no terminal it could wait for; its user's keys are
/// the harness's.
#[test]
fn a_terminal_is_the_harness_alone() {
    if !installed("python3", "a terminal") {
        return;
    }
    let on_a_terminal = r"
import os, pty, signal, sys, time
signal.alarm(60)
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
if sys.argv[1] == 'interrupt':
    while not os.path.exists('started'):
        time.sleep(0.01)
    os.write(terminal, b'\x03')
try:
    while os.read(terminal, 4096): pass
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";
    let run = |action: &str, script: &str| {
        let harness = Harness::new();
        let output = Command::new("python3")
            .args(["-c", on_a_terminal, action])
            .args([env!("CARGO_BIN_EXE_harness"), "run", "--modes", "none"])
            .args(["--runs", "1", "--warmup", "0", "--output", "r", "--"])
            .args(["sh", "-c", script])
            .current_dir(harness.directory())
            .output()
            .expect("python3");
        output.status.code()
    };
    assert_eq!(run("wait", "read x </dev/tty"), Some(FAIL));
    let nap = Nap::new(64_200);
    let waits = format!("setsid {0} & touch started; {0}", nap.command());
    assert_eq!(run("interrupt", &waits), Some(128 + 2));
    assert_eq!(nap.sleepers(), 0);
}

/// Cargo sets LD_LIBRARY_PATH for what it runs; a loader searches all of it.
#[test]
fn the_callers_environment_changes_no_count_of_a_workload() {
    let calls = |library_path: Option<&str>| {
        let harness = Harness::new();
        let words = [
            "run",
            "--format",
            "json",
            "--workload",
            "make-sim",
            "--units",
            "1",
            "--modes",
            "ptrace",
            "--trace",
            "all",
            "--runs",
            "1",
            "--warmup",
            "0",
        ];
        let mut command = harness.command(&words);
        if let Some(path) = library_path {
            command.env("LD_LIBRARY_PATH", path);
        }
        let output = command.output().expect("the harness");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let record: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let stated = record["plan"]["workloads"][0]["stated_calls"].clone();
        assert!(stated["openat"].is_u64(), "{stated}");
        let events = row(&record, "make-sim", "ptrace")["traced_events"].clone();
        (stated, events)
    };
    assert_eq!(calls(None), calls(Some("/a:/b:/c")));
}
