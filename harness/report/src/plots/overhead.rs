//! How much longer the workload takes under each mode.

use super::frame::{Frame, Row};
use super::scale::Scale;
use super::{Subject, whiskers_text};
use crate::summary::LEVEL;
use crate::units::level_text;
use crate::view::{mode_text, ratio_text};
use harness_record::{CONTROL, TimeMeasure};

/// Title and picture; `None` without a ratio to show.
pub(super) fn draw(subject: &Subject) -> Option<(String, String)> {
    let rows: Vec<_> = subject
        .rows()
        .filter_map(|row| Some((row, row.ratio?)))
        .filter(|(_, ratio)| ratio.estimate > 0.0)
        .collect();
    if rows.iter().all(|(row, _)| row.is_control()) {
        return None;
    }
    let scale = Scale::of_ratios(
        rows.iter()
            .flat_map(|(_, ratio)| [Some(ratio.estimate), ratio.low, ratio.high])
            .flatten(),
    );
    let time = match subject.workload.time_measure() {
        TimeMeasure::WallNs => "wall time",
        TimeMeasure::LoopNs => "time of the loop",
    };
    let title = format!("{}: what each mode of tracing costs", subject.workload.name);
    let level = level_text(LEVEL);
    let pairs = rows
        .iter()
        .filter(|(row, _)| !row.is_control())
        .map(|(_, ratio)| ratio.pairs);
    let frame = Frame {
        title: title.clone(),
        explanation: format!(
            "Bars: {time} divided by that of the untraced run (mode {CONTROL}), Hodges–Lehmann \
             estimate of paired runs. {}",
            whiskers_text(pairs)
        ),
        axis: match scale {
            Scale::Log { .. } => {
                format!("{time}, ratio to {CONTROL} (no unit; logarithmic axis)")
            }
            _ => format!("{time}, ratio to {CONTROL} (no unit)"),
        },
        figures: format!("ratio [{level} interval]"),
        overhang: 0,
        scale,
        origin: Some(1.0),
        rows: rows
            .iter()
            .map(|(row, _)| Row {
                label: mode_text(row),
                figure: ratio_text(row).unwrap_or_default(),
            })
            .collect(),
        row_height: 34,
        legend: Vec::new(),
        caption: subject.caption(),
    };
    let svg = frame.draw(|canvas, place, number| {
        let (row, ratio) = &rows[number];
        let (one, end) = (place.x(1.0), place.x(ratio.estimate));
        // At least a stroke, so that a ratio of one has its colour too.
        let (from, to) = (one.min(end - 1), one.max(end + 1));
        canvas.rectangle(
            (from, place.y - 10),
            (to, place.y + 10),
            subject.colour(&row.mode),
        );
        if let (Some(low), Some(high)) = (ratio.low, ratio.high)
            && !row.is_control()
        {
            place.whisker(canvas, low, high);
        }
    });
    Some((title, svg))
}
