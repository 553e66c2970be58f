//! What the calls of a tracee count as, from its stops at enter and exit.
//!
//! Pure, as `machine` is: [`enter`] and [`leave`] are told what the kernel said of a stop.

use crate::counts::Counts;
use crate::tracees::{InFlight, Tracee};
use harness_sys::Tid;
use harness_sys::ptrace::Call;
use harness_syscalls::{Abi, TraceSet};

/// `SECCOMP_RET_DATA` of the programs installed here: tells their stops from
/// those that a tracee's own `SECCOMP_RET_TRACE` would cause.
pub const TRACE_DATA: u16 = 0x7ace;

/// Which of the calls that a tracer sees are traced events.
#[derive(Debug, Clone, Copy)]
pub enum Events<'s> {
    /// Those of a set. A filter of the child's must have been compiled for it
    /// and return `SECCOMP_RET_TRACE` with [`TRACE_DATA`]; a stop with other
    /// data was caused by a filter that the tracee installed.
    InSet(&'s TraceSet),
    /// All of them, whatever the data: the filter is not one of the harness's.
    /// Filters that the tracee installs cannot be told from it.
    Every,
}

impl Events<'_> {
    #[inline]
    fn contain(self, abi: Abi, number: u32) -> bool {
        match self {
            Self::InSet(set) => set.contains(abi, number),
            Self::Every => true,
        }
    }

    /// Whether a seccomp-stop with this data is the tracer's.
    #[inline]
    pub(crate) fn own(self, data: u32) -> bool {
        match self {
            Self::InSet(_) => data == u32::from(TRACE_DATA),
            Self::Every => true,
        }
    }
}

/// A tracee enters a call.
#[inline]
pub(crate) fn enter(tracee: &mut Tracee, call: Call, events: Events<'_>, counts: &mut Counts) {
    counts.calls_seen += 1;
    let Some((abi, number)) = Abi::of(call.arch, call.number) else {
        return;
    };
    if events.contain(abi, number) {
        counts.traced_events += 1;
        counts.calls.of(abi, number).calls += 1;
    }
    tracee.call = Some(InFlight {
        abi,
        number,
        new_task: false,
    });
}

/// A tracee returns from a call. An error is counted where its call was: one whose enter nobody saw
/// has none.
#[inline]
pub(crate) fn leave(
    tracee: &mut Tracee,
    result: i64,
    is_error: bool,
    events: Events<'_>,
    counts: &mut Counts,
) {
    let Some(call) = tracee.call.take() else {
        return;
    };
    if is_error && events.contain(call.abi, call.number) {
        counts.calls.of(call.abi, call.number).errors += 1;
    }
    if !call.new_task && result > 0 && makes_task(call.abi, call.number) {
        tracee.unannounced = i32::try_from(result).ok().map(Tid);
    }
}

/// Whether a call makes a process or thread that event stops should tell of.
fn makes_task(abi: Abi, number: u32) -> bool {
    match abi {
        // clone, fork, vfork, clone3 of arch/x86/entry/syscalls/syscall_64.tbl.
        Abi::X86_64 | Abi::X32 => matches!(number, 56 | 57 | 58 | 435),
        // The same of syscall_32.tbl.
        Abi::I386 => matches!(number, 120 | 2 | 190 | 435),
        Abi::Aarch64 | Abi::Arm => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use What::{Enter, Error, Return};
    use harness_syscalls::Table;

    #[derive(Clone, Copy)]
    enum What {
        Enter(Abi, u32),
        /// With what it returned.
        Return(i64),
        /// With its errno.
        Error(i64),
    }

    const X86_64: Abi = Abi::X86_64;
    const I386: Abi = Abi::I386;
    const READ: u32 = 0;
    const EXECVE: u32 = 59;
    const WAIT4: u32 = 61;
    const OPENAT: u32 = 257;
    const EXIT_GROUP: u32 = 231;
    const ENOENT: i64 = 2;
    /// Of the kernel's own (`include/linux/errno.h`): the call is made again after a signal.
    const ERESTARTSYS: i64 = 512;

    /// Makes the stops of threads, and compares calls and errors by ABI and number.
    fn replay(set: &str, stops: &[(usize, What)], expected: &[(Abi, u32, u64, u64)]) {
        let set = TraceSet::parse(set, Table::current()).expect("a trace set");
        let events = Events::InSet(&set);
        let mut counts = Counts::default();
        let mut tracees = [Tracee::default(), Tracee::default()];
        for &(thread, what) in stops {
            let tracee = &mut tracees[thread];
            match what {
                Enter(abi, number) => {
                    let call = Call {
                        arch: abi.audit_arch(),
                        number: abi.raw_number(number),
                        arguments: [0; 6],
                    };
                    enter(tracee, call, events, &mut counts);
                }
                Return(result) => leave(tracee, result, false, events, &mut counts),
                Error(errno) => leave(tracee, -errno, true, events, &mut counts),
            }
        }
        let counted = counts.calls.iter();
        let counted: Vec<_> = counted
            .map(|(abi, number, of)| (abi, number, of.calls, of.errors))
            .collect();
        assert_eq!(counted, expected);
    }

    /// `strace -f sh -c 'cat no-such-file; true'`, in short, Linux 6.18.
    #[test]
    fn an_error_counts_with_its_call() {
        replay(
            "all",
            &[
                (0, Enter(X86_64, EXECVE)),
                (0, Return(0)),
                (0, Enter(X86_64, OPENAT)),
                (0, Return(3)),
                (0, Enter(X86_64, WAIT4)),
                (1, Enter(X86_64, OPENAT)), // while the other waits
                (1, Error(ENOENT)),
                (1, Enter(X86_64, EXIT_GROUP)), // which never returns
                (0, Return(1)),
                (0, Enter(X86_64, EXIT_GROUP)),
            ],
            &[
                (X86_64, EXECVE, 1, 0),
                (X86_64, WAIT4, 1, 0),
                (X86_64, EXIT_GROUP, 2, 0),
                (X86_64, OPENAT, 2, 1),
            ],
        );
    }

    /// read(2) of a terminal, SIGCONT and the read again.
    #[test]
    fn a_call_that_is_made_again_is_an_error_each_time() {
        replay(
            "read",
            &[
                (0, Enter(X86_64, READ)),
                (0, Error(ERESTARTSYS)),
                (0, Enter(X86_64, READ)),
                (0, Return(5)),
            ],
            &[(X86_64, READ, 2, 1)],
        );
    }

    #[test]
    fn errors_of_calls_that_are_not_traced_do_not_count() {
        // openat(2) fails, of which no number of i386 is in the set.
        replay(
            "read",
            &[
                (0, Enter(X86_64, OPENAT)),
                (0, Error(ENOENT)),
                (0, Enter(I386, 3)),
                (0, Error(ENOENT)),
            ],
            &[(I386, 3, 1, 1)],
        );
    }

    /// As where a tracer attaches to a thread that is in a call, and where a call is skipped.
    #[test]
    fn an_exit_without_an_enter_is_no_error() {
        replay(
            "all",
            &[
                (0, Error(ENOENT)),
                (0, Enter(X86_64, READ)),
                (0, Error(ENOENT)),
                (0, Error(ENOENT)),
            ],
            &[(X86_64, READ, 1, 1)],
        );
    }
}
