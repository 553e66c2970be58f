//! What a child does between fork(2) and execve(2).

use super::handover::Handover;
use super::launched::{GO, INHERITED_RSS, Launched, NO_NEW_PRIVS_SET, READY, message};
use super::{LaunchError, Listener, Start, Step};
use crate::seccomp::{self, Insn};
use crate::{Errno, Tid, process, rusage};
use std::convert::Infallible;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Exit code of a child that could not become its program, as in a shell.
const CANNOT_EXECUTE: i32 = 127;

/// The child sets itself up, waits for its release, and becomes its program;
/// a child that nobody traces has nothing left to do between the last two, and
/// says when it has come there. Its pipes have no number below `reserved`, where
/// `set_up` may put other descriptors.
pub(super) fn fork(
    start: Start<'_>,
    reserved: RawFd,
    set_up: impl FnOnce() -> Result<(), (Step, Errno)>,
    become_program: impl FnOnce() -> Result<Infallible, (Step, Errno)>,
) -> Result<Launched, LaunchError> {
    let failed = |operation| move |errno| LaunchError::Parent { operation, errno };
    let pipe = || nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(failed("pipe2(2)"));
    let out_of_the_way = |end: OwnedFd| {
        if end.as_raw_fd() >= reserved {
            return Ok(end);
        }
        let raised = above(end.as_raw_fd(), reserved).map_err(failed("fcntl(F_DUPFD_CLOEXEC)"))?;
        // SAFETY: the kernel has just opened it for this call alone.
        Ok(unsafe { OwnedFd::from_raw_fd(raised) })
    };
    let ((go_read, go_write), (messages_read, messages_write)) = (pipe()?, pipe()?);
    // The child closes the other two before it puts anything in its place.
    let (go_read, messages_write) = (out_of_the_way(go_read)?, out_of_the_way(messages_write)?);
    let held = start.held || matches!(start.filter, Some((_, Listener::Taken)));
    let handover = held.then(Handover::new).transpose();
    let handover = handover.map_err(failed("mmap(2)"))?;
    let parent = process::own();
    // SAFETY: the child takes no lock that another thread could hold but those
    // of the allocator, which glibc keeps usable across fork(2), until it
    // executes or exits, which it does below.
    match unsafe { nix::unistd::fork() } {
        Err(errno) => Err(failed("fork(2)")(errno)),
        Ok(nix::unistd::ForkResult::Parent { child }) => {
            let tid = Tid(child.as_raw());
            let (go, messages) = (File::from(go_write), File::from(messages_read));
            Ok(Launched::new(tid, go, messages, handover))
        }
        Ok(nix::unistd::ForkResult::Child) => {
            drop((go_write, messages_read));
            let mut messages = File::from(messages_write);
            let outcome = prepare(start, parent)
                .and_then(|()| set_up())
                .and_then(|()| {
                    arrange(start, File::from(go_read), &mut messages, handover.as_ref())
                })
                .and_then(|()| become_program());
            let Err((step, errno)) = outcome;
            let _ = messages.write_all(&message(step as u8, errno as i32));
            exit_now(CANNOT_EXECUTE)
        }
    }
}

/// What any child does first.
fn prepare(start: Start<'_>, parent: Tid) -> Result<(), (Step, Errno)> {
    if !start.traced {
        process::die_with_parent().map_err(|errno| (Step::ParentDeath, errno))?;
        if process::parent() != parent {
            exit_now(CANNOT_EXECUTE);
        }
    }
    default_signals();
    Ok(())
}

