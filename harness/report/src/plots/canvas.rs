//! Drawing with pixels: the few shapes and texts the pictures are made of.

use crate::tables::printable;
use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle};

/// Width of a character relative to the size of the font, generously: no
/// common sans-serif font sets mixed text wider. SVG knows no text metrics.
const CHARACTER_WIDTH: f64 = 0.62;

/// How a text is set.
#[derive(Clone, Copy)]
pub(super) struct Type {
    /// Size in pixels.
    pub(super) size: i32,
    pub(super) bold: bool,
    pub(super) colour: RGBColor,
}

impl Type {
    /// The width that `text` may take, pixels.
    pub(super) fn width(self, text: &str) -> i32 {
        #[expect(clippy::cast_possible_truncation, reason = "a float's cast saturates")]
        let width =
            (text.chars().count() as f64 * f64::from(self.size) * CHARACTER_WIDTH).ceil() as i32;
        width
    }

    /// The text in lines of at most `width` pixels. Words that are longer are
    /// broken, so that nothing is ever cut off.
    pub(super) fn wrap(self, text: &str, width: i32) -> Vec<String> {
        let fitting =
            usize::try_from(width).unwrap_or(0) as f64 / (f64::from(self.size) * CHARACTER_WIDTH);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at least one, and a float's cast saturates"
        )]
        let fitting = fitting.max(1.0) as usize;
        let mut lines = Vec::new();
        let mut line = String::new();
        let mut length = 0;
        for word in text.split_whitespace() {
            let word: Vec<char> = word.chars().collect();
            if length > 0 && length + 1 + word.len() <= fitting {
                line.push(' ');
                length += 1;
            } else if length > 0 {
                lines.push(std::mem::take(&mut line));
                length = 0;
            }
            for c in word {
                if length == fitting {
                    lines.push(std::mem::take(&mut line));
                    length = 0;
                }
                line.push(c);
                length += 1;
            }
        }
        lines.push(line);
        lines
    }
}

/// A picture that is being drawn.
pub(super) struct Canvas<'a> {
    backend: SVGBackend<'a>,
}

/// Drawing into a string has no way to fail.
const INFALLIBLE: &str = "a string can always be written to";

impl<'a> Canvas<'a> {
    /// A picture of that many pixels, drawn into `svg` when dropped.
    pub(super) fn new(svg: &'a mut String, width: i32, height: i32, paper: RGBColor) -> Self {
        let size = (width.unsigned_abs(), height.unsigned_abs());
        let mut canvas = Self {
            backend: SVGBackend::with_string(svg, size),
        };
        canvas.rectangle((0, 0), (width, height), paper);
        canvas
    }

    pub(super) fn rectangle(&mut self, from: (i32, i32), to: (i32, i32), colour: RGBColor) {
        self.backend
            .draw_rect(from, to, &colour, true)
            .expect(INFALLIBLE);
    }

    pub(super) fn outline(&mut self, from: (i32, i32), to: (i32, i32), colour: RGBColor) {
        self.backend
            .draw_rect(from, to, &colour, false)
            .expect(INFALLIBLE);
    }

    pub(super) fn line(&mut self, from: (i32, i32), to: (i32, i32), colour: RGBColor, width: u32) {
        let style = ShapeStyle {
            color: colour.to_rgba(),
            filled: false,
            stroke_width: width,
        };
        self.backend.draw_line(from, to, &style).expect(INFALLIBLE);
    }

    pub(super) fn dot(&mut self, at: (i32, i32), radius: u32, colour: RGBColor) {
        self.backend
            .draw_circle(at, radius, &colour, true)
            .expect(INFALLIBLE);
    }

    /// A text whose middle stands at the height of `at`.
    pub(super) fn text(&mut self, at: (i32, i32), text: &str, kind: Type, horizontal: HPos) {
        // The backend divides the size by 1.24 (its ratio of height to em).
        let size = f64::from(kind.size) * 1.24;
        let style = if kind.bold {
            FontStyle::Bold
        } else {
            FontStyle::Normal
        };
        let style = TextStyle::from((FontFamily::SansSerif, size, style))
            .color(&kind.colour)
            .pos(Pos::new(horizontal, VPos::Center));
        // XML 1.0, 2.2 (Characters): no control characters, nor these two.
        let text = printable(text).replace(['\u{fffe}', '\u{ffff}'], " ");
        self.backend.draw_text(&text, &style, at).expect(INFALLIBLE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wrapping loses nothing and keeps to the width.
    #[test]
    fn wraps_without_loss() {
        let kind = Type {
            size: 10,
            bold: false,
            colour: RGBColor(0, 0, 0),
        };
        let text = format!("a short start then {} and an end", "x".repeat(95));
        for width in [-5, 0, 7, 62, 100, 250, 10_000] {
            let lines = kind.wrap(&text, width);
            let letters = |text: &str| text.replace(' ', "");
            assert_eq!(letters(&lines.concat()), letters(&text), "{width}");
            for line in &lines {
                assert!(
                    line.chars().count() == 1 || kind.width(line) <= width.max(7),
                    "{width}: {line}"
                );
            }
        }
    }
}
