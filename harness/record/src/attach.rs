//! What was seen of a running process in windows with and without a tracer.

use crate::{Counts, Environment, Error, ModePlan, Provenance, SCHEMA_VERSION, Slot};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What `attach.json` holds, and `harness run --attach --format json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttachReport {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// The program that measured.
    pub harness: Provenance,
    /// The exact command line, a word an element.
    pub command: Vec<String>,
    /// Start of the measurement, RFC 3339, UTC.
    pub started_at: String,
    /// End of the measurement, RFC 3339, UTC; absent while it goes on.
    pub finished_at: Option<String>,
    /// How the measurement ended.
    pub state: AttachState,
    /// The machine it was taken on.
    pub environment: Environment,
    /// The process.
    pub process: AttachedProcess,
    /// What was to be measured, in which order.
    pub plan: AttachPlan,
    /// Every whole window, in the order in which they were taken.
    pub windows: Vec<Window>,
    /// What the windows say, a row a rate.
    pub rates: Vec<RateRow>,
    /// What a reader must know before trusting the numbers, a sentence each.
    pub warnings: Vec<String>,
}

impl AttachReport {
    /// Reads an `attach.json`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Json`], [`Error::SchemaVersion`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        crate::json::read(path, "an attach.json")
    }

    /// What `attach.json` holds.
    ///
    /// # Errors
    ///
    /// [`Error::Serialize`].
    pub fn to_json(&self) -> Result<String, Error> {
        debug_assert_eq!(self.schema_version, SCHEMA_VERSION);
        crate::json::text(self)
    }
}

/// How a measurement of a running process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "status")]
pub enum AttachState {
    /// Not ended yet, or the harness was killed.
    Running,
    /// Every planned window was taken.
    Complete,
    /// The process ended before; the windows taken are whole.
    ProcessEnded,
    /// Stopped by a signal before the end; the windows taken are whole.
    Interrupted {
        /// The signal's number.
        signal: i32,
    },
    /// Stopped by an error before the end; the windows taken are whole.
    Failed {
        /// The error.
        reason: String,
    },
}

/// The process that was attached to, as it was at the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedProcess {
    /// Its id.
    pub pid: i32,
    /// Its name, `comm` of proc(5).
    pub name: String,
    /// Its command line, a word an element; empty where it has none.
    pub command: Vec<String>,
    /// Its threads.
    pub threads: u32,
    /// Processes that descend from it, without the harness and what that started.
    #[serde(default)]
    pub descendants: u32,
}

/// The windows that were planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachPlan {
    /// Seed of the order.
    pub seed: u64,
    /// Windows of each mode.
    pub runs: u32,
    /// Length of a window, ns.
    pub window_ns: u64,
    /// The trace set, as written.
    pub trace: String,
    /// The shell command that prints a counter of what the process does, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_command: Option<String>,
    /// The modes, in the order they are reported; what cannot be used on a
    /// running process says why.
    pub modes: Vec<ModePlan>,
    /// The order of the windows, in blocks as of [`Plan::order`](crate::Plan::order).
    pub order: Vec<Slot>,
}

/// What the process and its descendants did in one window. Counts include those of
/// threads that have ended, unless it is said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// The mode it was traced under, or the control.
    pub mode: String,
    /// Number of the block, from 0.
    pub block: u32,
    /// Number of the pass, from 0. Windows of one pass are paired.
    pub pass: u32,
    /// When it began, from the start of the first one, ns.
    pub started_ns: u64,
    /// How long it was, ns.
    pub window_ns: u64,
    /// CPU time of all threads, ns (clock_getcpuclockid(3)), and of children that were waited for
    /// in the window, to a tick of 10 ms (`cutime`, `cstime` of proc_pid_stat(5)).
    pub cpu_ns: u64,
    /// Calls that read or write: `syscr` and `syscw` of proc_pid_io(5), those of
    /// children that were waited for included. `None` where it cannot be read, or cannot be told
    /// from what a child did before the window.
    pub read_write_calls: Option<u64>,
    /// Voluntary context switches of the threads that lived to the window's end.
    pub voluntary_switches: u64,
    /// Involuntary context switches of these threads.
    pub involuntary_switches: u64,
    /// Threads at the window's end.
    pub threads: u32,
    /// Processes at the window's end; `None` in a record from before descendants were watched.
    #[serde(default)]
    pub processes: Option<u32>,
    /// What the user's command counted, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_command: Option<CommandCount>,
    /// What its tracer saw, where it had one.
    pub tracer: Option<TracerWindow>,
}

