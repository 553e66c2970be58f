//! The samples of one workload under one mode, by what becomes of them.

use harness_record::{ModePlan, Sample, SampleStatus, WorkloadPlan};

/// The samples of one workload under one mode.
pub(crate) struct Group<'a> {
    pub(crate) mode: &'a ModePlan,
    pub(crate) counted: Vec<&'a Sample>,
    pub(crate) failed: Vec<&'a Sample>,
    /// Left out with their whole block.
    pub(crate) dropped: Vec<&'a Sample>,
}

impl<'a> Group<'a> {
    pub(crate) fn new(workload: &WorkloadPlan, mode: &'a ModePlan, samples: &'a [Sample]) -> Self {
        let (dropped, kept): (Vec<_>, Vec<_>) = samples
            .iter()
            .filter(|sample| sample.workload == workload.name && sample.mode == mode.name)
            .partition(|sample| sample.status == SampleStatus::Dropped);
        let (counted, failed) = kept.into_iter().partition(|sample| sample.is_counted());
        Self {
            mode,
            counted,
            failed,
            dropped,
        }
    }

    /// The known values of the samples that count, each per execution.
    pub(crate) fn per_execution(&self, value: impl Fn(&Sample) -> Option<u64>) -> Vec<f64> {
        self.counted
            .iter()
            .filter_map(|sample| per_execution(sample, &value))
            .collect()
    }
}

/// A value of one sample per execution; `None` where it is not known.
pub(crate) fn per_execution(
    sample: &Sample,
    value: impl Fn(&Sample) -> Option<u64>,
) -> Option<f64> {
    Some(value(sample)? as f64 / f64::from(sample.executions))
}
