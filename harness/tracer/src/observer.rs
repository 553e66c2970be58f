//! Who is told of every stop, where somebody wants to be.

use crate::event_loop::End;
use crate::machine::Restart;
use crate::stop::Stop;
use crate::tracees::InFlight;
use harness_sys::Tid;
use harness_sys::ptrace::SyscallInfo;
use harness_syscalls::Abi;
use std::io;
use std::time::Instant;

/// A stop of a tracee, and what the tracer is about to do with it.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// The thread.
    pub tid: Tid,
    /// Why it is stopped.
    pub stop: Stop,
    /// At a syscall-enter-, syscall-exit- or seccomp-stop what the kernel says of
    /// it; `None` where the tracee is dying.
    pub info: Option<SyscallInfo>,
    /// The call that it had entered before this stop.
    pub(crate) in_flight: Option<InFlight>,
    /// The new task of a fork, vfork or clone; the former id of a thread that executed.
    pub task: Option<Tid>,
    /// How it goes on; `None` where it is dying, and nothing is left to restart.
    pub restart: Option<Restart>,
}

impl Seen {
    /// The call that it makes, or returns from.
    #[must_use]
    pub fn call(&self) -> Option<(Abi, u32)> {
        match self.info? {
            SyscallInfo::Entry(call) | SyscallInfo::Seccomp { call, .. } => {
                Abi::of(call.arch, call.number)
            }
            SyscallInfo::Exit { .. } => self.in_flight.map(|call| (call.abi, call.number)),
        }
    }
}

/// Is told of every stop before its restart, so that the last it was told of is
/// where a tree that hangs was left.
pub trait Observer {
    /// The tree is restarted into execve(2) now.
    ///
    /// # Errors
    /// What keeps it from being told; tracing ends.
    fn started(&mut self, now: Instant) -> io::Result<()>;

    /// A tracee is stopped, and is restarted when this returns, if it is at all.
    ///
    /// # Errors
    /// As [`started`](Self::started).
    fn stopped(&mut self, seen: &Seen) -> io::Result<()>;

    /// A tracee, or a process that never was one, ended; told once of each.
    ///
    /// # Errors
    /// As [`started`](Self::started).
    fn ended(&mut self, tid: Tid, end: End) -> io::Result<()>;
}

/// Nobody. The event loop is compiled a second time for it, so that a stop costs
/// nothing more where nobody looks: not even the branch.
#[derive(Debug)]
pub(crate) struct Nobody;

impl Observer for Nobody {
    #[inline]
    fn started(&mut self, _: Instant) -> io::Result<()> {
        Ok(())
    }

    #[inline]
    fn stopped(&mut self, _: &Seen) -> io::Result<()> {
        Ok(())
    }

    #[inline]
    fn ended(&mut self, _: Tid, _: End) -> io::Result<()> {
        Ok(())
    }
}

impl Observer for &mut dyn Observer {
    fn started(&mut self, now: Instant) -> io::Result<()> {
        (**self).started(now)
    }

    fn stopped(&mut self, seen: &Seen) -> io::Result<()> {
        (**self).stopped(seen)
    }

    fn ended(&mut self, tid: Tid, end: End) -> io::Result<()> {
        (**self).ended(tid, end)
    }
}
