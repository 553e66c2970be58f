//! New processes and threads with an exact number of calls.
//!
//! The library's ways (posix_spawn(3), fork(3), pthread_create(3)) make calls
//! around the one that matters, and which ones differs between versions. Here a new task costs
//! one clone(2), and what else it makes is said at each function.
//!
//! For single-threaded programs: fork-like children run on a copy of the
//! caller's memory as it is.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::calls;

/// Enough for a child that only calls the kernel.
const STACK_BYTES: usize = 32 * 1024;

/// A child's stack, alive in its parent's frame until the child needs it no more.
#[repr(align(16))]
struct Stack(MaybeUninit<[u8; STACK_BYTES]>);

impl Stack {
    const fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    /// Stacks grow down: the address behind the last byte.
    fn top(&mut self) -> *mut c_void {
        self.0.as_mut_ptr().wrapping_add(1).cast()
    }
}

/// A program to execute: the paths to try in order, as a search along `PATH` would, and its
/// argument vector.
#[derive(Debug)]
pub struct Program<'a> {
    paths: Vec<*const c_char>,
    arguments: Vec<*const c_char>,
    strings: PhantomData<&'a CStr>,
}

/// What the child reads and writes in its parent's memory.
struct Shared<'a> {
    program: &'a Program<'a>,
    error: AtomicI32,
}

impl<'a> Program<'a> {
    /// The program found at the first of `paths` that can be executed.
    #[must_use]
    pub fn new(paths: &[&'a CStr], arguments: &[&'a CStr]) -> Self {
        let pointers =
            |strings: &[&'a CStr]| strings.iter().map(|string| string.as_ptr()).collect();
        let mut arguments: Vec<_> = pointers(arguments);
        arguments.push(std::ptr::null());
        Self {
            paths: pointers(paths),
            arguments,
            strings: PhantomData,
        }
    }

    /// Starts the program in a child, with the caller's environment, and returns its process id.
    ///
    /// One clone(2) with `CLONE_VM | CLONE_VFORK`; in the child one rt_sigprocmask(2) that unblocks all
    /// signals, and one execve(2) a path up to the first that succeeds.
    ///
    /// # Errors
    /// That of clone(2), or of the last execve(2) where none succeeded; the child is then reaped.
    pub fn spawn(&self) -> io::Result<libc::pid_t> {
        let mut stack = Stack::new();
        let mut shared = Shared {
            program: self,
            error: AtomicI32::new(0),
        };
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        // SAFETY: the child has a stack of its own, and CLONE_VFORK keeps this frame, which holds
        // that stack and `shared`, as it is until the child has executed or ended.
        let pid = unsafe { libc::clone(execute, stack.top(), flags, (&raw mut shared).cast()) };
        if pid == -1 {
            return Err(io::Error::last_os_error());
        }
        match shared.error.load(Ordering::Relaxed) {
            0 => Ok(pid),
            error => {
                calls::wait4(pid)?;
                Err(io::Error::from_raw_os_error(error))
            }
        }
    }
}

unsafe extern "C" {
    /// environ(7).
    static environ: *const *const c_char;
}

/// The child of [`Program::spawn`]: runs in the parent's memory while the parent sleeps.
extern "C" fn execute(argument: *mut c_void) -> c_int {
    // SAFETY: the parent passed its `Shared`, alive until this child has executed or ended.
    let shared = unsafe { &*argument.cast::<Shared<'_>>() };
    let none_blocked = 0_u64;
    // SAFETY: a live mask of the size given; the mask is the child's own, also under CLONE_VM.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const none_blocked,
            0_usize,
            size_of_val(&none_blocked),
        )
    };
    let arguments = shared.program.arguments.as_ptr();
    // SAFETY: nothing in this process changes the environment.
    let environment = unsafe { environ };
    for &path in &shared.program.paths {
        // SAFETY: live NUL-terminated strings in null-terminated arrays.
        unsafe { libc::syscall(libc::SYS_execve, path, arguments, environment) };
    }
    let error = io::Error::last_os_error()
        .raw_os_error()
        .unwrap_or(libc::ENOENT);
    shared.error.store(error, Ordering::Relaxed);
    127
}

