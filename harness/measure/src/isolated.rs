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

use crate::Error;
use crate::guardian::guard;
use crate::processors::Processors;
use crate::stop_log::SampleLog;
use crate::streams::Streams;
use harness_mode::{End, Mode, SeccompFile};
use harness_record::Side;
use harness_sys::launcher::Launch;
use harness_sys::rusage::{self, Usage};
use harness_sys::{affinity, files, process};
use harness_syscalls::{Table, TraceSet};
use harness_tracer::observer::Observer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The hidden word.
pub const WORD: &str = "__sample";

/// What one sample is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) mode: String,
    pub(crate) trace: String,
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) environment_padding: u32,
    pub(crate) processors: Processors,
    pub(crate) executions: u32,
    pub(crate) times_itself: bool,
    pub(crate) show_output: bool,
    /// The program of mode `seccomp-file`, an array of `struct sock_filter`.
    pub(crate) filter: Option<Vec<u8>>,
    /// Whether to say what the mode's own program costs.
    #[serde(default)]
    pub(crate) describe_filter: bool,
    #[serde(default)]
    pub(crate) variables: Variables,
    #[serde(default)]
    pub(crate) pace: Pace,
    /// Where each stop is written down.
    #[serde(default)]
    pub(crate) log: Option<SampleLog>,
}

impl Spec {
    /// One execution of a workload of the harness's own, for what must be known
    /// before measuring.
    pub(crate) fn beforehand(
        mode: &str,
        trace: &str,
        harness: &Path,
        arguments: Vec<OsString>,
    ) -> Self {
        Self {
            mode: mode.to_owned(),
            trace: trace.to_owned(),
            program: harness.into(),
            arguments,
            directory: None,
            environment_padding: 0,
            processors: Processors::default(),
            executions: 1,
            times_itself: false,
            show_output: false,
            filter: None,
            describe_filter: false,
            variables: Variables::Fixed,
            pace: Pace::AtOnce,
            log: None,
        }
    }
}

/// When the executions of a sample are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Pace {
    /// One after the other.
    #[default]
    AtOnce,
    /// Each when it is told to.
    Alternating,
}

/// Which environment variables a program gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Variables {
    /// The caller's.
    #[default]
    Callers,
    /// Of the caller's only PATH: calls of the harness's own workloads must not
    /// depend on, say, LD_LIBRARY_PATH, in which a loader looks for libraries.
    Fixed,
}

/// The harnesses that take samples: this one alone, or two that are compared.
/// What they tell each other ([`Spec`], [`Done`]) may gain fields, which the
/// older of two then leaves out; no field may change its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Binaries {
    One(PathBuf),
    Two { base: PathBuf, head: PathBuf },
}

impl Binaries {
    /// This very binary.
    pub(crate) fn own() -> Result<Self, Error> {
        own_binary().map(Self::One)
    }

    pub(crate) fn are_two(&self) -> bool {
        matches!(self, Self::Two { .. })
    }

    pub(crate) fn of(&self, side: Option<Side>) -> &Path {
        match (self, side) {
            (Self::One(own), _) => own,
            (Self::Two { base, .. }, Some(Side::Base)) => base,
            (Self::Two { head, .. }, _) => head,
        }
    }
}

/// The harness's own binary.
pub(crate) fn own_binary() -> Result<PathBuf, Error> {
    std::env::current_exe().map_err(|source| Error::Io {
        operation: "cannot find the harness's own binary".to_owned(),
        source,
    })
}

/// What a mode's program costs. Deterministic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct FilterCost {
    /// Length, instructions.
    pub(crate) instructions: u32,
    /// Instructions that a call executes, on average over the calls of a kernel build.
    pub(crate) mean_executed: f64,
}

/// What one sample did: totals over its executions.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Done {
    pub(crate) executions: u32,
    /// Of the last execution; one that ends otherwise than with 0 is the last.
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) wall_ns: u64,
    pub(crate) loop_ns: Option<u64>,
    pub(crate) tracer: Account,
    pub(crate) tracees: Account,
    pub(crate) max_rss_kib: u64,
    pub(crate) stops: Option<Stops>,
    pub(crate) syscalls: Option<u64>,
    pub(crate) traced_events: Option<u64>,
    /// Traced calls by name, `ABI:name` for those that are not native.
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) tracees_seen: Option<u64>,
    pub(crate) escaped: u64,
    pub(crate) no_new_privs: bool,
    /// Of `max_rss_kib`, what a tracee had before it executed its program.
    pub(crate) inherited_rss_kib: u64,
    /// The last lines the program wrote to standard error.
    pub(crate) stderr: String,
    /// Where it was asked for.
    pub(crate) filter: Option<FilterCost>,
    /// Whether this harness can alternate with another.
    pub(crate) alternates: bool,
}

