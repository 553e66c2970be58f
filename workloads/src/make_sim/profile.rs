//! The plan against the profile of a real build.

use std::collections::BTreeMap;

use crate::make_sim::MakeSim;
use crate::{Parameters, Workload};

const PROFILE: &str = include_str!("../../data/tiny-kernel-build-profile.csv");

/// The build's totals (see `data/README.md`).
const EXECS: f64 = 10_511.0;
const TASKS: f64 = 11_139.0;

/// Start-up and exit of one image of the `harness` binary: Rust 1.95, Debian 12's glibc 2.36, with libgcc_s,
/// libm and libc as libraries. Counted by strace(1).
const STARTUP: &[(&str, u64)] = &[
    ("access", 1),
    ("arch_prctl", 1),
    ("brk", 3),
    ("close", 5),
    ("execve", 1),
    ("exit_group", 1),
    ("getrandom", 1),
    ("gettid", 1),
    ("mmap", 17),
    ("mprotect", 6),
    ("munmap", 2),
    ("newfstatat", 5),
    ("openat", 5),
    ("poll", 1),
    ("pread64", 2),
    ("prlimit64", 2),
    ("read", 7),
    ("rseq", 1),
    ("rt_sigaction", 5),
    ("sched_getaffinity", 1),
    ("set_robust_list", 1),
    ("set_tid_address", 1),
    ("sigaltstack", 3),
];
/// Of which fail: `access` of /etc/ld.so.preload.
const STARTUP_ERRORS: u64 = 1;

/// What a full trace of a whole run counts.
struct Run {
    calls: BTreeMap<&'static str, f64>,
    total: f64,
    errors: f64,
    execs: f64,
    tasks: f64,
}

fn run(units: Option<u32>) -> Run {
    let statement = MakeSim.statement(&Parameters {
        units,
        ..Parameters::default()
    });
    let mut calls: BTreeMap<&'static str, f64> = statement
        .calls
        .iter()
        .map(|(name, count)| (*name, *count as f64))
        .collect();
    let execs = statement.execs as f64;
    for &(name, count) in STARTUP {
        *calls.entry(name).or_insert(0.0) += count as f64 * execs;
    }
    Run {
        total: calls.values().sum(),
        errors: statement.errors as f64 + STARTUP_ERRORS as f64 * execs,
        calls,
        execs,
        tasks: statement.tasks as f64,
    }
}

/// The profile's rows: call, calls, errors.
fn profile() -> Vec<(&'static str, f64, f64)> {
    let row = |line: &'static str| {
        let fields: Vec<&str> = line.split(',').collect();
        (
            fields[0],
            fields[1].parse().unwrap(),
            fields[2].parse().unwrap(),
        )
    };
    PROFILE.lines().skip(1).map(row).collect()
}

#[track_caller]
fn close(what: &str, ours: f64, theirs: f64, tolerance: f64) {
    let ratio = ours / theirs;
    println!("{what:32} {ours:12.4} {theirs:12.4} {ratio:8.3}");
    assert!(
        (ratio - 1.0).abs() < tolerance,
        "{what}: {ours} against the build's {theirs}"
    );
}

fn shares_hold(units: Option<u32>) {
    let run = run(units);
    let mut profile = profile();
    let total: f64 = profile.iter().map(|row| row.1).sum();
    let errors: f64 = profile.iter().map(|row| row.2).sum();
    close("calls per exec", run.total / run.execs, total / EXECS, 0.10);
    close(
        "errors' share",
        run.errors / run.total,
        errors / total,
        0.10,
    );
    close("tasks per exec", run.tasks / run.execs, TASKS / EXECS, 0.05);
    profile.sort_by(|left, right| right.1.total_cmp(&left.1));
    for (place, (name, calls, _)) in profile.into_iter().take(30).enumerate() {
        let ours = run.calls.get(name).copied().unwrap_or(0.0) / run.total;
        if place < 10 {
            close(name, ours, calls / total, 0.15);
        } else {
            println!(
                "{name:32} {ours:12.6} {:12.6} {:8.3}",
                calls / total,
                ours / (calls / total)
            );
        }
    }
}

/// The ten commonest calls each have the share they have in the build.
#[test]
fn the_plan_has_the_shape_of_the_build() {
    shares_hold(None);
}

/// More units or fewer make the same shape.
#[test]
fn the_shape_does_not_depend_on_the_size() {
    for units in [4, 100] {
        shares_hold(Some(units));
    }
}

/// A failed execve is as common as in the build (4,920 of 15,431 calls).
#[test]
fn as_many_programs_are_looked_for_in_vain() {
    let statement = MakeSim.statement(&Parameters::default());
    let missed = statement.calls["execve"] as f64;
    close(
        "failed execve",
        missed / (missed + statement.execs as f64),
        4_920.0 / 15_431.0,
        0.10,
    );
}

/// Twice the units are twice the work, but for what is done once.
#[test]
fn the_statement_is_linear_in_the_units() {
    let [one, two, three] = [1, 2, 3].map(|units| {
        MakeSim.statement(&Parameters {
            units: Some(units),
            ..Parameters::default()
        })
    });
    for (name, count) in &two.calls {
        assert_eq!(2 * count, one.calls[name] + three.calls[name], "{name}");
    }
    assert_eq!(2 * two.execs, one.execs + three.execs);
    assert_eq!(2 * two.tasks, one.tasks + three.tasks);
}
