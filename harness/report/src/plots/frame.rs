//! The frame that all pictures share: title, explanation, axis, rows, caption.

use super::canvas::{Canvas, Type};
use super::palette::{FAINT_INK, GRID, INK, PAPER};
use super::scale::Scale;
use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

pub(super) const WIDTH: i32 = 960;
pub(super) const MARGIN: i32 = 20;

pub(super) const TITLE: Type = Type {
    size: 20,
    bold: true,
    colour: INK,
};
pub(super) const EXPLANATION: Type = Type {
    size: 13,
    bold: false,
    colour: FAINT_INK,
};
pub(super) const LABEL: Type = Type {
    size: 14,
    bold: false,
    colour: INK,
};
pub(super) const FIGURE: Type = Type {
    size: 12,
    bold: false,
    colour: INK,
};
pub(super) const CAPTION: Type = Type {
    size: 11,
    bold: false,
    colour: FAINT_INK,
};

/// A row: one mode.
pub(super) struct Row {
    /// The mode's name.
    pub(super) label: String,
    /// The exact figure in the column at the right; may be empty.
    pub(super) figure: String,
}

/// Everything of a picture but its marks.
pub(super) struct Frame {
    pub(super) title: String,
    /// What is shown and what the intervals are.
    pub(super) explanation: String,
    /// Quantity and unit.
    pub(super) axis: String,
    /// Heading of the column of figures.
    pub(super) figures: String,
    /// Room that marks need beyond the axis's right end, pixels.
    pub(super) overhang: i32,
    pub(super) scale: Scale,
    /// A value with a heavier line, where the axis has a natural origin.
    pub(super) origin: Option<f64>,
    pub(super) rows: Vec<Row>,
    /// Height of a row, pixels.
    pub(super) row_height: i32,
    pub(super) legend: Vec<Key>,
    pub(super) caption: Vec<String>,
}

/// An entry of a legend.
pub(super) struct Key {
    pub(super) text: &'static str,
    pub(super) fill: RGBColor,
    pub(super) edge: RGBColor,
}

/// The place of one row's marks.
#[derive(Clone, Copy)]
pub(super) struct Place {
    left: i32,
    right: i32,
    scale: Scale,
    /// The row's middle.
    pub(super) y: i32,
    /// Half the height of a whisker's ends.
    end: i32,
}

impl Place {
    /// The place of one of several marks in the row, at another height.
    pub(super) fn at(&self, y: i32) -> Self {
        Self { y, end: 4, ..*self }
    }

    /// Where a value lies.
    pub(super) fn x(&self, value: f64) -> i32 {
        let width = f64::from(self.right - self.left);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a position is within 0 to 1"
        )]
        let offset = (self.scale.position(value) * width).round() as i32;
        self.left + offset
    }

    /// An interval: a line with a bar at each end that lies on the axis, and an
    /// arrow head where it leaves the axis.
    pub(super) fn whisker(&self, canvas: &mut Canvas, low: f64, high: f64) {
        let (from, to) = (self.x(low), self.x(high));
        canvas.line((from, self.y), (to, self.y), INK, 2);
        for (end, x) in [(low, from), (high, to)] {
            if self.scale.holds(end) {
                canvas.line((x, self.y - self.end), (x, self.y + self.end), INK, 2);
            }
        }
        let beyond = |end, x| !self.scale.holds(end) && self.x(end) == x;
        for (end, x, inwards) in [(low, self.left, 1), (high, self.right, -1)] {
            if beyond(end, x) {
                arrow(canvas, (x, self.y), inwards, INK, 2);
            }
        }
    }

    /// The mark of an estimate: a dot, or an arrow head in its colour where it lies
    /// below the axis.
    pub(super) fn estimate(&self, canvas: &mut Canvas, value: f64, colour: RGBColor) {
        if !self.scale.holds(value) && self.x(value) == self.left {
            arrow(canvas, (self.left, self.y), 1, colour, 4);
        } else {
            canvas.dot((self.x(value), self.y), 5, colour);
        }
    }
}

/// An arrow head that points out of the axis.
fn arrow(canvas: &mut Canvas, (x, y): (i32, i32), inwards: i32, colour: RGBColor, width: u32) {
    canvas.line((x, y), (x + 16 * inwards, y), colour, width);
    for side in [-5, 5] {
        canvas.line((x, y), (x + 7 * inwards, y + side), colour, width);
    }
}

