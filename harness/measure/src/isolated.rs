//! One sample in a process of its own, as that process sees it; `sampler` has
//! the harness's side.
//!
//! The harness executes itself with a hidden word, hands the new process a
//! `Spec` and reads an `Outcome` back. That process does only this sample:
//! its own account is the tracer's, its children's is the tracees', and when it
//! is killed all that it started dies with it.
//!
//! A process that alternates with another (`Pace::Alternating`) makes an execution for each byte
//! on its standard input, and answers each with a newline; two of them so share
//! a processor, one waiting while the other runs.

use crate::guardian::guard;
use crate::streams::Streams;
use crate::wire::{
    Account, Done, FilterCost, ON_REQUEST, Outcome, Pace, REPORT_FD, Spec, Variables, WORD,
};
use harness_mode::{Job, Log, Mechanism, Mode};
use harness_sys::launcher::Launch;
use harness_sys::{affinity, files, process, rusage};
use harness_syscalls::{Table, TraceSet};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

/// What the process with the hidden word does.
#[must_use]
pub fn main() -> ExitCode {
    guard(sample).unwrap_or_else(|error| answer(&Err(error.to_string())))
}

/// Takes the sample that standard input describes.
fn sample() -> ExitCode {
    let outcome = read_spec().and_then(|spec| take(&spec));
    let code = answer(&outcome);
    // After an error traced processes die with this one; untraced ones do here.
    if outcome.is_err() {
        process::kill_descendants();
    }
    code
}

fn answer(outcome: &Outcome) -> ExitCode {
    match serde_json::to_writer(std::io::stdout().lock(), outcome) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn read_spec() -> Result<Spec, String> {
    let error =
        |error: &dyn std::fmt::Display| format!("{WORD} is for the harness's own use: {error}");
    // A line: what follows it are requests.
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|e| error(&e))?;
    serde_json::from_str(&line).map_err(|e| error(&e))
}

/// Waits until the next execution is asked for; false where none is to come.
fn await_request() -> Result<bool, String> {
    let error = |error| format!("cannot read a request: {error}");
    let mut stdin = std::io::stdin().lock();
    let buffered = stdin.fill_buf().map_err(error)?;
    let any = !buffered.is_empty();
    stdin.consume(usize::from(any));
    Ok(any)
}

fn answer_request() -> Result<(), String> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(&[ON_REQUEST])
        .and_then(|()| stdout.flush());
    written.map_err(|error| format!("cannot answer a request: {error}"))
}

fn take(spec: &Spec) -> Outcome {
    process::become_subreaper()
        .map_err(|errno| format!("prctl(PR_SET_CHILD_SUBREAPER): {errno}"))?;
    let mode = harness_mode::open(&spec.mode, spec.parameter.as_deref())?;
    let mode = &*mode;
    let set = TraceSet::parse(&spec.trace, Table::current()).map_err(|error| error.to_string())?;
    // What a mode probes it probes here, before the accounts below begin.
    mode.prepare().map_err(|error| error.to_string())?;
    if let Some(cpu) = spec.processors.tracer {
        affinity::pin_to(cpu).map_err(|errno| format!("cannot run on processor {cpu}: {errno}"))?;
    }
    // The scheduler groups tasks by session (sched(7), "The autogroup feature"). Beside a guardian
    // that last ran on another CPU, the weight of that group would be computed anew at each switch
    // (`update_cfs_group`, kernel/sched/fair.c), which makes a stop about 1 % more expensive. So
    // this process leads a group that has never run elsewhere than where it is pinned to.
    process::new_session().map_err(|errno| format!("setsid(2): {errno}"))?;
    let mut done = Done {
        filter: describe(spec, mode, &set)?,
        alternates: true,
        ..Done::default()
    };
    let mut streams = Streams::open(spec.show_output)?;
    for _ in 0..spec.executions {
        if spec.pace == Pace::Alternating && !await_request()? {
            break;
        }
        execute(spec, mode, &set, &streams, &mut done)?;
        if !done.succeeded() {
            break;
        }
        if spec.pace == Pace::Alternating {
            answer_request()?;
        }
    }
    // Of all children alike: a wrapper's cannot be told from a tracee's.
    if mode.about().mechanism != Mechanism::Peer {
        done.max_rss_kib = rusage::children().max_rss_kib;
    }
    done.stderr = streams.last_lines();
    Ok(done)
}

