//! The chart of executed instructions.

use crate::rows::SetRows;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const SIZE: (u32, u32) = (1120, 520);

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

/// The values that have a line and a label.
const TICKS: [f64; 8] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];

const FONT: &str = "sans-serif";
const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
/// Of dots, in pixels.
const RADIUS: i32 = 4;

type Failure = Box<dyn std::error::Error>;

/// Dots: mean instructions executed, by set and contender, as an SVG document.
pub(crate) fn draw(sets: &[SetRows]) -> String {
    let mut svg = String::new();
    try_draw(sets, &mut svg).expect("a string can always be drawn into");
    svg
}

fn try_draw(sets: &[SetRows], svg: &mut String) -> Result<(), Failure> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let title = "Instructions executed a call of a kernel build";
    area.draw_text(title, &text(18, HPos::Left), (16, 12))?;
    let shown: Vec<(&str, RGBColor)> = SERIES
        .into_iter()
        .filter(|(name, _)| sets[0].rows.iter().any(|row| row.name == *name))
        .collect();
    legend(&area, &shown)?;
    // Ratios are what is compared, so the axis is logarithmic; dots have no length that would depend on where it begins.
    let (low, high) = (0.9, 220.0);
    let mut chart = ChartBuilder::on(&area)
        .margin_top(68)
        .margin_right(16)
        .x_label_area_size(64)
        .y_label_area_size(72)
        .build_cartesian_2d(0.0..sets.len() as f64, (low..high).log_scale())?;
    for value in TICKS {
        let line = [(0.0, value), (sets.len() as f64, value)];
        chart.draw_series(std::iter::once(PathElement::new(line, GRID)))?;
        let (x, y) = chart.backend_coord(&(0.0, value));
        let style = text(13, HPos::Right).pos(Pos::new(HPos::Right, VPos::Center));
        area.draw_text(&format!("{value:.0}"), &style, (x - 8, y))?;
    }
    for border in 0..=sets.len() {
        let line = [(border as f64, low), (border as f64, high)];
        chart.draw_series(std::iter::once(PathElement::new(line, GRID)))?;
    }
    let (_, top) = chart.backend_coord(&(0.0, high));
    let (_, bottom) = chart.backend_coord(&(0.0, low));
    let style = text(13, HPos::Center).transform(FontTransform::Rotate270);
    let label = "instructions, mean (logarithmic)";
    area.draw_text(label, &style, (14, i32::midpoint(top, bottom)))?;
    let step = 0.84 / shown.len() as f64;
    for (series, &(name, colour)) in shown.iter().enumerate() {
        let dots = sets.iter().enumerate().filter_map(|(at, set)| {
            let row = set.rows.iter().find(|row| row.name == name)?;
            let x = at as f64 + 0.08 + (series as f64 + 0.5) * step;
            Some(Circle::new((x, row.mean), RADIUS, colour.filled()))
        });
        chart.draw_series(dots)?;
    }
    for (at, set) in sets.iter().enumerate() {
        let (x, y) = chart.backend_coord(&(at as f64 + 0.5, low));
        for (line, part) in (0..).zip(lines(set.set)) {
            area.draw_text(&part, &text(13, HPos::Center), (x, y + 6 + 16 * line))?;
        }
    }
    area.present()?;
    Ok(())
}

fn text(size: u32, horizontal: HPos) -> TextStyle<'static> {
    TextStyle::from((FONT, size).into_font()).pos(Pos::new(horizontal, VPos::Top))
}

/// In a row of its own above the plot.
fn legend(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    shown: &[(&str, RGBColor)],
) -> Result<(), Failure> {
    let mut x = 72;
    for &(name, colour) in shown {
        area.draw(&Circle::new((x, 51), RADIUS, colour.filled()))?;
        area.draw_text(name, &text(13, HPos::Left), (x + 10, 44))?;
        // The width of text is not known here: about that of its letters.
        x += 36 + 7 * i32::try_from(name.len())?;
    }
    Ok(())
}

/// A set's text in lines that fit below its dots: two elements each.
fn lines(set: &str) -> Vec<String> {
    let elements: Vec<&str> = set.split_inclusive(',').collect();
    elements.chunks(2).map(<[&str]>::concat).collect()
}
