//! Descriptors, processes, disk and standard output, where there are not
//! enough of them: one line, the right exit code, nothing left, nothing lost.

use crate::common::{FAIL, Harness, PATH, modes, text};
use crate::processes::Mark;
use crate::record::{intact, rows};
use harness_mode::Mechanism;
use harness_testing::{Missing, skip};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_harness");

/// One mode of each way to take a tracee over; what a peer says where it lacks something is its own
/// affair.
fn modes_of(what: &str) -> Vec<&'static str> {
    modes::one_of_each(|mechanism| mechanism != Mechanism::Peer, what)
}

/// A shell line in a directory; `$HARNESS` is the binary, `$MODE` the mode.
fn shell(directory: &Path, mark: &Mark, mode: &str, line: &str) -> Command {
    let mut command = Command::new("sh");
    let (name, value) = mark.variable();
    command
        .args(["-c", line])
        .env_clear()
        .env("PATH", PATH)
        .env("HARNESS", BINARY)
        .env("MODE", mode)
        .env(name, value)
        .current_dir(directory)
        .stdin(Stdio::null());
    command
}

fn output(command: &mut Command) -> Output {
    command.output().expect("sh")
}

const RUN: &str = "\"$HARNESS\" run --modes $MODE --runs 2 --warmup 0 --output r";

/// One clear line where it failed, no panic anywhere, nothing left; whether it
/// succeeded.
fn succeeded(output: &Output, mark: &Mark, context: &str) -> bool {
    let stderr = text(&output.stderr);
    assert!(!stderr.contains("panicked"), "{context}: {stderr}");
    let left = mark.alive();
    assert!(left.is_empty(), "{context}: left behind: {left:?}");
    if output.status.success() {
        return true;
    }
    assert_eq!(output.status.code(), Some(FAIL), "{context}: {stderr}");
    let complaints = stderr
        .lines()
        .filter(|line| !line.starts_with("harness: record in "));
    assert_eq!(complaints.count(), 1, "{context}: {stderr}");
    false
}

/// From the one that the loader needs to more than are needed.
#[test]
fn too_few_descriptors_are_said() {
    for mode in modes_of("limits of descriptors") {
        let mut enough = false;
        for limit in 4..40 {
            let harness = Harness::new();
            let mark = Mark::new();
            let line =
                format!("ulimit -n {limit}; exec {RUN} -- sh -c 'setsid sleep 0.01 & true | cat'");
            let output = output(&mut shell(harness.directory(), &mark, mode, &line));
            let context = format!("{mode}, RLIMIT_NOFILE {limit}");
            enough = succeeded(&output, &mark, &context);
            if enough {
                assert_eq!(rows(&harness, "r"), 2, "{context}");
                break;
            }
            let stderr = text(&output.stderr).to_lowercase();
            assert!(stderr.contains("many open files"), "{context}: {stderr}");
            intact(&harness, "r");
        }
        assert!(enough, "{mode}: 40 descriptors are enough");
    }
}

/// The kernel counts processes by user and lets root have any number, so this
/// runs as a user of its own, which root alone can become.
#[test]
fn too_few_processes_are_said() {
    let user = (60_100 + std::process::id() % 5_000).to_string();
    let become_user = format!("setpriv --reuid={user} --regid={user} --clear-groups");
    let tried = Command::new("sh")
        .args(["-c", &format!("{become_user} true")])
        .stderr(Stdio::null())
        .status();
    if !tried.is_ok_and(|status| status.success()) {
        let why = "only root can become a user without any (setpriv(1))";
        skip(Missing::Root, &format!("limits of processes: {why}"));
        return;
    }
    // The user without any has no privileges either.
    let may_run = |mode: &&str| {
        let mode = harness_mode::find(mode).expect("a mode of the registry");
        !mode.about().capabilities.needs_privileges
    };
    let modes = modes_of("limits of processes");
    for mode in modes.into_iter().filter(may_run) {
        let mut enough = false;
        for limit in 1..30 {
            let harness = Harness::new();
            open_to_all(&harness);
            let mark = Mark::new();
            let line = format!(
                "ulimit -u {limit}; exec {become_user} ./harness run --modes $MODE --runs 2 --warmup 0 \
                 --output r -- sh -c 'setsid sleep 0.01 & true | cat'"
            );
            let output = output(&mut shell(harness.directory(), &mark, mode, &line));
            let context = format!("{mode}, RLIMIT_NPROC {limit}");
            enough = succeeded(&output, &mark, &context);
            if enough {
                assert_eq!(rows(&harness, "r"), 2, "{context}");
                break;
            }
            let stderr = text(&output.stderr);
            assert!(stderr.contains("ulimit -u"), "{context}: {stderr}");
            intact(&harness, "r");
        }
        assert!(enough, "{mode}: 30 processes are enough");
    }
}

