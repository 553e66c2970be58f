//! seccomp(2): installing a filter on this thread.

use crate::Errno;

/// One classic BPF instruction, `struct sock_filter` of `uapi/linux/filter.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct SockFilter {
    /// Opcode.
    pub code: u16,
    /// Jump offset if true.
    pub jt: u8,
    /// Jump offset if false.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// Installs `program` on this thread, without turning on the speculative-store
/// mitigation that filters brought with them before Linux 5.16
/// (`SECCOMP_FILTER_FLAG_SPEC_ALLOW`, 4.17; without the flag on older kernels).
///
/// # Errors
/// `EACCES` without CAP_SYS_ADMIN and `no_new_privs`; `EINVAL` for a program the
/// kernel refuses; `ENOMEM` where the chain is longer than 32768 instructions.
pub fn install(program: &[SockFilter]) -> Result<(), Errno> {
    match install_with_flags(program, libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW) {
        Err(Errno::EINVAL) => install_with_flags(program, 0),
        result => result,
    }
}

fn install_with_flags(program: &[SockFilter], flags: libc::c_ulong) -> Result<(), Errno> {
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
    Errno::result(result).map(drop)
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
