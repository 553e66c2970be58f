//! What is measured: always beside a control, with all descendants, by a counter of the user's.

use crate::common::{FAIL, Harness, one_clear_line, text, wait_until};
use crate::{attach, report, tracer, windows};
use harness_sys::{Tid, procfs};
use harness_testing::installed;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// A process that does nothing, until it is dropped with its group.
struct Idle(std::process::Child);

impl Idle {
    /// Returns once the group is as `ready` wants it, which is told the ids of its processes.
    fn start(script: &str, ready: impl Fn(&[u32]) -> bool) -> Self {
        let child = Command::new("sh")
            .args(["-c", script])
            .process_group(0)
            .stdout(Stdio::null())
            .spawn();
        let idle = Self(child.expect("sh"));
        wait_until(script, || ready(&idle.group()));
        idle
    }

    /// A single process that sleeps.
    fn sleeping() -> Self {
        Self::start("exec sleep 600", |group| is_called(group[0], "sleep"))
    }

    fn group(&self) -> Vec<u32> {
        let leads = |group: Tid| group.0.cast_unsigned() == self.0.id();
        let is_of_group = |&process: &Tid| {
            let stat = procfs::stat(process);
            stat.is_ok_and(|stat| stat.group().is_some_and(leads))
        };
        let group = procfs::processes().filter(is_of_group);
        group.map(|process| process.0.cast_unsigned()).collect()
    }
}

fn is_called(process: u32, name: &str) -> bool {
    let comm = std::fs::read_to_string(format!("/proc/{process}/comm"));
    comm.is_ok_and(|comm| comm.trim_end() == name)
}

impl Drop for Idle {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.0.wait();
    }
}

