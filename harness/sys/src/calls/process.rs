//! Calls about the process itself, its signals and its children.

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::{done, length};

/// The size of the kernel's signal set, in bytes (`_NSIG / 8`, asm/signal.h).
const SIGNAL_SET_BYTES: usize = 8;

/// Calls that only tell, or leave as it is, who the process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// getpid(2)
    Getpid,
    /// getppid(2)
    Getppid,
    /// getuid(2)
    Getuid,
    /// geteuid(2)
    Geteuid,
    /// getgid(2)
    Getgid,
    /// getegid(2)
    Getegid,
    /// setresuid(2) with −1 for all three
    SetresuidSame,
    /// setresgid(2) with −1 for all three
    SetresgidSame,
}

impl Identity {
    /// Makes the call.
    ///
    /// # Errors
    /// None by the manual; the kernel's.
    pub fn call(self) -> io::Result<()> {
        let number = match self {
            Self::Getpid => libc::SYS_getpid,
            Self::Getppid => libc::SYS_getppid,
            Self::Getuid => libc::SYS_getuid,
            Self::Geteuid => libc::SYS_geteuid,
            Self::Getgid => libc::SYS_getgid,
            Self::Getegid => libc::SYS_getegid,
            Self::SetresuidSame => libc::SYS_setresuid,
            Self::SetresgidSame => libc::SYS_setresgid,
        };
        // SAFETY: these calls take no pointer, and −1 leaves an identity as it is.
        done(unsafe { libc::syscall(number, -1, -1, -1) })
    }
}

/// getppid(2): the parent's process id. It cannot fail.
#[inline]
#[must_use]
pub fn getppid() -> libc::c_long {
    // SAFETY: no arguments.
    unsafe { libc::syscall(libc::SYS_getppid) }
}

/// rt_sigaction(2) that asks for the action of `signal` (1–64) and changes nothing.
///
/// # Errors
/// The kernel's.
pub fn rt_sigaction_query(signal: c_int) -> io::Result<()> {
    // Room for the kernel's struct sigaction of x86-64: handler, flags, restorer, mask.
    let mut old = [0_u64; 4];
    // SAFETY: no new action, and room for the old one.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            signal,
            0_usize,
            old.as_mut_ptr(),
            SIGNAL_SET_BYTES,
        )
    };
    done(result)
}

/// rt_sigprocmask(2) that asks for the mask and changes nothing.
///
/// # Errors
/// The kernel's.
pub fn rt_sigprocmask_query() -> io::Result<()> {
    let mut mask = 0_u64;
    // SAFETY: no new mask, and room for the old one.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_BLOCK,
            0_usize,
            &raw mut mask,
            SIGNAL_SET_BYTES,
        )
    };
    done(result)
}

/// rt_sigprocmask(2) that blocks SIGCHLD.
///
/// A process with several children at once needs it for exact counts: under ptrace an ignored
/// SIGCHLD is queued all the same, and one that is pending makes clone(2) start over
/// (`ERESTARTNOINTR`, copy_process in kernel/fork.c).
///
/// # Errors
/// The kernel's.
pub fn block_sigchld() -> io::Result<()> {
    let mask = 1_u64 << (libc::SIGCHLD - 1);
    // SAFETY: a live mask of the size given, and no room wanted for the old one.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_BLOCK,
            &raw const mask,
            0_usize,
            SIGNAL_SET_BYTES,
        )
    };
    done(result)
}

/// wait4(2) for the end of the child `pid`, or of any child where `pid` is −1; blocks.
///
/// # Errors
/// The kernel's; `ECHILD` where there is no such child.
pub fn wait4(pid: libc::pid_t) -> io::Result<(libc::pid_t, ExitStatus)> {
    let mut status = 0;
    // SAFETY: room for the status, and no resource usage asked for.
    let result = unsafe { libc::syscall(libc::SYS_wait4, pid, &raw mut status, 0, 0_usize) };
    let child = super::pid(result)?;
    Ok((child, ExitStatus::from_raw(status)))
}

/// exit_group(2): ends the process at once, without the language's or libc's clean-up.
pub fn exit_group(code: u8) -> ! {
    loop {
        // SAFETY: takes no pointer, and does not return.
        unsafe { libc::syscall(libc::SYS_exit_group, c_int::from(code)) };
    }
}

/// getcwd(2); the path itself is not of interest.
///
/// # Errors
/// The kernel's.
pub fn getcwd() -> io::Result<()> {
    let mut path = [0_u8; libc::PATH_MAX as usize];
    // SAFETY: a live exclusive buffer with its length.
    done(unsafe { libc::syscall(libc::SYS_getcwd, path.as_mut_ptr(), path.len()) })
}

/// getrandom(2) into the whole of `bytes` (at most 256, which the kernel fills in one go).
///
/// # Errors
/// The kernel's.
pub fn getrandom(bytes: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the pointer and length are those of a live exclusive slice.
    length(unsafe { libc::syscall(libc::SYS_getrandom, bytes.as_mut_ptr(), bytes.len(), 0) })
}

/// sysinfo(2); the answer is not of interest.
///
/// # Errors
/// The kernel's.
pub fn sysinfo() -> io::Result<()> {
    let mut info = MaybeUninit::<libc::sysinfo>::uninit();
    // SAFETY: room for the kernel's struct sysinfo.
    done(unsafe { libc::syscall(libc::SYS_sysinfo, info.as_mut_ptr()) })
}
