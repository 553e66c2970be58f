//! What a comparison of two harnesses, or of two records, came to.

use crate::{Environment, Provenance};
use serde::{Deserialize, Serialize};

/// What `gate.json` holds, and `harness gate --format json` and
/// `harness compare --format json` print.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// [`SCHEMA_VERSION`](crate::SCHEMA_VERSION) of the writer.
    pub schema_version: u32,
    /// The program that compared.
    pub harness: Provenance,
    /// The exact command line, a word an element.
    pub command: Vec<String>,
    /// When it was made, RFC 3339, UTC.
    pub made_at: String,
    /// The machine, where something was measured for it.
    pub environment: Option<Environment>,
    /// What is compared with.
    pub base: Compared,
    /// What is judged.
    pub head: Compared,
    /// What was declared before the first number was known.
    pub rules: Rules,
    /// The whole: fail if one comparison fails, else inconclusive if one is,
    /// else pass.
    pub verdict: Verdict,
    /// One for each workload, mode and metric.
    pub comparisons: Vec<Comparison>,
    /// Blocks that were taken but left out, as the rules say.
    pub dropped_blocks: u32,
    /// What a reader must know before trusting the verdict, a sentence each.
    pub warnings: Vec<String>,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Path of the binary or of the record.
    pub path: String,
    /// What it says of itself: name, version and revision.
    pub version: String,
}

/// What was declared before the first number was known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// Probability of a false alarm, over all comparisons and looks.
    pub alpha: f64,
    /// Smallest change that is a regression, a fraction: 0.01 is 1 %.
    pub min_effect: f64,
    /// Blocks after which a verdict may be given; empty where two records are compared.
    pub looks: Vec<u32>,
    /// Seed of the order and of the padding.
    pub seed: u64,
    /// Blocks in which more CPU time than this was stolen are left out, a
    /// fraction of the block's time.
    pub max_steal: f64,
}

/// One metric of one workload under one mode, head against base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Name of the workload.
    pub workload: String,
    /// Name of the mode.
    pub mode: String,
    /// What is compared.
    pub metric: Metric,
    /// What came of it.
    pub verdict: Verdict,
    /// Head to base, as a fraction: 0.05 is 5 % more. `None` where it cannot be said.
    pub change: Option<Change>,
    /// The smallest regression, a fraction, of which the whole procedure would have
    /// said fail four times out of five, if no other comparison had one: looks, Holm's
    /// procedure and confirmation included. `None` where it would have found none;
    /// 0 for what is compared exactly.
    pub min_detectable_effect: Option<f64>,
    /// Below this a change is no regression: the larger of `min_effect` and the
    /// calibrated noise floor, a fraction; 0 for what is compared exactly.
    pub threshold: f64,
    /// The metric of base.
    pub base: Option<f64>,
    /// The metric of head.
    pub head: Option<f64>,
    /// Blocks, or runs of each record, that it rests on.
    pub observations: u32,
    /// One-sided p-value of "no more than the threshold", Holm-adjusted over the comparisons.
    pub p_regression: Option<f64>,
    /// One-sided p-value of "at least the threshold", Holm-adjusted over the comparisons.
    pub p_no_regression: Option<f64>,
    /// The change that fresh blocks showed, where a regression was to be confirmed.
    pub confirmation: Option<Change>,
    /// Why the verdict is what it is, in a sentence.
    pub reason: String,
}

/// A relative change with its interval, as fractions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The Hodges–Lehmann estimate; the exact change of a count.
    pub estimate: f64,
    /// Lower limit; `None` with too few observations for the level.
    pub low: Option<f64>,
    /// Upper limit; `None` with too few observations for the level.
    pub high: Option<f64>,
    /// Confidence level, 0 to 1; 1 for a count.
    pub level: f64,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Time under the mode divided by time untraced in the same block.
    Ratio,
    /// Voluntary context switches of tracer and tracees, per execution.
    ContextSwitches,
    /// All stops but those for signals, per execution.
    Stops,
    /// System calls seen, per execution.
    Syscalls,
    /// Traced events, per execution.
    TracedEvents,
    /// Processes and threads, per execution.
    Tracees,
    /// Length of the seccomp program, instructions.
    FilterInstructions,
    /// Instructions of the program that a call executes, on average over the
    /// calls of a kernel build.
    FilterExecuted,
}

impl Metric {
    /// As in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ratio => "ratio",
            Self::ContextSwitches => "context_switches",
            Self::Stops => "stops",
            Self::Syscalls => "syscalls",
            Self::TracedEvents => "traced_events",
            Self::Tracees => "tracees",
            Self::FilterInstructions => "filter_instructions",
            Self::FilterExecuted => "filter_executed",
        }
    }

    /// Whether it is the same in every run of one program.
    #[must_use]
    pub fn is_exact(self) -> bool {
        !matches!(self, Self::Ratio | Self::ContextSwitches)
    }
}

/// What came of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// No regression as large as the threshold.
    Pass,
    /// What was seen allows neither to be said.
    Inconclusive,
    /// A regression larger than the threshold, and confirmed where it is one of time.
    Fail,
}

impl Verdict {
    /// As in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "fail",
        }
    }

    /// The verdict on the whole: nothing compared is nothing known.
    #[must_use]
    pub fn of_all(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().max().unwrap_or(Self::Inconclusive)
    }
}
