//! What each mode adds to one system call.

use super::Subject;
use super::frame::{Frame, Row};
use super::palette::colour;
use super::scale::Scale;
use crate::summary::{LEVEL, UNTRACED};
use crate::units::{count_text, level_text, ns_interval_text};

/// Title and picture; `None` without a positive overhead to show.
pub(super) fn draw(subject: &Subject) -> Option<(String, String)> {
    let rows: Vec<_> = subject
        .rows()
        .filter_map(|row| Some((row.mode.as_str(), row.overhead_ns_per_syscall?)))
        .collect();
    let least = rows
        .iter()
        .map(|(_, ns)| ns.median)
        .filter(|ns| *ns > 0.0)
        .reduce(f64::min)?;
    let calls = subject.rows().find_map(|row| row.syscalls_reference)?;
    let of_the_loop = subject.workload.times_itself && subject.workload.loop_syscalls.is_some();
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
    let frame = Frame {
        title: title.clone(),
        explanation: format!(
            "Dots: ({} − that of the untraced run) / {} system calls{}, Hodges–Lehmann estimate \
             of paired runs. Whiskers: {level} interval (signed-rank); an arrow leaves the axis.",
            if of_the_loop {
                "time of the loop"
            } else {
                "wall time"
            },
            count_text(calls as f64),
            if of_the_loop {
                " of the loop"
            } else {
                " of a run"
            },
        ),
        axis: format!("added nanoseconds per system call (logarithmic axis; {UNTRACED} adds 0)"),
        figures: format!("ns [{level} interval]"),
        scale,
        origin: None,
        rows: rows
            .iter()
            .map(|(mode, ns)| Row {
                label: (*mode).to_string(),
                figure: ns_interval_text(ns),
            })
            .collect(),
        row_height: 34,
        legend: Vec::new(),
        caption: subject.caption(),
    };
    let svg = frame.draw(|canvas, place, number| {
        let (mode, ns) = &rows[number];
        if let (Some(low), Some(high)) = (ns.low, ns.high) {
            place.whisker(canvas, low, high);
        }
        if ns.median > 0.0 {
            canvas.dot((place.x(ns.median), place.y), 7, colour(mode));
        }
    });
    Some((title, svg))
}
