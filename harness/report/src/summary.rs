//! From samples to results: one row for each workload and mode.

use crate::group::{Group, per_execution};
use crate::verification::verify;
use harness_record::{
    ContextSwitches, Counter, Counts, Distribution, Load, Plan, Ratio, ResultRow, Role, Sample,
    TimeMeasure, WorkloadPlan,
};
use harness_stats::{Interval, hodges_lehmann, median};
use std::collections::BTreeMap;

/// Confidence level of every interval.
pub const LEVEL: f64 = 0.95;

/// Pairs from which on a signed-rank interval reaches [`LEVEL`]: with n pairs
/// the widest has 1 − 2¹⁻ⁿ.
pub(crate) const MIN_PAIRS: u32 = 6;

/// The rows of `results[]`, in plan order, a row also for modes that cannot
/// run. Samples that failed never count.
#[must_use]
pub fn summarise(plan: &Plan, samples: &[Sample]) -> Vec<ResultRow> {
    plan.workloads
        .iter()
        .flat_map(|workload| {
            let groups: Vec<_> = plan
                .modes
                .iter()
                .map(|mode| Group::new(workload, mode, samples))
                .collect();
            workload_rows(plan, workload, &groups)
        })
        .collect()
}

impl Group<'_> {
    fn distribution(&self, value: impl Fn(&Sample) -> Option<u64>) -> Option<Distribution> {
        let values = self.per_execution(value);
        distribution(&values, median(&values, LEVEL).ok()?)
    }

    /// The median, to the nearest whole number.
    fn count(&self, value: impl Fn(&Sample) -> Option<u64>) -> Option<u64> {
        let estimate = median(&self.per_execution(value), LEVEL).ok()?.estimate;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a median of values that are no greater than u64's"
        )]
        Some(estimate.round() as u64)
    }

    fn counts(&self) -> Counts {
        Counts::from_fn(|counter| self.count(|sample| sample.counts.get(counter)))
    }

    fn context_switches(&self) -> Option<ContextSwitches> {
        Some(ContextSwitches {
            tracee_voluntary: self.count(|sample| Some(sample.tracee_voluntary))?,
            tracee_involuntary: self.count(|sample| Some(sample.tracee_involuntary))?,
            tracer_voluntary: self.count(|sample| sample.tracer_voluntary),
            tracer_involuntary: self.count(|sample| sample.tracer_involuntary),
        })
    }
}

fn distribution(values: &[f64], interval: Interval) -> Option<Distribution> {
    Some(Distribution {
        median: interval.estimate,
        low: interval.low,
        high: interval.high,
        level: interval.level,
        min: values.iter().copied().reduce(f64::min)?,
        max: values.iter().copied().reduce(f64::max)?,
    })
}

fn time(of: TimeMeasure) -> fn(&Sample) -> Option<u64> {
    match of {
        TimeMeasure::WallNs => |sample| Some(sample.wall_ns),
        TimeMeasure::LoopNs => |sample| sample.loop_ns.filter(|ns| *ns > 0),
    }
}

/// Which time `overhead_ns_per_syscall` shares out: that of the loop only where
/// the calls of the loop are known.
pub(crate) fn overhead_measure(workload: &WorkloadPlan) -> TimeMeasure {
    match workload.loop_syscalls {
        Some(_) => workload.time_measure(),
        None => TimeMeasure::WallNs,
    }
}

/// All system calls of one execution, the same whatever the mode: as counted by a mode
/// that sees all, or as stated.
pub(crate) fn all_syscalls(workload: &WorkloadPlan, rows: &[ResultRow]) -> Option<u64> {
    let of = |row: &ResultRow| {
        let syscalls = row.counts.get(Counter::Syscalls);
        syscalls.filter(|_| row.workload == workload.name)
    };
    let stated = || Some(sum(workload.stated_calls.as_ref()?.values()));
    rows.iter().find_map(of).or_else(stated)
}

/// Counts of a file may be any, and no sum of true ones comes near the limit.
fn sum<'a>(counts: impl Iterator<Item = &'a u64>) -> u64 {
    counts.fold(0, |sum, count| sum.saturating_add(*count))
}

fn workload_rows(plan: &Plan, workload: &WorkloadPlan, groups: &[Group]) -> Vec<ResultRow> {
    let mut rows: Vec<_> = groups
        .iter()
        .map(|group| counted_row(plan, workload, group, groups))
        .collect();
    let of = overhead_measure(workload);
    let reference = match of {
        TimeMeasure::WallNs => all_syscalls(workload, &rows),
        TimeMeasure::LoopNs => workload.loop_syscalls,
    };
    let untraced = groups
        .iter()
        .find(|group| group.mode.role() == Role::Control);
    for (row, group) in rows.iter_mut().zip(groups) {
        if group.counted.is_empty() {
            continue;
        }
        row.syscalls_reference = reference;
        let Some(untraced) = untraced else { continue };
        if group.mode.role() == Role::Control {
            row.ratio = ratio_to_itself(workload, group);
            continue;
        }
        row.ratio = ratio(workload, untraced, group);
        row.overhead_ns_per_syscall_distribution = overhead(untraced, group, of, reference);
        let stops = row.counts.interceptions();
        row.overhead_ns_per_stop_distribution =
            overhead(untraced, group, TimeMeasure::WallNs, stops);
        let estimate = |distribution: Option<Distribution>| distribution.map(|ns| ns.median);
        row.overhead_ns_per_syscall = estimate(row.overhead_ns_per_syscall_distribution);
        row.overhead_ns_per_stop = estimate(row.overhead_ns_per_stop_distribution);
    }
    rows
}

