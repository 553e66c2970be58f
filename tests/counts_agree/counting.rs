//! What each mode counts of a program, and whether that is what the reference counts.

use crate::common::{PATH, modes};
use harness_mode::{Calls, Job, Mechanism, Role};
use harness_record::Counter;
use harness_sys::launcher::{Launch, resolve};
use harness_sys::process;
use harness_syscalls::{Table, TraceSet};
use harness_testing::{in_own_process, skip};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;

/// What the others are compared with: it is told of every call, before anybody can deny it, and of
/// every return to the program.
pub(crate) const REFERENCE: &str = "ptrace";

/// What a mode counted.
pub(crate) type Counted = (&'static str, Calls);

/// A count that is another than the reference's, by design.
pub(crate) struct Differs {
    pub(crate) under: Under,
    /// The call's name.
    pub(crate) call: &'static str,
    /// How many more calls are counted.
    pub(crate) calls: i64,
    /// How many more errors are counted.
    pub(crate) errors: i64,
    pub(crate) why: &'static str,
}

/// Under which modes something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Under {
    /// Those that are told of a call when the program's own filters have allowed it.
    AfterOwnFilters,
    /// Programs at tracepoints.
    Tracepoints,
    /// strace.
    Strace,
}

impl Under {
    pub(crate) fn includes(self, mode: &str) -> bool {
        let mechanism = modes::mechanism(mode);
        let tracepoints = modes::at_tracepoints(mechanism);
        match self {
            Self::AfterOwnFilters => tracepoints || mechanism == Mechanism::PtraceFiltered,
            Self::Tracepoints => tracepoints,
            Self::Strace => mechanism == Mechanism::Peer,
        }
    }
}

/// Calls that never return. strace counts a call when it returns, and none of these.
const NEVER_RETURN: [&str; 2] = ["exit", "exit_group"];

fn never_returns(call: &str) -> bool {
    let name = call.split_once(':').map_or(call, |(_, name)| name);
    NEVER_RETURN.contains(&name)
}

