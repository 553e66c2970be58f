//! How a stopped tracee is restarted, so that exactly the wanted stops come.
//!
//! Pure: a [`Phase`] per tracee, a stop in, a tally and a restart out. Parity
//! of enter and exit is kept per thread and corrected by what
//! `PTRACE_GET_SYSCALL_INFO` says, as a thread that execs or is restarted in
//! the kernel would lose it.

use crate::order::StopOrder;
use crate::stop::{Event, Stop};

/// Which stops a tracer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Two stops at every system call.
    EveryCall,
    /// A seccomp-stop and a syscall-exit-stop at the calls a filter names.
    FilteredCalls(StopOrder),
}

/// Where a tracee is between two stops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// Outside of any call whose exit is wanted.
    #[default]
    Outside,
    /// Its seccomp-stop came, and its syscall-enter-stop is still to come
    /// (only before Linux 4.8).
    BeforeEnter,
    /// In a call whose syscall-exit-stop is wanted.
    InCall,
}

/// What a stop counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tally {
    /// syscall-enter-stop.
    Enter,
    /// syscall-exit-stop.
    Exit,
    /// seccomp-stop.
    Seccomp,
    /// Event stop.
    Event,
    /// signal-delivery-stop.
    Signal,
    /// group-stop.
    Group,
}

/// How a stopped tracee goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// `PTRACE_CONT` with a signal, or 0.
    Cont(i32),
    /// `PTRACE_SYSCALL` with a signal, or 0.
    Syscall(i32),
    /// `PTRACE_LISTEN`: it stays in its group-stop.
    Listen,
}

impl Restart {
    pub(crate) const fn request(self) -> &'static str {
        match self {
            Self::Cont(_) => "PTRACE_CONT",
            Self::Syscall(_) => "PTRACE_SYSCALL",
            Self::Listen => "PTRACE_LISTEN",
        }
    }
}

impl Phase {
    /// Takes a stop into account: what it counts as, and how to go on.
    #[inline]
    pub fn step(&mut self, policy: Policy, stop: Stop) -> (Tally, Restart) {
        let tally = match stop {
            Stop::Syscall => match *self {
                Self::Outside | Self::BeforeEnter => Tally::Enter,
                Self::InCall => Tally::Exit,
            },
            Stop::Seccomp => Tally::Seccomp,
            Stop::Event(_) | Stop::Trap => Tally::Event,
            Stop::Group(_) => Tally::Group,
            Stop::Signal(_) => Tally::Signal,
        };
        *self = match (policy, tally) {
            (_, Tally::Exit) => Self::Outside,
            (Policy::FilteredCalls(StopOrder::BeforeEnter), Tally::Seccomp) => Self::BeforeEnter,
            (_, Tally::Enter | Tally::Seccomp) => Self::InCall,
            _ => *self,
        };
        let signal = match stop {
            Stop::Group(_) => return (tally, Restart::Listen),
            Stop::Signal(signal) => signal,
            _ => 0,
        };
        (tally, self.restart(policy, signal))
    }

    /// Corrects the parity at a [`Stop::Syscall`] by what the kernel says.
    #[inline]
    pub fn correct(&mut self, is_entry: bool) {
        *self = match (is_entry, *self) {
            (true, Self::InCall) => Self::Outside,
            (false, Self::Outside | Self::BeforeEnter) => Self::InCall,
            (_, phase) => phase,
        };
    }

    /// The restart of a tracee whose call is skipped: there is no exit to wait for.
    pub fn abandon(&mut self, policy: Policy) -> Restart {
        *self = Self::Outside;
        self.restart(policy, 0)
    }

    #[inline]
    fn restart(self, policy: Policy, signal: i32) -> Restart {
        match (policy, self) {
            (Policy::FilteredCalls(_), Self::Outside) => Restart::Cont(signal),
            // In a call whose exit is wanted, an event stop in between included.
            _ => Restart::Syscall(signal),
        }
    }
}

