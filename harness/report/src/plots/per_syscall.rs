//! What each mode adds to one system call.

use super::frame::{Frame, Row};
use super::scale::Scale;
use super::{Subject, whiskers_text};
use crate::summary::{LEVEL, overhead_measure};
use crate::units::{count_text, level_text, ns_interval_text};
use crate::view::mode_text;
use harness_record::{CONTROL, TimeMeasure};

/// Title and picture; `None` without a positive overhead to show.
pub(super) fn draw(subject: &Subject) -> Option<(String, String)> {
    let rows: Vec<_> = subject
        .rows()
        .filter_map(|row| Some((row, row.overhead_ns_per_syscall_distribution?)))
        .collect();
    let least = rows
        .iter()
        .map(|(_, ns)| ns.median)
        .filter(|ns| *ns > 0.0)
        .reduce(f64::min)?;
    let calls = subject.rows().find_map(|row| row.syscalls_reference)?;
    let (time, whole) = match overhead_measure(subject.workload) {
        TimeMeasure::WallNs => ("wall time", "a run"),
        TimeMeasure::LoopNs => ("time of the loop", "the loop"),
    };
    let title = format!(
        "{}: time that each mode adds to a system call",
        subject.workload.name
    );
    let level = level_text(LEVEL);
    // A limit near zero must not stretch the axis over empty decades.
    let scale = Scale::of_decades(
        rows.iter()
            .flat_map(|(_, ns)| [Some(ns.median), ns.low, ns.high])
            .flatten()
            .filter(|ns| *ns >= least / 10.0),
    );
    let pairs = rows.iter().filter_map(|(row, _)| Some(row.ratio?.pairs));
    let frame = Frame {
        title: title.clone(),
        explanation: format!(
            "Dots: ({time} − that of the untraced run) / {} system calls of {whole}, Hodges–Lehmann estimate \
             of paired runs. {} An arrow: it leaves the axis{}.",
            count_text(calls as f64),
            whiskers_text(pairs),
            if rows.iter().all(|(_, ns)| ns.median > 0.0) {
                ""
            } else {
                "; one in a mode's colour: so does the estimate, which is not above 0"
            }
        ),
        axis: format!("added nanoseconds per system call (logarithmic axis; {CONTROL} adds 0)"),
        figures: format!("ns [{level} interval]"),
        overhang: 0,
        scale,
        origin: None,
        rows: rows
            .iter()
            .map(|(row, ns)| Row {
                label: mode_text(row),
                figure: ns_interval_text(ns),
            })
            .collect(),
        row_height: 34,
        legend: Vec::new(),
        caption: subject.caption(),
    };
    let svg = frame.draw(|canvas, place, number| {
        let (row, ns) = &rows[number];
        if let (Some(low), Some(high)) = (ns.low, ns.high) {
            place.whisker(canvas, low, high);
        }
        place.estimate(canvas, ns.median, subject.colour(&row.mode));
    });
    Some((title, svg))
}
