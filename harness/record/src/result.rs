//! The rows of `results[]`: what the samples of one workload under one mode say.

use crate::{Counts, Role};
use serde::{Deserialize, Serialize};

/// Estimates for one workload under one mode. Times and counts are per
/// execution of the workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultRow {
    /// Name of the workload.
    pub workload: String,
    /// Name of the mode.
    pub mode: String,
    /// The mode's part in the comparison; `None` in records from before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Whether the mode could run here.
    pub available: bool,
    /// Why not, and what to do about it.
    pub unavailable_reason: Option<String>,
    /// The trace set, as written.
    pub trace: String,
    /// Samples that count.
    pub samples: u32,
    /// Samples that were taken but do not count.
    pub failed_samples: u32,
    /// Samples that were left out with their whole block, as others used too much CPU time meanwhile.
    #[serde(default)]
    pub dropped_samples: u32,
    /// Whether every sample did what it must, and as the other modes did;
    /// `None` where there is nothing to verify against.
    pub verified: Option<bool>,
    /// What was verified, or what differed.
    pub verification: String,
    /// From the restart into `execve` to the end of the last process of the tree.
    pub wall_ns: Option<Distribution>,
    /// The workload's own loop, where it times itself.
    pub loop_ns: Option<Distribution>,
    /// User time of all tracees.
    pub user_ns: Option<Distribution>,
    /// System time of all tracees.
    pub sys_ns: Option<Distribution>,
    /// User and system time of the tracer; like all that is the tracer's, `None` where nobody traces.
    pub tracer_cpu_ns: Option<Distribution>,
    /// Time under this mode divided by that under the control, paired.
    pub ratio: Option<Ratio>,
    /// What the mode counted per execution, medians.
    #[serde(flatten)]
    pub counts: Counts,
    /// System calls per execution that `overhead_ns_per_syscall` divides by: of
    /// the loop where the workload times its own and states them, else all of
    /// them, as a mode counted or the workload states.
    pub syscalls_reference: Option<u64>,
    /// Context switches per execution, medians.
    pub context_switches: Option<ContextSwitches>,
    /// Interceptions per execution with their interval; `None` in records from before it was kept.
    #[serde(default)]
    pub stops_distribution: Option<Distribution>,
    /// Voluntary context switches of the tracer per execution with their interval.
    #[serde(default)]
    pub tracer_voluntary_distribution: Option<Distribution>,
    /// Voluntary context switches of all tracees per execution with their interval.
    #[serde(default)]
    pub tracee_voluntary_distribution: Option<Distribution>,
    /// (time under this mode − time under the control) / `syscalls_reference`, paired;
    /// the time is that of the calls divided by, of the loop or of the whole
    /// execution. The Hodges–Lehmann estimate.
    pub overhead_ns_per_syscall: Option<f64>,
    /// The same with its interval; `median` is the estimate.
    pub overhead_ns_per_syscall_distribution: Option<Distribution>,
    /// (wall time under this mode − wall time under the control) / interceptions
    /// of this mode, paired. The Hodges–Lehmann estimate.
    pub overhead_ns_per_stop: Option<f64>,
    /// The same with its interval; `median` is the estimate.
    pub overhead_ns_per_stop_distribution: Option<Distribution>,
    /// Share of the CPU time of the run's CPUs that others used while the samples that count were
    /// taken, 0 to 1; `None` where it is not known.
    #[serde(default)]
    pub others_cpu_share: Option<f64>,
    /// The seccomp program of the mode, where it has one.
    pub filter: Option<FilterSummary>,
}

impl ResultRow {
    /// Whether it is of the mode that the others are compared with.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.role.unwrap_or_else(|| Role::of_old(&self.mode)) == Role::Control
    }

    /// Takes out what records from before the tracer's fields were left empty have in them where
    /// nobody traces: the harness's own figures.
    pub(crate) fn without_false_tracer(&mut self) {
        if Role::of_old(&self.mode) == Role::Tracer {
            return;
        }
        self.tracer_cpu_ns = None;
        self.tracer_voluntary_distribution = None;
        if let Some(switches) = &mut self.context_switches {
            switches.tracer_voluntary = None;
            switches.tracer_involuntary = None;
        }
    }
}

/// A median with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// The median.
    pub median: f64,
    /// Lower confidence limit; `None` with too few samples for `level`.
    pub low: Option<f64>,
    /// Upper confidence limit; `None` with too few samples for `level`.
    pub high: Option<f64>,
    /// Confidence level of the interval, 0 to 1.
    pub level: f64,
    /// The smallest sample.
    pub min: f64,
    /// The largest sample.
    pub max: f64,
}

/// A ratio of times with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// Hodges–Lehmann estimate over paired samples.
    pub estimate: f64,
    /// Lower limit of the signed-rank interval; `None` with too few pairs.
    pub low: Option<f64>,
    /// Upper limit of the signed-rank interval; `None` with too few pairs.
    pub high: Option<f64>,
    /// Confidence level of the interval, 0 to 1.
    pub level: f64,
    /// Pairs it rests on.
    pub pairs: u32,
    /// Which time is compared.
    pub of: TimeMeasure,
}

/// Which time a ratio compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeMeasure {
    /// Whole executions.
    WallNs,
    /// The workload's own loop.
    LoopNs,
}

/// Context switches by whose they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextSwitches {
    /// Voluntary, all tracees.
    pub tracee_voluntary: u64,
    /// Involuntary, all tracees.
    pub tracee_involuntary: u64,
    /// Voluntary, the tracer.
    pub tracer_voluntary: Option<u64>,
    /// Involuntary, the tracer.
    pub tracer_involuntary: Option<u64>,
}

/// A mode's seccomp program in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterSummary {
    /// Name of the compiler, or `file` for a program of the user's.
    pub compiler: String,
    /// Length of the program, instructions.
    pub instructions: u32,
    /// Whether a kernel of 5.11 or later can cache every native call that the
    /// program allows (`seccomp_is_const_allow` in `kernel/seccomp.c`); see
    /// [`Environment::seccomp_cache`](crate::Environment) for the kernel of
    /// the record.
    pub cacheable: bool,
    /// Native calls that the program allows with arguments of 0. `None` in
    /// records from before it was counted.
    #[serde(default)]
    pub allowed_calls: Option<u32>,
    /// How many of these a kernel of 5.11 or later can cache.
    #[serde(default)]
    pub cached_calls: Option<u32>,
}
