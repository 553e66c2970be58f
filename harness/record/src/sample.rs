//! One row of `samples.csv`: what one sample recorded.

use crate::{Counts, Side};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Serialize, Serializer};

/// What one sample recorded.
///
/// A sample is `executions` back-to-back runs of the workload in one fresh
/// process; every time and count below is the total over them. Times are
/// nanoseconds. A count is empty where the mode cannot know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Position in the measurement, from 0.
    pub index: u64,
    /// Name of the workload.
    pub workload: String,
    /// Name of the mode.
    pub mode: String,
    /// Number of the block, from 0, within the workload.
    pub block: u32,
    /// Number of the pass, from 0, within the workload.
    pub pass: u32,
    /// Whether the sample counts.
    pub status: SampleStatus,
    /// Why it does not count; empty otherwise.
    pub error: Option<String>,
    /// Back-to-back executions in this sample.
    pub executions: u32,
    /// Exit code of the (last) execution, where it exited.
    pub exit_code: Option<i32>,
    /// Signal that ended the (last) execution, where one did.
    pub signal: Option<i32>,
    /// From the restart into `execve` to the end of the last process of the tree.
    pub wall_ns: u64,
    /// The workload's own loop, where it times itself.
    pub loop_ns: Option<u64>,
    /// User time of all tracees.
    pub user_ns: u64,
    /// System time of all tracees.
    pub sys_ns: u64,
    /// User time of the tracer; like all that is the tracer's, empty where nobody traces.
    pub tracer_user_ns: Option<u64>,
    /// System time of the tracer.
    pub tracer_sys_ns: Option<u64>,
    /// Voluntary context switches of all tracees.
    pub tracee_voluntary: u64,
    /// Involuntary context switches of all tracees.
    pub tracee_involuntary: u64,
    /// Voluntary context switches of the tracer.
    pub tracer_voluntary: Option<u64>,
    /// Involuntary context switches of the tracer.
    pub tracer_involuntary: Option<u64>,
    /// What the mode counted, a column a counter.
    #[serde(serialize_with = "columns", skip_deserializing)]
    pub counts: Counts,
    /// Largest resident set of one tracee, KiB; empty where it is no larger than what a tracee
    /// has of the harness before it executes its program (getrusage(2)). Records from before that
    /// was told apart have that figure instead.
    pub max_rss_kib: Option<u64>,
    /// Bytes of padding put into the environment.
    pub env_padding_bytes: u32,
    /// CPU time that the hypervisor stole meanwhile from the CPUs of the run; in records without
    /// [`WorkloadPlan::cpus`](crate::WorkloadPlan::cpus) from all CPUs of the machine.
    pub steal_ns: Option<u64>,
    /// Time in which some task waited for a CPU meanwhile (PSI `cpu some`).
    pub cpu_pressure_ns: Option<u64>,
    /// Start, nanoseconds since the measurement's start.
    pub started_ns: u64,
    /// Which of two harnesses ran it; empty where one alone measures.
    #[serde(default)]
    pub side: Option<Side>,
    /// CPU time that others used meanwhile on the CPUs of the run, in ticks of 10 ms: user, nice and
    /// system time of /proc/stat less that of the harness, tracer and tracees; empty where that
    /// cannot be read.
    #[serde(default)]
    pub others_cpu_ns: Option<u64>,
    /// How long `meanwhile` was: the life of the process of the sample, its start and its end included.
    #[serde(default)]
    pub lifetime_ns: Option<u64>,
}

impl Sample {
    /// Whether it counts: verified, and of an execution that took time.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.status == SampleStatus::Ok && self.executions > 0 && self.wall_ns > 0
    }
}

/// A cell for each counter, as rows have them; the reader fills them in by the names of the columns.
fn columns<S: Serializer>(counts: &Counts, serializer: S) -> Result<S::Ok, S::Error> {
    let mut cells = serializer.serialize_tuple(crate::Counter::ALL.len())?;
    for (_, value) in counts.iter() {
        cells.serialize_element(&value)?;
    }
    cells.end()
}

/// Whether a sample counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SampleStatus {
    /// Verified; counts.
    Ok,
    /// Did something else than it must; kept, never counted.
    Failed,
    /// Of a block in which others used more CPU time than the plan allows; kept, never counted.
    Dropped,
}
