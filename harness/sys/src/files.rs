//! Descriptors: anonymous files and waiting for input.

use crate::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// An anonymous file in memory (memfd_create(2), Linux 3.17), close-on-exec.
///
/// # Errors
/// `EMFILE`, `ENFILE`, `ENOMEM`.
pub fn anonymous(name: &str) -> Result<File, Errno> {
    memfd_create(name, MFdFlags::MFD_CLOEXEC).map(File::from)
}

/// Whether nobody is left who could read what is written here, a pipe, socket or
/// terminal (`POLLERR`, `POLLHUP`).
///
/// # Errors
/// `ENOMEM`; `EINTR` is retried.
pub fn reader_is_gone(descriptor: BorrowedFd<'_>) -> Result<bool, Errno> {
    // These two are told without being asked for.
    let mut fds = [PollFd::new(descriptor, PollFlags::empty())];
    loop {
        match poll(&mut fds, PollTimeout::ZERO) {
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
            Ok(ready) => return Ok(ready > 0),
        }
    }
}

/// Waits until one of two descriptors is readable or hung up; says which are.
///
/// # Errors
/// `ENOMEM`; `EINTR` is retried.
pub fn wait_readable(first: BorrowedFd<'_>, second: BorrowedFd<'_>) -> Result<(bool, bool), Errno> {
    let [first, second] = wait_readable_within([first, second], None)?;
    Ok((first, second))
}

/// What a descriptor is ready for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ready {
    /// There is something to read (`POLLIN`).
    pub readable: bool,
    /// Nothing more will come (`POLLHUP`, or an error).
    pub hung_up: bool,
}

impl Ready {
    /// Whether it is ready for anything.
    #[must_use]
    pub const fn any(self) -> bool {
        self.readable || self.hung_up
    }
}

/// Waits until one of some descriptors is readable or hung up, or `limit` has
/// passed; says which are. A limit is rounded up to whole milliseconds, and to
/// 24 days at most.
///
/// # Errors
/// `ENOMEM`; `EINTR` is retried.
pub fn wait_readable_within<const N: usize>(
    descriptors: [BorrowedFd<'_>; N],
    limit: Option<Duration>,
) -> Result<[bool; N], Errno> {
    wait_ready(descriptors, limit).map(|ready| ready.map(Ready::any))
}

/// The same, and says what for.
///
/// # Errors
/// As [`wait_readable_within`].
#[inline]
pub fn wait_ready<const N: usize>(
    descriptors: [BorrowedFd<'_>; N],
    limit: Option<Duration>,
) -> Result<[Ready; N], Errno> {
    let mut fds = descriptors.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    let deadline = limit.map(|limit| Instant::now() + limit);
    loop {
        let timeout = deadline.map_or(PollTimeout::NONE, |deadline| {
            let left = deadline.saturating_duration_since(Instant::now());
            let whole = left.as_micros().div_ceil(1000);
            i32::try_from(whole)
                .ok()
                .and_then(|whole| PollTimeout::try_from(whole).ok())
                .unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut fds, timeout) {
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
            Ok(_) => {
                return Ok(fds.map(|fd| {
                    let events = fd.revents().unwrap_or(PollFlags::POLLERR);
                    Ready {
                        readable: events.contains(PollFlags::POLLIN),
                        hung_up: events.intersects(!PollFlags::POLLIN),
                    }
                }));
            }
        }
    }
}