#[test]
fn one_mode_has_a_control_all_the_same() {
    let idle = Idle::sleeping();
    let harness = Harness::new();
    let words = ["--modes", "ptrace", "--for", "0.05", "--runs", "2"];
    let output = attach(&harness, idle.0.id(), &words)
        .output()
        .expect("the harness");
    let table = text(&output.stdout);
    let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report = report(&harness);
    for mode in ["none", "ptrace"] {
        assert_eq!(windows(&report, mode).len(), 2, "{mode}");
    }
    for part in [
        "2 untraced, 2 under ptrace, of 2 planned each",
        "sleep 600; 1 thread at",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
}

/// As a server whose first process only waits for its workers: what they do is in the account, and
/// their calls are traced, those of a child's child too; they are left untraced.
#[test]
fn descendants_are_watched() {
    let work = "while :; do read -r line </proc/self/stat; done";
    let idle = Idle::start(&format!("sh -c '({work}) & wait' & wait"), |group| {
        group.len() == 3
    });
    let harness = Harness::new();
    let words = ["--for", "0.3", "--runs", "2", "--trace", "read"];
    let output = attach(&harness, idle.0.id(), &words)
        .output()
        .expect("the harness");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report = report(&harness);
    assert_eq!(report["process"]["descendants"], 2, "{}", report["process"]);
    for mode in ["none", "ptrace"] {
        for window in windows(&report, mode) {
            assert_eq!(window["processes"], 3, "{window}");
            assert!(window["cpu_ns"].as_u64() > Some(0), "{window}");
            assert!(window["read_write_calls"].as_u64() > Some(10), "{window}");
        }
    }
    for window in windows(&report, "ptrace") {
        assert_eq!(window["tracer"]["processes"], 3, "{window}");
        assert!(
            window["tracer"]["traced_events"].as_u64() > Some(10),
            "{window}"
        );
    }
    assert_eq!(
        report["warnings"].as_array().map(Vec::len),
        Some(0),
        "{}",
        report["warnings"]
    );
    assert_eq!(tracer(idle.0.id()), 0);
}

/// Children that come and go all the time, while it is attached to again and again.
#[test]
fn children_may_come_and_go() {
    let idle = Idle::start(
        "while :; do /bin/true; (/bin/true & /bin/true; wait); done",
        |group| group.len() > 1,
    );
    let harness = Harness::new();
    let words = ["--for", "0.02", "--runs", "20"];
    let output = attach(&harness, idle.0.id(), &words)
        .output()
        .expect("the harness");
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let report = report(&harness);
    assert_eq!(report["state"]["status"], "complete", "{stderr}");
    for mode in ["none", "ptrace"] {
        assert_eq!(windows(&report, mode).len(), 20, "{mode}");
    }
}

/// One with a tracer of its own is left alone, and said.
#[test]
fn a_descendant_with_another_tracer_is_left_alone() {
    if !installed("strace", "a descendant with another tracer") {
        return;
    }
    let idle = Idle::start("strace -qq -o /dev/null sleep 600 & wait", |group| {
        let traced = |&process: &u32| is_called(process, "sleep") && tracer(process) != 0;
        group.iter().any(traced)
    });
    let harness = Harness::new();
    let words = ["--for", "0.05", "--runs", "2"];
    let output = attach(&harness, idle.0.id(), &words)
        .output()
        .expect("the harness");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let warnings = report(&harness)["warnings"].to_string();
    assert!(
        warnings.contains("1 descendant") && warnings.contains("traces it already"),
        "{warnings}"
    );
}

#[test]
fn a_counter_of_the_users_is_read_in_every_window() {
    let harness = Harness::new();
    let file = harness.directory().join("counter");
    let idle = Idle::start(
        &format!("while :; do echo >>{}; done", file.display()),
        |_| file.exists(),
    );
    let words = [
        "--for",
        "0.1",
        "--runs",
        "2",
        "--rate-command",
        "wc -l <counter",
    ];
    let output = attach(&harness, idle.0.id(), &words)
        .output()
        .expect("the harness");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("count of --rate-command"));
    let report = report(&harness);
    for mode in ["none", "ptrace"] {
        for window in windows(&report, mode) {
            let counted = &window["rate_command"];
            assert!(counted["count"].as_f64() > Some(0.0), "{window}");
            assert!(
                counted["between_ns"].as_u64() >= window["window_ns"].as_u64(),
                "{window}"
            );
        }
    }
    drop(idle);

    let idle = Idle::sleeping();
    for (command, parts) in [
        ("echo 1 request", &["1 request", "no number"][..]),
        ("true", &["printed nothing"]),
        ("echo 1; exit 3", &["exit status: 3"]),
        (
            "echo $((100 - $(wc -l <calls))); echo >>calls",
            &["never falls"],
        ),
    ] {
        let harness = Harness::new();
        harness.write("calls", b"");
        let words = [
            "--for",
            "0.01",
            "--runs",
            "1",
            "--rate-command",
            command,
            "--format",
            "csv",
        ];
        let output = attach(&harness, idle.0.id(), &words)
            .output()
            .expect("the harness");
        assert_eq!(output.status.code(), Some(FAIL), "{command}");
        let stderr = text(&output.stderr);
        for part in [&["--rate-command", command], parts].concat() {
            assert!(stderr.contains(part), "{part}: {stderr}");
        }
        if !parts.contains(&"never falls") {
            one_clear_line(&output, FAIL, &words, parts);
        }
    }
}

/// A title that setproctitle(3) wrote leaves NULs behind itself, which are no arguments.
#[test]
fn a_title_has_no_empty_arguments() {
    const SCRIPT: &str = "import ctypes,time
l=open('/proc/self/stat').read().split(')')[1].split()
start,end=int(l[45]),int(l[46])
ctypes.memset(start,0,end-start)
ctypes.memmove(start,b'title',5)
time.sleep(600)";
    if !installed("python3", "a process with a title") {
        return;
    }
    let child = Command::new("python3")
        .args(["-c", SCRIPT])
        .process_group(0)
        .spawn()
        .expect("python3");
    let titled = Idle(child);
    let title = format!("/proc/{}/cmdline", titled.0.id());
    wait_until("a title", || {
        std::fs::read(&title).is_ok_and(|words| words.starts_with(b"title\0"))
    });
    let empty = Idle(
        Command::new("sh")
            .args(["-c", "sleep 600; :", "", ""])
            .process_group(0)
            .spawn()
            .expect("sh"),
    );
    for (process, expected) in [
        (titled.0.id(), serde_json::json!(["title"])),
        (
            empty.0.id(),
            serde_json::json!(["sh", "-c", "sleep 600; :", "", ""]),
        ),
    ] {
        let harness = Harness::new();
        let output = attach(&harness, process, &["--for", "0.01", "--runs", "1"]).output();
        assert!(output.expect("the harness").status.success());
        assert_eq!(report(&harness)["process"]["command"], expected);
    }
}
