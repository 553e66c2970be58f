//! The kernel's own count of how often a program ran (`BPF_ENABLE_STATS`) is the number of calls that the
//! machine made while it was attached: none is missed, and none is counted twice. Needs root.

use harness_sys::bpf::enable_statistics;
use harness_sys::{calls, process};
use harness_syscalls::{Table, TraceSet};
use harness_testing::{Missing, skip};
use harness_tracepoint::{Level, Loaded, Options, Scope};
use std::time::Duration;

const CALLS: u64 = 100_000;

/// Programs for every call of the machine, whoever makes it.
fn of_the_machine() -> Loaded {
    let options = Options {
        scope: Scope::Unchecked,
        ..Options::new(Level::Count)
    };
    let set = TraceSet::parse("all", Table::current()).expect("a trace set");
    Loaded::new(options, &set).expect("programs")
}

/// How often the program at a tracepoint ran.
fn runs(loaded: &Loaded, tracepoint: &str) -> u64 {
    let programs = loaded
        .attached()
        .expect("what the kernel says of the programs");
    let mut found = programs.iter().filter(|(of, _)| of.name() == tracepoint);
    let (_, info) = found.next().expect("a program at the tracepoint");
    info.run_count
}

/// Detaches, and lets runs that are under way on other CPUs end.
fn detach(loaded: &mut Loaded) {
    loaded.detach();
    std::thread::sleep(Duration::from_millis(50));
}

fn counted(loaded: &Loaded) -> u64 {
    let calls = loaded.calls().expect("counts");
    calls.iter().map(|call| call.totals.calls).sum()
}

/// Whether statistics can be had; says what is skipped where they cannot.
fn may_measure(what: &str) -> bool {
    let Err(error) = enable_statistics() else {
        return true;
    };
    let missing = if process::effective_user() == 0 {
        Missing::Host
    } else {
        Missing::Root
    };
    skip(missing, &format!("{what}: BPF_ENABLE_STATS: {error}"));
    false
}

/// Every run counts one call: exact, whatever else runs on the machine.
#[test]
fn every_run_counts_one_call() {
    if !may_measure("runs and counts of a program") {
        return;
    }
    let _statistics = enable_statistics().expect("they could be had");
    let mut loaded = of_the_machine();
    loaded.attach().expect("it is attached");
    for _ in 0..CALLS {
        let _ = calls::getppid();
    }
    detach(&mut loaded);
    let (runs, counted) = (runs(&loaded, "sys_enter"), counted(&loaded));
    assert_eq!(loaded.lost().expect("what was lost").runs, 0);
    assert_eq!(runs, counted);
    assert!(counted >= CALLS, "{counted}");
}

/// A program that counts nothing runs as often as calls were made: at least as often as this process
/// called, and no more often than the calls that another one, attached before it and detached after it,
/// counted on the whole machine.
#[test]
fn an_empty_program_runs_once_a_call() {
    if !may_measure("runs of an empty program") {
        return;
    }
    let _statistics = enable_statistics().expect("they could be had");
    let set = TraceSet::parse("all", Table::current()).expect("a trace set");
    let mut machine = of_the_machine();
    let mut empty = Loaded::new(Options::new(Level::Empty), &set).expect("programs");
    machine.attach().expect("it is attached");
    empty.attach().expect("it is attached");
    for _ in 0..CALLS {
        let _ = calls::getppid();
    }
    detach(&mut empty);
    detach(&mut machine);
    let most = counted(&machine);
    assert_eq!(machine.lost().expect("what was lost").runs, 0);
    for tracepoint in ["sys_enter", "sys_exit"] {
        let runs = runs(&empty, tracepoint);
        println!("{tracepoint}: {runs} runs, {CALLS} calls of this thread, {most} of the machine");
        assert!(runs >= CALLS, "{tracepoint}: {runs}");
    }
    let runs = runs(&empty, "sys_enter");
    assert!(
        runs <= most,
        "{runs} runs, and the machine made {most} calls"
    );
}
