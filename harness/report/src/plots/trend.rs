//! The ratios of every series, record by record, with their change points.

use super::canvas::{Canvas, Type};
use super::frame::{CAPTION, EXPLANATION, FIGURE, LABEL, MARGIN, TITLE, WIDTH};
use super::palette::{FAINT_INK, GRID, INK, PAPER, colour, light};
use super::scale::Scale;
use crate::history::{
    History, MachineHistory, Series, machine_text, minute, notes, segments, time_text, title,
};
use crate::summary::LEVEL;
use crate::units::{level_text, ratio_interval_text};
use harness_record::CONTROL;
use plotters::style::text_anchor::HPos;

/// Height of a panel's axis, pixels.
const HEIGHT: i32 = 120;

/// Room at the left for the labels of the axis.
const LEFT: i32 = MARGIN + 58;

/// Room at the right for the latest ratio.
const FIGURES: i32 = 186;

const MACHINE: Type = Type {
    bold: true,
    ..LABEL
};

const TICK: Type = Type {
    size: 11,
    bold: false,
    colour: INK,
};

/// A panel: one series.
struct Panel<'a> {
    series: &'a Series,
    scale: Scale,
    /// What was measured, in lines.
    subject: Vec<String>,
    /// The machine, where it is the first panel of one.
    machine: Vec<String>,
}

impl<'a> Panel<'a> {
    fn all_of(machine: &'a MachineHistory) -> impl Iterator<Item = Self> {
        let series = machine.series.iter().filter(|series| is_trend(series));
        series.enumerate().map(|(at, series)| {
            let values = series.points.iter().flat_map(|point| {
                let ratio = point.ratio;
                [Some(ratio.estimate), ratio.low, ratio.high]
            });
            let machine = (at == 0).then(|| MACHINE.wrap(&machine_text(&machine.machine), INNER));
            Self {
                series,
                scale: Scale::of_trend(values.flatten()),
                subject: EXPLANATION.wrap(&series.subject.text(), INNER),
                machine: machine.unwrap_or_default(),
            }
        })
    }

    /// Pixels above the axis.
    fn head(&self) -> i32 {
        lines(&self.machine, 22) + 26 + lines(&self.subject, 17) + 22
    }

    /// Pixels from its top to the next panel.
    fn height(&self) -> i32 {
        self.head() + HEIGHT + 74
    }
}

/// One point is none, and the tables have it.
fn is_trend(series: &Series) -> bool {
    series.points.len() > 1
}

const INNER: i32 = WIDTH - 2 * MARGIN;

fn lines(texts: &[String], height: i32) -> i32 {
    height * i32::try_from(texts.len()).unwrap_or(i32::MAX / 100)
}

/// The trend as a picture: an SVG document with a panel for each series.
#[must_use]
pub fn plot_history(history: &History) -> String {
    let level = level_text(LEVEL);
    let explanation = EXPLANATION.wrap(
        &format!(
            "Dots: the time under a mode divided by that of the untraced run (mode {CONTROL}), \
             Hodges–Lehmann estimate of the paired runs of one record; whiskers: {level} interval \
             (signed-rank). Horizontal lines: centre of the records between two change points. \
             Vertical lines: change points."
        ),
        INNER,
    );
    let warnings = (history.warnings.iter()).map(|warning| format!("WARNING: {warning}"));
    let all = history.machines.iter().flat_map(|machine| &machine.series);
    let single = all.filter(|series| !is_trend(series)).count();
    let left_out = (single > 0).then(|| format!("Left out: {single} series of one record."));
    let caption: Vec<_> = (warnings.chain(left_out).chain(notes(history)))
        .flat_map(|line| CAPTION.wrap(&line, INNER))
        .collect();
    let panels: Vec<_> = history.machines.iter().flat_map(Panel::all_of).collect();

    let top = 54 + lines(&explanation, 18) + 12;
    let caption_y = top + panels.iter().map(Panel::height).sum::<i32>() + 8;
    let height = caption_y + lines(&caption, 16) + 8;
    let mut svg = String::new();
    let mut canvas = Canvas::new(&mut svg, WIDTH, height, PAPER);
    let heading = format!("What tracing costs over time: ratios to {CONTROL}, record by record");
    canvas.text((MARGIN, 28), &heading, TITLE, HPos::Left);
    draw_lines(&mut canvas, 54, &explanation, EXPLANATION, 18);
    let mut y = top;
    for panel in &panels {
        panel.draw(&mut canvas, y);
        y += panel.height();
    }
    draw_lines(&mut canvas, caption_y, &caption, CAPTION, 16);
    drop(canvas);
    svg
}

fn draw_lines(canvas: &mut Canvas, y: i32, texts: &[String], kind: Type, height: i32) {
    for (at, line) in (0..).zip(texts) {
        canvas.text((MARGIN, y + height * at), line, kind, HPos::Left);
    }
}