/// Waits for the release, and installs the filter: after it where somebody must be there first, a
/// tracer that has attached or a supervisor that takes the listener; before it where nobody must.
/// Nothing may come between the mark and execve(2), as the tracer counts from the mark on, and
/// nothing between a filter that has a listener and execve(2).
fn arrange(
    start: Start<'_>,
    mut go: File,
    messages: &mut File,
    handover: Option<&Handover>,
) -> Result<(), (Step, Errno)> {
    let own = nix::unistd::Pid::from_raw(process::own().0);
    let alone = !start.traced && !matches!(start.filter, Some((_, Listener::Taken)));
    if let (true, Some((program, _))) = (alone, start.filter) {
        install(program, messages, seccomp::install)?;
    }
    let inherited = i32::try_from(rusage::own().max_rss_kib).unwrap_or(i32::MAX);
    let _ = messages.write_all(&message(INHERITED_RSS, inherited));
    if !start.traced {
        let _ = messages.write_all(&message(READY, 0));
    }
    let mut byte = [0];
    // End of file: the parent is gone.
    if go.read_exact(&mut byte).is_err() || byte != [GO] {
        exit_now(CANNOT_EXECUTE);
    }
    drop(go);
    match (start.filter, handover) {
        (Some((program, Listener::Taken)), Some(handover)) => {
            let listener = install(program, messages, seccomp::install_with_listener)?;
            handover.offer(Some(listener));
        }
        (Some((program, _)), None) if start.traced => install(program, messages, seccomp::install)?,
        (_, Some(handover)) => handover.offer(None),
        _ => {}
    }
    if start.traced {
        nix::sys::signal::kill(own, nix::sys::signal::Signal::SIGSTOP)
            .map_err(|errno| (Step::Mark, errno))?;
    }
    Ok(())
}

/// Installs a filter, with `no_new_privs` only where the kernel insists.
fn install<T>(
    program: &[Insn],
    messages: &mut File,
    install: impl Fn(&[Insn]) -> Result<T, Errno>,
) -> Result<T, (Step, Errno)> {
    match install(program) {
        Err(Errno::EACCES) => {
            seccomp::set_no_new_privs().map_err(|errno| (Step::NoNewPrivs, errno))?;
            // The last call before the filter: there may be none after it.
            let _ = messages.write_all(&message(NO_NEW_PRIVS_SET, 0));
            install(program)
        }
        result => result,
    }
    .map_err(|errno| (Step::Filter, errno))
}

/// Undoes what was done to signals between the user's shell and here: the Rust
/// runtime ignores SIGPIPE, glibc's posix_spawn(3) the two signals it keeps for
/// itself, and the caller may block some.
fn default_signals() {
    const GLIBC_CANCEL: i32 = 32;
    const GLIBC_SETXID: i32 = 33;
    let empty = nix::sys::signal::SigSet::empty();
    let _ = empty.thread_set_mask();
    for signal in [libc::SIGPIPE, GLIBC_CANCEL, GLIBC_SETXID] {
        // `struct kernel_sigaction`: handler SIG_DFL, no flags, no restorer, empty mask.
        let default = [0_u64; 4];
        let set_size = size_of::<u64>();
        let none = std::ptr::null_mut::<u64>();
        // SAFETY: `default` lives and has the kernel's layout; glibc's own
        // function refuses its two signals. No handler is installed.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                none,
                set_size,
            )
        };
    }
}

/// A duplicate with a number that is not below `least`, close-on-exec.
pub(super) fn above(descriptor: RawFd, least: RawFd) -> Result<RawFd, Errno> {
    // SAFETY: integer arguments only.
    let number = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, least) };
    // EINVAL: `least` is not below RLIMIT_NOFILE (fcntl(2)).
    Errno::result(number).map_err(|errno| match errno {
        Errno::EINVAL => Errno::EMFILE,
        other => other,
    })
}

pub(super) fn duplicate(from: RawFd, to: RawFd) -> Result<(), Errno> {
    if from == to {
        // dup2(2) of equal numbers changes nothing, close-on-exec included.
        // SAFETY: integer arguments only.
        return Errno::result(unsafe { libc::fcntl(from, libc::F_SETFD, 0) }).map(drop);
    }
    // SAFETY: integer arguments only; the child owns all its descriptors.
    Errno::result(unsafe { libc::dup2(from, to) }).map(drop)
}

pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: ends the process without running the parent's exit handlers.
    unsafe { libc::_exit(code) }
}
