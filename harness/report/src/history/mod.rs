//! Records over time: the ratio of every workload and mode, record by record, and where it changed.
//!
//! Only what can be compared is put into one series: records of one machine and kernel, of one
//! workload with the same parameters, trace set and pinning. Records that cannot be compared are
//! kept apart, and that is said.

mod change;
mod text;

pub use change::ChangePoint;
pub(crate) use change::segments;
pub use text::render_history;
pub(crate) use text::{minute, notes, time_text, title};

use crate::caption::{pin_text, state_text, uncalibrated_text};
use harness_record::{
    CONTROL, Colour, Fingerprint, Pin, Ratio, Record, ResultRow, TimeMeasure, WorkloadPlan,
};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A record with the name that it is called by.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedRecord {
    /// What the user calls it: the name of its directory.
    pub name: String,
    /// The record.
    pub record: Record,
}

/// Which part of the records to look at; empty is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Names of workloads.
    pub workloads: Vec<String>,
    /// Names of modes.
    pub modes: Vec<String>,
}

/// Records over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct History {
    /// In the order of their first records.
    pub machines: Vec<MachineHistory>,
    /// What a reader must know before trusting the series, a sentence each.
    pub warnings: Vec<String>,
}

/// The records of one machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MachineHistory {
    /// The machine.
    pub machine: Fingerprint,
    /// In the order of workloads and modes in the records.
    pub series: Vec<Series>,
}

/// What was measured, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// Name of the workload.
    pub workload: String,
    /// What was executed, without its seed and what each record calibrates, as it would be typed
    /// into a shell.
    pub command: String,
    /// Operations of its own loop in one execution, where it has one.
    pub operations: Option<u64>,
    /// The trace set, as written.
    pub trace: String,
    /// Where tracer and tracees ran.
    pub pin: Pin,
    /// Which time the ratios compare.
    pub of: TimeMeasure,
}

/// The ratios of one workload under one mode, in the order of their records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// What was measured.
    #[serde(flatten)]
    pub subject: Subject,
    /// Name of the mode.
    pub mode: String,
    /// Its colour in the picture, where it has one of its own.
    #[serde(skip)]
    pub colour: Option<Colour>,
    /// A point a record.
    pub points: Vec<Point>,
    /// Where the ratios changed.
    pub change_points: Vec<ChangePoint>,
}

/// The ratio in one record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// Name of the record.
    pub record: String,
    /// Start of the measurement, RFC 3339.
    pub started_at: String,
    /// Revision of the harness that measured, where known.
    pub revision: Option<String>,
    /// Ratio to the untraced mode.
    pub ratio: Ratio,
}

/// Why there is no history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// A record says no time.
    #[error(
        "{record} was started at {started_at:?}, which is no time of RFC 3339; correct its run.json"
    )]
    Start {
        /// Name of the record.
        record: String,
        /// What it says.
        started_at: String,
    },
    /// A workload or mode that no record has.
    #[error("no record has {what} {name}; there are {}", known.join(", "))]
    Unknown {
        /// `workload` or `mode`.
        what: &'static str,
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// Not a single ratio.
    #[error(
        "no record has a ratio to mode {CONTROL} to show; measure with it: `harness run --modes {CONTROL},…`"
    )]
    Nothing,
}

