//! `summary.csv`: a row a result, its nested fields flattened into columns.

use crate::{Counter, Distribution, ResultRow, csv_rows};

/// The results as CSV, header first. A figure that is not known is empty.
#[must_use]
pub fn summary_csv(results: &[ResultRow]) -> String {
    let names = |columns: &'static [Column]| columns.iter().map(|(name, _)| (*name).to_owned());
    let counters = Counter::ALL.iter();
    let counters = counters.map(|counter| counter.info().column.to_owned());
    let header = names(BEFORE).chain(counters).chain(names(AFTER)).collect();
    let cells = |row: &ResultRow| {
        let of = |columns: &'static [Column]| columns.iter().map(move |(_, cell)| cell(row));
        let counters = row.counts.iter().map(|(_, count)| cell(count));
        of(BEFORE).chain(counters).chain(of(AFTER)).collect()
    };
    let rows = results.iter().map(cells);
    csv_rows(std::iter::once::<Vec<String>>(header).chain(rows))
}

/// Name of a column and its cell in a row.
type Column = (&'static str, fn(&ResultRow) -> String);

/// The columns before those of the counters.
const BEFORE: &[Column] = &[
    ("workload", |row| row.workload.clone()),
    ("mode", |row| row.mode.clone()),
    ("available", |row| row.available.to_string()),
    ("unavailable_reason", |row| {
        cell(row.unavailable_reason.as_deref())
    }),
    ("trace", |row| row.trace.clone()),
    ("samples", |row| row.samples.to_string()),
    ("failed_samples", |row| row.failed_samples.to_string()),
    ("dropped_samples", |row| row.dropped_samples.to_string()),
    ("verified", |row| cell(row.verified)),
    ("verification", |row| row.verification.clone()),
    ("wall_ns_median", |row| median(row.wall_ns)),
    ("wall_ns_low", |row| low(row.wall_ns)),
    ("wall_ns_high", |row| high(row.wall_ns)),
    ("wall_ns_min", |row| min(row.wall_ns)),
    ("wall_ns_max", |row| max(row.wall_ns)),
    ("loop_ns_median", |row| median(row.loop_ns)),
    ("loop_ns_low", |row| low(row.loop_ns)),
    ("loop_ns_high", |row| high(row.loop_ns)),
    ("loop_ns_min", |row| min(row.loop_ns)),
    ("loop_ns_max", |row| max(row.loop_ns)),
    ("user_ns_median", |row| median(row.user_ns)),
    ("sys_ns_median", |row| median(row.sys_ns)),
    ("tracer_cpu_ns_median", |row| median(row.tracer_cpu_ns)),
    ("ratio_estimate", |row| cell(row.ratio.map(|r| r.estimate))),
    ("ratio_low", |row| cell(row.ratio.and_then(|r| r.low))),
    ("ratio_high", |row| cell(row.ratio.and_then(|r| r.high))),
    ("ratio_level", |row| cell(row.ratio.map(|r| r.level))),
    ("ratio_pairs", |row| cell(row.ratio.map(|r| r.pairs))),
];

/// The columns behind those of the counters.
const AFTER: &[Column] = &[
    ("syscalls_reference", |row| cell(row.syscalls_reference)),
    ("tracee_voluntary", |row| {
        cell(row.context_switches.map(|c| c.tracee_voluntary))
    }),
    ("tracee_involuntary", |row| {
        cell(row.context_switches.map(|c| c.tracee_involuntary))
    }),
    ("tracer_voluntary", |row| {
        cell(row.context_switches.and_then(|c| c.tracer_voluntary))
    }),
    ("tracer_involuntary", |row| {
        cell(row.context_switches.and_then(|c| c.tracer_involuntary))
    }),
    ("overhead_ns_per_syscall", |row| {
        median(row.overhead_ns_per_syscall_distribution)
    }),
    ("overhead_ns_per_syscall_low", |row| {
        low(row.overhead_ns_per_syscall_distribution)
    }),
    ("overhead_ns_per_syscall_high", |row| {
        high(row.overhead_ns_per_syscall_distribution)
    }),
    ("overhead_ns_per_stop", |row| {
        median(row.overhead_ns_per_stop_distribution)
    }),
    ("overhead_ns_per_stop_low", |row| {
        low(row.overhead_ns_per_stop_distribution)
    }),
    ("overhead_ns_per_stop_high", |row| {
        high(row.overhead_ns_per_stop_distribution)
    }),
    ("others_cpu_share", |row| cell(row.others_cpu_share)),
    ("filter_compiler", |row| {
        cell(row.filter.as_ref().map(|f| &f.compiler))
    }),
    ("filter_instructions", |row| {
        cell(row.filter.as_ref().map(|f| f.instructions))
    }),
    ("filter_cacheable", |row| {
        cell(row.filter.as_ref().map(|f| f.cacheable))
    }),
    ("filter_allowed_calls", |row| {
        cell(row.filter.as_ref().and_then(|f| f.allowed_calls))
    }),
    ("filter_cached_calls", |row| {
        cell(row.filter.as_ref().and_then(|f| f.cached_calls))
    }),
];

fn cell<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn median(distribution: Option<Distribution>) -> String {
    cell(distribution.map(|d| d.median))
}

fn low(distribution: Option<Distribution>) -> String {
    cell(distribution.and_then(|d| d.low))
}

fn high(distribution: Option<Distribution>) -> String {
    cell(distribution.and_then(|d| d.high))
}

fn min(distribution: Option<Distribution>) -> String {
    cell(distribution.map(|d| d.min))
}

fn max(distribution: Option<Distribution>) -> String {
    cell(distribution.map(|d| d.max))
}
