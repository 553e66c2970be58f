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
    let found = match look(number, libc::__WALL) {
        // Before Linux 4.7 waitid(2) refuses `__WALL`. Tracees, and children
        // whose exit signal is SIGCHLD, it finds without; an orphan's exit signal
        // becomes SIGCHLD with its new parent (kernel/exit.c, `reparent_leader`).
        Err(Errno::EINVAL) => look(number, 0),
        found => found,
    };
    found.is_ok()
}

/// Looks for a child or tracee, and leaves it as it is.
fn look(number: libc::id_t, which: i32) -> Result<(), Errno> {
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | which;
    // SAFETY: Linux allows a null siginfo (kernel/exit.c, `waitid`); WNOWAIT
    // leaves the child as it is.
    let result = unsafe { libc::waitid(libc::P_PID, number, std::ptr::null_mut(), options) };
    Errno::result(result).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::{self, SockFilter};

    /// Lets waitid(2) fail with EINVAL under `__WALL`, as before Linux 4.7.
    fn before_4_7() -> [SockFilter; 6] {
        // uapi/linux/bpf_common.h, uapi/linux/seccomp.h
        const LOAD: u16 = 0x20;
        const JUMP_IF_EQUAL: u16 = 0x15;
        const JUMP_IF_SET: u16 = 0x45;
        const RETURN: u16 = 0x06;
        let insn = |code, jt, jf, k| SockFilter { code, jt, jf, k };
        let waitid = u32::try_from(libc::SYS_waitid).expect("a number");
        [
            insn(LOAD, 0, 0, 0), // nr
            insn(JUMP_IF_EQUAL, 0, 2, waitid),
            insn(LOAD, 0, 0, 16 + 3 * 8), // the low half of the fourth argument
            insn(JUMP_IF_SET, 1, 0, libc::__WALL.cast_unsigned()),
            insn(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
            insn(
                RETURN,
                0,
                0,
                libc::SECCOMP_RET_ERRNO | libc::EINVAL.cast_unsigned(),
            ),
        ]
    }

    #[test]
    fn kernels_before_4_7_know_their_children_too() {
        // A filter holds for its thread, which ends.
        let thread = std::thread::spawn(|| {
            seccomp::set_no_new_privs().expect("prctl");
            seccomp::install(&before_4_7()).expect("a filter");
            let own = std::process::id();
            assert_eq!(look(own, libc::__WALL), Err(Errno::EINVAL));
            assert_eq!(look(own, 0), Err(Errno::ECHILD));
            a_number_is_ours_until_its_process_is_waited_for();
        });
        thread.join().expect("no panic");
    }

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
