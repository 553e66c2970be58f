//! The programs of an installed strace, instruction for instruction.

#![cfg(target_arch = "x86_64")]

use std::process::Command;

use harness_cbpf::{Program, assemble};
use harness_filter::{Options, find};
use harness_syscalls::{Table, TraceSet};
use harness_testing::{Missing, installed, skip};

/// Every class and legacy class name, the published chart's sets, and some lists.
const SETS: &[&str] = &[
    "none",
    "ptrace",
    "!ptrace",
    "connect",
    "!connect",
    "execve",
    "%desc",
    "!%desc",
    "%file",
    "!%file",
    "%fstat",
    "!%fstat",
    "%ipc",
    "!%ipc",
    "%lstat",
    "%memory,%ipc,%pure,%signal,%network",
    "%clock",
    "%creds",
    "%fstatfs",
    "%memory",
    "%network",
    "!%network",
    "%net",
    "%process",
    "%pure",
    "%signal",
    "!%signal",
    "%stat",
    "%%stat",
    "%statfs",
    "%%statfs",
    "desc",
    "file",
    "ipc",
    "memory",
    "network",
    "process",
    "signal",
    "open,,close",
    "open,all",
    "all@64",
    "connect@64",
    "connect@32",
    "connect@x32",
    "%net@32",
    "42@64",
    "336",
    "424",
    "readv",
    "readv#64",
    "/^open",
    "/at$",
    "?no_such_call,open",
    "/^connect@64",
    "!open,all",
    "/.",
    "semop",
    "!semop",
    "socketcall",
];

/// strace's program as it prints it, or why it cannot be had.
fn printed(set: &str) -> Result<Program, String> {
    let output = Command::new("strace")
        .args([
            "-d",
            "--seccomp-bpf",
            "-f",
            "-e",
            &format!("trace={set}"),
            "true",
        ])
        .output()
        .map_err(|error| format!("strace cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if !text.contains("STMT(") {
        return Err(format!("strace installed no filter for '{set}': {text}"));
    }
    Ok(assemble(&text)
        .unwrap_or_else(|error| panic!("strace printed what is not read: {error}\n{text}")))
}

/// The table of the installed strace's version.
fn table_of_installed() -> Result<&'static Table, String> {
    let output = Command::new("strace")
        .arg("--version")
        .output()
        .map_err(|error| format!("strace cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().nth(3).unwrap_or_default();
    let name = format!("strace-{version}");
    Table::named(&name).ok_or_else(|| format!("there is no table of strace {version}"))
}

/// 50 lists of calls, the same in every run.
fn lists(table: &'static Table) -> Vec<String> {
    let names: Vec<&str> = table
        .calls(harness_syscalls::Abi::X86_64)
        .map(|call| call.name)
        .collect();
    // Knuth's 64-bit linear congruential generator: reproducible, and no dependency.
    let mut state = 1_u64;
    let mut below = |bound: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % bound
    };
    (0..50)
        .map(|index| {
            let count = 1 + below(if index % 2 == 0 { 10 } else { 150 });
            let list: Vec<&str> = (0..count).map(|_| names[below(names.len())]).collect();
            let negated = if below(4) == 0 { "!" } else { "" };
            format!("{negated}{}", list.join(","))
        })
        .collect()
}

#[test]
fn programs_equal_straces_own() {
    const WHAT: &str = "strace's own filters";
    if !installed("strace", WHAT) {
        return;
    }
    let table = match table_of_installed() {
        Ok(table) => table,
        Err(reason) => return skip(Missing::Tool, &format!("{WHAT}: {reason}")),
    };
    if let Err(reason) = printed("none") {
        return skip(Missing::Host, &format!("{WHAT}: {reason}"));
    }
    let compile = |name: &str, set: &TraceSet| {
        let compiler = find(name).expect("registered");
        compiler.compile(set, &Options::strace()).expect("compiles")
    };
    let (mut linear_chosen, mut bitmap_chosen) = (0, 0);
    for text in SETS.iter().map(|&set| set.to_owned()).chain(lists(table)) {
        let set = TraceSet::parse(&text, table)
            .unwrap_or_else(|error| panic!("{error}"))
            .with_always_traced();
        let (linear, bitmap) = (compile("linear", &set), compile("bitmap", &set));
        // strace installs the shorter one.
        let chosen = if linear.len() <= bitmap.len() {
            linear_chosen += 1;
            linear
        } else {
            bitmap_chosen += 1;
            bitmap
        };
        let strace = printed(&text).unwrap_or_else(|reason| panic!("{reason}"));
        assert_eq!(chosen, strace, "{text}");
    }
    assert!(
        linear_chosen > 10 && bitmap_chosen > 10,
        "both shapes were compared"
    );
}
