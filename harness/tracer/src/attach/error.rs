//! Why a running process cannot be attached to, and what helps.

use crate::event_loop::Error;
use crate::obstacle::Obstacle;
use crate::running::FindError;
use harness_sys::procfs::{self, Fields};
use harness_sys::{Errno, Tid};

/// Why a running process could not be traced. What was attached to has been detached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// It is not there, or in no state to be traced.
    #[error(transparent)]
    Process(#[from] FindError),
    /// The kernel does not allow it.
    #[error("cannot attach to process {process}: PTRACE_SEIZE of thread {tid}: {errno}; {why}")]
    Refused {
        /// The process.
        process: Tid,
        /// The thread that was refused.
        tid: Tid,
        /// The error.
        errno: Errno,
        /// The likely reason, and what to do.
        why: String,
    },
    /// It executes, and what was seized of it is gone.
    #[error(
        "cannot trace process {0}: a thread of it that is not traced executed a program, which ends all that are: try again"
    )]
    Lost(Tid),
    /// The tracer cannot be woken in time.
    #[error("cannot wait for tracees and a time: setitimer(2): {0}")]
    Ticks(Errno),
    /// A request to a tracee failed.
    #[error(transparent)]
    Trace(#[from] Error),
}

impl AttachError {
    /// With what the statuses of both sides say about the reason.
    pub(super) fn refused(process: Tid, tid: Tid, errno: Errno) -> Self {
        let status = procfs::status(tid).unwrap_or_default();
        let own = procfs::own_thread_status().unwrap_or_default();
        if let Some(why) = Obstacle::find(tid, &status, &own) {
            return FindError::NotNow { process, why }.into();
        }
        let scope = procfs::sysctl("kernel.yama.ptrace_scope");
        Self::Refused {
            process,
            tid,
            errno,
            why: reason(&status, &own, scope.and_then(|scope| scope.parse().ok())),
        }
    }
}

/// `CAP_SYS_PTRACE` of uapi/linux/capability.h.
const CAP_SYS_PTRACE: u32 = 19;

/// The first rule of ptrace(2), "Ptrace access mode checking", that forbids it.
fn reason(status: &Fields, own: &Fields, yama_scope: Option<u32>) -> String {
    if yama_scope == Some(3) {
        return "kernel.yama.ptrace_scope is 3, which forbids attaching until the next boot"
            .to_owned();
    }
    if own.has_capability(CAP_SYS_PTRACE) {
        return "it is in another user namespace, or a container's filter or a security module forbids it: \
                attach from outside of containers"
            .to_owned();
    }
    // Real, effective, saved, of file system calls.
    let users = |of: &Fields| -> Vec<String> {
        let users = of.get("Uid").unwrap_or_default().split_whitespace();
        users.map(str::to_owned).collect()
    };
    let user = users(own).into_iter().nth(1).unwrap_or_default();
    if let Some(other) = users(status).into_iter().find(|other| *other != user) {
        return format!(
            "it is a process of user {other} and this harness runs as user {user}: run it as that user, or with CAP_SYS_PTRACE (root)"
        );
    }
    match yama_scope {
        Some(1) => "kernel.yama.ptrace_scope is 1, which allows descendants only: use CAP_SYS_PTRACE (root), or sysctl \
                    kernel.yama.ptrace_scope=0"
            .to_owned(),
        Some(2) => "kernel.yama.ptrace_scope is 2, which asks for CAP_SYS_PTRACE: be root".to_owned(),
        _ => "it is not dumpable (prctl(2), PR_SET_DUMPABLE), as after gaining privileges, or it has capabilities that \
              this harness has not: use CAP_SYS_PTRACE (root)"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::reason;

    /// The rules in the order in which `__ptrace_may_access` (kernel/ptrace.c) and
    /// `yama_ptrace_access_check` (security/yama/yama_lsm.c) apply them.
    #[test]
    fn the_reason_is_the_rule_that_forbids() {
        const USER: &str = "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\n";
        const ROOT: &str = "Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n";
        const BARE_ROOT: &str = "Uid:\t0\t0\t0\t0\nCapEff:\t00000000a80425fb\n";
        for (status, own, scope, expected) in [
            (
                ROOT,
                USER,
                Some(0),
                "a process of user 0 and this harness runs as user 1000",
            ),
            (
                "Uid:\t1000\t0\t0\t0\n",
                USER,
                Some(0),
                "a process of user 0",
            ),
            (USER, USER, Some(1), "ptrace_scope is 1"),
            (USER, USER, Some(2), "ptrace_scope is 2"),
            (USER, ROOT, Some(3), "ptrace_scope is 3"),
            (USER, USER, Some(0), "not dumpable"),
            (USER, USER, None, "not dumpable"),
            (ROOT, ROOT, None, "another user namespace"),
            (
                USER,
                BARE_ROOT,
                None,
                "a process of user 1000 and this harness runs as user 0",
            ),
        ] {
            let reason = reason(&status.into(), &own.into(), scope);
            assert!(reason.contains(expected), "{expected}: {reason}");
        }
    }
}
