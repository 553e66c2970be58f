//! A stopped tracee as a value that its restart consumes.

use crate::machine::Restart;
use harness_sys::{Errno, Tid, ptrace};

/// A tracee in a ptrace-stop. Not `Clone`: a stop is restarted once.
#[derive(Debug)]
pub(crate) struct Stopped(Tid);

/// What became of a request to a tracee that was stopped a moment ago.
pub(crate) type Request<T> = Result<Option<T>, Errno>;

impl Stopped {
    /// Of a thread that wait4(2) has just reported stopped.
    #[inline]
    pub(crate) fn new(tid: Tid) -> Self {
        Self(tid)
    }

    /// Restarts it. A tracee that SIGKILL pulled out of the stop is no error:
    /// its death is reported by wait4(2).
    #[inline]
    pub(crate) fn restart(self, restart: Restart) -> Result<(), Errno> {
        alive(match restart {
            Restart::Cont(signal) => ptrace::cont(self.0, signal),
            Restart::Syscall(signal) => ptrace::syscall(self.0, signal),
            Restart::Listen => ptrace::listen(self.0),
        })
        .map(drop)
    }

    /// Lets it go on without its tracer, with the signal it was about to get, or
    /// 0; one in a group-stop stays in it. A dying one is no error.
    pub(crate) fn detach(self, signal: i32) -> Result<(), Errno> {
        alive(ptrace::detach(self.0, signal)).map(drop)
    }

    /// What it is doing at a syscall or seccomp stop; `None` if it no longer is at
    /// that: it is dying, and its id may be that of a thread that executes already.
    #[inline]
    pub(crate) fn syscall_info(&self) -> Request<ptrace::SyscallInfo> {
        alive(ptrace::syscall_info(self.0)).map(Option::flatten)
    }

    /// What it is doing as far as its registers tell; `None` if it is dying.
    pub(crate) fn registers(&self) -> Request<ptrace::Registers> {
        alive(ptrace::registers(self.0))
    }

    /// Two bytes of its code; `None` where there is none at this address, or it is dying.
    pub(crate) fn code(&self, address: u64) -> Option<[u8; 2]> {
        // An aligned word is on one page: the next one need not be there.
        let byte = |address: u64| {
            let word = ptrace::peek(self.0, address & !7).ok()?;
            Some(word[usize::try_from(address & 7).ok()?])
        };
        Some([byte(address)?, byte(address.checked_add(1)?)?])
    }

    /// The message of its event stop; `None` if it is dying.
    pub(crate) fn event_message(&self) -> Request<u64> {
        alive(ptrace::event_message(self.0))
    }

    /// The child whose end its SIGCHLD tells of, if it does; `None` if it is dying.
    pub(crate) fn ended_child(&self) -> Request<Option<Tid>> {
        alive(ptrace::ended_child(self.0))
    }

    /// Makes its call fail with `errno` without being made.
    pub(crate) fn skip_call(&self, errno: Errno) -> Request<()> {
        alive(ptrace::skip_call(self.0, errno))
    }
}

/// `ESRCH` at any request can mean a sudden death (ptrace(2), "Death under ptrace").
#[inline]
fn alive<T>(result: Result<T, Errno>) -> Request<T> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::ESRCH) => Ok(None),
        Err(errno) => Err(errno),
    }
}
