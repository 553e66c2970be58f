//! What each sample counted of each call, kept until it is known which samples count.

use harness_mode::{Calls, call_of};
use harness_record::{CallRow, CallStatistics, Latency, Plan, Sample};
use harness_stats::median;
use harness_syscalls::Abi;
use std::collections::BTreeMap;

/// The calls of every sample, failed ones included.
#[derive(Debug, Clone, Default)]
pub struct CallsTaken(BTreeMap<Arm, BTreeMap<String, Vec<Taken>>>);

/// A workload and a mode.
type Arm = (String, String);

/// The calls of one name in one sample: totals over its executions, as in [`CallStatistics`]. There
/// may be very many of them, and few modes have a histogram, which is large.
#[derive(Debug, Clone)]
struct Taken {
    sample: u64,
    calls: u64,
    errors: Option<u64>,
    total_ns: Option<u64>,
    latency: Option<Box<Latency>>,
}

impl Taken {
    fn statistics(&self) -> CallStatistics {
        CallStatistics {
            calls: self.calls,
            errors: self.errors,
            total_ns: self.total_ns,
            latency: self.latency.as_deref().copied(),
        }
    }
}

/// Confidence level of an interval that nobody reads: the median alone is wanted.
const ANY_LEVEL: f64 = 0.95;

impl CallsTaken {
    /// Keeps the calls of a sample.
    pub(crate) fn add(&mut self, sample: &Sample, calls: Calls) {
        let arm = (sample.workload.clone(), sample.mode.clone());
        let of_arm = self.0.entry(arm).or_default();
        for (name, of) in calls {
            of_arm.entry(name).or_default().push(Taken {
                sample: sample.index,
                calls: of.calls,
                errors: of.errors,
                total_ns: of.total_ns,
                latency: of.latency.map(Box::new),
            });
        }
    }

    /// The rows of the samples that count, in plan order, and the calls of each mode by ABI and
    /// number.
    #[must_use]
    pub fn rows(&self, plan: &Plan, samples: &[Sample]) -> Vec<CallRow> {
        let mut rows = Vec::new();
        for workload in &plan.workloads {
            for mode in &plan.modes {
                let arm = (workload.name.clone(), mode.name.clone());
                let Some(calls) = self.0.get(&arm) else {
                    continue;
                };
                // Executions of each sample that counts.
                let counted: BTreeMap<u64, u32> = samples
                    .iter()
                    .filter(|sample| sample.is_counted())
                    .filter(|sample| sample.workload == arm.0 && sample.mode == arm.1)
                    .map(|sample| (sample.index, sample.executions))
                    .collect();
                let of_arm = calls
                    .iter()
                    .filter_map(|(name, taken)| row(&arm, name, taken, &counted));
                let from = rows.len();
                rows.extend(of_arm);
                // What has no number comes last.
                rows[from..].sort_by_key(|(order, _)| *order);
            }
        }
        rows.into_iter().map(|(_, row)| row).collect()
    }
}

/// Where a row stands among those of its mode.
type Order = (usize, u32);

