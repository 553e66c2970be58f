//! `harness run --attach`: a running process is traced for a while and goes on
//! as if it had not been, whatever ends the tracing; what cannot be attached to
//! is one clear line.
//!
//! The processes are C programs (`tests/tracees/attach_*.c`) that check
//! themselves what a tracer could do to them.

#[path = "../common/mod.rs"]
mod common;
mod ebpf;
mod ends;
mod executing;
mod measured;
mod refused;

use common::{FAIL, Harness, text, wait_until};
use harness_sys::process::effective_user;
use harness_testing::{Missing, skip};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// The compiled program, or none where there is no C compiler.
fn program(name: &'static str) -> Option<PathBuf> {
    static COMPILED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let directory = COMPILED.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("attach");
        std::fs::create_dir_all(&directory).expect("a directory");
        for name in ["attach_busy", "attach_exec", "attach_odd"] {
            let source = format!("{}/tests/tracees/{name}.c", env!("CARGO_MANIFEST_DIR"));
            let status = Command::new("cc")
                .args(["-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
                .arg(directory.join(name))
                .arg(source)
                .status();
            match status {
                Ok(status) => assert!(status.success(), "{name} does not compile"),
                Err(_) => return None,
            }
        }
        Some(directory)
    });
    if directory.is_none() {
        skip(Missing::Tool, "processes to attach to: cc is not installed");
    }
    Some(directory.as_ref()?.join(name))
}

/// A process that runs until its standard input ends.
struct Tracee {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Tracee {
    fn start(name: &'static str, words: &[&str]) -> Option<Self> {
        let mut child = Command::new(program(name)?)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
        Some(Self {
            child,
            stdin,
            stdout,
        })
    }

    fn id(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    /// The statuses of its threads.
    fn threads(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id())).expect("its threads");
        let paths = tasks.flatten().map(|task| task.path().join("status"));
        paths
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .collect()
    }

    fn tracer(&self) -> u32 {
        tracer(self.id())
    }

    /// Nobody traces a thread of it, and each of them is in one of `states`.
    #[track_caller]
    fn is_untraced_and(&self, states: &str) {
        for status in self.threads() {
            assert_eq!(field(&status, "TracerPid"), "0", "{status}");
            let state = field(&status, "State");
            assert!(
                state.starts_with(|state| states.contains(state)),
                "{status}"
            );
        }
    }

    /// What it says in the end, once its standard input has ended.
    #[track_caller]
    fn end(mut self) -> String {
        self.stdin = None;
        let mut said = String::new();
        self.stdout.read_to_string(&mut said).expect("its output");
        let mut errors = String::new();
        let stderr = self.child.stderr.as_mut().expect("a pipe");
        stderr.read_to_string(&mut errors).expect("its errors");
        let status = self.child.wait().expect("its end");
        assert!(status.success(), "{status}: {said}{errors}");
        assert_eq!(errors, "");
        said
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        // Only after a failure is there something left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':');
    status.lines().find_map(value).map_or("", str::trim)
}

fn status(process: u32) -> String {
    std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default()
}

fn tracer(process: u32) -> u32 {
    field(&status(process), "TracerPid").parse().unwrap_or(0)
}

fn signal(process: u32, name: &str) {
    let kill = Command::new("kill")
        .args([format!("-{name}"), process.to_string()])
        .status();
    assert!(kill.expect("kill").success());
}

/// `harness run --attach` of a process, with what else is said.
fn attach(harness: &Harness, process: u32, words: &[&str]) -> Command {
    let process = process.to_string();
    harness.interruptible(&[&["run", "--attach", &process, "--output", "r"], words].concat())
}

/// Waits until a window is traced: before, the harness attaches once to try.
fn wait_until_attached(harness: &Harness, tracee: &Tracee) {
    wait_until("the trial is over", || {
        harness.directory().join("r/attach.json").exists()
    });
    wait_until("it is attached to", || tracee.tracer() != 0);
}

/// Waits until a window is whole.
fn wait_for_window(harness: &Harness) {
    wait_until("a window is whole", || {
        let begun = harness.directory().join("r/attach.json").exists();
        begun && report(harness)["windows"][0].is_object()
    });
}

fn report(harness: &Harness) -> Value {
    let path = harness.directory().join("r/attach.json");
    let json = std::fs::read_to_string(path).expect("attach.json");
    serde_json::from_str(&json).expect("JSON")
}

fn windows<'a>(report: &'a Value, mode: &str) -> Vec<&'a Value> {
    let windows = report["windows"].as_array().expect("windows").iter();
    windows.filter(|window| window["mode"] == mode).collect()
}

