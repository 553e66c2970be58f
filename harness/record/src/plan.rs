//! What was to be measured, and in which order.

use crate::{Colour, FilterSummary, ModePlan, TimeMeasure, control};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The whole plan of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Seed of the order, the environment padding and the workloads.
    pub seed: u64,
    /// Counted runs of each workload under each mode.
    pub runs: u32,
    /// Uncounted runs before them, of the workload that has the most: see [`WorkloadPlan::warmup`].
    pub warmup: u32,
    /// Blocks in which others used more than this share of the CPU time of the run's CPUs are left
    /// out, a fraction; `None` is no limit.
    #[serde(default)]
    pub max_pressure: Option<f64>,
    /// Whether a command may end otherwise than with 0.
    pub ignore_failure: bool,
    /// Whether a command may make other traced events under one mode than under another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accept_variation: bool,
    /// The workloads, in the order they are measured.
    pub workloads: Vec<WorkloadPlan>,
    /// The modes, in the order they are reported.
    pub modes: Vec<ModePlan>,
    /// Shell commands around the runs.
    pub hooks: Hooks,
    /// The order of the runs as planned: blocks one after the other, each a
    /// random permutation of the available modes followed by its reverse.
    pub order: Vec<Slot>,
    /// The seccomp programs of the modes that have one.
    pub filters: Vec<FilterPlan>,
}

impl Plan {
    /// The name of the mode that the others are compared with.
    #[must_use]
    pub fn control(&self) -> Option<&str> {
        control(&self.modes)
    }

    /// The colour of a mode, where it has one of its own.
    #[must_use]
    pub fn colour(&self, mode: &str) -> Option<Colour> {
        let mut modes = self.modes.iter();
        modes.find(|plan| plan.name == mode)?.colour
    }
}

/// The seccomp program of a mode for a workload's trace set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterPlan {
    /// Name of the workload.
    pub workload: String,
    /// Name of the mode.
    pub mode: String,
    /// The program in short.
    pub filter: FilterSummary,
}

/// One workload of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkloadPlan {
    /// Name in the registry, or `command` for a program of the user's.
    pub name: String,
    /// The command line that is executed, a word an element.
    pub command: Vec<String>,
    /// The trace set, as written.
    pub trace: String,
    /// Where tracer and tracees run.
    pub pin: Pin,
    /// The CPUs they are pinned to; `None` where they are not, and in records from before it was kept.
    #[serde(default)]
    pub placement: Option<Placement>,
    /// The CPUs that tracer and tracees may run on, those of `placement` where they are pinned; empty
    /// in records from before it was kept.
    #[serde(default)]
    pub cpus: Vec<u32>,
    /// Uncounted runs before the counted ones: what was asked for, and at least one where the length
    /// of a loop must be known first. `None` in records from before it was kept.
    #[serde(default)]
    pub warmup: Option<u32>,
    /// Whether the workload times its own loop, so that ratios compare loops
    /// and not whole executions.
    pub times_itself: bool,
    /// Operations that its own loop makes in one execution, where it has one.
    pub operations: Option<u64>,
    /// System calls that its own loop makes in one execution, where it has one
    /// and states them; the loop's overhead is divided by these.
    #[serde(default)]
    pub loop_syscalls: Option<u64>,
    /// Calls the workload says it makes in one execution, by name, start-up of
    /// its processes included; `None` where it makes no statement.
    pub stated_calls: Option<BTreeMap<String, u64>>,
    /// Traced events expected in one execution under `trace`, where the
    /// statement determines them.
    pub stated_traced_events: Option<u64>,
    /// Programs executed in one execution, where stated.
    pub stated_execs: Option<u64>,
    /// Processes and threads created in one execution, where stated.
    pub stated_tasks: Option<u64>,
}

impl WorkloadPlan {
    /// Whether it states what it does. A command of the user's does not, and may vary by itself.
    #[must_use]
    pub fn makes_statement(&self) -> bool {
        self.stated_tasks.is_some() || self.stated_calls.is_some()
    }

