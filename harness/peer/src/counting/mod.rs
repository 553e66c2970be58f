//! Counts the events in what a peer wrote. Pure: it reads what it is given, and touches no kernel.
//!
//! One file a format. Each reads every line or fails at the first that it does not know: a peer of
//! another version then ends a run with that line, and never with a count that is too low.

mod lines;
mod names;
mod perf_trace_summary;
mod strace;
mod strace_summary;
mod text;

pub use lines::Lines;
use regex_lite::Regex;
use std::collections::BTreeMap;
use std::io::{self, BufRead};
use text::Text;

/// How what a peer wrote is read.
#[derive(Debug, Clone)]
pub enum Format {
    /// A line a call, by `strace -f -o FILE`.
    Strace,
    /// The table of `strace -c`.
    StraceSummary,
    /// The tables of `perf trace -s`, one a thread.
    PerfTraceSummary,
    /// A line an event, by a regular expression.
    Lines(Lines),
}

/// What a peer says that it saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Calls by name: `getppid`, or `i386:getppid` for one that is not native; a number where
    /// there is no name.
    pub calls: BTreeMap<String, u64>,
    /// How many of these returned an error, by the same names; `None` where the format does not say.
    pub errors: Option<BTreeMap<String, u64>>,
    /// How long these took on the clock, nanoseconds, by the same names; `None` where the format does
    /// not say.
    pub total_ns: Option<BTreeMap<String, u64>>,
    /// Calls whose number the peer could not read, since their thread was killed.
    pub unreadable: u64,
    /// Calls of processes of which the output does not say for sure by which ABI they were made;
    /// they are among `calls`.
    pub unsure_abi: u64,
    /// Events that the peer says it lost.
    pub lost: u64,
    /// Whether a signal killed the first process; `None` where the format does not say.
    pub killed: Option<bool>,
}

impl Counted {
    /// Every call, also those whose number is not known.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.calls.values().sum::<u64>() + self.unreadable
    }
}

/// Why the output could not be counted.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    /// It could not be read.
    #[error("cannot read its output: {0}")]
    Io(#[from] io::Error),
    /// There is nothing in it.
    #[error("it wrote nothing")]
    Empty,
    /// A line is not what this format is known to have.
    #[error("line {number} of its output is not known: `{text}` ({expected})")]
    Unknown {
        /// Line, from 1.
        number: u64,
        /// The line; the beginning of a long one.
        text: String,
        /// What was expected there.
        expected: String,
    },
    /// It ends where more must come.
    #[error("its output breaks off at line {number}: {expected}")]
    BreaksOff {
        /// The last line, from 1.
        number: u64,
        /// What is missing.
        expected: String,
    },
}

impl Format {
    /// Counts the events in `output`. Lines that match `lost` tell of lost events, in any format.
    ///
    /// # Errors
    /// [`CountError`].
    pub fn count(&self, output: impl BufRead, lost: Option<&Regex>) -> Result<Counted, CountError> {
        let mut text = Text::new(output, lost);
        let counted = match self {
            Self::Strace => strace::count(&mut text),
            Self::StraceSummary => strace_summary::count(&mut text),
            Self::PerfTraceSummary => perf_trace_summary::count(&mut text),
            Self::Lines(rule) => rule.count(&mut text),
        }?;
        if text.number() == 0 {
            return Err(CountError::Empty);
        }
        Ok(Counted {
            lost: text.lost(),
            ..counted
        })
    }
}