impl Window {
    /// Whether nobody traced the process.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.tracer.is_none()
    }
}

/// How far the counter that a command prints went in one window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CommandCount {
    /// The second number that it printed less the first.
    pub count: f64,
    /// From the middle of its first execution to the middle of its second, ns.
    pub between_ns: u64,
}

/// What a tracer saw and spent in one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracerWindow {
    /// How long it counted, ns: a little longer than the window.
    pub counted_ns: u64,
    /// How long it took to attach to everything, ns.
    pub attaching_ns: u64,
    /// How long it took to let go of everything, ns.
    pub detaching_ns: u64,
    /// Threads that did not stop in time to be attached to or detached in an orderly way; `None` where the
    /// mechanism stops nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unstopped: Option<u32>,
    /// Processes it attached to; `None` in a record from before descendants were.
    #[serde(default)]
    pub processes: Option<u32>,
    /// Why it could not attach to descendants, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_alone: Vec<String>,
    /// What it counted.
    #[serde(flatten)]
    pub counts: Counts,
    /// CPU time of the tracer while it counted, ns; `None` where the mechanism works within the tracees.
    pub cpu_ns: Option<u64>,
}

/// One rate, without and with a tracer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateRow {
    /// What is counted, per second of a window.
    pub rate: Rate,
    /// The mode under which it was traced; `None` where nobody did, and in records in which it
    /// could only be `ptrace`.
    #[serde(default)]
    pub mode: Option<String>,
    /// While nobody traced the process; `None` where it cannot be known then.
    pub untraced: Option<RateDistribution>,
    /// While it was traced.
    pub traced: Option<RateDistribution>,
    /// Traced to untraced, paired by pass. `None` without a pair in which both are above 0.
    pub ratio: Option<RateRatio>,
}

/// The median of a rate over windows with its interval, per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateDistribution {
    /// The median.
    pub median: f64,
    /// Lower confidence limit; `None` with too few windows for `level`.
    pub low: Option<f64>,
    /// Upper confidence limit; `None` with too few windows for `level`.
    pub high: Option<f64>,
    /// Confidence level of the interval, 0 to 1.
    pub level: f64,
    /// Windows it rests on.
    pub windows: u32,
}

/// A ratio of rates with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateRatio {
    /// Hodges–Lehmann estimate over paired windows.
    pub estimate: f64,
    /// Lower limit of the signed-rank interval; `None` with too few pairs.
    pub low: Option<f64>,
    /// Upper limit of the signed-rank interval; `None` with too few pairs.
    pub high: Option<f64>,
    /// Confidence level of the interval, 0 to 1.
    pub level: f64,
    /// Pairs it rests on.
    pub pairs: u32,
}

/// What is counted per second of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rate {
    /// [`Window::rate_command`].
    RateCommand,
    /// [`Window::read_write_calls`].
    ReadWriteCalls,
    /// [`Window::cpu_ns`].
    CpuNs,
    /// [`Window::voluntary_switches`].
    VoluntarySwitches,
    /// [`Window::involuntary_switches`].
    InvoluntarySwitches,
    /// [`Counter::Syscalls`](crate::Counter).
    Syscalls,
    /// [`Counter::TracedEvents`](crate::Counter).
    TracedEvents,
    /// [`Counter::Stops`](crate::Counter) of [`TracerWindow::counts`].
    Stops,
    /// [`TracerWindow::cpu_ns`].
    TracerCpuNs,
}

impl Rate {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 9] = [
        Self::RateCommand,
        Self::ReadWriteCalls,
        Self::CpuNs,
        Self::VoluntarySwitches,
        Self::InvoluntarySwitches,
        Self::Syscalls,
        Self::TracedEvents,
        Self::Stops,
        Self::TracerCpuNs,
    ];

    /// As in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RateCommand => "rate_command",
            Self::ReadWriteCalls => "read_write_calls",
            Self::CpuNs => "cpu_ns",
            Self::VoluntarySwitches => "voluntary_switches",
            Self::InvoluntarySwitches => "involuntary_switches",
            Self::Syscalls => "syscalls",
            Self::TracedEvents => "traced_events",
            Self::Stops => "stops",
            Self::TracerCpuNs => "tracer_cpu_ns",
        }
    }
}
