//! `customSmallerIsBetter` of github-action-benchmark: ratios, overheads and counts.
//!
//! An entry is `{name, unit, value, range?, extra?}`; the action compares entries of one name by
//! the quotient of their values. So no time is here, which says more about the runner than about
//! the tracer, and no overhead that cannot be told from zero, whose quotient says nothing.

use super::{Entry, ExportFormat, Source, Written, exported, json};
use crate::caption::{harness_text, kernel_text, parameters_text, placement_text};
use crate::units::level_text;
use harness_record::{Record, counted};
use serde::Serialize;

pub(super) const FORMAT: ExportFormat = ExportFormat {
    name: "github-action-benchmark",
    summary: "its customSmallerIsBetter: ratios to untraced, overheads, counts",
    write,
};

#[derive(Serialize)]
struct Benchmark {
    name: String,
    unit: String,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    extra: String,
}

fn write(source: &Source) -> Written {
    let mut benchmarks = Vec::new();
    let mut left_out = Vec::new();
    for entry in source.entries.iter().filter(|entry| !entry.is_untraced()) {
        let extra = extra(source.record, entry);
        let mut push = |what: &str, unit: &str, value, range| {
            benchmarks.push(Benchmark {
                name: format!("{}: {what}", entry.name()),
                unit: unit.to_owned(),
                value,
                range,
                extra: extra.clone(),
            });
        };
        match entry.row.ratio {
            Some(ratio) => push(
                "ratio to none",
                "ratio",
                ratio.estimate,
                range(ratio.low, ratio.high, ratio.level),
            ),
            None => left_out.push(format!("the ratio of {}", entry.left_out(NO_PAIR))),
        }
        match entry.row.overhead_ns_per_syscall_distribution {
            Some(ns) if ns.low.unwrap_or(ns.median) > 0.0 => push(
                "overhead per syscall",
                "ns",
                ns.median,
                range(ns.low, ns.high, ns.level),
            ),
            Some(_) => left_out.push(format!(
                "the overhead of {}",
                entry.left_out("it cannot be told from zero")
            )),
            None => {}
        }
        for (what, unit, count) in counts(entry) {
            push(&what, &unit, count as f64, None);
        }
    }
    Written {
        text: json(benchmarks.len(), &benchmarks),
        left_out,
    }
}

const NO_PAIR: &str = "no run of it is paired with an untraced one";

/// The numbers that are the same in every run.
fn counts(entry: &Entry) -> impl Iterator<Item = (String, String, u64)> {
    let row = entry.row;
    let counters = exported().filter_map(move |counter| {
        let what = counter.info().plural();
        let unit = what.rsplit(' ').next().unwrap_or_default();
        Some((
            what.clone(),
            format!("{unit} a run"),
            row.counts.get(counter)?,
        ))
    });
    let filter = row.filter.iter().map(|filter| {
        let (what, unit) = ("filter length".to_owned(), "instructions".to_owned());
        (what, unit, u64::from(filter.instructions))
    });
    counters.chain(filter)
}

fn range(low: Option<f64>, high: Option<f64>, level: f64) -> Option<String> {
    let (low, high) = low.zip(high)?;
    Some(format!(
        "{low:.4} to {high:.4}, {} interval",
        level_text(level)
    ))
}

/// What the tip of a point in the chart says.
fn extra(record: &Record, entry: &Entry) -> String {
    [
        parameters_text(entry.workload),
        format!("trace set {}", entry.workload.trace),
        placement_text(entry.workload),
        counted(entry.samples.len() as u64, "sample"),
        kernel_text(&record.environment),
        harness_text(&record.harness),
    ]
    .join("\n")
}
