//! How often the tracer stops the workload, and how often either waits.

use super::Subject;
use super::frame::{FIGURE, Frame, Key, Row};
use super::palette::{INK, PAPER, light};
use super::scale::Scale;
use crate::units::count_text;
use crate::view::{STOPS, mode_text, stops_text};
use harness_record::{Distribution, ResultRow};
use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

const BAR_HEIGHT: i32 = 13;

/// A count with its interval, where it has one.
#[derive(Clone, Copy)]
struct Count {
    median: u64,
    interval: Option<(f64, f64)>,
}

/// Stops, voluntary switches of the tracer, and of the tracees.
fn counts(row: &ResultRow) -> [Option<Count>; 3] {
    let switches = row.context_switches;
    let count = |median: Option<u64>, distribution: Option<Distribution>| {
        let interval = distribution.and_then(|counts| counts.low.zip(counts.high));
        median.map(|median| Count { median, interval })
    };
    [
        count(row.counts.interceptions(), row.stops_distribution),
        count(
            switches.and_then(|switches| switches.tracer_voluntary),
            row.tracer_voluntary_distribution,
        ),
        count(
            switches.map(|switches| switches.tracee_voluntary),
            row.tracee_voluntary_distribution,
        ),
    ]
}

/// The three fillings of a mode's bars.
fn fills(colour: RGBColor) -> [RGBColor; 3] {
    [colour, light(colour), PAPER]
}

/// Title and picture; `None` where nothing was counted.
pub(super) fn draw(subject: &Subject) -> Option<(String, String)> {
    let rows: Vec<_> = subject.rows().map(|row| (row, counts(row))).collect();
    let known = || rows.iter().flat_map(|(_, counts)| counts).flatten();
    known().next()?;
    let what = stops_text(subject.rows());
    let title = format!(
        "{}: {what} and context switches under each mode",
        subject.workload.name
    );
    let [stops, tracer, tracees] = fills(INK);
    let key = |text, fill| Key {
        text,
        fill,
        edge: INK,
    };
    let handing = if what == STOPS {
        "A stop hands the tracee to the tracer"
    } else {
        "An interception (a stop, a notification) hands the tracee to the tracer"
    };
    let mut explanation = format!(
        "Medians of one run of the workload. {handing}; a voluntary switch is one wait, for the \
         other side or for anything else."
    );
    // A record of few runs, or of before there were any, has none.
    if known().any(|count| count.interval.is_some()) {
        explanation +=
            " Whiskers: 95 % intervals of the medians, where they are wider than a point.";
    }
    let frame = Frame {
        title: title.clone(),
        explanation,
        axis: "number in one run (logarithmic axis: log10(1 + n), so that 0 has a place)"
            .to_string(),
        figures: String::new(),
        // The figures stand at the ends of the bars.
        overhang: FIGURE.width("999,999"),
        scale: Scale::of_counts(known().flat_map(|count| {
            let high = count.interval.map(|(_, high)| high);
            [count.median as f64].into_iter().chain(high)
        })),
        origin: Some(0.0),
        rows: rows
            .iter()
            .map(|(row, _)| Row {
                label: mode_text(row),
                figure: String::new(),
            })
            .collect(),
        row_height: 3 * BAR_HEIGHT + 12,
        legend: vec![
            key(what, stops),
            key("voluntary switches, tracer", tracer),
            key("voluntary switches, tracees", tracees),
        ],
        caption: subject.caption(),
    };
    let svg = frame.draw(|canvas, place, number| {
        let (row, counts) = &rows[number];
        let edge = subject.colour(&row.mode);
        for (at, (count, fill)) in (-1..).zip(counts.iter().zip(fills(edge))) {
            let y = place.y + at * BAR_HEIGHT;
            let Some(Count { median, interval }) = *count else {
                canvas.text((place.x(0.0) + 6, y), "unknown", FIGURE, HPos::Left);
                continue;
            };
            let count = median as f64;
            let (from, mut to) = ((place.x(0.0), y - 5), (place.x(count), y + 5));
            if count > 0.0 {
                canvas.rectangle(from, to, fill);
                canvas.outline(from, to, edge);
            }
            if let Some((low, high)) = interval.filter(|(low, high)| low < high) {
                place.at(y).whisker(canvas, low, high);
                to.0 = to.0.max(place.x(high));
            }
            canvas.text((to.0 + 6, y), &count_text(count), FIGURE, HPos::Left);
        }
    });
    Some((title, svg))
}
