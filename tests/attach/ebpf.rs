//! A process that is watched by programs in the kernel: it is never stopped, beside ptrace or under another
//! tracer, and nothing stays attached whatever ends the watching.

use crate::common::{FAIL, Harness, one_clear_line, text, wait_until};
use crate::{
    TRACED_FIRST, Tracee, UNHARMED, attach, field, program, report, signal, wait_for_window,
    windows,
};
use harness_mode::find;
use harness_sys::process::effective_user;
use harness_sys::{Tid, bpf, procfs};
use harness_testing::{Missing, installed, skip};
use serde_json::Value;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Whether mode `ebpf` can run here; says what is skipped where it cannot.
#[track_caller]
fn available(what: &str) -> bool {
    match find("ebpf").expect("the mode").check() {
        Ok(_) => true,
        Err(why) => {
            let missing = if effective_user() == 0 {
                Missing::Host
            } else {
                Missing::Root
            };
            skip(missing, &format!("{what}: {why}"));
            false
        }
    }
}

/// The links that a process has open (proc_pid_fdinfo(5)).
fn links(process: u32) -> Vec<u32> {
    let directory = std::fs::read_dir(format!("/proc/{process}/fdinfo"));
    let files = directory.into_iter().flatten().flatten();
    let texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
    let id = |text: String| {
        let line = text.lines().find_map(|line| line.strip_prefix("link_id:"));
        line.and_then(|id| id.trim().parse().ok())
    };
    texts.filter_map(id).collect()
}

/// The watcher that a harness has started, with its links, once it has attached all programs.
fn watcher(harness: u32) -> Option<(u32, Vec<u32>)> {
    let is_child = |id: &Tid| {
        let stat = procfs::stat(*id).ok();
        stat.and_then(|stat| stat.parent()) == Some(Tid(harness.cast_signed()))
    };
    let mut children = procfs::processes().filter(is_child);
    children.find_map(|id| {
        let links = links(id.0.cast_unsigned());
        (links.len() == 4).then(|| (id.0.cast_unsigned(), links))
    })
}

fn are_gone(links: &[u32]) -> bool {
    let there = bpf::link_ids().expect("ids");
    links.iter().all(|id| !there.contains(id))
}

/// In the same order of windows. What the programs count is what proc(5) says of the calls in a window, but for
/// those that were under way at its ends; no call waits, so the process works faster than under ptrace.
#[test]
fn ptrace_and_ebpf_take_turns() {
    if !available("windows under ptrace and eBPF") {
        return;
    }
    let Some(tracee) = Tracee::start("attach_odd", &["calling"]) else {
        return;
    };
    let harness = Harness::new();
    let words = [
        "--modes",
        "ptrace,ebpf,ebpf-stream",
        "--for",
        "0.2",
        "--runs",
        "6",
        "--trace",
        "read",
    ];
    let output = attach(&harness, tracee.id(), &words)
        .output()
        .expect("the harness");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report = report(&harness);
    for mode in ["none", "ptrace", "ebpf", "ebpf-stream"] {
        assert_eq!(windows(&report, mode).len(), 6, "{mode}");
    }
    let count = |value: &Value| value.as_u64().expect("a count");
    for window in windows(&report, "ebpf") {
        let seen = &window["tracer"];
        let reads = count(&seen["traced_events"]);
        // Counted from a little before the window to a little after it.
        assert!(reads + 1 >= count(&window["read_write_calls"]), "{window}");
        assert!(
            count(&seen["counted_ns"]) >= count(&window["window_ns"]),
            "{window}"
        );
        assert_eq!(count(&seen["stops"]["total"]), 0, "{window}");
        assert_eq!(count(&seen["lost_events"]), 0, "{window}");
        assert_eq!(count(&seen["processes"]), 1, "{window}");
        for unknown in ["unstopped", "cpu_ns", "syscalls"] {
            assert_eq!(seen[unknown], Value::Null, "{unknown}: {window}");
        }
    }
    for window in windows(&report, "ebpf-stream") {
        assert!(window["tracer"]["cpu_ns"].is_u64(), "{window}");
    }
    let ratio = |mode: &str| {
        let rates = report["rates"].as_array().expect("rates");
        let row = (rates.iter())
            .find(|row| row["rate"] == "read_write_calls" && row["mode"] == mode)
            .expect("the rate");
        row["ratio"]["estimate"].as_f64().expect("a ratio")
    };
    assert!(ratio("ebpf") > 2.0 * ratio("ptrace"), "{report}");
    let table = text(&output.stdout);
    let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "6 untraced, 6 under ptrace, 6 under ebpf, 6 under ebpf-stream, of 6",
        "ebpf: attaching took",
        "ptrace: attaching took",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert_eq!(tracee.end(), "fine\n");
}

/// Its threads never have a tracer or a ptrace-stop, and what it says is what it says untraced.
#[test]
fn a_process_is_never_stopped() {
    if !available("a process under eBPF") {
        return;
    }
    let Some(tracee) = Tracee::start("attach_busy", &[]) else {
        return;
    };
    let harness = Harness::new();
    let words = ["--modes", "ebpf", "--for", "0.05", "--runs", "20"];
    let mut child = attach(&harness, tracee.id(), &words)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the harness");
    let ended = loop {
        if let Some(ended) = child.try_wait().expect("its state") {
            break ended;
        }
        tracee.is_untraced_and("RSDZX");
        // The harness needs a CPU, too.
        sleep(Duration::from_millis(1));
    };
    let mut said = String::new();
    let mut stderr = child.stderr.take().expect("a pipe");
    stderr.read_to_string(&mut said).expect("what it said");
    assert!(ended.success(), "{said}");
    assert_eq!(report(&harness)["state"]["status"], "complete");
    assert_eq!(tracee.end(), UNHARMED);
}