/// The row without what needs other modes' times.
fn counted_row(plan: &Plan, workload: &WorkloadPlan, group: &Group, groups: &[Group]) -> ResultRow {
    let (verified, verification) = verify(workload, group, groups, plan.accept_variation);
    ResultRow {
        workload: workload.name.clone(),
        mode: group.mode.name.clone(),
        role: Some(group.mode.role()),
        available: group.mode.available,
        unavailable_reason: group.mode.unavailable_reason.clone(),
        trace: workload.trace.clone(),
        samples: u32::try_from(group.counted.len()).unwrap_or(u32::MAX),
        failed_samples: u32::try_from(group.failed.len()).unwrap_or(u32::MAX),
        dropped_samples: u32::try_from(group.dropped.len()).unwrap_or(u32::MAX),
        verified,
        verification,
        wall_ns: group.distribution(|sample| Some(sample.wall_ns)),
        loop_ns: group.distribution(|sample| sample.loop_ns),
        user_ns: group.distribution(|sample| Some(sample.user_ns)),
        sys_ns: group.distribution(|sample| Some(sample.sys_ns)),
        tracer_cpu_ns: group
            .distribution(|sample| sample.tracer_user_ns?.checked_add(sample.tracer_sys_ns?)),
        ratio: None,
        counts: group.counts(),
        syscalls_reference: None,
        context_switches: group.context_switches(),
        stops_distribution: group.distribution(|sample| sample.counts.interceptions()),
        tracer_voluntary_distribution: group.distribution(|sample| sample.tracer_voluntary),
        tracee_voluntary_distribution: group.distribution(|sample| Some(sample.tracee_voluntary)),
        overhead_ns_per_syscall: None,
        overhead_ns_per_syscall_distribution: None,
        overhead_ns_per_stop: None,
        overhead_ns_per_stop_distribution: None,
        others_cpu_share: Load::of(group.counted.iter().copied()).others(workload.cpus.len()),
        filter: plan
            .filters
            .iter()
            .find(|plan| plan.workload == workload.name && plan.mode == group.mode.name)
            .map(|plan| plan.filter.clone()),
    }
}

/// Times of the runs of one pass, untraced and traced, per execution.
fn pairs(untraced: &Group, traced: &Group, of: TimeMeasure) -> Vec<(f64, f64)> {
    let time = time(of);
    let by_pass: BTreeMap<_, _> = untraced
        .counted
        .iter()
        .filter_map(|sample| Some((sample.pass, per_execution(sample, time)?)))
        .collect();
    traced
        .counted
        .iter()
        .filter_map(|sample| Some((*by_pass.get(&sample.pass)?, per_execution(sample, time)?)))
        .collect()
}

fn ratio(workload: &WorkloadPlan, untraced: &Group, traced: &Group) -> Option<Ratio> {
    let of = workload.time_measure();
    let differences: Vec<_> = pairs(untraced, traced, of)
        .into_iter()
        .map(|(untraced, traced)| (traced / untraced).ln())
        .collect();
    let interval = hodges_lehmann(&differences, LEVEL).ok()?.map(f64::exp);
    Some(Ratio {
        estimate: interval.estimate,
        low: interval.low,
        high: interval.high,
        level: interval.level,
        pairs: u32::try_from(differences.len()).unwrap_or(u32::MAX),
        of,
    })
}

/// One, by definition.
fn ratio_to_itself(workload: &WorkloadPlan, untraced: &Group) -> Option<Ratio> {
    let of = workload.time_measure();
    let times = untraced.per_execution(time(of)).len();
    (times > 0).then(|| Ratio {
        estimate: 1.0,
        low: Some(1.0),
        high: Some(1.0),
        level: LEVEL,
        pairs: u32::try_from(times).unwrap_or(u32::MAX),
        of,
    })
}

/// The difference of times, shared out over `divisor` calls or stops.
fn overhead(
    untraced: &Group,
    traced: &Group,
    of: TimeMeasure,
    divisor: Option<u64>,
) -> Option<Distribution> {
    let divisor = divisor.filter(|divisor| *divisor > 0)? as f64;
    let differences: Vec<_> = pairs(untraced, traced, of)
        .into_iter()
        .map(|(untraced, traced)| (traced - untraced) / divisor)
        .collect();
    distribution(&differences, hodges_lehmann(&differences, LEVEL).ok()?)
}