/// Whether a stop is that of a program image that replaced another.
#[must_use]
pub fn is_exec(stop: Stop) -> bool {
    stop == Stop::Event(Event::Exec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Restart::{Cont, Listen, Syscall};
    use Tally::{Enter, Exit, Group, Seccomp, Signal};

    const NEW_TASK: Stop = Stop::Event(Event::Fork);
    const EXEC: Stop = Stop::Event(Event::Exec);
    const SIGCHLD: i32 = 17;
    const SIGSTOP: i32 = 19;

    fn replay(policy: Policy, sequence: &[(Stop, Tally, Restart)]) {
        let mut phase = Phase::default();
        for (i, &(stop, tally, restart)) in sequence.iter().enumerate() {
            assert_eq!(
                phase.step(policy, stop),
                (tally, restart),
                "stop {i}: {stop:?}"
            );
        }
    }

    /// `strace -f -d sh -c '/bin/true & wait'`, the shell, Linux 6.18.
    #[test]
    fn every_call_stops_twice_whatever_comes_between() {
        replay(
            Policy::EveryCall,
            &[
                (Stop::Syscall, Enter, Syscall(0)), // execve
                (EXEC, Tally::Event, Syscall(0)),
                (Stop::Syscall, Exit, Syscall(0)),
                (Stop::Syscall, Enter, Syscall(0)), // clone
                (NEW_TASK, Tally::Event, Syscall(0)),
                (Stop::Syscall, Exit, Syscall(0)),
                (Stop::Syscall, Enter, Syscall(0)), // wait4
                (Stop::Syscall, Exit, Syscall(0)),
                (Stop::Signal(SIGCHLD), Signal, Syscall(SIGCHLD)),
                (Stop::Syscall, Enter, Syscall(0)), // exit_group, which never exits
            ],
        );
    }

    /// The same under a filter for execve and wait4, Linux 4.8 and later.
    #[test]
    fn after_4_8_a_traced_call_stops_at_seccomp_and_exit() {
        replay(
            Policy::FilteredCalls(StopOrder::AfterEnter),
            &[
                (Stop::Seccomp, Seccomp, Syscall(0)), // execve
                (EXEC, Tally::Event, Syscall(0)),     // in the middle: its exit is wanted
                (Stop::Syscall, Exit, Cont(0)),
                (NEW_TASK, Tally::Event, Cont(0)), // a clone that is not traced
                (Stop::Seccomp, Seccomp, Syscall(0)), // wait4
                (Stop::Syscall, Exit, Cont(0)),
                (Stop::Signal(SIGCHLD), Signal, Cont(SIGCHLD)),
            ],
        );
    }

    /// The same before Linux 4.8, where the seccomp-stop comes first.
    #[test]
    fn before_4_8_a_traced_call_has_an_enter_stop_between() {
        replay(
            Policy::FilteredCalls(StopOrder::BeforeEnter),
            &[
                (Stop::Seccomp, Seccomp, Syscall(0)), // execve
                (Stop::Syscall, Enter, Syscall(0)),
                (EXEC, Tally::Event, Syscall(0)),
                (Stop::Syscall, Exit, Cont(0)),
                (NEW_TASK, Tally::Event, Cont(0)),
                (Stop::Seccomp, Seccomp, Syscall(0)), // wait4
                (Stop::Syscall, Enter, Syscall(0)),
                (Stop::Syscall, Exit, Cont(0)),
                (Stop::Signal(SIGCHLD), Signal, Cont(SIGCHLD)),
            ],
        );
    }

    /// `kill -STOP`, then `kill -CONT`, of a child in the seccomp modes: it
    /// really stops, and goes on without a restart into its syscall stops.
    #[test]
    fn a_group_stop_lasts_until_sigcont() {
        replay(
            Policy::FilteredCalls(StopOrder::AfterEnter),
            &[
                (Stop::Trap, Tally::Event, Cont(0)), // its first stop
                (Stop::Signal(SIGSTOP), Signal, Cont(SIGSTOP)),
                (Stop::Group(SIGSTOP), Group, Listen),
                (Stop::Trap, Tally::Event, Cont(0)),
                (Stop::Signal(18), Signal, Cont(18)),
            ],
        );
    }

    /// A traced vfork: the parent's event comes while its exit is outstanding.
    #[test]
    fn an_event_in_a_traced_call_keeps_its_exit() {
        replay(
            Policy::FilteredCalls(StopOrder::AfterEnter),
            &[
                (Stop::Seccomp, Seccomp, Syscall(0)),
                (NEW_TASK, Tally::Event, Syscall(0)),
                (Stop::Syscall, Exit, Cont(0)),
            ],
        );
    }

    #[test]
    fn what_the_kernel_says_corrects_lost_parity() {
        let mut phase = Phase::InCall;
        phase.correct(true);
        assert_eq!(phase.step(Policy::EveryCall, Stop::Syscall).0, Enter);
        phase.correct(false);
        assert_eq!(phase.step(Policy::EveryCall, Stop::Syscall).0, Exit);
        phase.correct(false);
        assert_eq!(phase.step(Policy::EveryCall, Stop::Syscall).0, Exit);
    }

    #[test]
    fn a_skipped_call_has_no_exit() {
        let policy = Policy::FilteredCalls(StopOrder::AfterEnter);
        let mut phase = Phase::default();
        phase.step(policy, Stop::Seccomp);
        assert_eq!(phase.abandon(policy), Cont(0));
        assert_eq!(phase, Phase::Outside);
    }
}
