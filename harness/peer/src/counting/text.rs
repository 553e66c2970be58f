//! The lines of an output, with their numbers.

use super::CountError;
use regex_lite::Regex;
use std::io::BufRead;

/// How much of a line an error quotes, characters.
const QUOTED: usize = 120;

/// The lines of an output; those that tell of lost events are added up and left out.
pub(super) struct Text<'a, R> {
    input: R,
    lost_line: Option<&'a Regex>,
    line: String,
    bytes: Vec<u8>,
    number: u64,
    lost: u64,
}

impl<'a, R: BufRead> Text<'a, R> {
    pub(super) fn new(input: R, lost_line: Option<&'a Regex>) -> Self {
        Self {
            input,
            lost_line,
            line: String::new(),
            bytes: Vec::new(),
            number: 0,
            lost: 0,
        }
    }

    /// The next line, without its end; bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// [`CountError::Io`]; [`CountError::BreaksOff`] where the last line has no end.
    pub(super) fn next(&mut self) -> Result<Option<&str>, CountError> {
        loop {
            self.bytes.clear();
            if self.input.read_until(b'\n', &mut self.bytes)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let Some(b'\n') = self.bytes.pop() else {
                return Err(self.breaks_off("the end of the line is missing"));
            };
            self.line.clear();
            self.line.push_str(&String::from_utf8_lossy(&self.bytes));
            let found = self.lost_line.and_then(|lost| lost.captures(&self.line));
            let Some(found) = found else {
                break;
            };
            let events = found.get(1).and_then(|events| events.as_str().parse().ok());
            self.lost += events.unwrap_or(1);
        }
        Ok(Some(&self.line))
    }

    /// The line that was read last.
    pub(super) fn line(&self) -> &str {
        &self.line
    }

    /// How many lines were read.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// The line that was read last is not known.
    pub(super) fn unknown(&self, expected: impl Into<String>) -> CountError {
        let mut text: String = self.line.chars().take(QUOTED).collect();
        if text.len() < self.line.len() {
            text.push('…');
        }
        CountError::Unknown {
            number: self.number,
            text,
            expected: expected.into(),
        }
    }

    /// More must come after the line that was read last.
    pub(super) fn breaks_off(&self, expected: impl Into<String>) -> CountError {
        CountError::BreaksOff {
            number: self.number,
            expected: expected.into(),
        }
    }
}
