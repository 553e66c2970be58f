//! A record in the formats that other tools read: one file a format.
//!
//! Everything is counted from the samples again, and only samples that count are exported. What
//! is left out is said, never silently missing. Names hold the workload and the mode and nothing
//! that changes from run to run, as trackers compare by name.

mod bencher;
mod github_action_benchmark;
mod gobench;
mod hyperfine;

use crate::caption::{command_text, state_text};
use crate::group::Group;
use crate::summary::summarise;
use crate::tables::printable;
use harness_record::{Counter, Record, ResultRow, Sample, WorkloadPlan, in_json};

/// What the plan calls a command of the user's.
const COMMAND: &str = "command";

/// Every format, in the order they are listed.
pub const EXPORT_FORMATS: &[ExportFormat] = &[
    hyperfine::FORMAT,
    github_action_benchmark::FORMAT,
    bencher::FORMAT,
    gobench::FORMAT,
];

/// A format that other tools read.
#[derive(Debug)]
pub struct ExportFormat {
    /// What `--to` calls it.
    pub name: &'static str,
    /// What it holds, in one line.
    pub summary: &'static str,
    write: fn(&Source) -> Written,
}

/// A record in another format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The document; it ends with a line's end.
    pub text: String,
    /// What a reader must know, and what was left out and why, a sentence each.
    pub remarks: Vec<String>,
}

/// Why nothing was exported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing to export: {}", reasons(.0))]
pub struct NothingToExport(Vec<String>);

/// The record in another format, from its plan and its samples.
///
/// # Errors
///
/// [`NothingToExport`], with the reasons, where no workload and mode has a number for this format.
pub fn export(
    record: &Record,
    samples: &[Sample],
    format: &ExportFormat,
) -> Result<Export, NothingToExport> {
    let rows = summarise(&record.plan, samples);
    let mut remarks: Vec<_> = state_text(record).into_iter().collect();
    let mut entries = Vec::new();
    for workload in &record.plan.workloads {
        for mode in &record.plan.modes {
            let row =
                (rows.iter()).find(|row| row.workload == workload.name && row.mode == mode.name);
            let Some(row) = row else { continue };
            let entry = Entry {
                workload,
                row,
                samples: Group::new(workload, mode, samples).counted,
            };
            match entry.refusal() {
                Some(reason) => remarks.push(entry.left_out(&reason)),
                None => entries.push(entry),
            }
        }
    }
    let written = (format.write)(&Source { record, entries });
    remarks.extend(written.left_out);
    match written.text {
        Some(text) => Ok(Export { text, remarks }),
        None => Err(NothingToExport(remarks)),
    }
}

/// What a format is written from.
struct Source<'a> {
    record: &'a Record,
    /// In plan order.
    entries: Vec<Entry<'a>>,
}

/// What a format made of it.
struct Written {
    /// `None` where there was nothing to write.
    text: Option<String>,
    /// What the format has no place for, a sentence each.
    left_out: Vec<String>,
}

/// A workload under a mode that has samples, all verified or not verifiable.
struct Entry<'a> {
    workload: &'a WorkloadPlan,
    row: &'a ResultRow,
    /// The samples that count; at least one.
    samples: Vec<&'a Sample>,
}

impl Entry<'_> {
    /// Why it must not be exported.
    fn refusal(&self) -> Option<String> {
        let row = self.row;
        if !row.available {
            let reason = row.unavailable_reason.as_deref();
            return Some(format!(
                "it did not run: {}",
                reason.unwrap_or("unknown reason")
            ));
        }
        if row.verified == Some(false) {
            return Some(format!("it is not verified: {}", row.verification));
        }
        self.samples
            .is_empty()
            .then(|| "it has no sample that counts".to_string())
    }

    /// A sentence that says so.
    fn left_out(&self, reason: &str) -> String {
        format!("{} is left out: {reason}", self.name())
    }

    /// What it is called wherever a name is free text.
    fn name(&self) -> String {
        format!("{} under {}", self.label(), self.row.mode)
    }

    /// The workload's name; of a command the command line, as other tools have it.
    fn label(&self) -> String {
        if self.row.workload == COMMAND && !self.workload.command.is_empty() {
            command_text(&self.workload.command)
        } else {
            self.row.workload.clone()
        }
    }

    fn is_untraced(&self) -> bool {
        self.row.is_control()
    }
}

/// The counters that formats hand over.
fn exported() -> impl Iterator<Item = Counter> {
    let all = Counter::ALL.iter().copied();
    all.filter(|counter| counter.info().exported)
}

/// `traced-events`.
fn slug(counter: Counter) -> String {
    counter.info().plural().replace(' ', "-")
}

/// The reasons in one line.
fn reasons(remarks: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = remarks[..remarks.len().min(SHOWN)].join("; ");
    let line = match remarks.len() {
        0 => "the record has no numbers for this format".to_string(),
        n if n > SHOWN => format!("{shown}; and {} more", n - SHOWN),
        _ => shown,
    };
    // The texts of a record are anybody's.
    printable(&line)
}

/// A document of indented JSON, as long as it has something in it.
fn json(items: usize, document: &impl serde::Serialize) -> Option<String> {
    (items > 0).then(|| {
        let text = serde_json::to_string_pretty(document)
            .expect("strings, finite numbers and maps with string keys are JSON");
        in_json(&text) + "\n"
    })
}
