//! Where the kernel, a container or a policy forbids what a mode needs, the
//! harness says so: the reason, the remedy, the right exit code.
//!
//! The policy is a seccomp filter of the test's own, as containers install.

mod common;

use common::policies::{BPF, PTRACE, SECCOMP, before_5_3, forbid};
use common::{Harness, PATH, row, text, wait_until};
use harness_sys::launcher::{Launch, Start};
use harness_sys::seccomp::Insn;
use harness_sys::{procfs, wait};
use harness_testing::{Missing, installed, skip};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsFd;
use std::process::Command;

struct Output {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Executes the harness under a filter. It marks its start with a SIGSTOP,
/// which nobody here traces, so it is sent on its way with SIGCONT.
fn under(filter: &[Insn], harness: &Harness, words: &[&str]) -> Output {
    let file = |name: &str| {
        let path = harness.directory().join(name);
        File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
            .expect("a file")
    };
    let (mut stdout, mut stderr) = (file("stdout"), file("stderr"));
    let binary = env!("CARGO_BIN_EXE_harness");
    let arguments = [binary]
        .into_iter()
        .chain(words.iter().copied())
        .map(OsStr::new);
    let environment = [("PATH".into(), PATH.into())];
    let mut launch = Launch::new(OsStr::new(binary), arguments, environment).expect("the binary");
    launch.directory(harness.directory()).expect("a directory");
    let mut child = {
        launch
            .descriptor(stdout.as_fd(), 1)
            .descriptor(stderr.as_fd(), 2);
        launch.spawn(Start::TRACED.filtered(filter)).expect("fork")
    };
    let process = child.tid();
    child.release();
    let mut ended = false;
    wait_until("the harness stops or ends", || {
        let stat = procfs::stat(process).expect("its state");
        ended = stat.has_ended();
        ended || stat.state() == Some('T')
    });
    if ended {
        let status = wait::one(process).expect("wait4");
        panic!(
            "it ended before it was the harness: {status:#x}: {:?}",
            child.report()
        );
    }
    let status = Command::new("kill")
        .args(["-CONT", &process.to_string()])
        .status();
    assert!(status.expect("kill").success());
    let status = wait::one(process).expect("wait4");
    drop(launch);
    let read = |file: &mut File| {
        let mut text = String::new();
        file.rewind().expect("rewind");
        file.read_to_string(&mut text).expect("text");
        text
    };
    assert_eq!(status & 0x7f, 0, "it exits: {status:#x}");
    Output {
        code: status >> 8,
        stdout: read(&mut stdout),
        stderr: read(&mut stderr),
    }
}

/// A short measurement under a filter that must succeed, as `run.json` has it.
fn record_under(filter: &[Insn], harness: &Harness, words: &[&str]) -> Value {
    let short = ["run", "--workload", "getppid", "--operations", "10"];
    let once = ["--runs", "1", "--format", "json"];
    let output = under(filter, harness, &[&short[..], &once, words].concat());
    assert_eq!(output.code, 0, "{}", output.stderr);
    serde_json::from_str(&output.stdout).expect("JSON")
}

#[test]
fn a_mode_asked_for_by_name_that_cannot_run_is_an_error() {
    for (number, mode, parts) in [
        (PTRACE, "ptrace", ["PTRACE_SEIZE: EPERM", "SYS_PTRACE"]),
        (
            PTRACE,
            "seccomp-linear",
            ["PTRACE_SEIZE: EPERM", "SYS_PTRACE"],
        ),
        (
            SECCOMP,
            "seccomp-bitmap",
            ["SECCOMP_SET_MODE_FILTER", "allow seccomp(2)"],
        ),
    ] {
        let harness = Harness::new();
        let words = [
            "run",
            "--workload",
            "getppid",
            "--modes",
            mode,
            "--runs",
            "1",
            "--output",
            "r",
        ];
        let output = under(&forbid(number), &harness, &words);
        assert_eq!(output.code, 1, "{}", output.stderr);
        assert!(
            output
                .stderr
                .contains(&format!("mode {mode} cannot run here")),
            "{}",
            output.stderr
        );
        for part in parts {
            assert!(
                output.stderr.contains(part),
                "{part} is not in: {}",
                output.stderr
            );
        }
        assert!(
            !harness.directory().join("r").exists(),
            "nothing was measured"
        );
    }
}

#[test]
fn all_modes_are_those_that_can_run_and_the_others_are_named() {
    let harness = Harness::new();
    let record = record_under(&forbid(SECCOMP), &harness, &["--modes", "all"]);
    for (mode, available) in [
        ("none", true),
        ("ptrace", true),
        ("seccomp-linear", false),
        ("seccomp-bitmap", false),
    ] {
        let row = row(&record, "getppid", mode);
        assert_eq!(row["available"], available, "{mode}");
        assert_eq!(row["samples"], i32::from(available), "{mode}");
        assert_eq!(row["unavailable_reason"].is_string(), !available, "{mode}");
    }
}

#[test]
fn the_doctor_finds_what_is_forbidden() {
    let harness = Harness::new();
    let output = under(&forbid(PTRACE), &harness, &["doctor"]);
    assert_eq!(output.code, 1);
    for part in [
        "ok    none",
        "no    ptrace",
        "no    seccomp-linear",
        "remedy: allow ptrace(2)",
        "under 1 seccomp filter",
    ] {
        assert!(
            output.stdout.contains(part),
            "{part} is not in: {}",
            output.stdout
        );
    }
}

/// Without bpf(2) the modes of eBPF cannot run, and whoever has the capabilities learns that they are not the
/// reason.
#[test]
fn where_bpf_is_forbidden_the_ebpf_modes_say_so() {
    let harness = Harness::new();
    let output = under(&forbid(BPF), &harness, &["doctor"]);
    assert_eq!(output.code, 0, "no core mode needs it: {}", output.stdout);
    let remedy = if harness_sys::process::effective_user() == 0 {
        "its seccomp filter is the likely reason"
    } else {
        "setcap cap_bpf,cap_perfmon+ep"
    };
    for part in [
        "ok    ptrace",
        "no    ebpf: cannot create the eBPF map",
        "no    loading a program",
        remedy,
    ] {
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
    let words = ["run", "--modes", "ebpf", "--output", "r", "--", "true"];
    let output = under(&forbid(BPF), &harness, &words);
    assert_eq!(output.code, 1, "{}", output.stderr);
    for part in ["mode ebpf cannot run here", remedy] {
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
}

/// Where the kernel does not describe its types, calls of i386 are not told apart: the doctor, the table and the
/// record say so, each of them once.
#[test]
fn a_kernel_without_btf_is_one_in_which_i386_calls_are_not_told_apart() {
    let what = "a kernel without BTF";
    if harness_sys::process::effective_user() != 0 {
        skip(Missing::Root, &format!("{what}: mount(2)"));
        return;
    }
    let harness = Harness::new();
    let without = |words: &str| {
        let script = format!(
            "mount --bind /dev/null /sys/kernel/btf/vmlinux || exit 77; exec {} {words}",
            env!("CARGO_BIN_EXE_harness")
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script]);
        command.env_clear().env("PATH", PATH);
        command.current_dir(harness.directory());
        command.output().expect("unshare(1)")
    };
    let doctor = without("doctor");
    let stdout = text(&doctor.stdout);
    if doctor.status.code() == Some(77) || !stdout.contains("ok    ebpf") {
        skip(Missing::Host, &format!("{what}: {}", text(&doctor.stderr)));
        return;
    }
    let lines = stdout.lines().filter(|line| line.contains("  BTF  "));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 1, "{stdout}");
    assert!(lines[0].contains("calls of i386 count as those of x86-64"));
    let modes = "--modes none,ebpf,ebpf-count";
    let run = without(&format!(
        "run {modes} --runs 1 --warmup 0 --output r -- true"
    ));
    let (stdout, stderr) = (text(&run.stdout), text(&run.stderr));
    assert!(run.status.success(), "{stderr}");
    let line = "ebpf, ebpf-count: i386 calls taken for those of x86-64, as this kernel has no BTF.";
    assert_eq!(stdout.matches(line).count(), 1, "{stdout}");
    let record = std::fs::read_to_string(harness.directory().join("r/run.json")).expect("a record");
    let record: Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!(record["environment"]["btf"], false);
}

/// Before Linux 5.3 calls are traced all the same; `tests/conformance` shows how well.
#[test]
fn an_older_kernel_is_traced_by_registers() {
    let harness = Harness::new();
    let output = under(&before_5_3(), &harness, &["doctor"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    for part in [
        "ok    ptrace",
        "registers",
        "PTRACE_GET_SYSCALL_INFO is not there",
    ] {
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
    let words = ["--modes", "ptrace", "--trace", "getppid"];
    let record = record_under(&before_5_3(), &harness, &words);
    assert_eq!(record["environment"]["call_source"], "registers");
    let row = row(&record, "getppid", "ptrace");
    assert_eq!(row["traced_events"], 10, "{row}");
}

/// Where another tracer is the reason, it is named, and nothing else is blamed.
#[test]
fn a_harness_that_is_traced_names_its_tracer() {
    if !installed("strace", "a harness that is traced") {
        return;
    }
    let harness = Harness::new();
    let output = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            env!("CARGO_BIN_EXE_harness"),
        ])
        .args(["run", "--modes", "ptrace", "--runs", "1", "--", "true"])
        .current_dir(harness.directory())
        .output()
        .expect("strace");
    let stderr = text(&output.stderr);
    assert!(!output.status.success(), "{stderr}");
    for part in ["(strace) traces this harness", "outside of that tracer"] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert!(
        !stderr.contains("yama") && !stderr.contains("container"),
        "{stderr}"
    );
}
