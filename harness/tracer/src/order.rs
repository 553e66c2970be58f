//! In which order a kernel reports the stops of a call that a filter traces.
//!
//! Linux 3.5 to 4.7 ran the filter before the syscall-enter-stop, 4.8 and later
//! run it after (commit 93e35efb8de4, "x86/ptrace: run seccomp after ptrace").

use crate::call_info::Source;
use crate::calls::TRACE_DATA;
use crate::event_loop::Error;
use crate::machine::Restart;
use crate::stop::{Report, Stop, classify};
use crate::stopped::Stopped;
use crate::tracees::Tracee;
use harness_sys::launcher::{Start, spawn_probe};
use harness_sys::ptrace::{self, Options};
use harness_sys::seccomp::{Insn, code};
use harness_sys::{Errno, wait};
use std::sync::OnceLock;

/// Where the seccomp-stop stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopOrder {
    /// seccomp-stop, syscall-enter-stop, syscall-exit-stop: Linux 3.5 to 4.7.
    BeforeEnter,
    /// syscall-enter-stop if asked for, seccomp-stop, syscall-exit-stop: Linux 4.8 and later.
    AfterEnter,
}

impl std::fmt::Display for StopOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::BeforeEnter => "before-enter",
            Self::AfterEnter => "after-enter",
        })
    }
}

/// Finds out with a child that makes one traced call, once for a process.
///
/// The calling process must have a single thread.
///
/// # Errors
/// [`Error`], where tracing or filters cannot be had here.
pub fn probe() -> Result<StopOrder, Error> {
    static ORDER: OnceLock<StopOrder> = OnceLock::new();
    if let Some(order) = ORDER.get() {
        return Ok(*order);
    }
    let (stops, _) = observe(Start::TRACED.filtered(&trace_getppid()))?;
    let order = order_of(&stops).ok_or(Error::NoSeccompStop)?;
    Ok(*ORDER.get_or_init(|| order))
}

/// Finds out whether calls can be traced, and how their numbers and arguments
/// are read, with a child that makes one.
///
/// The calling process must have a single thread.
///
/// # Errors
/// [`Error`], where tracing cannot be had here.
pub fn probe_ptrace() -> Result<Source, Error> {
    observe(Start::TRACED).map(|(_, source)| source)
}

/// The stops at calls of a child under `PTRACE_SYSCALL`, and where its calls were read from.
fn observe(start: Start<'_>) -> Result<(Vec<Stop>, Source), Error> {
    let mut child = spawn_probe(start)?;
    let tid = child.tid();
    let failed = |(operation, errno)| Error::Request {
        tid,
        operation,
        errno,
    };
    let mut source = Source::default();
    let attached = ptrace::seize(tid, Options::WHOLE_TREE.with_seccomp_stops());
    if let Err(errno) = attached {
        let error = Error::attach(tid, errno);
        child.cancel();
        return Err(error);
    }
    child.release();
    let mut stops = Vec::new();
    let mut marked = false;
    loop {
        let status = match wait::one(tid) {
            Err(Errno::EINTR) => continue,
            result => result.map_err(Error::Wait)?,
        };
        let Report::Stopped(stop) = classify(status) else {
            break;
        };
        let stopped = Stopped::new(tid);
        match stop {
            Stop::Syscall | Stop::Seccomp if marked => stops.push(stop),
            Stop::MARK => marked = true,
            // Of a signal from elsewhere, which has no meaning for the child.
            _ => {}
        }
        if stop == Stop::Syscall {
            let read = source.read(&stopped, stop, &Tracee::default());
            read.map_err(failed)?;
        }
        let restart = if marked {
            Restart::Syscall(0)
        } else {
            Restart::Cont(0)
        };
        stopped
            .restart(restart)
            .map_err(|errno| failed((restart.request(), errno)))?;
    }
    child.report()?;
    Ok((stops, source))
}

fn order_of(stops: &[Stop]) -> Option<StopOrder> {
    let seccomp = stops.iter().position(|&stop| stop == Stop::Seccomp)?;
    // Every stop before it is of a pair, but for an enter of the same call.
    Some(if seccomp % 2 == 1 {
        StopOrder::AfterEnter
    } else {
        StopOrder::BeforeEnter
    })
}

/// `ld nr; jeq getppid, trace; ret ALLOW; trace: ret TRACE`, of
/// `uapi/linux/seccomp.h` and `arch/x86/entry/syscalls/syscall_64.tbl`.
fn trace_getppid() -> [Insn; 4] {
    const GETPPID: u32 = 110;
    [
        Insn::statement(code::LD_ABS, 0),
        Insn::jump(code::JEQ_K, GETPPID, 1, 0),
        Insn::statement(code::RET_K, 0x7fff_0000),
        Insn::statement(code::RET_K, 0x7ff0_0000 | u32::from(TRACE_DATA)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_are_recognised() {
        use Stop::{Seccomp, Syscall};
        // getppid: enter, seccomp, exit; exit_group: enter.
        assert_eq!(
            order_of(&[Syscall, Seccomp, Syscall, Syscall]),
            Some(StopOrder::AfterEnter)
        );
        // getppid: seccomp, enter, exit; exit_group: enter.
        assert_eq!(
            order_of(&[Seccomp, Syscall, Syscall, Syscall]),
            Some(StopOrder::BeforeEnter)
        );
        assert_eq!(order_of(&[Syscall, Syscall]), None);
    }
}
