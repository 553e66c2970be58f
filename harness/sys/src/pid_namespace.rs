//! Whether the numbers of processes that /proc shows are the numbers that this
//! process and its children have (pid_namespaces(7)).
//!
//! A procfs belongs to the PID namespace of whoever mounted it. In another
//! namespace its numbers are those of other processes, which must not be
//! traced, described or killed in the place of the harness's own.

use crate::{Tid, process};
use std::fs::{read_link, read_to_string, symlink_metadata};

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
    /// It is not mounted, or hides this process.
    #[error(
        "/proc does not show this process, so the processes that the harness starts cannot be found; mount the /proc \
         of this PID namespace: `mount -t proc proc /proc`"
    )]
    Hidden,
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
    judge(
        read_to_string("/proc/self/status").ok().as_deref(),
        process::own(),
    )?;
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
fn judge(status: Option<&str>, own: Tid) -> Result<(), ForeignProc> {
    let numbers = status
        .and_then(|text| process::field(text, "NSpid").or_else(|| process::field(text, "Pid")));
    match numbers {
        None => Err(ForeignProc::Hidden),
        Some(numbers) if numbers == own.to_string() => Ok(()),
        Some(_) => Err(ForeignProc::OfAnotherNamespace),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proc_of_another_namespace_is_told_by_its_numbers() {
        for (status, expected) in [
            (Some("Pid:\t7\nNSpid:\t7\n"), Ok(())),
            // Of a namespace above, where the process may have the same number.
            (
                Some("Pid:\t4321\nNSpid:\t4321\t7\n"),
                Err(ForeignProc::OfAnotherNamespace),
            ),
            (
                Some("Pid:\t7\nNSpid:\t7\t7\n"),
                Err(ForeignProc::OfAnotherNamespace),
            ),
            // Before Linux 4.1.
            (Some("Pid:\t7\n"), Ok(())),
            (Some("Pid:\t70\n"), Err(ForeignProc::OfAnotherNamespace)),
            (Some(""), Err(ForeignProc::Hidden)),
            (None, Err(ForeignProc::Hidden)),
        ] {
            assert_eq!(judge(status, Tid(7)), expected, "{status:?}");
        }
    }
}