/// The records in the order of their start, as series of what can be compared.
///
/// # Errors
///
/// [`HistoryError`].
pub fn history(
    mut records: Vec<NamedRecord>,
    selection: &Selection,
) -> Result<History, HistoryError> {
    let mut warnings = Vec::new();
    sort(&mut records)?;
    drop_copies(&mut records, &mut warnings);
    check(selection, &records)?;
    let mut machines: Vec<MachineHistory> = Vec::new();
    let mut firsts: Vec<(usize, Subject, &WorkloadPlan)> = Vec::new();
    for NamedRecord { name, record } in &records {
        if state_text(record).is_some() {
            warnings.push(format!(
                "{name} ended early; it is shown with the samples until then."
            ));
        }
        let machine = Fingerprint::of(&record.environment);
        let at = machines.iter().position(|known| known.machine == machine);
        let at = at.unwrap_or_else(|| {
            let series = Vec::new();
            machines.push(MachineHistory { machine, series });
            machines.len() - 1
        });
        for workload in &record.plan.workloads {
            if selected(&selection.workloads, &workload.name) {
                let rows = record.results.iter().filter(|row| {
                    row.workload == workload.name && selected(&selection.modes, &row.mode)
                });
                machines[at].take(name, record, workload, rows, &mut warnings);
                let subject = Subject::of(workload);
                let mut known = firsts.iter();
                match known.find(|(machine, known, _)| *machine == at && *known == subject) {
                    None => firsts.push((at, subject, workload)),
                    Some((.., first)) => {
                        let told = first.calibrated_otherwise(workload);
                        warnings.extend(told.filter(|told| !warnings.contains(told)));
                    }
                }
            }
        }
    }
    for machine in &mut machines {
        machine.series.retain(|series| !series.points.is_empty());
    }
    machines.retain(|machine| !machine.series.is_empty());
    if machines.is_empty() {
        return Err(HistoryError::Nothing);
    }
    for series in machines.iter_mut().flat_map(|machine| &mut machine.series) {
        series.change_points = change::find(&series.points);
    }
    warnings.splice(0..0, kept_apart(&machines));
    Ok(History { machines, warnings })
}

/// A machine in one line.
pub(crate) fn machine_text(machine: &Fingerprint) -> String {
    format!(
        "{}: {} × {}; Linux {}",
        machine.host,
        machine.online,
        machine
            .cpu_model
            .as_deref()
            .unwrap_or("CPU of unknown model"),
        machine.kernel_release
    )
}

impl Subject {
    fn of(workload: &WorkloadPlan) -> Self {
        Self {
            workload: workload.name.clone(),
            command: uncalibrated_text(workload),
            operations: workload.operations,
            trace: workload.trace.clone(),
            pin: workload.pin,
            of: workload.time_measure(),
        }
    }

    /// Everything but the name.
    pub(crate) fn text(&self) -> String {
        format!(
            "{}; trace set {}; {}",
            self.command,
            self.trace,
            pin_text(self.pin)
        )
    }
}

impl MachineHistory {
    /// Takes the ratios of one workload in one record.
    fn take<'a>(
        &mut self,
        name: &str,
        record: &Record,
        workload: &WorkloadPlan,
        rows: impl Iterator<Item = &'a ResultRow>,
        warnings: &mut Vec<String>,
    ) {
        let subject = Subject::of(workload);
        for row in rows.filter(|row| row.available && !row.is_control()) {
            let at = (self.series.iter())
                .position(|series| series.subject == subject && series.mode == row.mode);
            let at = at.unwrap_or_else(|| {
                self.series.push(Series {
                    subject: subject.clone(),
                    mode: row.mode.clone(),
                    colour: record.plan.colour(&row.mode),
                    points: Vec::new(),
                    change_points: Vec::new(),
                });
                self.series.len() - 1
            });
            let ratio = match usable(row) {
                Ok(ratio) => ratio,
                Err(reason) => {
                    let (workload, mode) = (&row.workload, &row.mode);
                    warnings.push(format!(
                        "{workload} under {mode} is left out of {name}: {reason}."
                    ));
                    continue;
                }
            };
            self.series[at].points.push(Point {
                record: name.to_string(),
                started_at: record.started_at.clone(),
                revision: record.harness.revision.clone(),
                ratio,
            });
        }
    }

    /// The subjects, each once, in order.
    pub(crate) fn subjects(&self) -> Vec<&Subject> {
        let mut subjects = Vec::new();
        for series in &self.series {
            if !subjects.contains(&&series.subject) {
                subjects.push(&series.subject);
            }
        }
        subjects
    }
}

