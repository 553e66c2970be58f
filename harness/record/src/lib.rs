//! The file formats of a measurement, and nothing that measures.
//!
//! A measurement is a directory: `run.json` ([`Record`]: environment, plan,
//! order, results) and `samples.csv` (one [`Sample`] a row, appended and
//! flushed as it is taken), and `calls.csv` (one [`CallRow`] a row); where it was asked for, a [`StopLine`] for each stop
//! of a tracee. A comparison is a [`GateReport`]; windows on a running
//! process are an [`AttachReport`]; what a host's noise
//! is, a [`Calibration`]. Everything that draws or compares reads these
//! types only, so a record can be read on a machine that could not take it.

mod attach;
mod calibration;
mod calls;
mod calls_csv;
mod counted;
mod counter;
mod csv_rows;
mod directory;
mod environment;
mod error;
mod files;
mod gate;
mod json;
mod load;
mod mode_plan;
mod plan;
mod result;
mod sample;
mod samples_csv;
mod steering;
mod stop_log;
mod summary_csv;

pub use attach::{
    AttachPlan, AttachReport, AttachState, AttachedProcess, CommandCount, Rate, RateDistribution,
    RateRatio, RateRow, TracerWindow, Window,
};
pub use calibration::{Calibration, Fingerprint, Floor};
pub use calls::{CallStatistics, Latency};
pub use calls_csv::{CallRow, calls_csv, median_text};
pub use counted::counted;
pub use counter::{Counter, CounterInfo, Counts};
pub use csv_rows::csv_rows;
pub use directory::RecordDirectory;
pub use environment::{Cpu, Environment, SeccompState, seccomp_cache_by_version};
pub use error::Error;
pub use files::replace_file;
pub use gate::{Change, Compared, Comparison, GateReport, Metric, Rules, Verdict};
pub use load::{
    Load, MOST_OTHERS, MOST_PRESSURE, MOST_STEAL, Unjudged, blocks_beyond, leave_out_busy_blocks,
    unjudged_blocks,
};
pub use mode_plan::{CONTROL, Capabilities, Colour, ModePlan, Role, control};
pub use plan::{FilterPlan, Hooks, Pin, Placement, Plan, Relation, Side, Slot, WorkloadPlan};
pub use result::{ContextSwitches, Distribution, FilterSummary, Ratio, ResultRow, TimeMeasure};
pub use sample::{Sample, SampleStatus};
pub use samples_csv::{SampleWriter, Samples};
pub use steering::{in_json, shown, steers};
pub use stop_log::{LoggedRun, LoggedStop, Restart, StopKind, StopLine, StopLog, StopWriter};
pub use summary_csv::summary_csv;

use serde::{Deserialize, Serialize};

/// Version of the formats in this crate; raised when a field changes meaning
/// or disappears, not when one is added.
pub const SCHEMA_VERSION: u32 = 1;

/// What `run.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
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
    pub state: State,
    /// The machine it was taken on.
    pub environment: Environment,
    /// What was to be measured, in which order.
    pub plan: Plan,
    /// One row for each workload and mode, in plan order.
    pub results: Vec<ResultRow>,
    /// What the modes counted of each call, a row a call, in plan order; absent from records from
    /// before it was kept, and where the measurement did not come to write it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallRow>,
    /// Blocks that were taken but left out, as others used more than the plan's limit.
    #[serde(default)]
    pub dropped_blocks: u32,
    /// What a reader must know before trusting the numbers, a sentence each.
    pub warnings: Vec<String>,
}

/// The program that took a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Package version.
    pub version: String,
    /// Version-control revision it was built from, where known.
    pub revision: Option<String>,
}

/// How a measurement ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "status")]
pub enum State {
    /// Not ended yet, or the harness was killed.
    Running,
    /// Every planned sample was taken.
    Complete,
    /// Stopped by a signal before the end; the rows taken are whole.
    Interrupted {
        /// The signal's number.
        signal: i32,
    },
    /// Stopped by an error before the end; the rows taken are whole.
    Failed {
        /// The error.
        reason: String,
    },
}