/// Its first thread a zombie; its only thread in vfork(2), which no tracer can attach to in time.
#[test]
fn awkward_processes_are_like_others() {
    if !available("awkward processes under eBPF") {
        return;
    }
    for word in ["leaderless", "vfork"] {
        let Some(tracee) = Tracee::start("attach_odd", &[word]) else {
            return;
        };
        let harness = Harness::new();
        let words = ["--modes", "ebpf", "--for", "0.05", "--runs", "2"];
        let output = attach(&harness, tracee.id(), &words).output();
        let output = output.expect("the harness");
        assert!(output.status.success(), "{word}: {}", text(&output.stderr));
        let report = report(&harness);
        assert_eq!(report["state"]["status"], "complete", "{word}");
        let warnings = report["warnings"].to_string();
        assert!(!warnings.contains("did not stop"), "{word}: {warnings}");
        tracee.is_untraced_and("SDZ");
        assert_eq!(tracee.end(), "fine\n", "{word}");
    }
}

/// Who has a tracer can be watched by programs, and by no second tracer.
#[test]
fn a_process_with_a_tracer_is_watched() {
    let what = "a process with a tracer under eBPF";
    if !available(what) || !installed("strace", what) {
        return;
    }
    let Some(calling) = program("attach_odd") else {
        return;
    };
    let mut strace = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "-e", "trace=execve", "--"])
        .arg(calling)
        .arg("calling")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("strace");
    let tracee = || {
        let of_strace = |id: &Tid| {
            let status = procfs::status(*id).unwrap_or_default();
            let tracer = Tid(strace.id().cast_signed());
            status.tracer() == Some(tracer) && status.get("Name") == Some("attach_odd")
        };
        procfs::processes().find(of_strace)
    };
    wait_until("it is traced", || tracee().is_some());
    let id = tracee().expect("the process").0.cast_unsigned();
    let harness = Harness::new();
    let words = ["--for", "0.05", "--runs", "2", "--trace", "read", "--modes"];
    let output = attach(&harness, id, &[&words[..], &["ebpf"]].concat()).output();
    let output = output.expect("the harness");
    assert!(output.status.success(), "{}", text(&output.stderr));
    for window in windows(&report(&harness), "ebpf") {
        assert!(
            window["tracer"]["traced_events"].as_u64() > Some(0),
            "{window}"
        );
    }
    let second = Harness::new();
    let output = attach(&second, id, &[&words[..], &["ptrace,ebpf"]].concat()).output();
    one_clear_line(
        &output.expect("the harness"),
        FAIL,
        &["traced"],
        &["traces it already"],
    );
    drop(strace.stdin.take());
    strace.wait().expect("its end");
}

/// The ways in which watching can end in the middle of a window.
#[test]
fn whatever_ends_the_watching_nothing_stays_attached() {
    if !available("the end of watching by eBPF") {
        return;
    }
    for end in ["INT", "KILL", "KILL of the watcher", "end of the process"] {
        let Some(tracee) = Tracee::start("attach_busy", &[]) else {
            return;
        };
        let harness = Harness::new();
        let words = ["--modes", "ebpf", "--for", "0.3", "--runs", "1000"];
        let words = [&words[..], &TRACED_FIRST].concat();
        let child = attach(&harness, tracee.id(), &words)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the harness");
        wait_for_window(&harness);
        let mut found = None;
        wait_until("the programs are attached", || {
            found = watcher(child.id());
            found.is_some()
        });
        let (watcher, links) = found.expect("a watcher");
        let mut tracee = Some(tracee);
        match end {
            "KILL of the watcher" => signal(watcher, "KILL"),
            "end of the process" => {
                let tracee = tracee.take().expect("the process");
                assert_eq!(tracee.end(), UNHARMED, "{end}");
            }
            name => signal(child.id(), name),
        }
        let output = child.wait_with_output().expect("it ends");
        let (status, stderr) = (output.status, text(&output.stderr));
        let expected = match end {
            "INT" => Some(130),
            "KILL" => None,
            "KILL of the watcher" => Some(FAIL),
            _ => Some(0),
        };
        assert_eq!(status.code(), expected, "{end}: {stderr}");
        wait_until("the programs are detached", || are_gone(&links));
        if let Some(tracee) = tracee {
            tracee.is_untraced_and("RSDZX");
            sleep(Duration::from_millis(50));
            assert_eq!(tracee.end(), UNHARMED, "{end}");
        }
    }
}

/// An ordinary user is told what is missing, before anything is begun.
#[test]
fn without_the_privilege_it_is_refused() {
    const NOBODY: u32 = 65_534;
    let Some(tracee) = Tracee::start("attach_odd", &["calling"]) else {
        return;
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    let id = tracee.id().to_string();
    command.args(["run", "--attach", &id, "--modes", "ebpf"]);
    command.current_dir("/");
    if effective_user() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    } else if available("what an ordinary user is told") {
        return;
    }
    match command.output() {
        Ok(output) => one_clear_line(
            &output,
            FAIL,
            &["ebpf"],
            &["mode ebpf cannot run here", "EPERM", "setcap"],
        ),
        Err(error) => skip(
            Missing::Host,
            &format!("the harness as user {NOBODY}: {error}"),
        ),
    }
    for status in tracee.threads() {
        assert_eq!(field(&status, "TracerPid"), "0");
    }
    assert_eq!(tracee.end(), "fine\n");
}