/// Those of `wanted`, the reference, strace, and all modes at tracepoints that can run here, the
/// reference first. `None` where there is nothing to compare; says what is skipped.
pub(crate) fn available(wanted: &[&'static str], what: &str) -> Option<Vec<&'static str>> {
    let tracepoints = harness_mode::registry().iter().map(|mode| mode.about());
    let tracepoints = tracepoints
        .filter(|about| modes::at_tracepoints(about.mechanism) && about.role == Role::Tracer)
        .map(|about| &*about.name);
    let all = [REFERENCE, "strace-c"].into_iter();
    let all = all.chain(wanted.iter().copied()).chain(tracepoints);
    let available: Vec<_> = all
        .filter(|mode| match modes::missing(mode) {
            None => true,
            Some((missing, why)) => {
                skip(missing, &format!("{what} under {mode}: {why}"));
                false
            }
        })
        .collect();
    (available.len() > 1 && available[0] == REFERENCE).then_some(available)
}

/// Every call of a program that must succeed, as a mode counts it.
pub(crate) fn count(mode: &'static str, words: &[&str], directory: &Path) -> Counted {
    let room = tempfile::tempdir().expect("a directory");
    let (scratch, answer) = (room.path().join("scratch"), room.path().join("answer"));
    fs::create_dir(&scratch).expect("a directory");
    // A mode is for a process that does only this, and has one thread.
    in_own_process(|| {
        process::become_subreaper().expect("prctl(2)");
        let set = TraceSet::parse("all", Table::current()).expect("a trace set");
        let mode = harness_mode::find(mode).expect("a mode of the registry");
        mode.check().expect("it can run here");
        let environment = [("PATH".into(), PATH.into()), ("LC_ALL".into(), "C".into())];
        // By its path, as a peer starts it: bash(1) makes calls to find a path that it is not given.
        let program = resolve(OsStr::new(words[0]), Some(OsStr::new(PATH))).expect("a program");
        let program = program.as_os_str();
        let arguments = [program]
            .into_iter()
            .chain(words[1..].iter().map(OsStr::new));
        let mut launch = Launch::new(program, arguments, environment).expect("a program");
        launch.directory(directory).expect("a directory");
        let output = File::create(room.path().join("output")).expect("a file");
        for stream in [1, 2] {
            launch.descriptor(output.as_fd(), stream);
        }
        let mut job = Job {
            set: &set,
            log: None,
            scratch: Some(&scratch),
        };
        let outcome = mode.run(launch, &mut job).expect("it is run");
        assert_eq!(outcome.end, Some(harness_mode::End::Exited(0)));
        assert_eq!(outcome.counts.get(Counter::LostEvents).unwrap_or(0), 0);
        let calls = outcome.calls.expect("it counts calls by name");
        fs::write(&answer, serde_json::to_vec(&calls).expect("JSON")).expect("a file");
    });
    let answer = fs::read(&answer).expect("an answer");
    (mode, serde_json::from_slice(&answer).expect("calls"))
}

/// What was compared.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    /// Calls that the reference counted.
    pub(crate) calls: u64,
    /// Errors that the reference and at least one other mode counted.
    pub(crate) errors: u64,
    /// Counts that are not what they must be.
    pub(crate) unlike: Vec<String>,
}

/// Compares what modes counted with what the first of them did, but for the calls that `varies` names;
/// `differs` says what a mode must count differently of a call, and how often.
pub(crate) fn compare(
    counted: &[Counted],
    varies: impl Fn(&str) -> bool,
    differs: impl Fn(&str, &str) -> Vec<(i64, &'static Differs)>,
) -> Compared {
    let names: BTreeSet<&String> = counted.iter().flat_map(|(_, calls)| calls.keys()).collect();
    let mut compared = Compared::default();
    for name in names.into_iter().filter(|name| !varies(name)) {
        let (calls, errors) = of(&counted[0].1, name);
        let mut errors_compared = false;
        let mut as_it_must = true;
        for (mode, counted) in &counted[1..] {
            let (own, own_errors) = of(counted, name);
            let differs = differs(mode, name);
            let sum =
                |of: fn(&Differs) -> i64| differs.iter().map(|(times, by)| times * of(by)).sum();
            let expected = if Under::Strace.includes(mode) && never_returns(name) {
                Some(0)
            } else {
                calls.checked_add_signed(sum(|by| by.calls))
            };
            as_it_must &= Some(own) == expected;
            if let (Some(own), Some(errors)) = (own_errors, errors) {
                errors_compared = true;
                as_it_must &= Some(own) == errors.checked_add_signed(sum(|by| by.errors));
            }
        }
        compared.calls += calls;
        if errors_compared {
            compared.errors += errors.unwrap_or(0);
        }
        if !as_it_must {
            let line = counted
                .iter()
                .map(|(mode, counted)| described(mode, of(counted, name), &differs(mode, name)));
            let line = line.collect::<Vec<_>>().join(", ");
            compared.unlike.push(format!("{name}: {line}"));
        }
    }
    compared
}

/// Calls of a name, and errors if the mode knows them: of a call that it did not count there are none.
pub(crate) fn of(counted: &Calls, name: &str) -> (u64, Option<u64>) {
    let knows = counted.values().any(|of| of.errors.is_some());
    let own = counted.get(name);
    let errors = own.and_then(|of| of.errors).unwrap_or(0);
    (own.map_or(0, |of| of.calls), knows.then_some(errors))
}

fn described(
    mode: &str,
    (calls, errors): (u64, Option<u64>),
    differs: &[(i64, &Differs)],
) -> String {
    let mut text = match errors {
        Some(errors) => format!("{calls} with {errors} errors ({mode})"),
        None => format!("{calls} ({mode})"),
    };
    for (times, by) in differs {
        let (calls, errors, why) = (by.calls, by.errors, by.why);
        let _ = write!(
            text,
            " [must differ by {calls:+} with {errors:+} errors, {times} times: {why}]"
        );
    }
    text
}
