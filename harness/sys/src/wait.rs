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

/// Whether `tid` is a child or tracee that has not been waited for. Nobody else
/// can get its number until it is, so only then is the number sure to be its.
#[must_use]
pub fn is_ours(tid: Tid) -> bool {
    let Ok(number) = libc::id_t::try_from(tid.0) else {
        return false;
    };
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    // SAFETY: Linux allows a null siginfo (kernel/exit.c, `waitid`); WNOWAIT
    // leaves the child as it is.
    let result = unsafe { libc::waitid(libc::P_PID, number, std::ptr::null_mut(), options) };
    result == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_ours_until_its_process_is_waited_for() {
        let sleep = std::process::Command::new("sleep").arg("100").spawn();
        let mut child = sleep.expect("sleep(1)");
        let tid = Tid(i32::try_from(child.id()).expect("a process id"));
        assert!(is_ours(tid));
        child.kill().expect("it can be killed");
        assert!(is_ours(tid));
        child.wait().expect("a status");
        assert!(!is_ours(tid));
        for stranger in [1, 0, -1, i32::MAX] {
            assert!(!is_ours(Tid(stranger)), "{stranger}");
        }
    }
}
