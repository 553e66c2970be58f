//! Signals this process takes as events instead of dying from them.

use crate::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::os::fd::{AsFd, BorrowedFd};

/// SIGINT, SIGTERM and SIGHUP, blocked and readable from a descriptor.
#[derive(Debug)]
pub struct Termination(SignalFd);

impl Termination {
    /// Blocks the three signals on this thread, for as long as the process
    /// lives, and opens the descriptor. Call it before any thread is started:
    /// a thread that does not block them would still die from them.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn block() -> Result<Self, Errno> {
        let mut set = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            set.add(signal);
        }
        set.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        SignalFd::with_flags(&set, flags).map(Self)
    }

    /// The number of a signal that has arrived, if one has.
    ///
    /// # Errors
    /// Those of read(2) but `EAGAIN`.
    pub fn take(&self) -> Result<Option<i32>, Errno> {
        let info = self.0.read_signal()?;
        Ok(info.and_then(|info| i32::try_from(info.ssi_signo).ok()))
    }
}

impl AsFd for Termination {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
