//! Takes a measurement: what is run, in which order, each run in a process of
//! its own, verified before it counts.
//!
//! The way: `subject` turns names into what can be executed, `order` makes the
//! blocks, `session` plans, `runs` takes a sample for each slot of the plan
//! through `isolated`, `verify` decides whether it counts. `gate` does the same
//! with two harnesses, and as many blocks as a verdict needs; `loop_timer` enters
//! below the plan; `attach` watches a process that is running already.

pub mod attach;
mod binaries;
mod calls;
mod choice;
mod computing;
pub mod environment;
mod event_log;
pub mod gate;
mod guardian;
mod hook;
pub mod isolated;
mod loop_timer;
mod order;
mod pressure;
mod processors;
mod progress;
pub mod request;
mod row;
mod runs;
mod sampler;
mod session;
mod startup;
mod streams;
mod subject;
mod verify;
mod wire;

pub use calls::CallsTaken;
pub use choice::{Choice, choose_modes};
pub use loop_timer::LoopTimer;
pub use request::{Request, Target};
pub use session::{Finished, Session};
pub use wire::WORD;

/// Why a measurement could not be taken, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Processes cannot be found by their numbers.
    #[error(transparent)]
    ForeignProc(#[from] harness_sys::pid_namespace::ForeignProc),
    /// No mode of this name.
    #[error("unknown mode {name}{}; see `harness list modes`", hint(.nearest))]
    UnknownMode {
        /// As given.
        name: String,
        /// Names like it.
        nearest: Vec<String>,
    },
    /// No workload of this name.
    #[error("unknown workload {name}{}; see `harness list workloads`", hint(.nearest))]
    UnknownWorkload {
        /// As given.
        name: String,
        /// Names like it.
        nearest: Vec<String>,
    },
    /// A mode was asked for by name and cannot run here.
    #[error("mode {mode} cannot run here: {why}")]
    Unavailable {
        /// Name of the mode.
        mode: String,
        /// Reason and remedy.
        why: harness_mode::Unavailable,
    },
    /// A mode was asked for by name that cannot be used on a running process.
    #[error("mode {mode} cannot attach: {why}")]
    CannotAttach {
        /// Name of the mode.
        mode: String,
        /// Reason and remedy.
        why: harness_mode::Unavailable,
    },
    /// Nothing would be attached to.
    #[error("a mode is compared with none, and none alone attaches to nothing")]
    NothingAttached,
    /// There is no process to attach to.
    #[error(transparent)]
    Attach(#[from] harness_tracer::running::FindError),
    /// The user's command did not print a counter.
    #[error(
        "rate command `{command}`: {why}; it must print one number, which grows with what the process does, and end with 0"
    )]
    RateCommand {
        /// The command.
        command: String,
        /// What it did instead.
        why: String,
    },
    /// The tracer of a window could not attach, or failed; it says itself what it could not.
    #[error("{0}")]
    AttachFailed(String),
    /// There is a program of the user's, but its mode is not asked for.
    #[error("a program is given for mode seccomp-file, which is not among the modes")]
    FilterUnused,
    /// A mode that the user brought is not asked for.
    #[error("mode {0} was given but is not among the modes")]
    ModeUnused(String),
    /// A size that nothing which is run has.
    #[error("{option} is the size of a workload ({}), and none that is asked for has it", takers(.option))]
    SizeUnused {
        /// The workloads' option.
        option: &'static str,
    },
    /// The mode of a program of the user's without one.
    #[error("mode seccomp-file measures a program of your own, and there is none")]
    NoFilter,
    /// The trace set is none.
    #[error("trace set '{text}': {source}")]
    TraceSet {
        /// As given.
        text: String,
        /// What is wrong with it.
        source: harness_syscalls::ParseError,
    },
    /// The mode cannot trace this set.
    #[error("mode {mode}: {source}")]
    Filter {
        /// Name of the mode.
        mode: String,
        /// Why not.
        source: harness_mode::Error,
    },
    /// The command cannot be executed.
    #[error(transparent)]
    Command(#[from] harness_sys::launcher::LaunchError),
    /// Pinning as asked for is impossible.
    #[error("pinning {0} needs two CPUs and only one is allowed here")]
    TooFewProcessors(&'static str),
    /// A mode and its program cannot be pinned to two CPUs.
    #[error("mode {0} starts the program itself, so the two cannot be pinned to different CPUs")]
    CannotSplit(String),
    /// A hook failed.
    #[error("the {hook} hook ended with {end}: {command}")]
    Hook {
        /// Which hook, by its field of [`harness_record::Hooks`].
        hook: &'static str,
        /// How it ended.
        end: String,
        /// The command.
        command: String,
    },
    /// A sample did something else than it must.
    #[error("workload {workload} under mode {mode}: {reason}")]
    Sample {
        /// Name of the workload.
        workload: String,
        /// Name of the mode.
        mode: String,
        /// What it did.
        reason: String,
    },
    /// The harness's own process for a run failed.
    #[error("cannot make a run: {0}")]
    Isolated(String),
    /// A file of the harness's own.
    #[error("{operation}: {source}")]
    Io {
        /// What was being done.
        operation: String,
        /// The error.
        source: std::io::Error,
    },
    /// The record could not be written.
    #[error(transparent)]
    Record(#[from] harness_record::Error),
    /// What was declared for a comparison cannot be done.
    #[error("the rules of the comparison cannot be followed: {0}")]
    Rules(String),
    /// SIGINT, SIGTERM, SIGHUP or SIGQUIT arrived.
    #[error("stopped by signal {0}")]
    Interrupted(i32),
}

/// What an error is about, for whoever tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What was asked for: it names what is not there, or contradicts itself. Nothing was run.
    Usage,
    /// A signal stopped the measurement.
    Interrupted,
    /// It failed.
    Failure,
}

impl Error {
    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::UnknownMode { .. }
            | Self::UnknownWorkload { .. }
            | Self::CannotAttach { .. }
            | Self::NothingAttached
            | Self::FilterUnused
            | Self::ModeUnused(_)
            | Self::SizeUnused { .. }
            | Self::NoFilter
            | Self::CannotSplit(_)
            | Self::TraceSet { .. } => Kind::Usage,
            Self::Interrupted(_) => Kind::Interrupted,
            Self::ForeignProc(_)
            | Self::Unavailable { .. }
            | Self::Attach(_)
            | Self::RateCommand { .. }
            | Self::AttachFailed(_)
            | Self::Filter { .. }
            | Self::Command(_)
            | Self::TooFewProcessors(_)
            | Self::Hook { .. }
            | Self::Sample { .. }
            | Self::Isolated(_)
            | Self::Io { .. }
            | Self::Record(_)
            | Self::Rules(_) => Kind::Failure,
        }
    }
}

fn hint(nearest: &[String]) -> String {
    if nearest.is_empty() {
        String::new()
    } else {
        format!(" (did you mean {}?)", nearest.join(" or "))
    }
}

/// The workloads that have this option.
fn takers(option: &'static str) -> String {
    let all = harness_workloads::registry().iter();
    let takers = all.filter(|workload| workload.options().contains(&option));
    let names: Vec<_> = takers.map(|workload| workload.name()).collect();
    names.join(", ")
}

/// The names most like `name`, best first.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let near = harness_syscalls::nearest(name, names);
    near.into_iter().map(str::to_owned).collect()
}
