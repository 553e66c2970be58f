//! What a scenario is.

use crate::differences;
use harness_mode::Mechanism;
use std::fmt;

/// A program whose behaviour is known: a row of the table.
pub(crate) struct Scenario {
    /// Its name in the output of the suite.
    pub(crate) name: &'static str,
    /// File in `tests/tracees`, without its ending.
    pub(crate) program: &'static str,
    /// Arguments of the program.
    pub(crate) arguments: &'static [&'static str],
    /// How it is run.
    pub(crate) way: Way,
    /// The trace set whose calls [`story`](Self::story) tells of.
    pub(crate) short: &'static str,
    /// A long one that holds all of `short`; the same story is told under it.
    pub(crate) long: &'static str,
    /// What it writes into `out`, untraced and under every mode for which `differences`
    /// has nothing else.
    pub(crate) output: Output,
    /// How it ends, likewise.
    pub(crate) end: End,
    /// Modes that it says nothing of.
    pub(crate) without: &'static [Kind],
    /// Whether it does something else where a filter was installed before.
    pub(crate) notices_filters: bool,
    /// Its stops; see `story`. Modes that are not told of calls leave it out.
    pub(crate) story: &'static str,
    /// Whether every call that it makes is determined: then the calls of the long
    /// set must be the same ones under every mode, in the same order.
    pub(crate) every_call: bool,
    /// Processes that are reported to have escaped.
    pub(crate) escaped: u32,
    /// Whether it takes so long that it is run by name only.
    pub(crate) ignored: bool,
}

impl Scenario {
    /// What most scenarios have.
    pub(crate) const USUAL: Self = Self {
        name: "",
        program: "",
        arguments: &[],
        way: Way::Command,
        short: "execve,exit_group",
        long: "!umask",
        output: Output::Is(""),
        end: End::Exited(0),
        without: &[],
        notices_filters: false,
        story: "",
        every_call: false,
        escaped: 0,
        ignored: false,
    };

    /// What it must write, and how it must end, under modes of a kind; of peers `peers` says it.
    pub(crate) fn expected(&self, kind: Kind) -> (Output, End) {
        let difference = differences::of(self.name).filter(|case| case.kinds.contains(&kind));
        difference.map_or((self.output, self.end), |case| {
            (Output::Is(case.output), case.end)
        })
    }
}

/// How a scenario is run, and what is asserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// As the command of `harness run`.
    Command,
    /// The same, from a process that has a child already when it becomes the harness.
    BesideUnknownChild,
    /// The same, as root, with a copy of the program that is set-user-ID to
    /// somebody else.
    SetUserId,
    /// The same as nobody, with a copy that is set-user-ID root.
    SetUserIdAsNobody,
    /// As a command that kills its tracer, or the guardian of the run: the harness
    /// says so, and nothing is left.
    KillsTracer,
    /// As a command that kills the harness: nothing is left.
    KillsHarness,
    /// Killed at its first stop, at its second in a second run, and so on.
    KilledAtEachStop,
}

/// What a program writes into `out`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// This.
    Is(&'static str),
    /// What it writes without the harness; the machine decides.
    AsUntraced,
}

/// How a program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Exited(i32),
    Killed(i32),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Killed(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// What a mode does to a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing that it could see: neither ptrace(2) nor a filter.
    Untraced,
    /// It has a filter and no tracer.
    FilterAlone,
    /// It stops at every call.
    EveryCall,
    /// It stops at the calls that a filter names.
    Filtered,
    /// The calls that a filter names wait for a supervisor, which is told of nothing else.
    Notified,
    /// Programs in the kernel, which it cannot see, hand over each call when that has ended.
    Streamed,
    /// What a tracer of somebody else's does; `peers` says what of each.
    Peer,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Untraced,
        Self::FilterAlone,
        Self::EveryCall,
        Self::Filtered,
        Self::Notified,
        Self::Streamed,
        Self::Peer,
    ];

    /// Of a mode of the registry, as it declares it.
    pub(crate) fn of(mode: &str) -> Self {
        let mode = harness_mode::find(mode).expect("a mode of the registry");
        match mode.about().mechanism {
            Mechanism::Nothing | Mechanism::Tracepoint => Self::Untraced,
            Mechanism::TracepointStream => Self::Streamed,
            Mechanism::FilterAlone => Self::FilterAlone,
            Mechanism::PtraceEveryCall => Self::EveryCall,
            Mechanism::PtraceFiltered => Self::Filtered,
            Mechanism::UserNotification => Self::Notified,
            Mechanism::Peer => Self::Peer,
        }
    }

    /// Whether it has stops, which the whole story tells of.
    pub(crate) fn has_stops(self) -> bool {
        matches!(self, Self::EveryCall | Self::Filtered)
    }

    /// Whether it is told of calls, so that there is a story of those at least.
    pub(crate) fn sees_calls(self) -> bool {
        self.has_stops() || matches!(self, Self::Notified | Self::Streamed)
    }
}