    /// Which time its ratios compare: that of its own loop where it times one.
    #[must_use]
    pub fn time_measure(&self) -> TimeMeasure {
        if self.times_itself {
            TimeMeasure::LoopNs
        } else {
            TimeMeasure::WallNs
        }
    }

    /// The command without what each record calibrates for itself: two records
    /// of one workload can be compared though they were told otherwise how much
    /// to compute. A command of the user's is left whole.
    #[must_use]
    pub fn uncalibrated_command(&self) -> Vec<String> {
        let mut words = self.command.clone();
        if let Some(at) = self.calibrated_at() {
            words.drain(at..words.len().min(at + 2));
        }
        words
    }

    /// What a reader must know who sees the two compared, a sentence.
    #[must_use]
    pub fn calibrated_otherwise(&self, other: &Self) -> Option<String> {
        fn turns(plan: &WorkloadPlan) -> Option<&String> {
            plan.command.get(plan.calibrated_at()? + 1)
        }
        (turns(self) != turns(other)).then(|| {
            format!(
                "{} was told otherwise how much to compute, as each record calibrates it: its ratios may differ by that.",
                self.name
            )
        })
    }

    fn calibrated_at(&self) -> Option<usize> {
        let own = self.command.get(1).is_some_and(|word| word == OWN);
        let mut words = self.command.iter();
        words.position(|word| own && word == CALIBRATED)
    }
}

/// The first argument of a workload of the harness's own.
const OWN: &str = "__workload";

/// Its option that says how much it computes.
const CALIBRATED: &str = "--turns";

/// Shell commands around the runs, as hyperfine has them; run untraced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hooks {
    /// Before all runs of a workload.
    pub setup: Option<String>,
    /// Before each run.
    pub prepare: Option<String>,
    /// After each run.
    pub conclude: Option<String>,
    /// After all runs of a workload.
    pub cleanup: Option<String>,
}

/// Where tracer and tracees run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// Tracer and tracees on one CPU. Older records say `same-core` and mean the same.
    #[serde(alias = "same-core")]
    SameCpu,
    /// The tracer on one CPU, all tracees on another.
    Split,
    /// Wherever the scheduler puts them.
    None,
}

impl Pin {
    /// As in JSON and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SameCpu => "same-cpu",
            Self::Split => "split",
            Self::None => "none",
        }
    }
}

/// The CPUs of a pinning, as the kernel numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The CPU of the tracer.
    pub tracer: u32,
    /// The CPU of all tracees.
    pub tracees: u32,
    /// How the two lie to each other.
    pub relation: Relation,
}

/// How two CPUs lie to each other (Documentation/ABI/stable/sysfs-devices-system-cpu); in the
/// order in which two CPUs are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// They are one.
    SameCpu,
    /// Two cores of one package.
    DifferentCores,
    /// Cores of two packages.
    DifferentPackages,
    /// The kernel does not say.
    Unknown,
    /// Two hardware threads of one core, which share its execution units.
    Siblings,
}

/// One planned run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Name of the workload.
    pub workload: String,
    /// Name of the mode.
    pub mode: String,
    /// Number of the block, from 0, within the workload.
    pub block: u32,
    /// Number of the pass, from 0, within the workload: a block has two, the
    /// permutation and its reverse. Runs of one pass are paired.
    pub pass: u32,
    /// Which of two harnesses runs it, where two are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
}

/// One of two harnesses that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// What is compared with.
    Base,
    /// What is judged.
    Head,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records from before the word was right are read, and written with the new one.
    #[test]
    fn the_old_word_for_one_cpu_is_read() {
        for (word, pin) in [
            ("same-core", Pin::SameCpu),
            ("same-cpu", Pin::SameCpu),
            ("split", Pin::Split),
            ("none", Pin::None),
        ] {
            assert_eq!(
                serde_json::from_str::<Pin>(&format!("\"{word}\"")).unwrap(),
                pin
            );
        }
        for pin in [Pin::SameCpu, Pin::Split, Pin::None] {
            let written = serde_json::to_string(&pin).unwrap();
            assert_eq!(written, format!("\"{}\"", pin.name()));
        }
    }
}