impl Panel<'_> {
    fn draw(&self, canvas: &mut Canvas, y: i32) {
        let series = self.series;
        draw_lines(canvas, y, &self.machine, MACHINE, 22);
        let title_y = y + lines(&self.machine, 22) + 4;
        canvas.rectangle(
            (MARGIN, title_y - 6),
            (MARGIN + 12, title_y + 6),
            colour(series.colour, &series.mode),
        );
        canvas.text((MARGIN + 20, title_y), &title(series), LABEL, HPos::Left);
        draw_lines(canvas, title_y + 20, &self.subject, EXPLANATION, 17);

        let top = y + self.head();
        let logarithmic = match self.scale {
            Scale::Log { .. } => "logarithmic axis",
            _ => "axis not from 0",
        };
        let time = time_text(series.subject.of);
        let axis = format!("{time}, ratio to {CONTROL} (no unit; {logarithmic})");
        canvas.text((MARGIN, top - 14), &axis, TICK, HPos::Left);
        let place = Place {
            top,
            count: series.points.len(),
            scale: self.scale,
        };
        place.draw_axes(canvas, series);
        place.draw_series(canvas, series);
    }
}

/// Where in a panel a point lies.
struct Place {
    top: i32,
    count: usize,
    scale: Scale,
}

const RIGHT: i32 = WIDTH - MARGIN - FIGURES;

impl Place {
    fn y(&self, ratio: f64) -> i32 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a position is within 0 to 1"
        )]
        let above = (self.scale.position(ratio) * f64::from(HEIGHT)).round() as i32;
        self.top + HEIGHT - above
    }

    /// The middle of the place that a point has; a fraction lies between two.
    fn x(&self, at: f64) -> i32 {
        let share = (at + 0.5) / self.count.max(1) as f64;
        #[expect(clippy::cast_possible_truncation, reason = "a share of the width")]
        let offset = (share * f64::from(RIGHT - LEFT)).round() as i32;
        LEFT + offset.clamp(0, RIGHT - LEFT)
    }

    fn draw_axes(&self, canvas: &mut Canvas, series: &Series) {
        let bottom = self.top + HEIGHT;
        for (value, label) in self.scale.ticks() {
            let y = self.y(value);
            canvas.line((LEFT, y), (RIGHT, y), GRID, 1);
            canvas.text((LEFT - 8, y), &label, TICK, HPos::Right);
        }
        if self.scale.holds(1.0) {
            canvas.line((LEFT, self.y(1.0)), (RIGHT, self.y(1.0)), FAINT_INK, 1);
        }
        canvas.line((LEFT, bottom), (RIGHT, bottom), INK, 1);
        canvas.line((LEFT, self.top), (LEFT, bottom), INK, 1);
        // As many labels as have room.
        let room = TICK.width("2026-01-02") + 8;
        let fitting = usize::try_from((RIGHT - LEFT) / room).unwrap_or(1).max(1);
        for (at, point) in series
            .points
            .iter()
            .enumerate()
            .step_by(self.count.div_ceil(fitting))
        {
            let x = self.x(at as f64);
            canvas.line((x, bottom), (x, bottom + 4), INK, 1);
            let revision: String = match &point.revision {
                Some(revision) => revision.chars().take(9).collect(),
                None => "unknown".to_string(),
            };
            let day: String = minute(&point.started_at).chars().take(10).collect();
            canvas.text((x, bottom + 13), &revision, TICK, HPos::Center);
            canvas.text(
                (x, bottom + 27),
                &day,
                Type {
                    colour: FAINT_INK,
                    ..TICK
                },
                HPos::Center,
            );
        }
        let what = "records in the order of their start: revision of the harness, day";
        let middle = i32::midpoint(LEFT, RIGHT);
        canvas.text(
            (middle, bottom + 43),
            what,
            Type {
                colour: FAINT_INK,
                ..TICK
            },
            HPos::Center,
        );
    }

    fn draw_series(&self, canvas: &mut Canvas, series: &Series) {
        let mode = colour(series.colour, &series.mode);
        for (range, centre) in segments(&series.points, &series.change_points) {
            let y = self.y(centre);
            let ends = (range.start as f64 - 0.5, range.end as f64 - 0.5);
            canvas.line((self.x(ends.0), y), (self.x(ends.1), y), light(mode), 3);
        }
        for change in &series.change_points {
            let x = self.x(change.index as f64 - 0.5);
            canvas.line((x, self.top - 4), (x, self.top + HEIGHT), INK, 2);
            let (text, width) = (change.text(), FIGURE.width(&change.text()));
            let x = x.min(RIGHT - width - 4);
            canvas.text(
                (x + 4, self.top + 2),
                &text,
                Type {
                    bold: true,
                    ..FIGURE
                },
                HPos::Left,
            );
        }
        for (at, point) in series.points.iter().enumerate() {
            let (x, y) = (self.x(at as f64), self.y(point.ratio.estimate));
            if let (Some(low), Some(high)) = (point.ratio.low, point.ratio.high) {
                let (low, high) = (self.y(low), self.y(high));
                canvas.line((x, high), (x, low), INK, 1);
                for end in [low, high] {
                    canvas.line((x - 3, end), (x + 3, end), INK, 1);
                }
            }
            canvas.dot((x, y), 3, mode);
        }
        if let Some(point) = series.points.last() {
            let (x, y) = (RIGHT + 14, self.y(point.ratio.estimate));
            let heading = format!("latest ratio [{} interval]", level_text(LEVEL));
            canvas.text((x, self.top - 14), &heading, TICK, HPos::Left);
            canvas.text(
                (x, y),
                &ratio_interval_text(&point.ratio),
                FIGURE,
                HPos::Left,
            );
        }
    }
}