/// The binary where any user can execute it, in a directory any can write to.
fn open_to_all(harness: &Harness) {
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("permissions");
    };
    set(harness.directory(), 0o777);
    let copy = harness.directory().join("harness");
    // By another process: a child that another thread forks meanwhile would hold the copy open for writing,
    // and nobody could execute it (ETXTBSY).
    let copied = Command::new("cp").arg(BINARY).arg(&copy).status();
    assert!(copied.expect("cp(1)").success());
    set(&copy, 0o755);
}

/// A shell line with a mount namespace of its own, or `None` with the reason said.
fn with_mounts(harness: &Harness, mark: &Mark, line: &str, what: &str) -> Option<Output> {
    let flags = if harness_sys::process::effective_user() == 0 {
        "-m"
    } else {
        "-Urm"
    };
    let try_it = format!("unshare {flags} mount -t tmpfs none /mnt 2>/dev/null");
    let may = output(&mut shell(harness.directory(), mark, "none", &try_it));
    if !may.status.success() {
        let why = "no file system may be mounted here (unshare(1))";
        skip(Missing::Root, &format!("{what}: {why}"));
        return None;
    }
    let line = format!("unshare {flags} sh -c '{line}'");
    Some(output(&mut shell(
        harness.directory(),
        mark,
        "ptrace",
        &line,
    )))
}

/// The disk fills up while rows are written. What fits is whole.
#[test]
fn a_full_file_system_keeps_whole_rows() {
    let harness = Harness::new();
    let mark = Mark::new();
    // 16 KiB hold run.json and some rows; the kernel gives whole pages.
    let line = "mkdir disk && mount -t tmpfs -o size=32k none disk && \
        \"$HARNESS\" run --modes $MODE --runs 200 --warmup 0 --output disk/r -- true; code=$?; \
        cp -r disk/r r; exit $code";
    let Some(output) = with_mounts(&harness, &mark, line, "a full file system") else {
        return;
    };
    let stderr = text(&output.stderr);
    assert!(!succeeded(&output, &mark, "a full file system"));
    assert!(stderr.contains("No space left on device"), "{stderr}");
    assert!(stderr.contains("--output"), "the remedy: {stderr}");
    assert!(intact(&harness, "r").is_some(), "run.json is kept");
    assert!(rows(&harness, "r") > 0, "what fits is kept");
}

#[test]
fn a_read_only_file_system_is_said_before_the_first_run() {
    let harness = Harness::new();
    let mark = Mark::new();
    let line = "mkdir disk && mount -t tmpfs -o ro none disk && \
        exec \"$HARNESS\" run --modes $MODE --runs 1 --output disk/r -- touch ran";
    let Some(output) = with_mounts(&harness, &mark, line, "a read-only file system") else {
        return;
    };
    let stderr = text(&output.stderr);
    assert!(!succeeded(&output, &mark, "read only"));
    for part in ["disk/r", "Read-only file system", "directory that you may"] {
        assert!(stderr.contains(part), "{part:?} is not in: {stderr}");
    }
    assert!(!harness.directory().join("ran").exists());
}

/// The result cannot be printed; the record is whole before that is tried.
#[test]
fn a_standard_output_that_takes_nothing_costs_no_record() {
    for (to, code, said) in [
        (">&-", 0, ""),
        (">/dev/full", FAIL, "cannot write to standard output"),
        // A reader that ended before anything was written.
        ("| true", 0, ""),
    ] {
        let harness = Harness::new();
        let mark = Mark::new();
        let line = format!("{{ {RUN} -- true; echo $? > code; }} {to}");
        let output = output(&mut shell(harness.directory(), &mark, "ptrace", &line));
        let stderr = text(&output.stderr);
        let seen = std::fs::read_to_string(harness.directory().join("code")).expect("a code");
        assert_eq!(seen.trim(), code.to_string(), "{to}: {stderr}");
        assert!(stderr.contains(said), "{to}: {stderr}");
        assert!(!stderr.contains("panicked"), "{to}: {stderr}");
        assert!(intact(&harness, "r").is_some(), "{to}");
        assert_eq!(rows(&harness, "r"), 2, "{to}");
        assert!(mark.alive().is_empty(), "{to}");
    }
}
