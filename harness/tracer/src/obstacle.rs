//! Why a thread cannot be watched, as far as its status and the caller's tell before it is tried.

use harness_sys::Tid;
use harness_sys::procfs::{self, Fields};
use std::fs::read_to_string;

/// Why a thread cannot be visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// It is the caller.
    #[error("it is this harness itself, and a process cannot trace itself")]
    Own,
    /// It waits for its parent to see its end.
    #[error("it has ended and is a zombie until its parent waits for it")]
    Zombie,
    /// It has no user memory.
    #[error("it is a kernel thread, or a process that is just ending: it makes no system calls")]
    Kernel,
    /// Another process traces it.
    #[error("process {0} traces it already, and a thread has one tracer only")]
    Traced(i32),
    /// It traces the caller, which would wait for it while it waits for the caller.
    #[error("it traces this harness: it cannot stop for a process that it stops")]
    OwnTracer,
}

impl Obstacle {
    /// What the status of a thread (proc_pid_status(5)) and that of the caller tell.
    pub(crate) fn find(tid: Tid, status: &Fields, own: &Fields) -> Option<Self> {
        let group = status.process();
        if group.is_some() && group == own.process() {
            return Some(Self::Own);
        }
        if status.has_ended() {
            return Some(Self::Zombie);
        }
        // `task_mem` in fs/proc/task_mmu.c writes it for what has an address space.
        if status.get("VmSize").is_none() {
            return Some(Self::Kernel);
        }
        // The caller's tracer may be a thread of that process other than the one at hand.
        if let Some(tracer) = own.tracer()
            && (tracer == tid || Some(tracer) == group)
        {
            return Some(Self::OwnTracer);
        }
        status.tracer().map(|tracer| Self::Traced(tracer.0))
    }

    /// Whether nobody could watch it, by whatever mechanism: the others are about ptrace(2).
    pub(crate) fn is_for_all(self) -> bool {
        matches!(self, Self::Own | Self::Zombie | Self::Kernel)
    }

    /// Whether the thread runs no program, or none any more.
    pub(crate) fn is_no_program(self) -> bool {
        matches!(self, Self::Zombie | Self::Kernel)
    }
}

/// Who traces a thread, as `process 7 (strace)`; `None` where nobody does, or nobody that this pid
/// namespace has a number for.
pub(crate) fn tracer_of(tid: Tid) -> Option<String> {
    let tracer = procfs::status(tid).ok()?.tracer()?;
    let name = read_to_string(format!("/proc/{tracer}/comm"));
    Some(match name {
        Ok(name) => format!("process {tracer} ({})", name.trim_end()),
        Err(_) => format!("process {tracer}"),
    })
}

#[cfg(test)]
mod tests {
    use super::Obstacle;
    use harness_sys::Tid;

    #[test]
    fn what_is_in_the_way_is_read_from_the_status() {
        let own = "Name:\tharness\nTgid:\t10\nPid:\t10\nTracerPid:\t20\nSeccomp:\t0\n".into();
        for (status, tid, expected) in [
            (
                "State:\tS (sleeping)\nTgid:\t30\nVmSize:\t 8 kB\nTracerPid:\t0\n",
                30,
                None,
            ),
            (
                "State:\tR (running)\nTgid:\t10\nTracerPid:\t20\n",
                11,
                Some(Obstacle::Own),
            ),
            (
                "Name:\tkthreadd\nState:\tS (sleeping)\nTgid:\t2\nTracerPid:\t0\n",
                2,
                Some(Obstacle::Kernel),
            ),
            (
                "State:\tZ (zombie)\nTgid:\t30\nTracerPid:\t0\n",
                30,
                Some(Obstacle::Zombie),
            ),
            (
                "State:\tS (sleeping)\nTgid:\t30\nVmSize:\t 8 kB\nTracerPid:\t7\n",
                30,
                Some(Obstacle::Traced(7)),
            ),
            (
                "State:\tS (sleeping)\nTgid:\t20\nVmSize:\t 8 kB\nTracerPid:\t0\n",
                20,
                Some(Obstacle::OwnTracer),
            ),
            (
                "State:\tS (sleeping)\nTgid:\t20\nVmSize:\t 8 kB\nTracerPid:\t0\n",
                21,
                Some(Obstacle::OwnTracer),
            ),
        ] {
            let found = Obstacle::find(Tid(tid), &status.into(), &own);
            assert_eq!(found, expected, "{status}");
        }
    }
}
