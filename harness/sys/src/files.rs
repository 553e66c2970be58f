//! Descriptors: anonymous files and waiting for input.

use crate::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::os::fd::BorrowedFd;

/// An anonymous file in memory (memfd_create(2), Linux 3.17), close-on-exec.
///
/// # Errors
/// `EMFILE`, `ENFILE`, `ENOMEM`.
pub fn anonymous(name: &str) -> Result<File, Errno> {
    memfd_create(name, MFdFlags::MFD_CLOEXEC).map(File::from)
}

/// Waits until one of two descriptors is readable or hung up; says which are.
///
/// # Errors
/// `ENOMEM`; `EINTR` is retried.
pub fn wait_readable(first: BorrowedFd<'_>, second: BorrowedFd<'_>) -> Result<(bool, bool), Errno> {
    let mut fds = [first, second].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    loop {
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
            Ok(_) => {
                let ready = |fd: &PollFd<'_>| fd.any().unwrap_or(false);
                return Ok((ready(&fds[0]), ready(&fds[1])));
            }
        }
    }
}