/// A seed with which the first window is traced.
const TRACED_FIRST: [&str; 2] = ["--seed", "3"];

/// Says that nothing was lost, interrupted, or idle.
const UNHARMED: &str = "interrupted 0, wrong 0, idle 0\n";

/// Attached and detached thirty times, stopped and continued meanwhile: what it
/// says is what it says untraced.
#[test]
fn a_process_goes_on_unharmed() {
    let Some(tracee) = Tracee::start("attach_busy", &[]) else {
        return;
    };
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(tracee.end(), UNHARMED, "untraced");

    let tracee = Tracee::start("attach_busy", &[]).expect("compiled");
    let harness = Harness::new();
    let mut child = attach(&harness, tracee.id(), &["--for", "0.05", "--runs", "30"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the harness");
    let ended = loop {
        if let Some(ended) = child.try_wait().expect("its state") {
            break ended;
        }
        tracee.signal("STOP");
        std::thread::sleep(Duration::from_millis(20));
        tracee.signal("CONT");
        std::thread::sleep(Duration::from_millis(100));
    };
    let mut errors = String::new();
    let stderr = child.stderr.as_mut().expect("a pipe");
    stderr.read_to_string(&mut errors).expect("its errors");
    assert!(ended.success(), "{errors}");
    tracee.is_untraced_and("RSDZX");
    let report = report(&harness);
    assert_eq!(report["state"]["status"], "complete");
    let warnings = report["warnings"].as_array().expect("a list").clone();
    // What a child had done that is a zombie where a window begins, only root may read.
    let is_for_root = |warning: &Value| warning.to_string().contains("/proc/PID/io");
    let is_root = effective_user() == 0;
    let mut others = warnings.iter().filter(|w| is_root || !is_for_root(w));
    assert_eq!(others.next(), None, "{warnings:?}");
    assert_eq!(
        (
            windows(&report, "none").len(),
            windows(&report, "ptrace").len()
        ),
        (30, 30)
    );
    // Children and threads were born under the tracer, signals delivered by it.
    let sum = |kind: &str| -> u64 {
        let windows = windows(&report, "ptrace");
        windows
            .iter()
            .filter_map(|window| window["tracer"]["stops"][kind].as_u64())
            .sum()
    };
    for kind in ["syscall_enter", "syscall_exit", "event", "signal"] {
        assert!(sum(kind) > 0, "no stop of kind {kind}");
    }
    assert_eq!(tracee.end(), UNHARMED, "traced");
}

/// What proc(5) says of the calls in a window is what the tracer counts in it,
/// but for those that were under way at its ends.
#[test]
fn the_tracer_and_the_kernel_count_the_same_calls() {
    let Some(tracee) = Tracee::start("attach_odd", &["calling"]) else {
        return;
    };
    let harness = Harness::new();
    let words = [
        "--for", "0.2", "--runs", "6", "--trace", "read", "--format", "json",
    ];
    let output = attach(&harness, tracee.id(), &words)
        .output()
        .expect("the harness");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report, self::report(&harness));
    for window in windows(&report, "ptrace") {
        let counted = &window["tracer"];
        let count = |value: &Value| value.as_u64().expect("a count");
        let reads = count(&counted["traced_events"]);
        // The tracer counts a little before and after the window.
        assert!(reads + 1 >= count(&window["read_write_calls"]), "{window}");
        assert!(reads > 0, "{window}");
        // One getppid(2) for each read(2), two stops for each.
        assert!(
            count(&counted["syscalls"]).abs_diff(2 * reads) <= 2,
            "{window}"
        );
        let (enter, exit) = (
            &counted["stops"]["syscall_enter"],
            &counted["stops"]["syscall_exit"],
        );
        assert_eq!(enter, &counted["syscalls"]);
        assert!(count(enter).abs_diff(count(exit)) <= 1, "{window}");
        assert!(
            count(&counted["counted_ns"]) >= count(&window["window_ns"]),
            "{window}"
        );
    }
    for window in windows(&report, "none") {
        assert_eq!(window["tracer"], Value::Null);
    }
    let rate = |name: &str| {
        let rates = report["rates"].as_array().expect("rates");
        rates
            .iter()
            .find(|row| row["rate"] == name)
            .expect("the rate")
    };
    let ratio = &rate("read_write_calls")["ratio"];
    assert_eq!(ratio["pairs"], 6);
    assert!(ratio["low"].as_f64() <= ratio["estimate"].as_f64());
    // Two stops a call slow a process down that does nothing but calls.
    assert!(
        ratio["high"].as_f64().is_some_and(|high| high < 1.0),
        "{ratio}"
    );
    assert_eq!(rate("syscalls")["untraced"], Value::Null);
    assert_eq!(tracee.end(), "fine\n");
}

/// Order and pairs of the windows are those of runs.
#[test]
fn windows_stand_in_blocks() {
    let Some(tracee) = Tracee::start("attach_odd", &["calling"]) else {
        return;
    };
    let harness = Harness::new();
    let words = [
        "--for", "0.01", "--runs", "4", "--seed", "7", "--format", "markdown",
    ];
    let output = attach(&harness, tracee.id(), &words)
        .output()
        .expect("the harness");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    for part in [
        "calls that read or write",
        "ptrace",
        "seccomp\\-linear",
        "seccomp(2)",
    ] {
        assert!(
            table
                .replace("\\-", "-")
                .contains(&part.replace("\\-", "-")),
            "{part}: {table}"
        );
    }
    let report = report(&harness);
    let taken: Vec<_> = report["windows"]
        .as_array()
        .expect("windows")
        .iter()
        .collect();
    let planned = report["plan"]["order"].as_array().expect("an order");
    assert_eq!(taken.len(), planned.len());
    for (window, slot) in taken.iter().zip(planned) {
        for key in ["mode", "block", "pass"] {
            assert_eq!(window[key], slot[key]);
        }
    }
    let modes: Vec<_> = planned.iter().map(|slot| &slot["mode"]).collect();
    for block in modes.chunks(4) {
        assert_eq!(
            (block[0], block[1]),
            (block[3], block[2]),
            "a permutation and its reverse"
        );
    }
    assert_eq!(tracee.end(), "fine\n");
}

/// A process that is stopped stays so, and goes on when it is continued: stopped
/// before, and stopped while it was traced.
#[test]
fn a_group_stop_outlives_the_tracer() {
    let Some(tracee) = Tracee::start("attach_busy", &[]) else {
        return;
    };
    let stopped = |tracee: &Tracee| {
        let states = tracee.threads();
        states
            .iter()
            .all(|status| field(status, "State").starts_with(['T', 't']))
    };
    let harness = Harness::new();
    tracee.signal("STOP");
    wait_until("it stops", || stopped(&tracee));
    let output = attach(&harness, tracee.id(), &["--for", "0.05", "--runs", "2"]).output();
    assert!(output.expect("the harness").status.success());
    tracee.is_untraced_and("T");
    tracee.signal("CONT");
    wait_until("it goes on", || !stopped(&tracee));

    let harness = Harness::new();
    let words = [&["--for", "60", "--runs", "1"][..], &TRACED_FIRST].concat();
    let mut child = attach(&harness, tracee.id(), &words)
        .stderr(Stdio::null())
        .spawn()
        .expect("the harness");
    wait_until_attached(&harness, &tracee);
    tracee.signal("STOP");
    wait_until("it stops", || stopped(&tracee));
    signal(child.id(), "INT");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    wait_until("it is detached", || tracee.tracer() == 0);
    tracee.is_untraced_and("T");
    tracee.signal("CONT");
    assert_eq!(tracee.end(), UNHARMED);
}

/// The ways in which tracing can end in the middle of a window. In each the
/// process goes on, and whole windows are kept.
#[test]
fn whatever_ends_the_tracing_the_process_goes_on() {
    for end in ["INT", "TERM", "KILL", "KILL of the tracer"] {
        let Some(tracee) = Tracee::start("attach_busy", &[]) else {
            return;
        };
        let harness = Harness::new();
        let words = [&["--for", "0.3", "--runs", "1000"][..], &TRACED_FIRST].concat();
        let mut child = attach(&harness, tracee.id(), &words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the harness");
        wait_for_window(&harness);
        wait_until("the next one has begun", || tracee.tracer() != 0);
        match end {
            "KILL of the tracer" => signal(tracee.tracer(), "KILL"),
            name => signal(child.id(), name),
        }
        let status = child.wait().expect("it ends");
        wait_until("it is untraced", || {
            tracee
                .threads()
                .iter()
                .all(|status| field(status, "TracerPid") == "0")
        });
        tracee.is_untraced_and("RSDZX");
        let report = report(&harness);
        assert!(!windows(&report, "ptrace").is_empty(), "{end}");
        let printed = harness.stdout(&["report", "r"]);
        assert!(text(&printed).contains("syscalls"), "{end}");
        let state = &report["state"];
        match end {
            "INT" | "TERM" => {
                let number = if end == "INT" { 2 } else { 15 };
                assert_eq!(status.code(), Some(128 + number), "{end}");
                assert_eq!(
                    (&state["status"], &state["signal"]),
                    (&"interrupted".into(), &number.into())
                );
            }
            "KILL" => {
                assert_eq!(status.signal(), Some(9));
                assert_eq!(state["status"], "running");
            }
            _ => {
                assert_eq!(status.code(), Some(FAIL));
                assert_eq!(state["status"], "failed");
                let reason = state["reason"].as_str().expect("a reason");
                assert!(
                    reason.contains("ended early") && reason.contains("signal: 9"),
                    "{reason}"
                );
            }
        }
        // The kernel delivers what the killed tracer was not told of yet; what it
        // was told of in that moment it took with it.
        if end != "KILL of the tracer" {
            assert_eq!(tracee.end(), UNHARMED, "{end}");
        }
    }
}

/// Its first thread a zombie; its only thread in vfork(2), where nothing stops it.
#[test]
fn awkward_processes_are_left_as_they_were() {
    for (word, warned) in [("leaderless", false), ("vfork", true)] {
        let Some(tracee) = Tracee::start("attach_odd", &[word]) else {
            return;
        };
        let harness = Harness::new();
        let words = ["--for", "0.05", "--runs", "1"];
        let output = attach(&harness, tracee.id(), &words)
            .output()
            .expect("the harness");
        assert!(output.status.success(), "{word}: {}", text(&output.stderr));
        let warnings = report(&harness)["warnings"].to_string();
        assert_eq!(
            warnings.contains("did not stop"),
            warned,
            "{word}: {warnings}"
        );
        tracee.is_untraced_and("SDZ");
        assert_eq!(tracee.end(), "fine\n", "{word}");
    }
}

/// A shell may have the harness attach to itself, which is its parent.
#[test]
fn a_parent_can_be_attached_to() {
    let harness = Harness::new();
    let binary = env!("CARGO_BIN_EXE_harness");
    let script =
        format!("{binary} run --attach $$ --for 0.05 --runs 2 --output r >out 2>&1 && echo fine");
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(harness.directory())
        .output()
        .expect("sh");
    assert_eq!(text(&output.stdout), "fine\n");
    assert_eq!(report(&harness)["state"]["status"], "complete");
}
