//! What a measured program may do, against what it may do untraced: set-user-ID
//! programs, as root and as an ordinary user (execve(2), ptrace(2), prctl(2)).

mod common;

use common::{Harness, PATH, text};
use harness_testing::{Missing, skip};
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
