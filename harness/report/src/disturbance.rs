//! What disturbed a measurement, judged from its samples: a sentence each, with the figures and
//! what to do.

use crate::units::{level_text, ratio_interval_text};
use harness_record::{
    Load, Ratio, Record, ResultRow, Sample, SampleStatus, WorkloadPlan, counted, unjudged_blocks,
};
use harness_stats::widening;
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
        found.extend(unjudged(record, workload, samples));
    }
    found.extend(faster_than_untraced(record));
    found
}

/// Load when the measurement began.
fn at_the_start(record: &Record) -> Option<String> {
    let environment = &record.environment;
    let runnable = environment.busy_at_start()?;
    Some(format!(
        "The machine was busy when the measurement began: {} of others wanted the {}{}. {}",
        counted(runnable.into(), "thread"),
        counted(environment.cpu.online.into(), "CPU"),
        load_text(record).map_or_else(String::new, |load| format!(" ({load})")),
        QUIET
    ))
}

fn load_text(record: &Record) -> Option<String> {
    let load = record.environment.load_average?;
    Some(format!("load average {load}"))
}

const QUIET: &str = "End what else runs (top(1) names it), and measure again.";

/// wait4(2) has no account of such children, so their time counts as others'.
const UNWAITED: &str = "Children of the measured program count as others where their parent does not wait for them (it ignores SIGCHLD).";

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
             End what else runs (top(1) names it) and measure again, or leave busy blocks out (--max-pressure). {UNWAITED}",
            level_text(others),
            counted(cpus as u64, "CPU"),
        ));
    }
    if let Some(pressure) = load.unexplained_pressure(cpus) {
        found.push(format!(
            "{name}: threads waited for a CPU {} of the time though the run left CPUs idle; this host does not show \
             which processes they belong to. {QUIET}",
            level_text(pressure)
        ));
    }
    if let Some(stolen) = load.stolen(cpus) {
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
             result. End what else runs (top(1) names it), or allow more (--max-pressure). {UNWAITED}"
        )),
        _ => Some(format!(
            "{name}: {dropped} of {} left out, as others used more than {limit} of the CPU time in {} (--max-pressure). {UNWAITED}",
            counted(all.len() as u64, "block"),
            if dropped == 1 { "it" } else { "each" }
        )),
    }
}

/// Blocks to which the limit declared beforehand could not be applied.
fn unjudged(record: &Record, workload: &WorkloadPlan, samples: &[Sample]) -> Vec<String> {
    let Some(most) = record.plan.max_pressure else {
        return Vec::new();
    };
    let unjudged = unjudged_blocks(samples, workload, most);
    let (name, limit) = (&workload.name, level_text(most));
    let sentence = |blocks: &[u32], why: &str| {
        let count = counted(blocks.len() as u64, "block");
        let sentence = format!(
            "{name}: the limit could not be applied: {why}, and {count} counted without it (--max-pressure)."
        );
        (!blocks.is_empty()).then_some(sentence)
    };
    let unknown = sentence(
        &unjudged.unknown,
        "this host does not show what other processes used",
    );
    let short = sentence(
        &unjudged.short,
        &format!(
            "samples are too short to tell {limit} from the 10 ms ticks in which the kernel counts"
        ),
    );
    unknown.into_iter().chain(short).collect()
}

/// Modes that seem to speed a program up, which those do not that only add work to it. All modes of
/// the record share the level, so that a record of many has no more false alarms than one of one.
fn faster_than_untraced(record: &Record) -> Vec<String> {
    let adds_work = |row: &&ResultRow| {
        let mut modes = record.plan.modes.iter();
        // What a filter of the user's refuses is work that the program does not do.
        !row.is_control() && modes.any(|mode| mode.name == row.mode && mode.traces_set)
    };
    let rows = record.results.iter().filter(adds_work);
    let rows: Vec<(&ResultRow, Ratio)> = rows.filter_map(|row| Some((row, row.ratio?))).collect();
    rows.iter()
        .filter(|(_, ratio)| is_below_1(ratio, rows.len()))
        .map(|(row, ratio)| {
            format!(
                "{} under {}: ratio {} lies below 1, and a mode only adds work. The likeliest cause is other load, which \
                 changed between the runs; chance alone does it in one of {} records of modes that cost nothing. Measure \
                 again on a quiet machine, with more --runs.",
                row.workload,
                row.mode,
                ratio_interval_text(ratio),
                once_in(ratio.level)
            )
        })
        .collect()
}

/// Whether a ratio lies below 1 with its interval as wide as it must be where it is one of `count`.
fn is_below_1(ratio: &Ratio, count: usize) -> bool {
    let Some(high) = ratio.high else {
        return false;
    };
    let (estimate, high) = (ratio.estimate.ln(), high.ln());
    estimate + (high - estimate) * widening(ratio.level, count) < 0.0
}

/// How many intervals of that level there are for one that lies below the truth.
fn once_in(level: f64) -> String {
    format!("{:.0}", 2.0 / (1.0 - level).max(1e-6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_record::TimeMeasure;

    #[test]
    fn ratios_of_a_record_share_the_level() {
        for (estimate, high, count, below) in [
            (0.640, Some(0.876), 1, true),
            (0.640, Some(0.876), 2, true),
            (0.980, Some(0.999), 1, true),
            (0.980, Some(0.999), 12, false),
            (0.640, Some(0.876), 1_000_000, false),
            (0.980, Some(1.001), 1, false),
            (0.640, None, 1, false),
        ] {
            let ratio = Ratio {
                estimate,
                low: None,
                high,
                level: 0.95,
                pairs: 10,
                of: TimeMeasure::WallNs,
            };
            assert_eq!(is_below_1(&ratio, count), below, "{ratio:?} of {count}");
        }
    }
}
