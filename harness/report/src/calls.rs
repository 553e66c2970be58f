//! The calls of each mode by number, as `strace -c` prints them.

#![expect(
    clippy::format_push_string,
    reason = "write! would add a Result that is never an error"
)]

use crate::render::{Format, render};
use crate::tables::{
    escaped, printable, printable_lines, push_markdown_table, push_wrapped, terminal_table,
};
use harness_record::{CallRow, Error, Record, WorkloadPlan, calls_csv, counted, median_text};

/// The calls of one workload under one mode.
pub(crate) struct CallTable {
    pub(crate) title: String,
    /// A heading a column; the last is of names.
    pub(crate) header: Vec<String>,
    /// A row a call, the last one the total.
    pub(crate) rows: Vec<Vec<String>>,
}

/// The record as [`render`] prints it, with its calls: behind it, a table for each workload and mode
/// that knows them; in their place as CSV, and nothing more as JSON, which has them anyway.
///
/// # Errors
///
/// As [`render`].
pub fn render_with_calls(record: &Record, format: Format) -> Result<String, Error> {
    match format {
        Format::Csv => Ok(printable_lines(&calls_csv(&record.calls))),
        Format::Json => render(record, format),
        Format::Table => Ok(render(record, format)? + &text(record)),
        Format::Markdown => Ok(render(record, format)? + &markdown(record)),
    }
}

/// The tables of one workload, in plan order.
pub(crate) fn call_tables(record: &Record, workload: &WorkloadPlan) -> Vec<CallTable> {
    let modes = record.plan.modes.iter();
    modes
        .filter_map(|mode| {
            let of = |row: &&CallRow| row.workload == workload.name && row.mode == mode.name;
            let rows: Vec<&CallRow> = record.calls.iter().filter(of).collect();
            let executions = rows.first()?.executions;
            Some(CallTable::new(
                format!(
                    "{} under {}: calls per execution, {}",
                    workload.name,
                    mode.name,
                    counted(executions, "execution")
                ),
                rows,
                &record.environment.architecture,
            ))
        })
        .collect()
}

/// What the figures of the tables are, a sentence each.
pub(crate) fn call_notes(record: &Record) -> Vec<String> {
    if record.calls.is_empty() {
        return vec![
            "No calls by number: no mode of this record counts them, or the program made none of the trace set."
                .to_owned(),
        ];
    }
    let mut notes = vec!["calls, errors: medians per execution; total: of the column.".to_owned()];
    if record.calls.iter().any(|row| row.total_ns.is_some()) {
        notes.push(
            "seconds: time on the clock from enter to exit, median per execution; usecs/call: mean over all executions."
                .to_owned(),
        );
    }
    if record.calls.iter().any(|row| row.median_ns.is_some()) {
        notes.push(
            "median, p99: microseconds of a call over all executions, from a histogram, right within a factor of 2."
                .to_owned(),
        );
    }
    notes
}

