//! What a mode says of itself.

pub use harness_record::{Capabilities, Colour, Role};
use std::borrow::Cow;

/// What a mode says of itself; all of it is data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Name on the command line and in records.
    pub name: Cow<'static, str>,
    /// What it does, in a line.
    pub summary: Cow<'static, str>,
    /// Its part in the comparison.
    pub role: Role,
    /// Which of the groups of modes it belongs to.
    pub group: Group,
    /// Its colour in pictures.
    pub colour: Colour,
    /// How it takes a tracee over.
    pub mechanism: Mechanism,
    /// Whether it counts every system call, those outside of the trace set too.
    pub counts_every_call: bool,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// A group of modes that `--modes` names as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Modes without which there is nothing to compare.
    Core,
    /// The harness's other modes.
    Other,
    /// Tracers that people run.
    Peer,
}

/// How a mode takes a tracee over, which decides what can be asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// Nothing that a program could see.
    Nothing,
    /// A filter on the program, and nobody who is told.
    FilterAlone,
    /// ptrace(2), at every system call.
    PtraceEveryCall,
    /// ptrace(2), at the calls that a filter names.
    PtraceFiltered,
    /// A filter whose calls wait for a supervisor (`seccomp_unotify(2)`).
    UserNotification,
    /// Programs at the kernel's tracepoints (bpf(2)), which a program cannot see.
    Tracepoint,
    /// The same, which hand over each call through a ring buffer.
    TracepointStream,
    /// A tracer of somebody else's.
    Peer,
}
