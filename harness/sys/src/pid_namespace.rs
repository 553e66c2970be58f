//! Whether the numbers of processes that /proc shows are the numbers that this
//! process and its children have (pid_namespaces(7)).
//!
//! A procfs belongs to the PID namespace of whoever mounted it. In another
//! namespace its numbers are those of other processes, which must not be
//! traced, described or killed in the place of the harness's own.

use crate::procfs::{self, Fields};
use crate::{Errno, Tid, process};
use std::fs::{read_link, symlink_metadata};

/// Why processes cannot be found by the numbers in /proc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForeignProc {
    /// It belongs to another PID namespace.
    #[error(
        "/proc numbers the processes of another PID namespace, so a stranger could be taken for a process of the \
         harness's own; mount the /proc of this namespace: `mount -t proc proc /proc`, or `unshare --pid --fork \
         --mount-proc` instead of `unshare --pid --fork`"
    )]
    OfAnotherNamespace,
    /// It is not mounted, hides this process, or cannot be read.
    #[error(
        "/proc/self/status cannot be read, so the processes that the harness starts cannot be found: {0}; {remedy}",
        remedy = remedy(*.0)
    )]
    Unreadable(Errno),
    /// This process has made a namespace for its children and is not in it.
    #[error(
        "the children of this process get a PID namespace of their own, whose processes /proc numbers differently; \
         start the harness inside it: `unshare --pid --fork --mount-proc`"
    )]
    ChildrenElsewhere,
}

/// Checks that /proc numbers processes as this process and its children do.
///
/// # Errors
/// [`ForeignProc`]: no number in /proc may be used.
pub fn check() -> Result<(), ForeignProc> {
    let status = procfs::own_status();
    let status = status.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)));
    judge(&status.map_err(ForeignProc::Unreadable)?, process::own())?;
    // Linux 4.12. Without a first process in the new namespace the link is there
    // and cannot be read (`pidns_for_children_get` in kernel/pid_namespace.c).
    let children = "/proc/self/ns/pid_for_children";
    if symlink_metadata(children).is_ok()
        && let Ok(own) = read_link("/proc/self/ns/pid")
        && read_link(children).ok() != Some(own)
    {
        return Err(ForeignProc::ChildrenElsewhere);
    }
    Ok(())
}

/// What the status of this process (proc_pid_status(5)) tells. `NSpid` has its
/// number in the namespace of that /proc and in each one below, down to its own.
/// Before Linux 4.1 there is only the first, which may be the same by chance.
fn judge(status: &Fields, own: Tid) -> Result<(), ForeignProc> {
    let numbers = status.get("NSpid").or_else(|| status.get("Pid"));
    if numbers == Some(own.to_string().as_str()) {
        Ok(())
    } else {
        Err(ForeignProc::OfAnotherNamespace)
    }
}

fn remedy(errno: Errno) -> &'static str {
    match errno {
        Errno::EMFILE => "raise the limit of descriptors (ulimit -n)",
        Errno::ENFILE | Errno::ENOMEM => "end what uses the machine up",
        _ => "mount the /proc of this PID namespace: `mount -t proc proc /proc`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proc_of_another_namespace_is_told_by_its_numbers() {
        for (status, expected) in [
            ("Pid:\t7\nNSpid:\t7\n", Ok(())),
            // Of a namespace above, where the process may have the same number.
            (
                "Pid:\t4321\nNSpid:\t4321\t7\n",
                Err(ForeignProc::OfAnotherNamespace),
            ),
            (
                "Pid:\t7\nNSpid:\t7\t7\n",
                Err(ForeignProc::OfAnotherNamespace),
            ),
            // Before Linux 4.1.
            ("Pid:\t7\n", Ok(())),
            ("Pid:\t70\n", Err(ForeignProc::OfAnotherNamespace)),
            ("", Err(ForeignProc::OfAnotherNamespace)),
        ] {
            assert_eq!(judge(&status.into(), Tid(7)), expected, "{status}");
        }
    }
}
