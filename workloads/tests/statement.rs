//! Every workload does what it states, counted by strace(1): an oracle nobody here wrote.

mod common;

use common::{Traced, program, strace_installed};
use harness_testing::clock_without_vdso;
use harness_workloads::{Parameters, find, registry};
use std::collections::BTreeMap;
use std::path::Path;

/// Small, for tracing slows every call.
fn small() -> Parameters {
    Parameters {
        operations: Some(50),
        units: Some(2),
        jobs: Some(2),
        seed: 1,
        turns: None,
    }
}

/// What the machine adds to what a workload states.
struct Machine<'a> {
    preloaded: Option<&'a Path>,
    /// A trace of `noop`: what one program image costs.
    start: Traced,
    /// What a trace of `clock` has more: what reading the clock costs.
    reading: BTreeMap<String, u64>,
}

impl<'a> Machine<'a> {
    fn new(preloaded: Option<&'a Path>) -> Self {
        let trace = |workload| Traced::preloaded(preloaded, workload, &[], None);
        let (start, clock) = (trace("noop"), trace("clock"));
        let more = clock.calls.into_iter().filter_map(|(call, count)| {
            let more = count - start.calls.get(&call).copied().unwrap_or(0);
            (more > 0).then_some((call, more))
        });
        Self {
            reading: more.collect(),
            preloaded,
            start,
        }
    }
}

/// Runs `name` under strace, and compares all counts with the statement.
fn check(name: &str, parameters: &Parameters, machine: &Machine<'_>) {
    let start = &machine.start;
    let workload = find(name).unwrap();
    let statement = workload.statement(parameters);
    let mut words = workload.arguments(parameters);
    let report = workload
        .times_itself()
        .then(|| tempfile::tempfile().unwrap());
    if report.is_some() {
        words.extend(["--report-fd".to_owned(), "0".to_owned()]);
    }
    if name == "make-sim" {
        words.extend(["--burn".to_owned(), "0".to_owned()]);
    }
    let traced = Traced::preloaded(machine.preloaded, name, &words, report.as_ref());
    assert_eq!(
        traced.tasks, statement.tasks,
        "{name} {words:?}: processes and threads"
    );
    let mut expected = start.calls.clone();
    for count in expected.values_mut() {
        *count *= statement.execs;
    }
    for (call, count) in &machine.reading {
        if statement.clock_readings > 0 {
            *expected.entry(call.clone()).or_insert(0) += count * statement.clock_readings;
        }
    }
    for (call, count) in &statement.calls {
        *expected.entry((*call).to_owned()).or_insert(0) += count;
    }
    assert_eq!(traced.calls, expected, "{name} {words:?}");
    let errors = statement.errors + start.errors * statement.execs;
    if name == "threads" {
        // Waiting for a thread that has ended already fails, and which have is a matter of time.
        assert!(
            (errors..=errors + statement.operations).contains(&traced.errors),
            "{name}"
        );
    } else {
        assert_eq!(traced.errors, errors, "{name} {words:?}: errors");
    }
    if let Some(report) = report {
        let line = common::content(&report);
        let nanoseconds = line
            .strip_prefix("loop_ns=")
            .and_then(|rest| rest.strip_suffix('\n'));
        assert!(
            nanoseconds.is_some_and(|digits| digits.parse::<u64>().is_ok()),
            "{name}: {line:?}"
        );
    }
}

#[test]
fn every_workload_makes_the_calls_it_states() {
    if !strace_installed() {
        return;
    }
    let machine = Machine::new(None);
    for workload in registry() {
        check(workload.name(), &small(), &machine);
    }
}

/// As on a machine whose vDSO cannot read the clock.
#[test]
fn the_clock_may_be_a_system_call() {
    let directory = tempfile::tempdir().unwrap();
    if !strace_installed() {
        return;
    }
    let object = directory.path().join("clock.so");
    if !clock_without_vdso(&object, &[]) {
        return;
    }
    let machine = Machine::new(Some(&object));
    assert_eq!(machine.reading, [("clock_gettime".to_owned(), 1)].into());
    for workload in registry() {
        check(workload.name(), &small(), &machine);
    }
}

/// The number of units at once changes their order alone, the seed sizes and names alone.
#[test]
fn jobs_and_seed_leave_the_counts_of_make_sim_as_they_are() {
    if !strace_installed() {
        return;
    }
    let machine = Machine::new(None);
    for (units, jobs, seed) in [(1, 1, 0), (3, 1, 7), (3, 2, 7), (4, 4, u64::MAX), (2, 9, 3)] {
        let parameters = Parameters {
            operations: None,
            units: Some(units),
            jobs: Some(jobs),
            seed,
            turns: None,
        };
        check("make-sim", &parameters, &machine);
    }
}

/// The statement's formula holds for any number of operations, one included.
#[test]
fn one_operation_costs_what_is_stated() {
    if !strace_installed() {
        return;
    }
    let machine = Machine::new(None);
    for workload in registry().iter().filter(|workload| workload.times_itself()) {
        check(
            workload.name(),
            &Parameters {
                operations: Some(1),
                ..small()
            },
            &machine,
        );
    }
}

/// Without `--report-fd` the time goes to standard output.
#[test]
fn the_time_goes_to_standard_output_where_no_descriptor_is_given() {
    let output = program()
        .args(["__workload", "getppid", "--operations", "1"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(
        text.starts_with("loop_ns=") && text.ends_with('\n'),
        "{text:?}"
    );
}
