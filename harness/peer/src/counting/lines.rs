//! A line an event, by a regular expression.

use super::text::Text;
use super::{CountError, Counted, names};
use harness_syscalls::Abi;
use regex_lite::Regex;
use std::io::BufRead;

/// Which lines are events.
#[derive(Debug, Clone)]
pub struct Lines {
    /// A line that is an event. Group 1 is the call's name or native number; a group named `count`
    /// says how many there were, without one it was one.
    pub event: Regex,
    /// A line that is none; where this is given, a line that is neither is an error.
    pub other: Option<Regex>,
    /// The call's name, where no line has it.
    pub call: Option<String>,
}

impl Lines {
    pub(super) fn count(&self, text: &mut Text<'_, impl BufRead>) -> Result<Counted, CountError> {
        let mut counted = Counted::default();
        while let Some(line) = text.next()? {
            let Some(found) = self.event.captures(line) else {
                if self
                    .other
                    .as_ref()
                    .is_some_and(|other| !other.is_match(line))
                {
                    return Err(text.unknown("neither an event nor a line that is none"));
                }
                continue;
            };
            let name = match &self.call {
                Some(call) => call,
                None => found.get(1).map_or("", |name| name.as_str()),
            };
            let count = match found.name("count").map(|count| count.as_str().parse()) {
                None => Some(1),
                Some(count) => count.ok(),
            };
            let (Some(count), false) = (count, name.is_empty()) else {
                return Err(
                    text.unknown("an event without a name, or with a count that is no number")
                );
            };
            *counted
                .calls
                .entry(names::qualified(Abi::NATIVE, name))
                .or_default() += count;
        }
        Ok(counted)
    }
}
