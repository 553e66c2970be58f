//! The picture: a panel for each way in which calls are made, ns a stop against
//! the number of processes.

use crate::Row;
use crate::crowd::Work;
use crate::tracer::{LOOPS, PTRACE, SECCOMP, STRACE, STRACE_BPF, UNTRACED};
use plotters::coord::Shift;
use plotters::prelude::*;

const SIZE: (u32, u32) = (1080, 470);

const PANELS: [(Work, &str); 3] = [
    (
        Work::First,
        "the eldest of N processes makes calls, the others sleep",
    ),
    (
        Work::Last,
        "the youngest of N makes calls, the others sleep",
    ),
    (Work::All, "all of N make calls at once"),
];

/// A line of the picture: whose times, of which work where not of the panel's.
struct Series {
    name: &'static str,
    tracer: &'static str,
    work: Option<Work>,
    /// M. Okabe and K. Ito's colours ("Color Universal Design", 2008).
    colour: RGBColor,
}

const fn series(
    name: &'static str,
    tracer: &'static str,
    work: Option<Work>,
    colour: (u8, u8, u8),
) -> Series {
    let colour = RGBColor(colour.0, colour.1, colour.2);
    Series {
        name,
        tracer,
        work,
        colour,
    }
}

const SERIES: [Series; 9] = [
    series(STRACE, STRACE, None, (0xd5, 0x5e, 0x00)),
    series(STRACE_BPF, STRACE_BPF, None, (0xe6, 0x9f, 0x00)),
    series(LOOPS[0], LOOPS[0], None, (0x77, 0x77, 0x77)),
    series(LOOPS[1], LOOPS[1], None, (0xb5, 0xb5, 0xb5)),
    series(LOOPS[2], LOOPS[2], None, (0xcc, 0x79, 0xa7)),
    series(PTRACE, PTRACE, None, (0x00, 0x72, 0xb2)),
    series(SECCOMP, SECCOMP, None, (0x56, 0xb4, 0xe9)),
    series(
        "untraced: a switch",
        UNTRACED,
        Some(Work::Switch),
        (0x00, 0x9e, 0x73),
    ),
    series("untraced: a call", UNTRACED, None, (0x00, 0x00, 0x00)),
];

type Failure = Box<dyn std::error::Error>;

/// The picture as an SVG document.
pub(crate) fn draw(rows: &[Row]) -> String {
    let mut svg = String::new();
    try_draw(rows, &mut svg).expect("a string can always be drawn into");
    svg
}

fn try_draw(rows: &[Row], svg: &mut String) -> Result<(), Failure> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let area = area.titled(
        "Time of a stop by the number of processes under one tracer (ns; both axes logarithmic)",
        ("sans-serif", 18),
    )?;
    let (panels, key) = area.split_vertically(385);
    let most = rows.iter().map(|row| row.ns_per_stop[2]);
    let least = rows.iter().map(|row| row.ns_per_stop[1]);
    let range = least.fold(f64::INFINITY, f64::min) / 1.5..most.fold(0.0, f64::max) * 1.5;
    for (panel, (work, title)) in panels.split_evenly((1, PANELS.len())).iter().zip(PANELS) {
        draw_panel(panel, work, title, rows, range.clone())?;
    }
    draw_key(&key)?;
    area.present()?;
    Ok(())
}

/// Two lines of names.
fn draw_key(area: &DrawingArea<SVGBackend, Shift>) -> Result<(), Failure> {
    for (at, series) in (0..).zip(&SERIES) {
        let (x, y) = (60 + at % 5 * 200, 8 + at / 5 * 22);
        let line = PathElement::new([(x, y), (x + 22, y)], series.colour.stroke_width(3));
        area.draw(&line)?;
        let style = ("sans-serif", 13).into_text_style(area);
        area.draw(&Text::new(series.name, (x + 28, y - 7), style))?;
    }
    Ok(())
}

fn draw_panel(
    area: &DrawingArea<SVGBackend, Shift>,
    panel: Work,
    title: &str,
    rows: &[Row],
    range: std::ops::Range<f64>,
) -> Result<(), Failure> {
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 13))
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d((0.8..2600.0).log_scale(), range.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("processes under the tracer")
        .x_label_formatter(&|n: &f64| format!("{n:.0}"))
        .y_label_formatter(&|ns: &f64| format!("{ns:.0}"))
        .draw()?;
    for series in &SERIES {
        // Switches are of all processes.
        if series.work.is_some() && panel != Work::All {
            continue;
        }
        let work = series.work.unwrap_or(panel);
        let points: Vec<&Row> = rows
            .iter()
            .filter(|row| row.tracer == series.tracer && row.work == work)
            .collect();
        let at = |row: &Row, ns: f64| (f64::from(row.size), ns);
        let line: Vec<_> = points
            .iter()
            .map(|row| at(row, row.ns_per_stop[0]))
            .collect();
        chart.draw_series([PathElement::new(line, series.colour.stroke_width(2))])?;
        let ranges = points.iter().map(|row| {
            let [_, least, most] = row.ns_per_stop;
            PathElement::new(
                [at(row, least), at(row, most)],
                series.colour.stroke_width(1),
            )
        });
        chart.draw_series(ranges)?;
        let dots = points
            .iter()
            .map(|row| Circle::new(at(row, row.ns_per_stop[0]), 3, series.colour.filled()));
        chart.draw_series(dots)?;
    }
    Ok(())
}
