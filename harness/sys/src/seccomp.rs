//! seccomp(2): installing a filter on this thread.

use std::mem::offset_of;

pub use harness_insn::{Insn, code};

use crate::Errno;
use std::os::fd::RawFd;

// `Insn` is what the kernel reads and writes as `struct sock_filter`.
const _: () = assert!(
    size_of::<Insn>() == size_of::<libc::sock_filter>()
        && align_of::<Insn>() == align_of::<libc::sock_filter>()
        && offset_of!(Insn, code) == offset_of!(libc::sock_filter, code)
        && offset_of!(Insn, jt) == offset_of!(libc::sock_filter, jt)
        && offset_of!(Insn, jf) == offset_of!(libc::sock_filter, jf)
        && offset_of!(Insn, k) == offset_of!(libc::sock_filter, k)
);

/// Installs `program` on this thread, without turning on the speculative-store
/// mitigation that filters brought with them before Linux 5.16
/// (`SECCOMP_FILTER_FLAG_SPEC_ALLOW`, 4.17; without the flag on older kernels).
///
/// # Errors
/// `EACCES` without CAP_SYS_ADMIN and `no_new_privs`; `EINVAL` for a program the
/// kernel refuses; `ENOMEM` where the chain is longer than 32768 instructions.
pub fn install(program: &[Insn]) -> Result<(), Errno> {
    match install_with_flags(program, libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW) {
        Err(Errno::EINVAL) => install_with_flags(program, 0),
        result => result,
    }
    .map(drop)
}

/// The listener of a filter, in the process that has installed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InstalledListener {
    /// Its descriptor, close-on-exec.
    pub(crate) number: RawFd,
    /// Whether a signal that does not kill leaves a call waiting that was received.
    pub(crate) wait_killable: bool,
}

/// Installs `program` as [`install`] does, with a listener for its `SECCOMP_RET_USER_NOTIF`
/// (`SECCOMP_FILTER_FLAG_NEW_LISTENER`, Linux 5.0), and with `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`
/// where the kernel has it (5.19). The calling thread may make none of the calls that the program
/// notifies of before somebody else has the descriptor.
///
/// # Errors
/// As [`install`]; `EBUSY`: a filter of this thread has a listener already.
pub(crate) fn install_with_listener(program: &[Insn]) -> Result<InstalledListener, Errno> {
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    let killable = flags | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    let (number, wait_killable) = match install_with_flags(program, killable) {
        Err(Errno::EINVAL) => (install_with_flags(program, flags)?, false),
        result => (result?, true),
    };
    Ok(InstalledListener {
        number: RawFd::try_from(number).map_err(|_| Errno::EBADF)?,
        wait_killable,
    })
}

fn install_with_flags(program: &[Insn], flags: libc::c_ulong) -> Result<libc::c_long, Errno> {
    let length = u16::try_from(program.len()).map_err(|_| Errno::EINVAL)?;
    let fprog = libc::sock_fprog {
        len: length,
        filter: program.as_ptr().cast_mut().cast::<libc::sock_filter>(),
    };
    // SAFETY: `fprog` points to `len` instructions with the layout of
    // `struct sock_filter`, which the kernel copies and does not change.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const fprog,
        )
    };
    Errno::result(result)
}

/// Gives up gaining privileges by execve(2), for good (prctl(2),
/// `PR_SET_NO_NEW_PRIVS`).
///
/// # Errors
/// `EINVAL` before Linux 3.5.
pub fn set_no_new_privs() -> Result<(), Errno> {
    // SAFETY: integer arguments only.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    Errno::result(result).map(drop)
}
