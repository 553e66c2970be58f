//! Signals this process takes as events instead of dying from them.

use crate::{Errno, Tid, process};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// SIGINT, SIGTERM, SIGHUP and SIGQUIT, blocked and readable from a descriptor; without
/// those that are ignored, as nohup(1) and background scripts have it.
#[derive(Debug)]
pub struct Termination(SignalFd);

impl Termination {
    /// Blocks these signals on this thread, for as long as the process
    /// lives, and opens the descriptor. Call it before any thread is started:
    /// a thread that does not block them would still die from them.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn block() -> Result<Self, Errno> {
        let mut set = SigSet::empty();
        for signal in [
            Signal::SIGINT,
            Signal::SIGTERM,
            Signal::SIGHUP,
            Signal::SIGQUIT,
        ] {
            // A blocked signal is queued even where it is ignored.
            if !is_ignored(signal) {
                set.add(signal);
            }
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

/// The ends of this process's parent and of its children, as events.
#[derive(Debug)]
pub struct Kin(SigSet);

/// Whose end an event of [`Kin`] tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The parent's; or somebody sent a SIGTERM, which asks for the same.
    Parent,
    /// That of children, one or more; wait4(2) says which.
    Children,
}

impl Kin {
    /// Blocks SIGCHLD and SIGTERM for as long as the process lives, and has
    /// SIGTERM sent when the parent ends. Both may have ended before: look
    /// afterwards.
    ///
    /// # Errors
    /// None with these arguments.
    pub fn watch() -> Result<Self, Errno> {
        let mut set = SigSet::empty();
        set.add(Signal::SIGCHLD);
        set.add(Signal::SIGTERM);
        set.thread_block()?;
        process::signal_at_parents_end(Signal::SIGTERM)?;
        Ok(Self(set))
    }

    /// Waits for an event (sigwait(3)).
    ///
    /// # Errors
    /// None with these signals; `EINTR` is retried.
    pub fn wait(&self) -> Result<Ended, Errno> {
        loop {
            match self.0.wait() {
                Err(Errno::EINTR) => {}
                result => {
                    return result.map(|signal| match signal {
                        Signal::SIGTERM => Ended::Parent,
                        _ => Ended::Children,
                    });
                }
            }
        }
    }
}

/// SIGCHLD as a message of whom it is about. One that comes while another is
/// pending is lost (signal(7), "Queueing and delivery semantics").
#[derive(Debug)]
pub struct ChildSignals(SigSet);

impl ChildSignals {
    /// Blocks SIGCHLD for as long as the process lives.
    ///
    /// # Errors
    /// None with these arguments.
    pub fn block() -> Result<Self, Errno> {
        let mut set = SigSet::empty();
        set.add(Signal::SIGCHLD);
        set.thread_block()?;
        Ok(Self(set))
    }

    /// Waits for one (sigwaitinfo(2)), and returns the thread that stopped or
    /// ended.
    ///
    /// # Errors
    /// `EINTR`: stopped and resumed meanwhile.
    #[inline]
    pub fn wait(&self) -> Result<Tid, Errno> {
        let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: a live set, and room for the information.
        let number = unsafe { libc::sigwaitinfo(self.0.as_ref(), info.as_mut_ptr()) };
        Errno::result(number)?;
        // SAFETY: all-zero bytes are a valid value of this plain C struct, and
        // the kernel has filled it in.
        let info = unsafe { info.assume_init() };
        // SAFETY: SIGCHLD has the field, and one sent by kill(2) too.
        Ok(Tid(unsafe { info.si_pid() }))
    }
}

/// SIGCHLD as a descriptor that is readable once one has come.
#[derive(Debug)]
pub struct ChildSignalDescriptor(SignalFd);

impl ChildSignalDescriptor {
    /// Blocks SIGCHLD for as long as the process lives, which must have a single thread, and opens
    /// the descriptor (signalfd(2)). Children that ended before are not told of: look afterwards.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn open() -> Result<Self, Errno> {
        let signals = ChildSignals::block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        SignalFd::with_flags(&signals.0, flags).map(Self)
    }

    /// Takes what has come, so that the descriptor is readable again with the next one only.
    ///
    /// # Errors
    /// Those of read(2) but `EAGAIN`.
    pub fn take(&self) -> Result<(), Errno> {
        // One at most is pending.
        self.0.read_signal().map(drop)
    }
}

impl AsFd for ChildSignalDescriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Makes children of this process wait to be waited for: a caller that ignores
/// SIGCHLD has the kernel reap them unseen (wait(2), `ECHILD`). Asks for no
/// SIGCHLD when one stops (`SA_NOCLDSTOP`, sigaction(2)): wait4(2) tells a tracer,
/// and at each stop the kernel would make a signal only to discard it
/// (`do_notify_parent_cldstop`, kernel/signal.c).
///
/// # Errors
/// None with these arguments.
pub fn wait_for_children() -> Result<(), Errno> {
    let action = SigAction::new(SigHandler::SigDfl, SaFlags::SA_NOCLDSTOP, SigSet::empty());
    // SAFETY: installs no handler.
    unsafe { nix::sys::signal::sigaction(Signal::SIGCHLD, &action) }.map(drop)
}

fn is_ignored(signal: Signal) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: asks only; `action` is writable and has the C library's layout.
    let result = unsafe { libc::sigaction(signal as i32, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: all-zero bytes are a valid value of this plain C struct.
    let action = unsafe { action.assume_init() };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// Interrupts this process's waiting calls again and again (SIGALRM without
/// `SA_RESTART`), so that one that waits for tracees can look at something else
/// too. It must have a single thread and no other use for SIGALRM.
#[derive(Debug)]
pub struct Ticks(());

static TICKS: AtomicU32 = AtomicU32::new(0);

extern "C" fn tick(_: i32) {
    TICKS.fetch_add(1, Ordering::Relaxed);
}

impl Ticks {
    /// Starts them (setitimer(2), `ITIMER_REAL`). A tick between a look at
    /// [`Ticks::count`] and the call that waits interrupts nothing, but the next
    /// one does.
    ///
    /// # Errors
    /// `EINVAL` for a period of a second or more.
    pub fn start(period: Duration) -> Result<Self, Errno> {
        let action = SigAction::new(SigHandler::Handler(tick), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler adds to an atomic integer, which is async-signal-safe.
        unsafe { nix::sys::signal::sigaction(Signal::SIGALRM, &action) }?;
        let mut set = SigSet::empty();
        set.add(Signal::SIGALRM);
        set.thread_unblock()?;
        set_timer(period)?;
        Ok(Self(()))
    }

    /// How many there were.
    #[inline]
    #[must_use]
    pub fn count(&self) -> u32 {
        TICKS.load(Ordering::Relaxed)
    }
}

impl Drop for Ticks {
    fn drop(&mut self) {
        // Zero is a valid period: it disarms the timer.
        let _ = set_timer(Duration::ZERO);
    }
}

fn set_timer(period: Duration) -> Result<(), Errno> {
    let microseconds =
        libc::suseconds_t::try_from(period.as_micros()).map_err(|_| Errno::EINVAL)?;
    let period = libc::timeval {
        tv_sec: 0,
        tv_usec: microseconds,
    };
    let timer = libc::itimerval {
        it_interval: period,
        it_value: period,
    };
    // SAFETY: `timer` lives and has the C library's layout; null asks for no former value.
    let result =
        unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
    Errno::result(result).map(drop)
}

impl AsFd for Termination {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