/// The ratio, or why there is none that may be shown.
fn usable(row: &ResultRow) -> Result<Ratio, String> {
    if row.verified == Some(false) {
        return Err(format!("it is not verified: {}", row.verification));
    }
    let ratio = row
        .ratio
        .ok_or("it has no ratio, as no run is paired with an untraced one")?;
    let limits = [ratio.low, ratio.high];
    let mut numbers = limits.iter().flatten().chain([&ratio.estimate]);
    if numbers.all(|number| number.is_finite() && *number > 0.0) {
        Ok(ratio)
    } else {
        Err(format!(
            "a ratio of {} is none that times can have",
            ratio.estimate
        ))
    }
}

fn selected(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|known| known == name)
}

/// By start; of the same start, in the order they were named.
fn sort(records: &mut [NamedRecord]) -> Result<(), HistoryError> {
    let start = |named: &NamedRecord| {
        OffsetDateTime::parse(&named.record.started_at, &Rfc3339).map_err(|_| HistoryError::Start {
            record: named.name.clone(),
            started_at: named.record.started_at.clone(),
        })
    };
    for named in records.iter() {
        start(named)?;
    }
    records.sort_by_key(|named| start(named).ok());
    Ok(())
}

/// One measurement counts once, however often it is named.
fn drop_copies(records: &mut Vec<NamedRecord>, warnings: &mut Vec<String>) {
    let mut kept: Vec<NamedRecord> = Vec::new();
    for named in records.drain(..) {
        match kept.iter().find(|known| known.record == named.record) {
            Some(known) if known.name == named.name => {
                warnings.push(format!("{} is named twice and counts once.", named.name));
            }
            Some(known) => warnings.push(format!(
                "{} is left out: it is the same measurement as {}.",
                named.name, known.name
            )),
            None => kept.push(named),
        }
    }
    *records = kept;
}

/// Refuses names that no record has.
fn check(selection: &Selection, records: &[NamedRecord]) -> Result<(), HistoryError> {
    type Names = fn(&Record) -> Vec<&String>;
    let workloads: Names = |record| record.plan.workloads.iter().map(|w| &w.name).collect();
    let modes: Names = |record| record.plan.modes.iter().map(|m| &m.name).collect();
    for (what, names, of) in [
        ("workload", &selection.workloads, workloads),
        ("mode", &selection.modes, modes),
    ] {
        let mut known: Vec<String> = Vec::new();
        for name in records.iter().flat_map(|named| of(&named.record)) {
            if !known.contains(name) {
                known.push(name.clone());
            }
        }
        if let Some(name) = names.iter().find(|name| !known.contains(name)) {
            let name = name.clone();
            return Err(HistoryError::Unknown { what, name, known });
        }
    }
    Ok(())
}

/// What was not put into one series although it bears one name.
fn kept_apart(machines: &[MachineHistory]) -> Vec<String> {
    let mut warnings = Vec::new();
    if machines.len() > 1 {
        let texts: Vec<_> = machines
            .iter()
            .map(|machine| machine_text(&machine.machine))
            .collect();
        warnings.push(format!(
            "The records are of {} machines or kernels, whose ratios are kept apart: {}.",
            machines.len(),
            texts.join(" | ")
        ));
    }
    for machine in machines {
        let subjects = machine.subjects();
        for (at, subject) in subjects.iter().enumerate() {
            let same = |other: &&&Subject| other.workload == subject.workload;
            if subjects[..at].iter().any(|other| same(&other)) {
                continue;
            }
            let texts: Vec<_> = subjects
                .iter()
                .filter(same)
                .map(|other| other.text())
                .collect();
            if texts.len() > 1 {
                warnings.push(format!(
                    "{} was measured in {} ways on {}, whose ratios are kept apart: {}.",
                    subject.workload,
                    texts.len(),
                    machine.machine.host,
                    texts.join(" | ")
                ));
            }
        }
    }
    warnings
}
