//! The colour of a mode, the same in every picture.
//!
//! Hues from M. Okabe and K. Ito, "Color Universal Design", 2008, which people
//! with colour blindness can tell apart; related modes have shades of one hue.
//! Every row also bears its mode's name: no picture rests on colour alone.

use harness_record::{CONTROL, Colour};
use plotters::style::RGBColor;

/// Of text, axes and whiskers.
pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Of captions and explanations.
pub(super) const FAINT_INK: RGBColor = RGBColor(0x55, 0x55, 0x55);
/// Of grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
/// Of the background.
pub(super) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);

/// The colour of a mode: its own, or in older records the one that it has always had.
pub(super) fn colour(own: Option<Colour>, mode: &str) -> RGBColor {
    if let Some(Colour(r, g, b)) = own {
        return RGBColor(r, g, b);
    }
    let (r, g, b) = match mode {
        CONTROL => (0x77, 0x77, 0x77),
        "ptrace" => (0xd5, 0x5e, 0x00),
        "seccomp-linear" => (0x00, 0x72, 0xb2),
        "seccomp-bitmap" => (0x56, 0xb4, 0xe9),
        "seccomp-naive" => (0x1b, 0x3f, 0x66),
        "seccomp-tree" => (0x2f, 0x8f, 0xb8),
        "seccomp-optimal" => (0x3a, 0x5f, 0xcd),
        "seccomp-file" => (0x6c, 0x8e, 0xad),
        "seccomp-allow" => (0x9c, 0xc9, 0xe3),
        _ => (0x7f, 0x5f, 0x3f),
    };
    RGBColor(r, g, b)
}

/// A colour half-way to the background.
pub(super) fn light(RGBColor(r, g, b): RGBColor) -> RGBColor {
    let half = |c: u8| u8::midpoint(c, 0xff);
    RGBColor(half(r), half(g), half(b))
}
