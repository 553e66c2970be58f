//! The chart of executed instructions.

use crate::report::SetRows;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const SIZE: (u32, u32) = (1080, 460);

/// What is shown, and in which of M. Okabe and K. Ito's colours ("Color Universal Design", 2008).
const SERIES: [(&str, RGBColor); 7] = [
    ("strace linear", RGBColor(0xe6, 0x9f, 0x00)),
    ("strace bitmap", RGBColor(0x9a, 0x6a, 0x00)),
    ("libseccomp", RGBColor(0xcc, 0x79, 0xa7)),
    ("seccompiler", RGBColor(0x77, 0x77, 0x77)),
    ("tree", RGBColor(0x56, 0xb4, 0xe9)),
    ("optimal, no profile", RGBColor(0x00, 0x9e, 0x73)),
    ("optimal", RGBColor(0x00, 0x72, 0xb2)),
];

type Failure = Box<dyn std::error::Error>;

/// Bars: mean instructions executed, by set and contender, as an SVG document.
pub(crate) fn draw(sets: &[SetRows]) -> String {
    let mut svg = String::new();
    try_draw(sets, &mut svg).expect("a string can always be drawn into");
    svg
}

fn try_draw(sets: &[SetRows], svg: &mut String) -> Result<(), Failure> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    // A logarithmic axis: the bars' ratios are what is compared.
    let (low, high) = (0.8, 400.0);
    let shown: Vec<(&str, RGBColor)> = SERIES
        .into_iter()
        .filter(|(name, _)| sets[0].rows.iter().any(|row| row.name == *name))
        .collect();
    let mut chart = ChartBuilder::on(&area)
        .caption(
            "Instructions executed a call of a kernel build, mean (logarithmic)",
            ("sans-serif", 18),
        )
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..sets.len() as f64, (low..high).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .light_line_style(TRANSPARENT)
        .y_label_formatter(&|value| format!("{value:.0}"))
        .draw()?;
    let width = 0.84 / shown.len() as f64;
    for (series, &(name, colour)) in shown.iter().enumerate() {
        let bars = sets.iter().enumerate().filter_map(|(at, set)| {
            let row = set.rows.iter().find(|row| row.name == name)?;
            let left = at as f64 + 0.08 + series as f64 * width;
            Some(Rectangle::new(
                [(left, low), (left + width, row.mean)],
                colour.filled(),
            ))
        });
        chart
            .draw_series(bars)?
            .label(name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 10, y + 5)], colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.9))
        .draw()?;
    let style =
        TextStyle::from(("sans-serif", 13).into_font()).pos(Pos::new(HPos::Center, VPos::Top));
    for (at, set) in sets.iter().enumerate() {
        let (x, y) = chart.backend_coord(&(at as f64 + 0.5, low));
        // The longest set's classes go into two lines.
        let (first, second) = match set.set.match_indices(',').nth(2) {
            Some((comma, _)) => (&set.set[..=comma], &set.set[comma + 1..]),
            None => (set.set, ""),
        };
        area.draw_text(first, &style, (x, y + 6))?;
        area.draw_text(second, &style, (x, y + 22))?;
    }
    area.present()?;
    Ok(())
}
