//! A history as text: tables for a terminal and in Markdown, CSV, JSON.

use super::change::{ALPHA, MIN_SEGMENT};
use super::{History, MachineHistory, Point, Series, machine_text};
use crate::render::{Format, markdown_text, terminal_text};
use crate::summary::LEVEL;
use crate::tables::printable_lines;
use crate::units::{UNKNOWN, level_text, ratio_interval_text};
use crate::view::View;
use harness_record::{CONTROL, Pin, TimeMeasure, in_json};
use serde::Serialize;

/// The history as text that ends with a line's end.
#[must_use]
pub fn render_history(history: &History, format: Format) -> String {
    match format {
        Format::Table => {
            let views: Vec<_> = views(history).collect();
            terminal_text(&views, &history.warnings, &notes(history))
        }
        Format::Markdown => {
            let views: Vec<_> = views(history).collect();
            let notes = notes(history).join("\n");
            markdown_text(&views, &history.warnings, &[notes])
        }
        Format::Csv => printable_lines(&csv(history)),
        Format::Json => json(history),
    }
}

fn views(history: &History) -> impl Iterator<Item = View> {
    (history.machines.iter()).flat_map(|machine| {
        machine
            .series
            .iter()
            .map(move |series| view(machine, series))
    })
}

fn view(machine: &MachineHistory, series: &Series) -> View {
    let header = [
        "started",
        "revision",
        "record",
        &format!("ratio to {CONTROL}\n[{} interval]", level_text(LEVEL)),
        "pairs",
        "change\npoint",
    ];
    let subject = &series.subject;
    View {
        title: title(series),
        header: header.map(ToString::to_string).to_vec(),
        rows: (series.points.iter().enumerate())
            .map(|(at, point)| row(series, at, point))
            .collect(),
        problems: Vec::new(),
        notes: vec![
            format!("{}.", machine_text(&machine.machine)),
            format!(
                "{}; ratio: of the {}.",
                subject.text(),
                time_text(subject.of)
            ),
        ],
    }
}

/// What a series is called.
pub(crate) fn title(series: &Series) -> String {
    format!("{} under {}", series.subject.workload, series.mode)
}

/// What a ratio compares.
pub(crate) fn time_text(of: TimeMeasure) -> &'static str {
    match of {
        TimeMeasure::WallNs => "wall time",
        TimeMeasure::LoopNs => "loop time",
    }
}

fn row(series: &Series, at: usize, point: &Point) -> Vec<String> {
    let change = series
        .change_points
        .iter()
        .find(|change| change.index == at);
    vec![
        minute(&point.started_at),
        point
            .revision
            .clone()
            .unwrap_or_else(|| UNKNOWN.to_string()),
        point.record.clone(),
        ratio_interval_text(&point.ratio),
        point.ratio.pairs.to_string(),
        change.map_or_else(String::new, |change| format!("{} here", change.text())),
    ]
}

/// `2026-01-02 03:04` of an RFC 3339 time.
pub(crate) fn minute(started_at: &str) -> String {
    let text: String = started_at.chars().take(16).collect();
    text.replace(['T', 't'], " ")
}

/// What the change points are, and each of them in words.
pub(crate) fn notes(history: &History) -> Vec<String> {
    let all = || history.machines.iter().flat_map(|machine| &machine.series);
    let mut notes = Vec::new();
    for series in all() {
        for change in &series.change_points {
            let point = &series.points[change.index];
            notes.push(format!(
                "{} changed by {} at {} (revision {}), from {:.4} to {:.4}, p = {:.3}.",
                title(series),
                change.text(),
                change.record,
                point.revision.as_deref().unwrap_or("unknown"),
                change.before,
                change.after,
                change.p_value
            ));
        }
    }
    let count = all().count();
    let short = all()
        .filter(|series| series.points.len() < 2 * MIN_SEGMENT)
        .count();
    notes.push(format!(
        "Change points are advice, no verdict: E-divisive with a permutation test at {}, {MIN_SEGMENT} records \
         a segment at least, {count} series tested{}.",
        level_text(ALPHA),
        match short {
            0 => String::new(),
            short => format!(", {short} of them too short for any"),
        }
    ));
    notes
}

fn json(history: &History) -> String {
    let text =
        serde_json::to_string_pretty(history).expect("strings, numbers and lists of them are JSON");
    in_json(&text) + "\n"
}

/// A row a point; nested fields are flattened into columns.
fn csv(history: &History) -> String {
    #[derive(Serialize)]
    struct Row<'a> {
        host: &'a str,
        kernel_release: &'a str,
        cpu_model: Option<&'a str>,
        cpus_online: u32,
        workload: &'a str,
        mode: &'a str,
        command: &'a str,
        trace: &'a str,
        pin: Pin,
        ratio_of: TimeMeasure,
        record: &'a str,
        started_at: &'a str,
        revision: Option<&'a str>,
        ratio_estimate: f64,
        ratio_low: Option<f64>,
        ratio_high: Option<f64>,
        ratio_level: f64,
        ratio_pairs: u32,
        change_point: bool,
        change_p_value: Option<f64>,
        change_before: Option<f64>,
        change_after: Option<f64>,
    }
    let mut csv = ::csv::Writer::from_writer(Vec::new());
    for machine in &history.machines {
        for series in &machine.series {
            for (at, point) in series.points.iter().enumerate() {
                let change = series
                    .change_points
                    .iter()
                    .find(|change| change.index == at);
                let (ratio, subject) = (&point.ratio, &series.subject);
                let row = Row {
                    host: &machine.machine.host,
                    kernel_release: &machine.machine.kernel_release,
                    cpu_model: machine.machine.cpu_model.as_deref(),
                    cpus_online: machine.machine.online,
                    workload: &subject.workload,
                    mode: &series.mode,
                    command: &subject.command,
                    trace: &subject.trace,
                    pin: subject.pin,
                    ratio_of: subject.of,
                    record: &point.record,
                    started_at: &point.started_at,
                    revision: point.revision.as_deref(),
                    ratio_estimate: ratio.estimate,
                    ratio_low: ratio.low,
                    ratio_high: ratio.high,
                    ratio_level: ratio.level,
                    ratio_pairs: ratio.pairs,
                    change_point: change.is_some(),
                    change_p_value: change.map(|change| change.p_value),
                    change_before: change.map(|change| change.before),
                    change_after: change.map(|change| change.after),
                };
                csv.serialize(row).expect("a row of strings and numbers");
            }
        }
    }
    let bytes = csv.into_inner().expect("a vector takes everything");
    String::from_utf8(bytes).expect("CSV of UTF-8 is UTF-8")
}