fn row(
    arm: &Arm,
    name: &str,
    taken: &[Taken],
    counted: &BTreeMap<u64, u32>,
) -> Option<(Order, CallRow)> {
    let taken: BTreeMap<u64, &Taken> = taken
        .iter()
        .filter(|taken| counted.contains_key(&taken.sample))
        .map(|taken| (taken.sample, taken))
        .collect();
    let mut all = CallStatistics::default();
    for of in taken.values() {
        all.add(&of.statistics());
    }
    // Of an execution without the call, the mode knows as much as of the others.
    let per_execution = |value: fn(&Taken) -> Option<u64>| {
        let values: Vec<f64> = counted
            .iter()
            .map(|(sample, executions)| {
                let total = taken.get(sample).and_then(|taken| value(taken));
                total.unwrap_or(0) as f64 / f64::from(*executions)
            })
            .collect();
        Some(median(&values, ANY_LEVEL).ok()?.estimate)
    };
    let known = |all: Option<u64>, value| all.and_then(|_| per_execution(value));
    let quantile = |p| all.latency.and_then(|latency| latency.quantile(p));
    let (abi, number, bare) = call_of(name);
    let row = CallRow {
        workload: arm.0.clone(),
        mode: arm.1.clone(),
        executions: counted.values().copied().map(u64::from).sum(),
        abi: abi.to_string(),
        number,
        name: bare.to_owned(),
        calls: known((all.calls > 0).then_some(all.calls), |taken| {
            Some(taken.calls)
        })?,
        errors: known(all.errors, |taken| taken.errors),
        total_ns: known(all.total_ns, |taken| taken.total_ns),
        mean_ns: all.mean_ns(),
        median_ns: quantile(0.5),
        p99_ns: quantile(0.99),
    };
    // The native ABI first.
    let place = if abi == Abi::NATIVE {
        0
    } else {
        1 + abi.index()
    };
    Some(((place, number.unwrap_or(u32::MAX)), row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_record::{ModePlan, Pin, SampleStatus, Slot, WorkloadPlan};

    fn plan() -> Plan {
        let workload = |name: &str| WorkloadPlan {
            name: name.to_owned(),
            command: vec![],
            trace: "all".to_owned(),
            pin: Pin::None,
            placement: None,
            cpus: Vec::new(),
            warmup: None,
            times_itself: false,
            operations: None,
            loop_syscalls: None,
            stated_calls: None,
            stated_traced_events: None,
            stated_execs: None,
            stated_tasks: None,
        };
        let mode = |name: &str| ModePlan {
            name: name.to_owned(),
            available: true,
            ..ModePlan::default()
        };
        Plan {
            seed: 1,
            runs: 3,
            warmup: 0,
            max_pressure: None,
            ignore_failure: false,
            accept_variation: false,
            workloads: vec![workload("w"), workload("v")],
            modes: vec![mode("ptrace"), mode("user-notify")],
            hooks: harness_record::Hooks::default(),
            order: Vec::new(),
            filters: Vec::new(),
        }
    }

    fn sample(index: u64, mode: &str, executions: u32, status: SampleStatus) -> Sample {
        let slot = Slot {
            workload: "w".to_owned(),
            mode: mode.to_owned(),
            block: 0,
            pass: 0,
            side: None,
        };
        let done = crate::wire::Done {
            executions,
            wall_ns: 1,
            ..crate::wire::Done::default()
        };
        let context = crate::row::Context {
            padding: 0,
            started_ns: 0,
            steal_ns: None,
            cpu_pressure_ns: None,
            others_cpu_ns: None,
            lifetime_ns: 0,
        };
        Sample {
            status,
            ..crate::row::row(index, &slot, &done, &context, false, None)
        }
    }

    fn of(calls: u64, errors: Option<u64>) -> CallStatistics {
        CallStatistics {
            errors,
            ..CallStatistics::counted(calls)
        }
    }

    /// As what is known of a row: number, name, calls, errors.
    type Figures<'a> = (Option<u32>, &'a str, f64, Option<f64>);

    fn figures(rows: &[CallRow]) -> Vec<Figures<'_>> {
        rows.iter()
            .map(|row| (row.number, row.name.as_str(), row.calls, row.errors))
            .collect()
    }

    #[test]
    fn medians_are_per_execution_and_of_samples_that_count() {
        let mut taken = CallsTaken::default();
        let mut samples = Vec::new();
        for (index, executions, status, reads, errors) in [
            (0, 1, SampleStatus::Ok, 3, 1),
            (1, 2, SampleStatus::Ok, 8, 4),
            (2, 1, SampleStatus::Failed, 1000, 1000),
            (3, 1, SampleStatus::Dropped, 2000, 2000),
        ] {
            let sample = sample(index, "ptrace", executions, status);
            let mut calls = Calls::from([("read".to_owned(), of(reads, Some(errors)))]);
            if index == 1 {
                calls.insert("i386:read".to_owned(), of(2, Some(0)));
                calls.insert("made_up".to_owned(), of(2, Some(0)));
            }
            if index > 1 {
                calls.insert("getpid".to_owned(), of(5, Some(0)));
            }
            taken.add(&sample, calls);
            samples.push(sample);
        }
        let rows = taken.rows(&plan(), &samples);
        // 3 and 4 an execution; of what one of two executions has, half.
        assert_eq!(
            figures(&rows),
            [
                (Some(0), "read", 3.5, Some(1.5)),
                (None, "made_up", 0.5, Some(0.0)),
                (Some(3), "read", 0.5, Some(0.0)),
            ]
        );
        assert!(rows.iter().all(|row| row.executions == 3));
        assert_eq!(
            (rows[0].abi.as_str(), rows[2].abi.as_str()),
            ("x86_64", "i386")
        );
    }

    /// 0 is what is not: a supervisor does not see how calls return.
    #[test]
    fn what_a_mode_does_not_know_is_not_there() {
        let mut taken = CallsTaken::default();
        let samples = ["user-notify", "ptrace"].map(|mode| {
            let index = u64::from(mode == "ptrace");
            sample(index, mode, 1, SampleStatus::Ok)
        });
        let mut latency = Latency::default();
        for ns in [16, 20, 1000] {
            latency.record(ns);
        }
        let known = CallStatistics {
            calls: 3,
            errors: Some(0),
            total_ns: Some(1036),
            latency: Some(latency),
        };
        taken.add(&samples[0], [("read".to_owned(), of(3, None))].into());
        taken.add(&samples[1], [("read".to_owned(), known)].into());
        let rows = taken.rows(&plan(), &samples);
        // In the order of the plan.
        let [ptrace, notify] = &rows[..] else {
            panic!("{rows:?}");
        };
        assert_eq!(
            (ptrace.mode.as_str(), notify.mode.as_str()),
            ("ptrace", "user-notify")
        );
        assert_eq!(
            (notify.errors, notify.total_ns, notify.mean_ns),
            (None, None, None)
        );
        assert_eq!((ptrace.errors, ptrace.total_ns), (Some(0.0), Some(1036.0)));
        let mean = ptrace.mean_ns.expect("a time");
        assert!((mean - 1036.0 / 3.0).abs() < 1e-9, "{mean}");
        assert_eq!(ptrace.median_ns, Some(28.0));
        assert!(
            ptrace
                .p99_ns
                .is_some_and(|ns| (512.0..=1024.0).contains(&ns))
        );
    }
}
