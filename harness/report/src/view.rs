//! What the terminal, Markdown and HTML tables of a workload have in common:
//! the cells and the sentences around them.

use crate::caption::{command_text, placement_text};
use crate::modes::facts;
use crate::summary::{LEVEL, MIN_PAIRS, all_syscalls, overhead_measure};
use crate::units::{
    UNKNOWN, count_text, duration_text, level_text, ns_text, per_text, ratio_interval_text,
};
use harness_record::{
    CONTROL, Counter, Environment, FilterSummary, Record, ResultRow, TimeMeasure, WorkloadPlan,
    counted,
};

/// A table with its title and what is said under it.
pub(crate) struct View {
    pub(crate) title: String,
    /// A heading a column; a line break where it may be broken.
    pub(crate) header: Vec<String>,
    /// The first cell names the row: of a workload's table, a mode that ran.
    pub(crate) rows: Vec<Vec<String>>,
    /// What makes numbers above untrustworthy, a sentence each.
    pub(crate) problems: Vec<String>,
    /// What the numbers above are, a sentence each.
    pub(crate) notes: Vec<String>,
}

/// The rows of one workload, in plan order.
pub(crate) fn rows_of<'a>(
    record: &'a Record,
    workload: &'a WorkloadPlan,
) -> impl Iterator<Item = &'a ResultRow> + Clone {
    record
        .results
        .iter()
        .filter(|row| row.workload == workload.name)
}

impl View {
    pub(crate) fn new(record: &Record, workload: &WorkloadPlan) -> Self {
        let syscalls = all_syscalls(workload, &record.results);
        let time = match workload.time_measure() {
            TimeMeasure::WallNs => "wall\ntime",
            TimeMeasure::LoopNs => "loop\ntime",
        };
        let ratio = format!("ratio to {CONTROL}\n[{} interval]", level_text(LEVEL));
        let stops = stops_text(rows_of(record, workload));
        let header = [
            "mode",
            time,
            &ratio,
            &stops.replace("interceptions", "inter-\nceptions"),
            &format!("{stops}\nper\nsyscall").replace("interceptions", "inter-\nceptions"),
            "switches\ntracer",
            "switches\ntracees",
            "added\nns per\nsyscall",
        ];
        Self {
            title: workload.name.clone(),
            header: header.map(ToString::to_string).to_vec(),
            rows: rows_of(record, workload)
                .filter(|row| row.available)
                .map(|row| cells(workload, row, syscalls))
                .collect(),
            problems: problems(record, workload),
            notes: notes(record, workload),
        }
    }
}

/// A heading where columns are as wide as they need: a word that a hyphen parts is one again.
pub(crate) fn unbroken(heading: &str) -> String {
    heading.replace("-\n", "")
}

/// What [`stops_text`] says where all interceptions are stops.
pub(crate) const STOPS: &str = "stops";

/// What a tracee is taken over by: stops, where no mode of the table has another way.
pub(crate) fn stops_text<'a>(mut rows: impl Iterator<Item = &'a ResultRow>) -> &'static str {
    let all_stops = rows.all(|row| row.counts.interceptions() == row.counts.get(Counter::Stops));
    if all_stops { STOPS } else { "interceptions" }
}

fn cells(workload: &WorkloadPlan, row: &ResultRow, syscalls: Option<u64>) -> Vec<String> {
    let unknown = || UNKNOWN.to_string();
    let count = |count: Option<u64>| count.map_or_else(unknown, |n| count_text(n as f64));
    let time = match workload.time_measure() {
        TimeMeasure::WallNs => row.wall_ns,
        TimeMeasure::LoopNs => row.loop_ns,
    };
    let stops = row.counts.interceptions();
    let switches = row.context_switches;
    let per_syscall = stops
        .zip(syscalls.filter(|syscalls| *syscalls > 0))
        .map(|(stops, syscalls)| stops as f64 / syscalls as f64);
    vec![
        mode_text(row),
        time.map_or_else(unknown, |time| duration_text(time.median)),
        ratio_text(row).unwrap_or_else(unknown),
        count(stops),
        per_syscall.map_or_else(unknown, per_text),
        count(switches.and_then(|switches| switches.tracer_voluntary)),
        count(switches.map(|switches| switches.tracee_voluntary)),
        row.overhead_ns_per_syscall_distribution
            .map_or_else(unknown, |ns| ns_text(ns.median)),
    ]
}

/// What the row of a mode is called, marked where it must not be trusted.
pub(crate) fn mode_text(row: &ResultRow) -> String {
    match row.verified {
        Some(false) => format!("{} !", row.mode),
        _ => row.mode.clone(),
    }
}

/// The ratio with its interval; the untraced mode's is one by definition.
pub(crate) fn ratio_text(row: &ResultRow) -> Option<String> {
    let ratio = row.ratio.as_ref()?;
    Some(if row.is_control() {
        "1".to_string()
    } else {
        ratio_interval_text(ratio)
    })
}

