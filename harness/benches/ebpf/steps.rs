//! What a call costs more under a mode than under the one before it, from the samples of one run, paired
//! by their place in the order.

use harness_record::{Record, RecordDirectory, Sample, SampleStatus};
use harness_stats::{Interval, hodges_lehmann};
use std::collections::BTreeMap;
use std::path::Path;

/// One mode beside another.
pub(crate) struct Step {
    /// What is added.
    pub(crate) what: &'static str,
    pub(crate) mode: &'static str,
    /// The mode without it.
    pub(crate) before: &'static str,
}

const fn step(what: &'static str, mode: &'static str, before: &'static str) -> Step {
    Step { what, mode, before }
}

/// The steps, in the order of the table.
pub(crate) const STEPS: &[Step] = &[
    step(
        "an empty program at `sys_enter`",
        "ebpf-empty=enter",
        "none",
    ),
    step(
        "another one at `sys_exit`",
        "ebpf-empty",
        "ebpf-empty=enter",
    ),
    step(
        "looking whether the task belongs to the tree, at `sys_enter`",
        "ebpf-tree=enter",
        "ebpf-empty=enter",
    ),
    step("the same at both", "ebpf-tree", "ebpf-empty"),
    step(
        "telling the ABI, looking up the trace set, counting",
        "ebpf-count",
        "ebpf-tree=enter",
    ),
    step(
        "errors: the second program, and remembering the call",
        "ebpf-errors",
        "ebpf-count",
    ),
    step("time: reading the clock twice", "ebpf", "ebpf-errors"),
    step("the histogram", "ebpf-histogram", "ebpf"),
    step(
        "a record of each call in a ring buffer, and reading it, instead of sums",
        "ebpf-stream",
        "ebpf",
    ),
    step("`ebpf` for another tree", "ebpf-bystander", "none"),
];

/// What the look at the tree costs in each mode that can do without.
pub(crate) const UNCHECKED: &[Step] = &[
    step("", "ebpf-count", "ebpf-count=unchecked"),
    step("", "ebpf-errors", "ebpf-errors=unchecked"),
    step("", "ebpf", "ebpf=unchecked"),
    step("", "ebpf-histogram", "ebpf-histogram=unchecked"),
];

/// A record and its samples that count.
pub(crate) struct Taken {
    pub(crate) record: Record,
    samples: Vec<Sample>,
}

impl Taken {
    /// # Errors
    /// A line: the directory holds no record.
    pub(crate) fn read(directory: &Path) -> Result<Self, String> {
        let directory = RecordDirectory::open(directory).map_err(|error| error.to_string())?;
        let record = directory.read_record().map_err(|error| error.to_string())?;
        let samples = directory
            .read_samples()
            .map_err(|error| error.to_string())?;
        let mut samples = samples.samples;
        samples.retain(|sample| sample.status == SampleStatus::Ok);
        Ok(Self { record, samples })
    }

    /// The loop of a workload under a mode, ns a call, by block and pass.
    fn calls_ns(&self, workload: &str, mode: &str) -> BTreeMap<(u32, u32), f64> {
        let plan = self.record.plan.workloads.iter();
        let mut plan = plan.filter(|plan| plan.name == workload);
        let calls = plan.next().and_then(|plan| plan.loop_syscalls).unwrap_or(1);
        let samples = self.samples.iter();
        let samples = samples.filter(|sample| sample.workload == workload && sample.mode == mode);
        samples
            .filter_map(|sample| {
                let calls = calls as f64 * f64::from(sample.executions);
                let ns = sample.loop_ns? as f64 / calls;
                Some(((sample.block, sample.pass), ns))
            })
            .collect()
    }

    /// The estimate of a call under `mode` less one under `before`, ns.
    ///
    /// # Errors
    /// A line: there are no such samples.
    pub(crate) fn difference(&self, mode: &str, before: &str) -> Result<Interval, String> {
        const WORKLOAD: &str = "getppid";
        let (with, without) = (
            self.calls_ns(WORKLOAD, mode),
            self.calls_ns(WORKLOAD, before),
        );
        let paired = with
            .iter()
            .filter_map(|(at, with)| without.get(at).map(|without| with - without));
        let differences: Vec<f64> = paired.collect();
        hodges_lehmann(&differences, 0.95).map_err(|error| format!("{mode} less {before}: {error}"))
    }

    /// The ratio to the control, with its interval.
    pub(crate) fn ratio(&self, workload: &str, mode: &str) -> Option<Interval> {
        let mut rows = self.record.results.iter();
        let row = rows.find(|row| row.workload == workload && row.mode == mode)?;
        let ratio = row.ratio.as_ref()?;
        Some(Interval {
            estimate: ratio.estimate,
            low: ratio.low,
            high: ratio.high,
            level: ratio.level,
        })
    }
}
