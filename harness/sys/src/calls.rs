//! Plain system calls that workloads make: one kernel call a function.
//!
//! Each function enters the kernel exactly once, with the number it is named
//! after (x86-64), never through a libc wrapper that may choose another call,
//! retry, or keep a cache. That is what lets a workload state its counts.
//! None of them retries on `EINTR`: a workload installs no signal handler.
//!
//! Everything that fails returns the kernel's error (see section 2 of the manual
//! under the function's name).

mod files;
mod memory;
mod process;
mod sockets;

pub use files::{
    Descriptor, Open, access, chdir, getdents64, lstat, mkdir, newfstatat, openat, pipe2,
    pwrite64_inherited, readlink, rename, rmdir, stat, symlink, unlink, write_inherited,
};
pub use memory::{Mapping, PAGE_BYTES, disable_huge_pages, futex_wake, grow_heap};
pub use process::{
    Identity, block_sigchld, exit_group, getcwd, getppid, getrandom, rt_sigaction_query,
    rt_sigprocmask_query, sysinfo, wait4,
};
pub use sockets::{UnixAddress, UnixSocket};

use std::io;

/// The result of a raw call: −1 becomes the error in `errno`.
fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Like [`check`], for calls whose result says nothing more.
fn done(result: libc::c_long) -> io::Result<()> {
    check(result).map(|_| ())
}

/// Like [`check`], for calls that return a number of bytes.
fn length(result: libc::c_long) -> io::Result<usize> {
    check(result).map(|count| usize::try_from(count).expect("a byte count is not negative"))
}

/// Like [`check`], for calls that return a process id.
pub(crate) fn pid(result: libc::c_long) -> io::Result<libc::pid_t> {
    check(result).map(|pid| libc::pid_t::try_from(pid).expect("a process id fits pid_t"))
}
