//! What a process may ask for itself and its children (prctl(2), kill(2)).

use crate::{Errno, Tid, procfs};
use nix::sys::signal::{SigHandler, SigSet, Signal, kill as nix_kill, signal};
use nix::unistd::Pid;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Makes orphaned descendants children of this process, so that they can be
/// waited for (`PR_SET_CHILD_SUBREAPER`, Linux 3.4).
///
/// # Errors
/// `EINVAL` before Linux 3.4.
pub fn become_subreaper() -> Result<(), Errno> {
    // SAFETY: integer arguments only.
    let result = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
    Errno::result(result).map(drop)
}

/// Lets the children of this process be traced before they execute a program, where its binary has
/// capabilities: the kernel makes such a process one that is not dumpable (`commit_creds`, kernel/cred.c), which
/// only CAP_SYS_PTRACE may trace, and its children inherit that. Others gain nothing by it: who traces needs
/// the same user and all of the capabilities (`cap_ptrace_access_check`, security/commoncap.c). A set-user-ID
/// program stays as it is.
pub fn become_dumpable() {
    use nix::unistd::{getegid, geteuid, getgid, getuid};
    if getuid() == geteuid() && getgid() == getegid() {
        // SAFETY: integer arguments only.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
    }
}

/// Has this process killed when its parent ends (`PR_SET_PDEATHSIG`). The
/// parent may have ended before: compare [`parent`] afterwards.
///
/// # Errors
/// None with these arguments.
pub fn die_with_parent() -> Result<(), Errno> {
    signal_at_parents_end(Signal::SIGKILL)
}

/// Has this process sent a signal when its parent ends, as [`die_with_parent`].
pub(crate) fn signal_at_parents_end(signal: Signal) -> Result<(), Errno> {
    // SAFETY: integer arguments only.
    let result = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal as i32, 0, 0, 0) };
    Errno::result(result).map(drop)
}

/// Forks (fork(3)): `None` in the child, which runs on from here.
///
/// The calling process must have a single thread: a lock that another thread
/// holds would never be released in the child.
///
/// # Errors
/// `EAGAIN`, `ENOMEM`.
pub fn fork() -> Result<Option<Tid>, Errno> {
    // SAFETY: the library's own fork(3), after which all of its functions can be
    // used in the child of a process that has one thread, as the caller's has.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Child => Ok(None),
        nix::unistd::ForkResult::Parent { child } => Ok(Some(Tid(child.as_raw()))),
    }
}

/// Ends this process as one that `number` killed, so that who waits for it
/// is told so; without a core file of its own.
///
/// Returns only where that is no signal that kills.
pub fn die_of(number: i32) {
    let Ok(deadly) = Signal::try_from(number) else {
        return;
    };
    // SAFETY: integer arguments only.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    // SAFETY: installs no handler. SIGKILL, which cannot be set, needs not be.
    let _ = unsafe { signal(deadly, SigHandler::SigDfl) };
    let mut set = SigSet::empty();
    set.add(deadly);
    let _ = set.thread_unblock();
    let _ = nix_kill(Pid::this(), deadly);
}

/// Starts a session of this process's own, without a controlling terminal
/// (setsid(2)).
///
/// # Errors
/// `EPERM`: it leads a process group.
pub fn new_session() -> Result<(), Errno> {
    nix::unistd::setsid().map(drop)
}

/// Starts a process group of this process's own (setpgid(2)).
///
/// # Errors
/// `EPERM`: it leads a session.
pub fn new_group() -> Result<(), Errno> {
    let own = Pid::from_raw(0);
    nix::unistd::setpgid(own, own)
}

/// A descriptor that is readable once `child` has ended (pidfd_open(2), Linux
/// 5.3), close-on-exec.
///
/// # Errors
/// `ESRCH`: gone; `EMFILE`, `ENFILE`, `ENOMEM`.
pub fn descriptor(child: Tid) -> Result<OwnedFd, Errno> {
    // SAFETY: integer arguments only.
    let number = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, child.0, 0) })?;
    let number = RawFd::try_from(number).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just opened it for this call alone.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// A duplicate of descriptor `number` of a process, close-on-exec (pidfd_getfd(2), Linux 5.6); the
