//! What a wait status of a tracee means (ptrace(2), "Stopped states").

/// What the kernel reported of one tracee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// It is stopped and waits for a restart.
    Stopped(Stop),
    /// It exited with this code.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
}

/// Why a tracee is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// syscall-enter-stop or syscall-exit-stop; the status does not say which.
    Syscall,
    /// seccomp-stop.
    Seccomp,
    /// Event stop of a call that goes on: fork, vfork, clone, exec and others.
    Event(Event),
    /// `PTRACE_EVENT_STOP` that is no group-stop: the first stop of a new
    /// tracee, or the end of a group-stop.
    Trap,
    /// group-stop by this signal.
    Group(i32),
    /// signal-delivery-stop of this signal.
    Signal(i32),
}

/// The event of an event stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It is making a child: fork(2), or clone(2) with SIGCHLD as exit signal.
    Fork,
    /// The same by vfork(2), or clone(2) with `CLONE_VFORK`.
    Vfork,
    /// The same by any other clone(2): a thread, most often.
    Clone,
    /// It executed another program.
    Exec,
    /// Any other.
    Other,
}

impl Stop {
    /// By which a child of the launcher marks where the traced part begins.
    pub(crate) const MARK: Self = Self::Signal(SIGSTOP);

    /// Whether it tells of a new task.
    #[inline]
    #[must_use]
    pub fn is_new_task(self) -> bool {
        matches!(self, Self::Event(Event::Fork | Event::Vfork | Event::Clone))
    }
}

/// SIGTRAP with the bit that `PTRACE_O_TRACESYSGOOD` sets.
const SYSCALL_TRAP: i32 = SIGTRAP | 0x80;
const SIGTRAP: i32 = 5;
const SIGSTOP: i32 = 19; // signal(7), x86
// `PTRACE_EVENT_*` of uapi/linux/ptrace.h.
const EVENT_FORK: i32 = 1;
const EVENT_VFORK: i32 = 2;
const EVENT_CLONE: i32 = 3;
const EVENT_EXEC: i32 = 4;
const EVENT_SECCOMP: i32 = 7;
const EVENT_STOP: i32 = 128;

/// Reads a status of wait4(2). This is the only place that does.
#[inline]
#[must_use]
pub fn classify(status: i32) -> Report {
    let low = status & 0x7f;
    let signal = (status >> 8) & 0xff;
    match low {
        0x7f => Report::Stopped(match (status >> 16, signal) {
            (0, SYSCALL_TRAP) => Stop::Syscall,
            (0, signal) => Stop::Signal(signal),
            (EVENT_SECCOMP, _) => Stop::Seccomp,
            (EVENT_FORK, _) => Stop::Event(Event::Fork),
            (EVENT_VFORK, _) => Stop::Event(Event::Vfork),
            (EVENT_CLONE, _) => Stop::Event(Event::Clone),
            (EVENT_EXEC, _) => Stop::Event(Event::Exec),
            (EVENT_STOP, SIGTRAP) => Stop::Trap,
            (EVENT_STOP, signal) => Stop::Group(signal),
            _ => Stop::Event(Event::Other),
        }),
        0 => Report::Exited(signal),
        signal => Report::Killed(signal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Statuses as strace -d prints them.
    #[test]
    fn statuses_are_told_apart() {
        let stopped = [
            (0x0000_857f, Stop::Syscall),
            (0x0007_057f, Stop::Seccomp),
            (0x0001_057f, Stop::Event(Event::Fork)),
            (0x0002_057f, Stop::Event(Event::Vfork)),
            (0x0003_057f, Stop::Event(Event::Clone)),
            (0x0004_057f, Stop::Event(Event::Exec)),
            (0x0005_057f, Stop::Event(Event::Other)),
            (0x0006_057f, Stop::Event(Event::Other)),
            (0x0080_057f, Stop::Trap),
            (0x0080_137f, Stop::Group(19)),
            (0x0000_137f, Stop::Signal(19)),
            (0x0000_057f, Stop::Signal(5)),
            (0x0000_117f, Stop::Signal(17)),
            (0x0000_407f, Stop::Signal(64)),
        ];
        for (status, expected) in stopped {
            assert_eq!(classify(status), Report::Stopped(expected), "{status:#x}");
        }
        assert_eq!(classify(0x0000), Report::Exited(0));
        assert_eq!(classify(0x2a00), Report::Exited(42));
        assert_eq!(classify(0x0009), Report::Killed(9));
        // With the core-dump flag.
        assert_eq!(classify(0x008b), Report::Killed(11));
    }
}