impl Done {
    /// Adds one execution; what it says of its own loop is read elsewhere.
    fn add(&mut self, outcome: &harness_mode::Outcome) {
        self.executions += 1;
        (self.exit_code, self.signal) = match outcome.end {
            End::Exited(code) => (Some(code), None),
            End::Killed(signal) => (None, Some(signal)),
        };
        self.wall_ns += u64::try_from(outcome.wall.as_nanos()).unwrap_or(u64::MAX);
        let add = |sum: &mut Option<u64>, value: Option<u64>| {
            if let Some(value) = value {
                *sum.get_or_insert(0) += value;
            }
        };
        if let Some(stops) = &outcome.stops {
            self.stops.get_or_insert_default().add(stops);
        }
        add(&mut self.syscalls, outcome.syscalls);
        add(&mut self.traced_events, outcome.traced_events);
        add(&mut self.tracees_seen, outcome.tracees);
        let calls = outcome.calls.iter();
        for (abi, number, count) in calls.flat_map(harness_tracer::counts::CallCounts::iter) {
            *self.calls.entry(call_name(abi, number)).or_default() += count;
        }
        self.escaped += outcome.escaped;
        self.no_new_privs |= outcome.no_new_privs;
        self.inherited_rss_kib = self.inherited_rss_kib.max(outcome.inherited_rss_kib);
    }
}

/// One side's share of rusage.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) user_ns: u64,
    pub(crate) sys_ns: u64,
    pub(crate) voluntary: u64,
    pub(crate) involuntary: u64,
}

impl Account {
    fn add_between(&mut self, before: Usage, after: Usage) {
        self.user_ns += after.user_ns.saturating_sub(before.user_ns);
        self.sys_ns += after.sys_ns.saturating_sub(before.sys_ns);
        self.voluntary += after.voluntary.saturating_sub(before.voluntary);
        self.involuntary += after.involuntary.saturating_sub(before.involuntary);
    }
}

/// Stops by kind.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Stops {
    pub(crate) syscall_enter: u64,
    pub(crate) syscall_exit: u64,
    pub(crate) seccomp: u64,
    pub(crate) event: u64,
    pub(crate) signal: u64,
    pub(crate) group: u64,
}

impl Stops {
    pub(crate) fn of(counted: &harness_tracer::counts::Stops) -> Self {
        let mut stops = Self::default();
        stops.add(counted);
        stops
    }

    pub(crate) fn total(&self) -> u64 {
        self.syscall_enter
            + self.syscall_exit
            + self.seccomp
            + self.event
            + self.signal
            + self.group
    }

    fn add(&mut self, other: &harness_tracer::counts::Stops) {
        self.syscall_enter += other.syscall_enter;
        self.syscall_exit += other.syscall_exit;
        self.seccomp += other.seccomp;
        self.event += other.event;
        self.signal += other.signal;
        self.group += other.group;
    }
}

pub(crate) type Outcome = Result<Done, String>;

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

/// What comes before the answer for each execution of a process that alternates:
/// nothing to who reads JSON.
pub(crate) const ON_REQUEST: u8 = b'\n';

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
    let file = spec.filter.as_deref().map(SeccompFile::from_bytes);
    let file = file.transpose().map_err(|error| error.to_string())?;
    let mode = harness_mode::find(&spec.mode, file.as_ref());
    let mode = mode.ok_or_else(|| format!("no mode {}", spec.mode))?;
    let set = TraceSet::parse(&spec.trace, Table::current()).map_err(|error| error.to_string())?;
    // What a mode probes it probes here, before the accounts below begin.
    mode.check().map_err(|error| error.to_string())?;
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
        // What waiting for a request costs is none of the tracer's.
        let (tracer, tracees) = (rusage::own(), rusage::children());
        execute(spec, mode, &set, &streams, &mut done)?;
        done.tracer.add_between(tracer, rusage::own());
        done.tracees.add_between(tracees, rusage::children());
        if done.exit_code != Some(0) {
            break;
        }
        if spec.pace == Pace::Alternating {
            answer_request()?;
        }
    }
    done.max_rss_kib = rusage::children().max_rss_kib;
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
    let log = log.as_mut().map(|log| log as &mut dyn Observer);
    let outcome = mode.run(&launch, set, log);
    let outcome = outcome.map_err(|error| error.to_string())?;
    drop(launch);
    done.add(&outcome);
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

/// Where a workload that times itself reports.
pub(crate) const REPORT_FD: i32 = 3;

/// `loop_ns=N`, as the workload wrote it.
fn read_report(mut report: File) -> Option<u64> {
    let mut text = String::new();
    report.seek(SeekFrom::Start(0)).ok()?;
    report.read_to_string(&mut text).ok()?;
    text.trim_end().strip_prefix("loop_ns=")?.parse().ok()
}

fn call_name(abi: harness_syscalls::Abi, number: u32) -> String {
    let name = Table::current()
        .name_of(abi, number)
        .map_or_else(|| number.to_string(), str::to_owned);
    if abi == harness_syscalls::Abi::NATIVE {
        name
    } else {
        format!("{abi}:{name}")
    }
}
