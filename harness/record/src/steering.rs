//! Characters that steer a terminal, or the eye, instead of being shown.
//!
//! Names, commands and reasons in a record are whatever somebody wrote there.

use std::fmt::Write;

/// Whether a character is a control character (an escape sequence begins with
/// one), breaks lines, or turns the direction of writing: Unicode, general
/// categories Cc, Zl and Zp, and UAX #9, the explicit directional formatting
/// characters and marks.
#[must_use]
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// The text on one line, with each character that steers written as Rust and
/// most shells write it, `\u{1b}`.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// JSON with the characters that steer escaped, which it need not be: those
/// between its values are line breaks alone.
#[must_use]
pub fn in_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && steers(c) {
            // All are in the basic multilingual plane: four digits do.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_is_left() {
        let text = "a\u{1b}[2J\u{9b}1m\u{7f}\u{202e}\u{2066}\u{2028}\n\r\tb é 界";
        assert!(!shown(text).chars().any(steers));
        assert!(shown(text).starts_with("a\\u{1b}[2J\\u{9b}1m\\u{7f}\\u{202e}"));
        assert!(shown(text).ends_with("\\n\\r\\tb é 界"));
        let json = serde_json::to_string_pretty(&[text, "x"]).unwrap();
        let escaped = in_json(&json);
        assert!(!escaped.chars().any(|c| c != '\n' && steers(c)));
        let read: Vec<String> = serde_json::from_str(&escaped).unwrap();
        assert_eq!(read, [text, "x"]);
    }
}
