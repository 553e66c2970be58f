//! Who is told of what happens in a run, in the same words for every mechanism.

use harness_sys::Tid;
use harness_syscalls::Abi;
use harness_tracepoint::Returned;
use harness_tracer::End;
use harness_tracer::observer::{Observer, Seen};
use std::io;
use std::time::Instant;

/// Is told of everything that a mode does to a tracee, as it does it.
pub trait Log {
    /// The program is let go into execve(2) now.
    ///
    /// # Errors
    /// What keeps it from being told; the run ends.
    fn started(&mut self, now: Instant) -> io::Result<()>;

    /// Something happened. A tracee that waits for the mode goes on when this returns.
    ///
    /// # Errors
    /// As [`started`](Self::started).
    fn event(&mut self, event: &Event<'_>) -> io::Result<()>;
}

/// Something that happened to a task.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// The task.
    pub tid: Tid,
    /// The call that it makes, or returns from, where there is one and it is known.
    pub call: Option<(Abi, u32)>,
    /// What it is.
    pub what: What<'a>,
}

/// What happened.
#[derive(Debug, Clone, Copy)]
pub enum What<'a> {
    /// A stop of ptrace(2), with all that is its own.
    Stop(&'a Seen),
    /// A call waited for a supervisor, which let it go on.
    Notification,
    /// A call has ended that a program in the kernel saw; the task did not wait.
    Returned(&'a Returned),
    /// The task ended; told once of each.
    Ended(End),
}

/// Tells a log of a tracer's stops.
pub(crate) struct Stops<'a>(pub(crate) &'a mut dyn Log);

impl Observer for Stops<'_> {
    fn started(&mut self, now: Instant) -> io::Result<()> {
        self.0.started(now)
    }

    fn stopped(&mut self, seen: &Seen) -> io::Result<()> {
        self.0.event(&Event {
            tid: seen.tid,
            call: seen.call(),
            what: What::Stop(seen),
        })
    }

    fn ended(&mut self, tid: Tid, end: End) -> io::Result<()> {
        self.0.event(&Event {
            tid,
            call: None,
            what: What::Ended(end),
        })
    }
}