/// process is that of a [`descriptor`].
///
/// # Errors
/// `EBADF`: it has none of that number; `ESRCH`: gone; `EPERM`: not ours to trace (ptrace(2), "Ptrace
/// access mode checking"); `ENOSYS` before Linux 5.6; `EMFILE`.
pub fn take_descriptor(process: BorrowedFd<'_>, number: RawFd) -> Result<OwnedFd, Errno> {
    let process = process.as_raw_fd();
    // SAFETY: integer arguments only.
    let own = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process, number, 0) })?;
    let own = RawFd::try_from(own).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just opened it for this call alone.
    Ok(unsafe { OwnedFd::from_raw_fd(own) })
}

/// The parent of this process.
#[must_use]
pub fn parent() -> Tid {
    Tid(nix::unistd::getppid().as_raw())
}

/// This process.
#[must_use]
pub fn own() -> Tid {
    Tid(nix::unistd::getpid().as_raw())
}

/// The effective user id.
#[must_use]
pub fn effective_user() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// Kills a process (SIGKILL).
///
/// # Errors
/// `ESRCH`: gone; `EPERM`: not ours to kill.
pub fn kill(process: Tid) -> Result<(), Errno> {
    nix_kill(Pid::from_raw(process.0), Signal::SIGKILL)
}

/// Kills every process of a process group (SIGKILL).
///
/// # Errors
/// `ESRCH`: none is left; `EPERM`: none of them is ours to kill.
pub fn kill_group(leader: Tid) -> Result<(), Errno> {
    nix::sys::signal::killpg(Pid::from_raw(leader.0), Signal::SIGKILL)
}

/// The CPU time of all threads of a process, ended ones included
/// (clock_getcpuclockid(3)).
///
/// # Errors
/// `ESRCH`, or `EINVAL` where the process ends meanwhile.
pub fn cpu_time(process: Tid) -> Result<Duration, Errno> {
    let clock = nix::time::clock_getcpuclockid(Pid::from_raw(process.0))?;
    nix::time::clock_gettime(clock).map(Into::into)
}

/// Whether a process numbers processes as this one does (pid_namespaces(7)).
#[must_use]
pub fn shares_pid_namespace(process: Tid) -> bool {
    let namespace = |of: &str| std::fs::read_link(format!("/proc/{of}/ns/pid")).ok();
    let own = namespace("self");
    own.is_some() && own == namespace(&process.to_string())
}

/// The children of this process, zombies included, from `/proc/PID/stat`. A
/// number counts only if wait4(2) takes it for a child too: /proc may be that of
/// another namespace (see [`pid_namespace`](crate::pid_namespace)).
#[must_use]
pub fn children() -> Vec<Tid> {
    let own = own();
    procfs::processes()
        .filter(|&process| parent_of(process) == Some(own) && crate::wait::is_ours(process))
        .collect()
}

/// The parent of a process; `None` where it has been waited for.
#[must_use]
pub fn parent_of(process: Tid) -> Option<Tid> {
    procfs::stat(process).ok()?.parent()
}

/// The process that a thread belongs to.
#[must_use]
pub fn of_thread(thread: Tid) -> Option<Tid> {
    procfs::status(thread).ok()?.process()
}

/// Kills and reaps every child of this process, and, where it is a subreaper,
/// every descendant, until none is left that may be killed.
pub fn kill_descendants() {
    loop {
        let mut reaped = 0;
        loop {
            match crate::wait::poll() {
                Ok(Some(_)) => reaped += 1,
                Ok(None) | Err(Errno::EINTR) => break,
                Err(_) => return,
            }
        }
        let killed = children().into_iter().filter(|&child| kill(child).is_ok());
        // A zombie can be killed too, so there is then none, or none of ours.
        if killed.count() == 0 && reaped == 0 {
            return;
        }
        // Orphans may have come meanwhile, so none is waited for by itself.
        std::thread::sleep(Duration::from_millis(1));
    }
}
