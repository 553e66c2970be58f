//! What cannot be attached to, or contradicts itself, is one clear line.

use crate::common::{FAIL, Harness, USAGE, one_clear_line, wait_until};
use crate::{TRACED_FIRST, Tracee, UNHARMED, attach, field, signal, status, wait_until_attached};
use harness_testing::{Missing, skip};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Words after a process that is there, the exit code, and what must be said.
const REFUSED: [(&[&str], i32, &[&str]); 16] = [
    (
        &["--modes", "seccomp-linear"],
        USAGE,
        &["seccomp-linear", "running", "seccomp(2)", "mode ptrace"],
    ),
    (
        &["--modes", "none,ptrace,seccomp-allow"],
        USAGE,
        &["seccomp-allow", "running"],
    ),
    (
        &["--modes", "seccomp-file"],
        USAGE,
        &["seccomp-file", "running"],
    ),
    (
        &["--modes", "none"],
        USAGE,
        &["none alone", "--modes ptrace"],
    ),
    (
        &["--modes", "ptrac"],
        USAGE,
        &["ptrac", "did you mean ptrace"],
    ),
    (&["--trace", "opemat"], USAGE, &["opemat", "openat"]),
    (&["--runs", "0"], USAGE, &["--runs", "1.."]),
    (&["--for", "0"], USAGE, &["--for", "0.001"]),
    (&["--for", "-1"], USAGE, &["-1"]),
    (&["--for", "nan"], USAGE, &["--for", "0.001"]),
    (&["--for", "inf"], USAGE, &["--for", "86400"]),
    (&["--for", "soon"], USAGE, &["--for", "number of seconds"]),
    (
        &["--workload", "getppid"],
        USAGE,
        &["--attach", "--workload"],
    ),
    (&["--pin", "none"], USAGE, &["--attach", "--pin"]),
    (&["--", "true"], USAGE, &["--attach", "COMMAND"]),
    (
        &["--log-stops", "file"],
        USAGE,
        &["--attach", "--log-stops"],
    ),
];

#[test]
fn what_contradicts_itself_is_refused() {
    let harness = Harness::new();
    // It would be attached to if one of these was not refused.
    let mut nap = Command::new("sleep").arg("600").spawn().expect("sleep");
    for (words, code, parts) in REFUSED {
        let output = attach(&harness, nap.id(), words)
            .output()
            .expect("the harness");
        one_clear_line(&output, code, words, parts);
    }
    for (words, parts) in [
        (&["run", "--for", "1", "--", "true"][..], "--attach"),
        (&["run", "--attach", "0"], "1.."),
        (&["run", "--attach", "me"], "me"),
        (&["run", "--attach"], "--attach"),
        (
            &["run", "--rate-command", "echo 1", "--", "true"],
            "--attach",
        ),
    ] {
        one_clear_line(&harness.output(words), USAGE, words, &[parts]);
    }
    assert!(!harness.directory().join("r").exists(), "nothing was begun");
    nap.kill().expect("SIGKILL");
    nap.wait().expect("its end");
}

#[test]
fn what_cannot_be_attached_to_is_said() {
    let harness = Harness::new();
    let refused = |process: u32, parts: &[&str]| {
        let output = attach(&harness, process, &[])
            .output()
            .expect("the harness");
        one_clear_line(&output, FAIL, &["--attach"], parts);
    };
    // Beyond any kernel.pid_max.
    refused(0x7fff_fff0, &["no such process"]);
    let mut zombie = Command::new("true").spawn().expect("true");
    wait_until("it is a zombie", || {
        field(&status(zombie.id()), "State").starts_with('Z')
    });
    refused(zombie.id(), &[&zombie.id().to_string(), "zombie"]);
    zombie.wait().expect("its end");

    let binary = env!("CARGO_BIN_EXE_harness");
    let script = format!("exec {binary} run --attach $$");
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(harness.directory())
        .output();
    one_clear_line(&output.expect("sh"), FAIL, &["itself"], &["harness itself"]);

    let kernel_thread = std::fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .find_map(|entry| {
            let process: u32 = entry.file_name().to_str()?.parse().ok()?;
            let status = status(process);
            let alive = field(&status, "State").starts_with(['S', 'I', 'D', 'R']);
            (alive && field(&status, "VmSize").is_empty()).then_some(process)
        });
    match kernel_thread {
        Some(process) => refused(process, &["kernel thread"]),
        None => skip(
            Missing::Host,
            "attaching to a kernel thread: none is seen here",
        ),
    }
    assert!(!harness.directory().join("r").exists(), "nothing was begun");
}

#[test]
fn a_thread_and_a_traced_process_are_refused() {
    let Some(tracee) = Tracee::start("attach_busy", &[]) else {
        return;
    };
    let harness = Harness::new();
    let ids = tracee.threads();
    let thread = ids
        .iter()
        .map(|status| field(status, "Pid").parse().expect("a number"))
        .find(|&thread: &u32| thread != tracee.id());
    let output = attach(&harness, thread.expect("a thread"), &[])
        .output()
        .expect("the harness");
    let process = tracee.id().to_string();
    one_clear_line(
        &output,
        FAIL,
        &["a thread"],
        &["a thread of process", &process],
    );

    let words = [&["--for", "60"][..], &TRACED_FIRST].concat();
    let mut first = attach(&harness, tracee.id(), &words)
        .stderr(Stdio::null())
        .spawn()
        .expect("the harness");
    wait_until_attached(&harness, &tracee);
    let second = Harness::new();
    let output = attach(&second, tracee.id(), &[])
        .output()
        .expect("the harness");
    let refusal = format!("process {} traces it already", tracee.tracer());
    one_clear_line(&output, FAIL, &["traced"], &[&refusal, "one tracer only"]);
    signal(first.id(), "INT");
    assert_eq!(first.wait().expect("it ends").code(), Some(130));
    assert_eq!(tracee.end(), UNHARMED);
}

/// As an ordinary user, a process of somebody else's.
#[test]
fn the_processes_of_others_are_refused() {
    const NOBODY: u32 = 65_534;
    let user = |process| {
        let status = status(process);
        let ids = field(&status, "Uid").split_whitespace();
        ids.map(str::to_owned).next().unwrap_or_default()
    };
    let mut own = user(std::process::id());
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command.args(["run", "--attach", "1"]).current_dir("/");
    if own == "0" {
        command.uid(NOBODY).gid(NOBODY);
        own = NOBODY.to_string();
    }
    let other = user(1);
    if other == own {
        // In a container.
        let what = "attaching to a process of somebody else's";
        return skip(Missing::Host, &format!("{what}: process 1 is not"));
    }
    let owner = format!("of user {other}");
    match command.output() {
        Ok(output) => one_clear_line(
            &output,
            FAIL,
            &["--attach", "1"],
            &[
                "cannot attach to process 1",
                "PTRACE_SEIZE",
                "EPERM",
                &owner,
                "CAP_SYS_PTRACE",
            ],
        ),
        Err(error) => skip(
            Missing::Host,
            &format!("the harness as user {NOBODY}: {error}"),
        ),
    }
}