impl Frame {
    /// The picture; `mark` draws into the place of each row, by its number.
    pub(super) fn draw(&self, mut mark: impl FnMut(&mut Canvas, &Place, usize)) -> String {
        let inner = WIDTH - 2 * MARGIN;
        let explanation = EXPLANATION.wrap(&self.explanation, inner);
        let caption: Vec<_> = self
            .caption
            .iter()
            .flat_map(|line| CAPTION.wrap(line, inner))
            .collect();

        let widest = |kind: Type, texts: &mut dyn Iterator<Item = &String>| {
            texts.map(|text| kind.width(text)).max().unwrap_or(0)
        };
        let labels = widest(LABEL, &mut self.rows.iter().map(|row| &row.label));
        let mut figures = self
            .rows
            .iter()
            .map(|row| &row.figure)
            .chain([&self.figures]);
        let figures = widest(FIGURE, &mut figures).max(self.overhang);
        let left = MARGIN + labels + 12;
        let right = (WIDTH - MARGIN - figures - 16).max(left + 100);

        let lines = |texts: &[String], height: i32| {
            height * i32::try_from(texts.len()).unwrap_or(i32::MAX / 100)
        };
        let title_y = 28;
        let explanation_y = title_y + 26;
        let legend_y = explanation_y + lines(&explanation, 18) + 6;
        let heading_y = legend_y + if self.legend.is_empty() { 0 } else { 22 };
        let top = heading_y + if self.figures.is_empty() { 0 } else { 16 };
        let count = i32::try_from(self.rows.len()).unwrap_or(i32::MAX / 1000);
        let bottom = top + count * self.row_height;
        let axis_y = bottom + 16;
        let axis_label_y = axis_y + 22;
        let caption_y = axis_label_y + 34;
        let height = caption_y + lines(&caption, 16) + 8;

        let mut svg = String::new();
        let mut canvas = Canvas::new(&mut svg, WIDTH, height, PAPER);
        canvas.text((MARGIN, title_y), &self.title, TITLE, HPos::Left);
        for (at, line) in (0..).zip(&explanation) {
            let y = explanation_y + 18 * at;
            canvas.text((MARGIN, y), line, EXPLANATION, HPos::Left);
        }
        self.draw_legend(&mut canvas, left, legend_y);
        if !self.figures.is_empty() {
            canvas.text((right + 16, heading_y), &self.figures, FIGURE, HPos::Left);
        }

        let labels_y = if self.figures.is_empty() {
            legend_y
        } else {
            heading_y
        };
        canvas.text((left - 12, labels_y), "mode", FIGURE, HPos::Right);

        let place = |y| Place {
            left,
            right,
            scale: self.scale,
            y,
            end: 8,
        };
        for (value, label) in self.scale.ticks() {
            let x = place(0).x(value);
            canvas.line((x, top), (x, bottom), GRID, 1);
            canvas.text((x, axis_y), &label, FIGURE, HPos::Center);
        }
        canvas.line((left, bottom), (right, bottom), INK, 1);
        if let Some(origin) = self.origin {
            let x = place(0).x(origin);
            canvas.line((x, top), (x, bottom), INK, 1);
        }
        let middle = i32::midpoint(left, right);
        canvas.text(
            (middle, axis_label_y),
            &self.axis,
            EXPLANATION,
            HPos::Center,
        );

        for (number, row) in self.rows.iter().enumerate() {
            let above = i32::try_from(number).unwrap_or(i32::MAX / 1000) * self.row_height;
            let y = top + above + self.row_height / 2;
            canvas.text((left - 12, y), &row.label, LABEL, HPos::Right);
            canvas.text((right + 16, y), &row.figure, FIGURE, HPos::Left);
            mark(&mut canvas, &place(y), number);
        }
        for (at, line) in (0..).zip(&caption) {
            canvas.text((MARGIN, caption_y + 16 * at), line, CAPTION, HPos::Left);
        }
        drop(canvas);
        svg
    }

    fn draw_legend(&self, canvas: &mut Canvas, left: i32, y: i32) {
        let mut x = left;
        for key in &self.legend {
            canvas.rectangle((x, y - 5), (x + 18, y + 5), key.fill);
            canvas.outline((x, y - 5), (x + 18, y + 5), key.edge);
            canvas.text((x + 24, y), key.text, FIGURE, HPos::Left);
            x += 24 + FIGURE.width(key.text) + 20;
        }
    }
}
