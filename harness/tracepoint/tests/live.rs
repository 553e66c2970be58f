//! A tree that is launched is observed to its end: exactly its calls, by number and ABI, and what is lost is
//! counted.
//!
//! Each test runs in a process of its own, as the observer waits for all children of its process.

use harness_sys::launcher::Launch;
use harness_sys::{Errno, Tid, process, wait};
use harness_syscalls::{Abi, Table, TraceSet};
use harness_testing::{Missing, compiled, in_own_process, skip};
use harness_tracepoint::{Level, Log, Options, Outcome, Returned, Tracked, observe, probe};
use harness_tracer::End;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Says what is skipped where programs cannot be loaded.
#[track_caller]
fn may_observe(what: &str) -> bool {
    let Err(error) = probe(Options::new(Level::Stream)) else {
        return true;
    };
    let missing = if process::effective_user() == 0 {
        Missing::Host
    } else {
        Missing::Root
    };
    skip(missing, &format!("{what}: {error}"));
    false
}

/// A C program, by its path from this crate; its directory is removed with the first of the two.
fn tracee(source: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    if !may_observe(source) {
        return None;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let program = directory.path().join("tracee");
    let source = format!("{}/{source}", env!("CARGO_MANIFEST_DIR"));
    let flags = ["-O1", "-Wall", "-Wextra", "-pthread", "-o"].map(OsStr::new);
    let files = [program.as_os_str(), OsStr::new(&source)];
    compiled(flags.into_iter().chain(files), &source).then_some((directory, program))
}

fn run(words: &[&str], set: &str, options: Options, log: Option<&mut dyn Log>) -> Outcome {
    process::become_subreaper().expect("prctl(2)");
    let environment = [("PATH".into(), "/usr/bin:/bin".into())];
    let words = words.iter().map(OsStr::new);
    let program = words.clone().next().expect("a program");
    let launch = Launch::new(program, words, environment).expect("a program");
    let set = TraceSet::parse(set, Table::current()).expect("a trace set");
    let outcome = observe(&launch, options, Tracked::Program, &set, log).expect("observed");
    assert_eq!(wait::any(), Err(Errno::ECHILD), "no process is left");
    outcome
}

/// Each call as `ABI:name`, with how often it was made and failed.
fn counts(outcome: &Outcome) -> Vec<(String, u64, u64)> {
    let calls = outcome.calls.iter();
    let mut counts: Vec<_> = calls
        .map(|call| {
            (
                name(call.abi, call.number),
                call.totals.calls,
                call.totals.errors,
            )
        })
        .collect();
    counts.sort();
    counts
}

fn name(abi: Abi, number: u32) -> String {
    let name = Table::current().name_of(abi, number);
    let name = name.map_or_else(|| number.to_string(), str::to_owned);
    format!("{abi}:{name}")
}

fn word(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Those that know of errors.
const LEVELS: [Level; 4] = [Level::Errors, Level::Time, Level::Histogram, Level::Stream];

#[test]
fn counts_are_exact_across_processes_and_threads() {
    let Some((_directory, program)) = tracee("../notify/tests/tracees/forks_and_threads.c") else {
        return;
    };
    in_own_process(|| {
        for level in LEVELS {
            let options = Options::new(level);
            let set = "getppid,execve,exit_group,connect";
            let outcome = run(&[word(&program)], set, options, None);
            assert_eq!(outcome.end, End::Exited(7));
            let expected = [("execve", 1), ("exit_group", 4), ("getppid", 4 * 3 * 50)];
            let expected = expected.map(|(name, calls)| (format!("x86_64:{name}"), calls, 0));
            assert_eq!(counts(&outcome), expected, "{level:?}");
            assert_eq!(outcome.tasks, Some(4 * 3), "{level:?}");
            assert_eq!(outcome.lost.total(), 0);
        }
    });
}

/// The thread takes the leader's id over, and goes on as the task that it was.
#[test]
fn a_thread_that_executes_stays_in_the_tree() {
    let Some((directory, program)) = tracee("../../tests/tracees/exec_from_thread.c") else {
        return;
    };
    in_own_process(|| {
        std::env::set_current_dir(directory.path()).expect("a directory");
        for (leader, level) in [
            ("exit", Level::Errors),
            ("sigsuspend", Level::Time),
            ("nanosleep", Level::Stream),
        ] {
            let set = "execve,exit_group";
            let outcome = run(&[word(&program), leader], set, Options::new(level), None);
            assert_eq!(outcome.end, End::Exited(4), "{leader}");
            let expected = [("execve", 2), ("exit_group", 1)];
            let expected = expected.map(|(name, calls)| (format!("x86_64:{name}"), calls, 0));
            assert_eq!(counts(&outcome), expected, "{leader}");
            // Itself, two sleepers, and the thread that executes.
            assert_eq!(outcome.tasks, Some(4), "{leader}");
        }
    });
}

/// Number 20 of i386 is getpid(2), and writev(2) on x86-64; 110 is getppid(2) there, and iopl(2) on i386.
#[test]
fn calls_of_i386_have_numbers_of_their_own() {
    let Some((_directory, program)) = tracee("../../tests/tracees/int80_calls.c") else {
        return;
    };
    in_own_process(|| {
        for level in LEVELS {
            let set = "getpid,getppid,writev@64,write@32,iopl";
            let outcome = run(&[word(&program)], set, Options::new(level), None);
            assert_eq!(outcome.end, End::Exited(0));
            if !outcome.tells_i386 {
                return skip(Missing::Host, "calls of i386: this kernel has no BTF");
            }
            let mut counted = counts(&outcome);
            if counted.iter().all(|(name, ..)| !name.starts_with("i386")) {
                return skip(Missing::Host, "calls of i386: the kernel takes none");
            }
            // write(2) of no bytes fails where standard output is closed.
            counted.retain(|(name, ..)| name != "i386:write");
            let expected = [("i386:getpid", 1000), ("x86_64:getppid", 100)];
            let expected = expected.map(|(name, calls)| (name.to_owned(), calls, 0));
            assert_eq!(counted, expected, "{level:?}");
        }
    });
}

/// A set that names calls of another ABI alone is one, and nothing of it is seen in a native program.
#[test]
fn a_set_of_another_abi_counts_nothing_native() {
    let Some((_directory, program)) = tracee("../notify/tests/tracees/forks_and_threads.c") else {
        return;
    };
    in_own_process(|| {
        for level in LEVELS {
            let outcome = run(&[word(&program)], "getppid@32", Options::new(level), None);
            assert_eq!(counts(&outcome), []);
            assert_eq!(outcome.lost.total(), 0);
        }
    });
}

/// Numbers that no table has are counted together, -1 among those of x32, whose bit it has; the kernel's answer
/// is an error.
#[test]
fn numbers_that_no_table_has_are_counted() {
    let Some((_directory, program)) = tracee("tests/numbers.c") else {
        return;
    };
    in_own_process(|| {
        for level in LEVELS {
            let outcome = run(&[word(&program)], "all", Options::new(level), None);
            assert_eq!(outcome.end, End::Exited(0));
            let counted = counts(&outcome);
            let unknown = counted.iter().filter(|(name, ..)| {
                let (_, name) = name.split_once(':').expect("an ABI");
                name.parse::<u32>().is_ok()
            });
            let unknown: Vec<_> = unknown.cloned().collect();
            let expected = [("x32:1023", 3, 3), ("x86_64:1023", 4, 4)];
            let expected = expected.map(|(name, calls, errors)| (name.to_owned(), calls, errors));
            assert_eq!(unknown, expected, "{level:?}");
        }
    });
}

/// A map without room for all tasks loses some, and says how many; nothing else of the tree is hurt.
#[test]
fn tasks_that_find_no_room_are_counted_as_lost() {
    const WHAT: &str = "tasks that find no room";
    if !may_observe(WHAT) {
        return;
    }
    // Three children at a time, and each executes a program.
    let script = "true & sleep 1 & sleep 1 & sleep 1 & wait; exit 3";
    in_own_process(|| {
        for level in [Level::Count, Level::Histogram, Level::Stream] {
            let full = Options {
                max_tasks: 2,
                ..Options::new(level)
            };
            let words = ["sh", "-c", script];
            let roomy = run(&words, "execve", Options::new(level), None);
            assert_eq!((roomy.lost.total(), roomy.tasks), (0, Some(5)), "{level:?}");
            let outcome = run(&words, "execve", full, None);
            assert_eq!(outcome.end, End::Exited(3), "{level:?}");
            let lost = outcome.lost;
            assert!(lost.tasks >= 2, "{level:?}: {lost:?}");
            assert_eq!(lost.total(), lost.tasks, "{level:?}");
            // Each task is in the map, or lost.
            assert_eq!(outcome.tasks, Some(5 - lost.tasks), "{level:?}");
            let seen = |outcome: &Outcome| counts(outcome)[0].1;
            assert_eq!(seen(&roomy) - seen(&outcome), lost.tasks, "{level:?}");
        }
    });
}

/// What was told of each call.
#[derive(Default)]
struct Told(Vec<Returned>);

impl Log for Told {
    fn started(&mut self, _: Instant) -> io::Result<()> {
        Ok(())
    }

    fn returned(&mut self, call: &Returned) -> io::Result<()> {
        self.0.push(*call);
        Ok(())
    }
}

/// The last call of a task has no result and no time, and every other one has both.
#[test]
fn a_call_in_which_its_task_ends_is_told_without_a_result() {
    let Some((_directory, program)) = tracee("../notify/tests/tracees/forks_and_threads.c") else {
        return;
    };
    in_own_process(|| {
        let mut told = Told::default();
        let options = Options::new(Level::Stream);
        let set = "getppid,exit,exit_group";
        let outcome = run(&[word(&program)], set, options, Some(&mut told));
        let all: u64 = outcome.calls.iter().map(|call| call.totals.calls).sum();
        assert_eq!(all, told.0.len() as u64, "each is told once");
        let named = |wanted: &str| -> Vec<&Returned> {
            let calls = told.0.iter();
            let is_it =
                |call: &&Returned| name(call.abi, call.number) == format!("x86_64:{wanted}");
            calls.filter(is_it).collect()
        };
        for last in [named("exit_group"), named("exit")].concat() {
            assert_eq!((last.result, last.took_ns), (None, None), "{last:?}");
        }
        let exits = |wanted| {
            named(wanted)
                .iter()
                .map(|call| call.arguments[0])
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(exits("exit_group"), BTreeSet::from([0, 7]));
        assert_eq!((named("exit_group").len(), named("exit").len()), (4, 8));
        let tids: BTreeSet<Tid> = named("getppid").iter().map(|call| call.tid).collect();
        assert_eq!(tids.len(), 4 * 3);
        for call in named("getppid") {
            let result = call.result.expect("a result");
            assert!(result > 0 && call.took_ns.is_some(), "{call:?}");
        }
    });
}
