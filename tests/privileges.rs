//! What a measured program may do, against what it may do untraced: set-user-ID
//! programs, as root and as an ordinary user (execve(2), ptrace(2), prctl(2)).

mod common;

use common::{Harness, PATH, text};
use harness_testing::{Missing, installed, skip};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

/// Users that need not exist; not those of any other test.
const OWNER: u32 = 60_001;
const CALLER: u32 = 60_002;

/// A directory that any user can work in, with the harness and a copy of id(1)
/// that belongs to `owner` and has its set-user-ID bit.
fn room(owner: u32) -> Harness {
    let harness = Harness::new();
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("permissions");
    };
    set(harness.directory(), 0o777);
    let own = harness.directory().join("harness");
    std::fs::copy(env!("CARGO_BIN_EXE_harness"), &own).expect("a copy of the binary");
    set(&own, 0o755);
    let id = harness.directory().join("id");
    std::fs::copy("/usr/bin/id", &id).expect("a copy of id(1)");
    chown(&id, Some(owner), Some(owner)).expect("chown(2)");
    set(&id, 0o4755);
    harness
}

/// The effective user that the copy of id(1) finds, run by `caller` under a mode.
fn effective_user(room: &Harness, caller: u32, mode: &str) -> u32 {
    let caller = caller.to_string();
    let output = Command::new("setpriv")
        .args([&format!("--reuid={caller}"), &format!("--regid={caller}")])
        .args(["--clear-groups", "./harness", "run", "--modes", mode])
        .args(["--runs", "1", "--warmup", "0", "--show-output"])
        .args(["--output", &format!("r-{caller}-{mode}")])
        .args(["--format", "csv", "--", "./id", "-u"])
        .env_clear()
        .env("PATH", PATH)
        .current_dir(room.directory())
        .output()
        .expect("setpriv(1)");
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{mode}: {stderr}");
    let user = stderr.lines().find_map(|line| line.parse().ok());
    user.unwrap_or_else(|| panic!("{mode}: no user id in: {stderr}"))
}

/// What README says of them.
#[test]
fn set_user_id_programs_have_the_privileges_that_are_documented() {
    let what = "set-user-ID programs";
    if harness_sys::process::effective_user() != 0 {
        let why = "only root can make one of another user's";
        skip(Missing::Root, &format!("{what}: {why}"));
        return;
    }
    let room = room(OWNER);
    if effective_user(&room, CALLER, "none") != OWNER {
        let why = "the temporary directory is mounted nosuid";
        skip(Missing::Host, &format!("{what}: {why}"));
        return;
    }
    for mode in [
        "ptrace",
        "seccomp-linear",
        "seccomp-bitmap",
        "seccomp-allow",
    ] {
        assert_eq!(effective_user(&room, CALLER, mode), CALLER, "{mode}");
        // Root has CAP_SYS_PTRACE, and needs no no_new_privs.
        assert_eq!(effective_user(&room, 0, mode), OWNER, "{mode}, as root");
    }
    assert_eq!(effective_user(&room, 0, "none"), OWNER);
}

/// The command of an ordinary user is no other user's, and root's is root's:
/// the harness neither takes nor leaves privileges.
#[test]
fn the_command_is_the_callers() {
    let own = harness_sys::process::effective_user();
    let harness = Harness::new();
    for mode in ["none", "ptrace", "seccomp-linear", "seccomp-allow"] {
        let words = [
            "run",
            "--modes",
            mode,
            "--runs",
            "1",
            "--warmup",
            "0",
            "--show-output",
            "--output",
            mode,
            "--",
            "sh",
            "-c",
            "id -u; grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb)' /proc/self/status",
        ];
        let output = harness.output(&words);
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "{mode}: {stderr}");
        assert!(
            stderr.lines().any(|line| line == own.to_string()),
            "{stderr}"
        );
        let status = std::fs::read_to_string("/proc/self/status").expect("status");
        for line in status.lines().filter(|line| line.starts_with("Cap")) {
            assert!(
                stderr.contains(line),
                "{mode}: {line:?} is not in: {stderr}"
            );
        }
    }
}

/// As the doctor has it: an ordinary user whose binary has two capabilities can use every mechanism, counts
/// right, and hands none of them on.
#[test]
fn a_binary_with_capabilities_is_enough_for_ebpf() {
    let what = "a binary with capabilities";
    if harness_sys::process::effective_user() != 0 {
        skip(Missing::Root, &format!("{what}: setcap(8)"));
        return;
    }
    if !installed("setcap", what) {
        return;
    }
    let room = room(OWNER);
    let as_caller = |words: &str| {
        let caller = CALLER.to_string();
        // The shell between drops what setpriv(1) keeps, so that the file's capabilities are a gain.
        Command::new("setpriv")
            .args([&format!("--reuid={caller}"), &format!("--regid={caller}")])
            .args(["--clear-groups", "sh", "-c", words])
            .env_clear()
            .env("PATH", PATH)
            .current_dir(room.directory())
            .output()
            .expect("setpriv(1)")
    };
    let doctor = || text(&as_caller("./harness doctor").stdout);
    let path = room.directory().join("harness");
    let command = format!("setcap cap_bpf,cap_perfmon+ep {}", path.display());
    let before = doctor();
    for part in [&*command, "no    capabilities", "no    ebpf:"] {
        assert!(before.contains(part), "{part}: {before}");
    }
    let set = Command::new("sh").args(["-c", &command]).status();
    if !set.expect("sh").success() {
        skip(
            Missing::Host,
            &format!("{what}: this file system keeps none"),
        );
        return;
    }
    let after = doctor();
    if !after.contains("CAP_BPF, CAP_PERFMON") {
        skip(Missing::Host, &format!("{what}: mounted nosuid"));
        return;
    }
    for part in [
        "ok    capabilities",
        "ok    raw tracepoints",
        "ok    ebpf\n",
        "ok    ebpf-stream\n",
        // Such a process is not dumpable by itself, and neither are its children.
        "ok    ptrace\n",
        "ok    seccomp-linear\n",
        "ok    user-notify",
    ] {
        assert!(after.contains(part), "{part}: {after}");
    }
    let modes = "none,ptrace,user-notify,ebpf-count,ebpf,ebpf-stream";
    let script = "for i in 1 2 3; do sh -c :; done; grep ^Cap /proc/self/status";
    let output = as_caller(&format!(
        "./harness run --modes {modes} --trace execve --runs 1 --warmup 0 --show-output --output r --format csv \
         -- sh -c '{script}'"
    ));
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    let mut rows = stdout.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let header = rows.next().expect("a header");
    let at = |name: &str| header.iter().position(|column| *column == name);
    let (mode, events) = (at("mode"), at("traced_events"));
    let (mode, events) = (mode.expect("mode"), events.expect("traced_events"));
    let mut rows_of_modes = 0;
    for row in rows.filter(|row| row[mode] != "none") {
        rows_of_modes += 1;
        // The script, three shells, and grep.
        assert_eq!(row[events].parse::<f64>(), Ok(5.0), "{row:?}");
    }
    assert_eq!(rows_of_modes, 5, "{stdout}");
    let mut inherited = 0;
    let sets = stderr.lines().filter_map(|line| line.split_once(":\t"));
    for (name, set) in sets.filter(|(name, _)| ["CapPrm", "CapEff", "CapAmb"].contains(name)) {
        inherited += 1;
        assert_eq!(u64::from_str_radix(set, 16), Ok(0), "{name}");
    }
    assert_eq!(inherited, 3 * 6, "{stderr}");
}
