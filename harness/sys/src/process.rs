//! What a process may ask for itself and its children (prctl(2), kill(2)).

use crate::{Errno, Tid};
use nix::sys::signal::{Signal, kill as nix_kill};
use nix::unistd::Pid;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

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

/// Has this process killed when its parent ends (`PR_SET_PDEATHSIG`). The
/// parent may have ended before: compare [`parent`] afterwards.
///
/// # Errors
/// None with these arguments.
pub fn die_with_parent() -> Result<(), Errno> {
    // SAFETY: integer arguments only.
    let result = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) };
    Errno::result(result).map(drop)
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

/// Whether a process numbers processes as this one does (pid_namespaces(7)).
#[must_use]
pub fn shares_pid_namespace(process: Tid) -> bool {
    let namespace = |of: &str| std::fs::read_link(format!("/proc/{of}/ns/pid")).ok();
    let own = namespace("self");
    own.is_some() && own == namespace(&process.to_string())
}

/// The children of this process, zombies included, from `/proc/PID/stat`.
#[must_use]
pub fn children() -> Vec<Tid> {
    let own = own();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok().map(Tid))
        .filter(|&process| parent_of(process) == Some(own))
        .collect()
}

/// Field `ppid` of proc_pid_stat(5): the second after the parenthesis that
/// closes the command name, which may itself hold parentheses.
fn parent_of(process: Tid) -> Option<Tid> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok().map(Tid)
}

/// Kills and reaps every child of this process, and, where it is a subreaper,
/// every descendant, until none is left that may be killed.
pub fn kill_descendants() {
    loop {
        let children = children();
        let killed = children
            .iter()
            .filter(|&&child| kill(child).is_ok())
            .count();
        let mut reaped = 0;
        while let Ok(Some(_)) = crate::wait::poll() {
            reaped += 1;
        }
        // A zombie can be killed too, so there is then none, or none of ours.
        if killed == 0 && reaped == 0 {
            return;
        }
        // Orphans may have come meanwhile, so none is waited for by itself.
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
