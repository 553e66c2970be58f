//! The pictures: one SVG file for each workload and question.
//!
//! All have the same frame: modes as rows in plan order, one horizontal axis
//! with its unit, the exact figures in a column of their own, and a caption
//! that says on what and how it was measured.

mod canvas;
mod counts;
mod frame;
mod overhead;
mod palette;
mod per_syscall;
mod scale;
mod trend;

use crate::caption::{caption, state_text};
use crate::summary::{LEVEL, MIN_PAIRS};
use crate::units::level_text;
use crate::view::rows_of;
use harness_record::{Record, ResultRow, WorkloadPlan};
use plotters::style::RGBColor;

pub use trend::plot_history;

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plot {
    /// File name without the ending, `WORKLOAD-QUESTION`.
    pub name: String,
    /// Name of the workload.
    pub workload: String,
    /// What it shows, in one line.
    pub title: String,
    /// The picture itself, an SVG document.
    pub svg: String,
}

/// Every picture that the record has the numbers for.
#[must_use]
pub fn plots(record: &Record) -> Vec<Plot> {
    type Draw = fn(&Subject) -> Option<(String, String)>;
    const QUESTIONS: [(&str, Draw); 3] = [
        ("overhead", overhead::draw),
        ("stops", counts::draw),
        ("ns-per-syscall", per_syscall::draw),
    ];
    let mut plots = Vec::new();
    for workload in &record.plan.workloads {
        let subject = Subject { record, workload };
        for (question, draw) in QUESTIONS {
            if let Some((title, svg)) = draw(&subject) {
                plots.push(Plot {
                    name: format!("{}-{question}", workload.name),
                    workload: workload.name.clone(),
                    title,
                    svg,
                });
            }
        }
    }
    plots
}

/// What a picture is about.
struct Subject<'a> {
    record: &'a Record,
    workload: &'a WorkloadPlan,
}

impl Subject<'_> {
    /// The modes that were measured.
    fn rows(&self) -> impl Iterator<Item = &ResultRow> {
        rows_of(self.record, self.workload).filter(|row| row.samples > 0)
    }

    /// The colour of a mode.
    fn colour(&self, mode: &str) -> RGBColor {
        palette::colour(self.record.plan.colour(mode), mode)
    }

    /// The lines under the picture, with what the reader must be warned of.
    fn caption(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for row in rows_of(self.record, self.workload) {
            if row.verified == Some(false) {
                lines.push(format!(
                    "WARNING: {} is not verified: {}.",
                    row.mode, row.verification
                ));
            }
        }
        lines.extend(state_text(self.record));
        lines.extend(caption(self.record, self.workload));
        lines
    }
}

/// What the whiskers are, a sentence.
fn whiskers_text(pairs: impl Iterator<Item = u32> + Clone) -> String {
    let (least, most) = (pairs.clone().min().unwrap_or(0), pairs.max().unwrap_or(0));
    let pairs = if least == most {
        most.to_string()
    } else {
        format!("{least} to {most}")
    };
    let level = level_text(LEVEL);
    if least < MIN_PAIRS {
        format!(
            "Whiskers: {level} interval (signed-rank), from {MIN_PAIRS} pairs on; there are {pairs}."
        )
    } else {
        format!("Whiskers: {level} interval (signed-rank, {pairs} pairs).")
    }
}