fn text(record: &Record) -> String {
    let mut out = String::new();
    for table in all(record) {
        out.push_str(&format!("\n{}\n\n", printable(&table.title)));
        let text = terminal_table(&table.header, &table.rows, table.names());
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        // The total has the rule of the header above it.
        let [header, rule, rows @ .., total] = &lines[..] else {
            continue;
        };
        for line in [header, rule].into_iter().chain(rows).chain([rule, total]) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.push('\n');
    for note in call_notes(record) {
        push_wrapped(&mut out, "", &note);
    }
    out
}

fn markdown(record: &Record) -> String {
    let mut out = String::from("\n");
    for table in all(record) {
        out.push_str(&format!("### {}\n\n", escaped(&table.title)));
        push_markdown_table(&mut out, &table.header, &table.rows, table.names());
    }
    for note in call_notes(record) {
        out.push_str(&format!("- {}\n", escaped(&note)));
    }
    out
}

fn all(record: &Record) -> impl Iterator<Item = CallTable> {
    let workloads = record.plan.workloads.iter();
    workloads.flat_map(|workload| call_tables(record, workload))
}

/// A column of the table: its heading, its cell in a row, and its total where there is one. It is
/// left out where the mode knows no row's cell.
type Column = (
    &'static str,
    fn(&CallRow, &Sums) -> Option<String>,
    fn(&Sums) -> String,
);

const COLUMNS: [Column; 7] = [
    (
        "% time",
        |row, total| Some(percent(row.total_ns?, total.total_ns)),
        |total| percent(total.total_ns, total.total_ns),
    ),
    (
        "seconds",
        |row, _| Some(seconds(row.total_ns?)),
        |total| seconds(total.total_ns),
    ),
    (
        "usecs/call",
        |row, _| Some(microseconds(row.mean_ns?)),
        |total| match total.calls {
            calls if calls > 0.0 => microseconds(total.total_ns / calls),
            _ => String::new(),
        },
    ),
    (
        "median",
        |row, _| Some(microseconds(row.median_ns?)),
        |_| String::new(),
    ),
    (
        "p99",
        |row, _| Some(microseconds(row.p99_ns?)),
        |_| String::new(),
    ),
    (
        "calls",
        |row, _| Some(median_text(row.calls)),
        |total| median_text(total.calls),
    ),
    (
        "errors",
        |row, _| row.errors.map(errors),
        |total| errors(total.errors),
    ),
];

/// Sums of the columns.
struct Sums {
    calls: f64,
    errors: f64,
    total_ns: f64,
}

impl CallTable {
    /// Sorted by time where it is known, else by calls.
    fn new(title: String, mut rows: Vec<&CallRow>, native: &str) -> Self {
        let sum = |value: fn(&CallRow) -> f64| rows.iter().map(|row| value(row)).sum();
        let total = Sums {
            calls: sum(|row| row.calls),
            errors: sum(|row| row.errors.unwrap_or(0.0)),
            total_ns: sum(|row| row.total_ns.unwrap_or(0.0)),
        };
        let key = |row: &CallRow| (row.total_ns.unwrap_or(0.0), row.calls);
        rows.sort_by(|a, b| {
            let (a, b) = (key(a), key(b));
            b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1))
        });
        let columns: Vec<&Column> = COLUMNS
            .iter()
            .filter(|(_, cell, _)| rows.iter().any(|row| cell(row, &total).is_some()))
            .collect();
        let heading = |(heading, _, _): &&Column| (*heading).to_owned();
        let cells = |row: &CallRow| {
            let cells = columns
                .iter()
                .map(|(_, cell, _)| cell(row, &total).unwrap_or_default());
            cells.chain([name(row, native)]).collect()
        };
        let totals = columns.iter().map(|(_, _, of)| of(&total));
        let totals = totals.chain(["total".to_owned()]).collect();
        Self {
            title,
            header: columns
                .iter()
                .map(heading)
                .chain(["syscall".to_owned()])
                .collect(),
            rows: rows.iter().copied().map(cells).chain([totals]).collect(),
        }
    }

    /// Which column is of names.
    pub(crate) fn names(&self) -> usize {
        self.header.len() - 1
    }
}

/// A call of another ABI than the machine's has that before its name.
fn name(row: &CallRow, native: &str) -> String {
    if row.abi == native {
        row.name.clone()
    } else {
        format!("{}:{}", row.abi, row.name)
    }
}

fn percent(part: f64, whole: f64) -> String {
    let share = if whole > 0.0 { part / whole } else { 0.0 };
    format!("{:.2}", share * 100.0)
}

fn seconds(ns: f64) -> String {
    format!("{:.6}", ns / 1e9)
}

fn microseconds(ns: f64) -> String {
    format!("{:.3}", ns / 1e3)
}

/// Blank where there was none, so that those that failed stand out.
fn errors(errors: f64) -> String {
    if errors > 0.0 {
        median_text(errors)
    } else {
        String::new()
    }
}
