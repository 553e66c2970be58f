//! The programs that are measured, with their exact expected counts.
//!
//! The `harness` binary turns into one of them as the first thing in `main`
//! ([`dispatch`]), so one file is all that need be copied to another machine.
//! A workload is one file and one line in the registry below.
//!
//! What a workload states ([`Statement`]) is what it does: outside the start-up
//! and exit of its program images every call is made through
//! [`harness_sys::calls`] or [`harness_sys::spawn`], one kernel call each, and
//! counted. It does not know whether it is measured, and how.

mod arguments;
mod clock;
mod connect;
mod fork_exec;
mod getppid;
mod make_sim;
mod micro;
mod mmap;
mod noop;
mod open_close;
mod pipe;
mod read;
mod stat;
mod statement;
mod threads;
mod write;

pub use arguments::{Arguments, Parameters, UsageError};
pub use make_sim::Computing;
pub use statement::Statement;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::process::{ExitCode, ExitStatus};

/// The first argument that turns the binary into a workload.
pub const HIDDEN_WORD: &str = "__workload";

/// The words that turn the harness's binary into the workload called `name`, `argv[0]` included.
#[must_use]
pub fn words(name: &str, options: Vec<String>) -> Vec<OsString> {
    let words = ["harness", HIDDEN_WORD, name].map(OsString::from);
    words
        .into_iter()
        .chain(options.into_iter().map(OsString::from))
        .collect()
}

/// How many processes run at the same time, which decides the default pinning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processes {
    /// One process does the work.
    Single,
    /// Several processes do, also if in turn.
    Several,
}

/// A program to measure.
pub trait Workload: Sync {
    /// The name on the command line.
    fn name(&self) -> &'static str;
    /// One line for `harness list workloads`.
    fn summary(&self) -> &'static str;
    /// One process, or several.
    fn processes(&self) -> Processes;
    /// The trace set where none is asked for.
    fn default_trace(&self) -> &'static str;
    /// Whether it times its own loop and reports `loop_ns` (see [`Arguments::report`]).
    fn times_itself(&self) -> bool;
    /// The options it takes, as written: `--operations`, …
    fn options(&self) -> &'static [&'static str];
    /// What one execution does.
    fn statement(&self, parameters: &Parameters) -> Statement;
    /// The program itself.
    ///
    /// # Errors
    /// The first call that did not do what it should.
    fn run(&self, arguments: &Arguments) -> Result<(), Failure>;

    /// What follows `__workload NAME` on the command line of an execution with `parameters`.
    fn arguments(&self, parameters: &Parameters) -> Vec<String> {
        parameters.to_words(self.options())
    }
}

/// An operation of a workload that failed.
#[derive(Debug)]
pub struct Failure {
    operation: String,
    cause: String,
    /// A child has said it on standard error already.
    told: bool,
}

impl Failure {
    /// `operation` failed, for the reason that `cause` tells.
    pub(crate) fn new(operation: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self {
            operation: operation.into(),
            cause: cause.to_string(),
            told: false,
        }
    }

    /// That a child ended with `status`; after exit code 1 it has said why.
    pub(crate) fn of_child(operation: impl Into<String>, status: ExitStatus) -> Self {
        Self {
            told: status.code() == Some(1),
            ..Self::new(operation, status)
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.cause)
    }
}

impl std::error::Error for Failure {}

/// Names the operation of a kernel call that failed.
pub(crate) trait During<T> {
    /// `operation` is what the workload was doing.
    fn during(self, operation: &str) -> Result<T, Failure>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, operation: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(operation, error))
    }
}

/// All workloads, in the order to list them.
static REGISTRY: [&dyn Workload; 11] = [
    &make_sim::MakeSim,
    &getppid::GETPPID,
    &read::READ,
    &write::WRITE,
    &open_close::OPEN_CLOSE,
    &stat::STAT,
    &connect::CONNECT,
    &pipe::PIPE,
    &mmap::MMAP,
    &fork_exec::FORK_EXEC,
    &threads::THREADS,
];

/// All workloads, in the order to list them.
#[must_use]
pub fn registry() -> &'static [&'static dyn Workload] {
    &REGISTRY
}

/// The workload called `name`: one of [`registry`], or one that stands in no list: `noop` does
/// nothing but start and end, `clock` also reads the clock once.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Workload> {
    let unlisted: [&dyn Workload; 2] = [&noop::Noop, &clock::Clock];
    registry()
        .iter()
        .copied()
        .chain(unlisted)
        .find(|workload| workload.name() == name)
}

/// Runs the workload that the command line of this process asks for, or returns nothing where it
/// asks for none. To be called before anything else in `main`.
///
/// The exit code is 0, 1 where an operation failed, or 2 for bad arguments; then one line on
/// standard error says why.
#[must_use]
pub fn dispatch() -> Option<ExitCode> {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (first, rest) = words.split_first()?;
    if first == HIDDEN_WORD {
        Some(workload(rest))
    } else if first == make_sim::HIDDEN_WORD {
        Some(end("make-sim", make_sim::image(rest)))
    } else {
        None
    }
}

/// Runs `NAME [OPTION]…`.
fn workload(words: &[OsString]) -> ExitCode {
    let Some((name, options)) = words.split_first() else {
        return usage("a workload's name is missing");
    };
    let Some(workload) = name.to_str().and_then(find) else {
        return usage(&format!("unknown workload {}", name.display()));
    };
    match Arguments::read(options, workload.options()) {
        Ok(arguments) => end(workload.name(), workload.run(&arguments)),
        Err(error) => usage(&format!("{}: {error}", workload.name())),
    }
}

fn usage(why: &str) -> ExitCode {
    eprintln!("harness: workload: {why}");
    ExitCode::from(2)
}

fn end(name: &str, result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.told {
                eprintln!("harness: workload {name}: {failure}");
            }
            ExitCode::FAILURE
        }
    }
}

/// A word of the command line as a number, if it is one in plain decimal digits.
pub(crate) fn number<N: std::str::FromStr>(word: &OsStr) -> Option<N> {
    let text = word.to_str()?;
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}