fn problems(record: &Record, workload: &WorkloadPlan) -> Vec<String> {
    rows_of(record, workload)
        .filter(|row| row.verified == Some(false))
        .map(|row| format!("{} is NOT VERIFIED: {}.", row.mode, row.verification))
        .collect()
}

fn notes(record: &Record, workload: &WorkloadPlan) -> Vec<String> {
    let rows = rows_of(record, workload);
    let measured = rows.clone().filter(|row| row.samples > 0);
    let mut notes = vec![format!(
        "{}; trace set {}; {}; {}.",
        command_text(&workload.command),
        workload.trace,
        placement_text(workload),
        samples_text(rows.clone())
    )];
    let estimate = "Hodges–Lehmann estimate of the paired runs and its signed-rank interval";
    let time = match workload.time_measure() {
        TimeMeasure::WallNs => "wall time: median a run".to_string(),
        TimeMeasure::LoopNs => format!(
            "loop time: median a run, of the workload's own loop{}",
            workload
                .operations
                .map(|n| match n {
                    1 => " of 1 operation".to_string(),
                    n => format!(" of {} operations", count_text(n as f64)),
                })
                .unwrap_or_default()
        ),
    };
    notes.push(format!("{time}; ratio: of that time, {estimate}."));
    if let Some(pairs) = measured
        .clone()
        .filter_map(|row| row.ratio.filter(|ratio| ratio.low.is_none()))
        .map(|ratio| ratio.pairs)
        .min()
    {
        notes.push(format!(
            "No interval where there are too few pairs for {} ({pairs}; it takes {MIN_PAIRS}).",
            level_text(LEVEL)
        ));
    }
    let stops = stops_text(rows.clone());
    notes.push(format!(
        "{stops}, switches: medians a run; switches: voluntary context switches."
    ));
    if let Some(calls) = measured.clone().find_map(|row| row.syscalls_reference) {
        let (time, whole) = match overhead_measure(workload) {
            TimeMeasure::WallNs => ("wall time", "a run"),
            TimeMeasure::LoopNs => ("loop time", "the loop"),
        };
        notes.push(format!(
            "added ns per syscall: {time} above {CONTROL} / {} syscalls of {whole}.",
            count_text(calls as f64),
        ));
    }
    for row in measured.clone().filter(|row| row.verified.is_none()) {
        notes.push(format!("{}: {}.", row.mode, row.verification));
    }
    for row in measured {
        if let Some(filter) = &row.filter {
            notes.push(format!(
                "{}: {} {}; {}.",
                row.mode,
                counted(filter.instructions.into(), "instruction"),
                match filter.compiler.as_str() {
                    "file" => "from the file given".to_string(),
                    compiler => format!("by compiler {compiler}"),
                },
                cached_text(filter, &record.environment)
            ));
        }
    }
    let ran = record.plan.modes.iter().filter(|mode| mode.available);
    notes.extend(facts(ran));
    for row in rows.filter(|row| !row.available) {
        let reason = row
            .unavailable_reason
            .as_deref()
            .unwrap_or("unknown reason");
        notes.push(format!("{} did not run: {reason}", row.mode));
    }
    notes
}

/// What the kernel of the record caches of what a filter allows.
fn cached_text(filter: &FilterSummary, environment: &Environment) -> String {
    let kernel = match environment.caches_filters() {
        Some(true) => "the kernel",
        Some(false) => {
            return format!(
                "the kernel, {}, runs it for every call, as all before 5.11 do",
                environment.kernel_release
            );
        }
        None => "a kernel of 5.11 or later",
    };
    let caches = match (filter.cached_calls, filter.allowed_calls) {
        (Some(cached), Some(allowed)) => {
            let cached = match cached {
                0 => "none".to_string(),
                _ if cached == allowed => "all".to_string(),
                _ => cached.to_string(),
            };
            let allowed = counted(allowed.into(), "native call");
            format!("it allows {allowed}, {kernel} caches {cached} of them")
        }
        // Records from before they were counted.
        _ if filter.cacheable => format!("{kernel} caches every native call that it allows"),
        _ => format!("{kernel} does not cache every native call that it allows"),
    };
    // A call is cached only where every filter of the process allows it.
    match environment.seccomp.filters {
        Some(1..) => caches + ", if the filters that the harness runs under are cacheable too",
        _ => caches,
    }
}

/// How many samples count, in one figure where it is the same for all modes.
fn samples_text<'a>(rows: impl Iterator<Item = &'a ResultRow>) -> String {
    let counts: Vec<_> = rows
        .filter(|row| row.available)
        .map(|row| (row.mode.as_str(), row.samples))
        .collect();
    match counts.first() {
        Some((_, first)) if counts.iter().all(|(_, samples)| samples == first) => {
            format!("{} a mode", counted((*first).into(), "sample"))
        }
        _ => {
            let each: Vec<_> = counts
                .iter()
                .map(|(mode, samples)| format!("{mode} {samples}"))
                .collect();
            format!("samples: {}", each.join(", "))
        }
    }
}