fn describe(spec: &Spec, mode: &dyn Mode, set: &TraceSet) -> Result<Option<FilterCost>, String> {
    if !spec.describe_filter {
        return Ok(None);
    }
    let filter = mode.filter(set).map_err(|error| error.to_string())?;
    Ok(filter.map(|filter| FilterCost {
        instructions: u32::try_from(filter.program.len()).unwrap_or(u32::MAX),
        mean_executed: filter.mean_executed(),
    }))
}

fn execute(
    spec: &Spec,
    mode: &dyn Mode,
    set: &TraceSet,
    streams: &Streams,
    done: &mut Done,
) -> Result<(), String> {
    // What waiting for a request costs is none of the tracer's.
    let (own, children) = (rusage::own(), rusage::children());
    let report =
        files::anonymous("loop-report").map_err(|errno| format!("memfd_create(2): {errno}"))?;
    let arguments = spec.arguments.iter().map(OsString::as_os_str);
    let mut launch = Launch::new(&spec.program, arguments, environment(spec))
        .map_err(|error| error.to_string())?;
    if let Some(directory) = &spec.directory {
        launch
            .directory(directory)
            .map_err(|error| error.to_string())?;
    }
    launch.own_group();
    streams.give(&mut launch);
    if spec.times_itself {
        launch.descriptor(report.as_fd(), REPORT_FD);
    }
    if let Some(cpu) = spec.processors.tracees {
        launch.pin_to(cpu);
    }
    let mut log = match &spec.log {
        Some(log) => Some(log.open(done.executions)?),
        None => None,
    };
    let mut job = Job {
        set,
        log: log.as_mut().map(|log| log as &mut dyn Log),
        scratch: spec.scratch.as_deref(),
    };
    let outcome = mode.run(launch, &mut job);
    let outcome = outcome.map_err(|error| error.to_string())?;
    let own = Account::between(own, rusage::own());
    let children = Account::between(children, rusage::children());
    done.add(outcome, own, children);
    if spec.times_itself
        && let Some(loop_ns) = read_report(report)
    {
        *done.loop_ns.get_or_insert(0) += loop_ns;
    }
    Ok(())
}

/// The environment of the program that is measured.
fn environment(spec: &Spec) -> impl Iterator<Item = (OsString, OsString)> {
    let padding = (spec.environment_padding > 0).then(|| {
        (
            OsString::from("HARNESS_PADDING"),
            OsString::from("x".repeat(spec.environment_padding as usize)),
        )
    });
    // A workload of the harness's own that is killed leaves nothing behind
    // where its temporary files lie in the run's directory.
    let scratch = spec
        .directory
        .as_ref()
        .map(|directory| (OsString::from("TMPDIR"), directory.clone().into_os_string()));
    let all = spec.variables == Variables::Callers;
    let replaced = scratch.is_some();
    let inherited = std::env::vars_os().filter(move |(name, _)| {
        let kept = all || name == "PATH";
        kept && !(replaced && name == "TMPDIR")
    });
    inherited.chain(scratch).chain(padding)
}

/// `loop_ns=N`, as the workload wrote it.
fn read_report(mut report: File) -> Option<u64> {
    let mut text = String::new();
    report.seek(SeekFrom::Start(0)).ok()?;
    report.read_to_string(&mut text).ok()?;
    text.trim_end().strip_prefix("loop_ns=")?.parse().ok()
}