/// Creates a child that runs on from here in a copy of this process; returns the child's process
/// id, and nothing in the child, which should end with [`calls::exit_group`].
///
/// One clone(2) with no flags, as fork(2) is, and none of libc's handlers (`pthread_atfork(3)`).
///
/// # Errors
/// That of clone(2).
pub fn fork() -> io::Result<Option<libc::pid_t>> {
    // SAFETY: without CLONE_VM the child has its own copy of this stack to run on.
    let result = unsafe {
        libc::syscall(
            libc::SYS_clone,
            libc::SIGCHLD,
            0_usize,
            0_usize,
            0_usize,
            0_usize,
        )
    };
    calls::pid(result).map(|pid| (pid != 0).then_some(pid))
}

/// Creates a thread that ends at once, and waits for its end.
///
/// One clone(2) with the flags of pthread_create(3), but for the thread-local storage; one exit(2) in
/// the thread; one futex(2) `FUTEX_WAIT` on the word that the kernel clears at the thread's end, made
/// whether or not it is cleared already.
///
/// # Errors
/// That of clone(2).
pub fn thread_round_trip() -> io::Result<()> {
    let mut stack = Stack::new();
    let word = AtomicI32::new(0);
    let flags = libc::CLONE_VM
        | libc::CLONE_FS
        | libc::CLONE_FILES
        | libc::CLONE_SIGHAND
        | libc::CLONE_THREAD
        | libc::CLONE_SYSVSEM
        | libc::CLONE_PARENT_SETTID
        | libc::CLONE_CHILD_CLEARTID;
    let address = word.as_ptr();
    // SAFETY: the thread has a stack of its own, touches no thread-local storage (which it would
    // share with this thread), and is gone before this frame is.
    let tid = unsafe {
        libc::clone(
            end_at_once,
            stack.top(),
            flags,
            std::ptr::null_mut(),
            address,
            std::ptr::null_mut::<c_void>(),
            address,
        )
    };
    if tid == -1 {
        return Err(io::Error::last_os_error());
    }
    loop {
        // SAFETY: the word is alive and aligned; no timeout. EAGAIN says that the thread has ended.
        unsafe { libc::syscall(libc::SYS_futex, address, libc::FUTEX_WAIT, tid, 0_usize) };
        if word.load(Ordering::Acquire) == 0 {
            return Ok(());
        }
    }
}

/// The thread of [`thread_round_trip`]; libc's clone(2) makes it exit(2) when it returns.
extern "C" fn end_at_once(_: *mut c_void) -> c_int {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_path_that_can_be_executed_is() {
        let program = Program::new(
            &[c"/nonexistent/sh", c"/bin/sh"],
            &[c"sh", c"-c", c"exit 7"],
        );
        let pid = program.spawn().unwrap();
        let (child, status) = calls::wait4(pid).unwrap();
        assert_eq!((child, status.code()), (pid, Some(7)));
    }

    /// The error is that of the last path; the child is reaped, so that none is left to wait for.
    #[test]
    fn a_program_that_is_nowhere_is_an_error() {
        let program = Program::new(&[c"/dev/null/no", c"/nonexistent/no"], &[c"no"]);
        assert_eq!(
            program.spawn().unwrap_err().raw_os_error(),
            Some(libc::ENOENT)
        );
    }

    #[test]
    fn a_forked_child_ends_with_its_code() {
        match fork().unwrap() {
            None => calls::exit_group(9),
            Some(pid) => assert_eq!(calls::wait4(pid).unwrap().1.code(), Some(9)),
        }
    }

    #[test]
    fn threads_come_and_go() {
        for _ in 0..1000 {
            thread_round_trip().unwrap();
        }
    }
}
