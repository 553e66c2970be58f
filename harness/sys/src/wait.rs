//! wait4(2) as a tracer needs it: any child, any thread, the raw status.

use crate::{Errno, Tid};

/// Waits for the next status of any child or tracee, threads included
/// (`__WALL`), and returns it as the kernel encodes it.
///
/// # Errors
/// `ECHILD` when there is neither child nor tracee left; `EINTR` when a signal
/// handler ran.
#[inline]
pub fn any() -> Result<(Tid, i32), Errno> {
    let mut status = 0;
    // SAFETY: `status` is a live, writable int; a null rusage is allowed.
    let tid = unsafe { libc::wait4(-1, &raw mut status, libc::__WALL, std::ptr::null_mut()) };
    Errno::result(tid).map(|tid| (Tid(tid), status))
}

/// Waits for the next status of one child or tracee.
///
/// # Errors
/// As [`any`]; `ECHILD` also where `tid` is none of ours.
pub fn one(tid: Tid) -> Result<i32, Errno> {
    let mut status = 0;
    // SAFETY: `status` is a live, writable int; a null rusage is allowed.
    let tid = unsafe { libc::wait4(tid.0, &raw mut status, libc::__WALL, std::ptr::null_mut()) };
    Errno::result(tid).map(|_| status)
}

/// Takes the status of a child that has one to report, without waiting.
///
/// # Errors
/// As [`any`].
pub fn poll() -> Result<Option<(Tid, i32)>, Errno> {
    let mut status = 0;
    let options = libc::__WALL | libc::WNOHANG;
    // SAFETY: `status` is a live, writable int; a null rusage is allowed.
    let tid = unsafe { libc::wait4(-1, &raw mut status, options, std::ptr::null_mut()) };
    Errno::result(tid).map(|tid| (tid != 0).then_some((Tid(tid), status)))
}

/// Takes the status of one child or tracee, if it has one to report, without
/// waiting. Unlike [`any`] and [`poll`], which walk all of them, it finds this
/// one by its id (kernel/exit.c, `do_wait_pid`, Linux 5.13).
///
/// # Errors
/// `ECHILD` where `tid` is none of ours.
#[inline]
pub fn poll_one(tid: Tid) -> Result<Option<i32>, Errno> {
    let mut status = 0;
    let options = libc::__WALL | libc::WNOHANG;
    // SAFETY: `status` is a live, writable int; a null rusage is allowed.
    let reported = unsafe { libc::wait4(tid.0, &raw mut status, options, std::ptr::null_mut()) };
    Errno::result(reported).map(|reported| (reported != 0).then_some(status))
}
