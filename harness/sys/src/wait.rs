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

/// Waits until a child has ended, and leaves it as it is: a zombie, whose account is still in /proc.
/// It is found again until it is waited for.
///
/// # Errors
/// As [`any`].
pub fn ended() -> Result<Tid, Errno> {
    // Without WNOHANG it returns with a child only.
    look_for_ended(0)?.ok_or(Errno::ECHILD)
}

/// A child that has ended, if there is one, as [`ended`] leaves it.
///
/// # Errors
/// As [`any`].
pub fn poll_ended() -> Result<Option<Tid>, Errno> {
    look_for_ended(libc::WNOHANG)
}

fn look_for_ended(how: i32) -> Result<Option<Tid>, Errno> {
    match look(libc::P_ALL, 0, how | libc::__WALL) {
        Err(Errno::EINVAL) => look(libc::P_ALL, 0, how),
        found => found,
    }
}

/// Takes the status of a child in a process group that has one to report, without waiting.
///
/// # Errors
/// `ECHILD` where no child is in that group.
pub fn poll_group(group: Tid) -> Result<Option<Tid>, Errno> {
    let mut status = 0;
    let options = libc::__WALL | libc::WNOHANG;
    // SAFETY: `status` is a live, writable int; a null rusage is allowed.
    let tid = unsafe { libc::wait4(-group.0, &raw mut status, options, std::ptr::null_mut()) };
    Errno::result(tid).map(|tid| (tid != 0).then_some(Tid(tid)))
}

/// Whether `tid` is a child or tracee that has not been waited for. Nobody else
/// can get its number until it is, so only then is the number sure to be its.
#[must_use]
pub fn is_ours(tid: Tid) -> bool {
    let Ok(number) = libc::id_t::try_from(tid.0) else {
        return false;
    };
    let look = |which| look(libc::P_PID, number, libc::WNOHANG | which);
    let found = match look(libc::__WALL) {
        // Tracees, and children whose exit signal is SIGCHLD, are found without; an orphan's exit
        // signal becomes SIGCHLD with its new parent (kernel/exit.c, `reparent_leader`).
        Err(Errno::EINVAL) => look(0),
        found => found,
    };
    found.is_ok()
}

/// Looks for a child or tracee that has ended, and leaves it as it is; `ECHILD` where no child is
/// meant. Before Linux 4.7 `__WALL` is refused with `EINVAL` (waitid(2)).
fn look(kind: libc::idtype_t, number: libc::id_t, how: i32) -> Result<Option<Tid>, Errno> {
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::WNOWAIT | how;
    // SAFETY: room for the information; WNOWAIT leaves the child as it is.
    Errno::result(unsafe { libc::waitid(kind, number, info.as_mut_ptr(), options) })?;
    // SAFETY: all-zero bytes are a valid value of this plain C struct, and the kernel has filled it
    // in where there was a child.
    let info = unsafe { info.assume_init() };
    // SAFETY: waitid(2) sets the field, to zero where no child has ended.
    let tid = unsafe { info.si_pid() };
    Ok((tid != 0).then_some(Tid(tid)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::{self, Insn, code};

    /// Lets waitid(2) fail with EINVAL under `__WALL`, as before Linux 4.7.
    fn before_4_7() -> [Insn; 6] {
        let waitid = u32::try_from(libc::SYS_waitid).expect("a number");
        [
            Insn::statement(code::LD_ABS, 0), // nr
            Insn::jump(code::JEQ_K, waitid, 0, 2),
            Insn::statement(code::LD_ABS, 16 + 3 * 8), // the low half of the fourth argument
            Insn::jump(code::JSET_K, libc::__WALL.cast_unsigned(), 1, 0),
            Insn::statement(code::RET_K, libc::SECCOMP_RET_ALLOW),
            Insn::statement(
                code::RET_K,
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
            let look = |which| look(libc::P_PID, std::process::id(), libc::WNOHANG | which);
            assert_eq!(look(libc::__WALL), Err(Errno::EINVAL));
            assert_eq!(look(0), Err(Errno::ECHILD));
            a_number_is_ours_until_its_process_is_waited_for();
        });
        thread.join().expect("no panic");
    }

    /// Alone among the tests of this crate in that it looks for any child: it begins where others
    /// have theirs, so it says nothing of which one it finds.
    #[test]
    fn a_child_that_has_ended_is_found_until_it_is_waited_for() {
        let mut child = std::process::Command::new("true").spawn().expect("true(1)");
        let tid = Tid(i32::try_from(child.id()).expect("a process id"));
        assert!(ended().is_ok());
        assert!(matches!(look(libc::P_PID, child.id(), 0), Ok(Some(found)) if found == tid));
        assert!(matches!(poll_ended(), Ok(Some(_))));
        assert!(child.wait().expect("a status").success());
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
