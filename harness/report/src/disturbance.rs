//! What disturbed a measurement, judged from its samples: a sentence each, with the figures and
//! what to do.

use crate::summary::UNTRACED;
use crate::units::{level_text, ratio_interval_text};
use harness_record::{Load, Record, Sample, SampleStatus, WorkloadPlan, counted};
use std::collections::BTreeSet;

/// What a reader must know before trusting the numbers of a record whose results are known.
#[must_use]
pub fn disturbances(record: &Record, samples: &[Sample]) -> Vec<String> {
    let mut found = Vec::new();
    let workloads = &record.plan.workloads;
    found.extend(at_the_start(record));
    for workload in workloads {
        let of_it = || samples.iter().filter(|s| s.workload == workload.name);
        let counted = of_it().filter(|sample| sample.status == SampleStatus::Ok);
        found.extend(meanwhile(workload, &Load::of(counted)));
        found.extend(left_out(record, workload, of_it()));
        found.extend(faster_than_untraced(record, workload));
    }
    found
}

/// Load when the measurement began.
fn at_the_start(record: &Record) -> Option<String> {
    let environment = &record.environment;
    let online = environment.cpu.online;
    let runnable = environment.others_runnable?;
    (online > 0 && runnable >= online).then(|| {
        format!(
            "The machine was busy when the measurement began: {} of others wanted the {}{}. {}",
            counted(runnable.into(), "thread"),
            counted(online.into(), "CPU"),
            load_text(record).map_or_else(String::new, |load| format!(" ({load})")),
            QUIET
        )
    })
}

fn load_text(record: &Record) -> Option<String> {
    let load = record.environment.load_average?;
    Some(format!("load average {load}"))
}

const QUIET: &str = "End what else runs (top(1) names it), and measure again.";

/// Load while the samples that count were taken.
fn meanwhile(workload: &WorkloadPlan, load: &Load) -> Vec<String> {
    let (name, cpus) = (&workload.name, workload.cpus.len());
    let mut found = Vec::new();
    if let Some(others) = load.others_beyond(cpus, harness_record::MOST_OTHERS) {
        let pressure = load.pressure().map_or_else(String::new, |pressure| {
            format!(
                ", and threads waited for one {} of the time",
                level_text(pressure)
            )
        });
        found.push(format!(
            "{name}: others used {} of the CPU time of its {}{pressure}: its times and ratios are those of a busy machine. \
             End what else runs (top(1) names it) and measure again, or leave busy blocks out (--max-pressure).",
            level_text(others),
            counted(cpus as u64, "CPU"),
        ));
    }
    if let Some(pressure) = load.unexplained_pressure(cpus) {
        found.push(format!(
            "{name}: threads waited for a CPU {} of the time though the run left CPUs idle; whose they were cannot be read \
             here. {QUIET}",
            level_text(pressure)
        ));
    }
    if let Some(stolen) = load.stolen() {
        found.push(format!(
            "{name}: the hypervisor took {} of the CPU time that this machine wanted (steal): other guests of its host were \
             busy. Measure again at another time, or on a machine of your own.",
            level_text(stolen)
        ));
    }
    found
}

/// Blocks that the limit declared beforehand left out.
fn left_out<'a>(
    record: &Record,
    workload: &WorkloadPlan,
    samples: impl Iterator<Item = &'a Sample>,
) -> Option<String> {
    let (mut all, mut left_out) = (BTreeSet::new(), BTreeSet::new());
    for sample in samples {
        all.insert(sample.block);
        if sample.status == SampleStatus::Dropped {
            left_out.insert(sample.block);
        }
    }
    let dropped = left_out.len();
    let limit = level_text(record.plan.max_pressure?);
    let name = &workload.name;
    match (all.len() - dropped, dropped) {
        (_, 0) => None,
        (0, _) => Some(format!(
            "{name}: every block was left out, as others used more than {limit} of the CPU time in each: there is no \
             result. End what else runs (top(1) names it), or allow more (--max-pressure)."
        )),
        _ => Some(format!(
            "{name}: {dropped} of {} left out, as others used more than {limit} of the CPU time in {} (--max-pressure).",
            counted(all.len() as u64, "block"),
            if dropped == 1 { "it" } else { "each" }
        )),
    }
}

/// Modes that seem to speed a program up, which none does.
fn faster_than_untraced(record: &Record, workload: &WorkloadPlan) -> Vec<String> {
    let rows = record.results.iter();
    rows.filter(|row| row.workload == workload.name && row.mode != UNTRACED)
        .filter_map(|row| Some((row, row.ratio?)))
        .filter(|(_, ratio)| ratio.high.is_some_and(|high| high < 1.0))
        .map(|(row, ratio)| {
            format!(
                "{} under {}: ratio {} lies below 1, and a mode only adds work. So the machine changed its speed between the \
                 runs, by other load most likely; chance alone does it once in {} to a mode that costs nothing. Measure \
                 again on a quiet machine, with more --runs.",
                workload.name,
                row.mode,
                ratio_interval_text(&ratio),
                once_in(ratio.level)
            )
        })
        .collect()
}

/// How many intervals of that level there are for one that lies below the truth.
fn once_in(level: f64) -> String {
    format!("{:.0}", 2.0 / (1.0 - level).max(1e-6))
}
