//! Reads the seccomp filters of a running thread, which goes on unharmed.

use crate::obstacle::Obstacle;
use crate::stop::{Report, Stop, classify};
use harness_sys::pid_namespace::{self, ForeignProc};
use harness_sys::ptrace::{self, Options};
use harness_sys::seccomp::Insn;
use harness_sys::{Errno, Tid, procfs, seccomp_dump, wait};

/// Why filters could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// What /proc says of a number may be about another thread.
    #[error(transparent)]
    ForeignProc(#[from] ForeignProc),
    /// It cannot be stopped.
    #[error("cannot stop thread {tid}: {operation}: {errno}; {}", attach_remedy(*.errno))]
    Attach {
        /// The thread.
        tid: Tid,
        /// The request.
        operation: &'static str,
        /// The error.
        errno: Errno,
    },
    /// It is in no state to be stopped, or stopping it would never end.
    #[error("cannot stop thread {tid}: {why}")]
    NotNow {
        /// The thread.
        tid: Tid,
        /// What is in the way.
        why: Obstacle,
    },
    /// It ended before it stopped.
    #[error("thread {0} ended before its filters could be read")]
    Ended(Tid),
    /// It has none.
    #[error("thread {0} has no seccomp filter (Seccomp is not 2 in /proc/{0}/status)")]
    NoFilter(Tid),
    /// The kernel does not give this one.
    #[error("cannot read filter {index} of thread {tid}: PTRACE_SECCOMP_GET_FILTER: {errno}; {}", remedy(*.errno))]
    Refused {
        /// The thread.
        tid: Tid,
        /// The filter; 0 was installed first.
        index: usize,
        /// The error.
        errno: Errno,
    },
}

/// As of ptrace(2), "ERRORS".
fn attach_remedy(errno: Errno) -> &'static str {
    match errno {
        Errno::ESRCH => "there is no such process or thread",
        Errno::EPERM => {
            "it is a kernel thread, has another tracer (strace, gdb) or may not be traced by this user: \
             see kernel.yama.ptrace_scope, and use root or CAP_SYS_PTRACE"
        }
        _ => "try again",
    }
}

/// As of ptrace(2), `PTRACE_SECCOMP_GET_FILTER`.
fn remedy(errno: Errno) -> &'static str {
    match errno {
        Errno::EACCES => {
            "it needs CAP_SYS_ADMIN in the initial user namespace, and a caller that has no filter itself: \
             be root outside of containers"
        }
        Errno::EMEDIUMTYPE => "the filter is no classic BPF program",
        Errno::EINVAL | Errno::EIO => "run a kernel with CONFIG_CHECKPOINT_RESTORE",
        _ => "try again",
    }
}

/// The filters of a thread in the order of their installation, or the one with
/// `index`. All run at each call, the last one first. The calling thread must not trace `tid` yet.
///
/// # Errors
/// [`DumpError`]. The thread goes on in any case.
pub fn filters(tid: Tid, index: Option<usize>) -> Result<Vec<Vec<Insn>>, DumpError> {
    pid_namespace::check()?;
    let visit = Visit::new(tid)?;
    let read = |index| match seccomp_dump::filter(visit.tid, index) {
        Ok(program) => Ok(Some(program)),
        Err(Errno::ENOENT) => Ok(None),
        Err(Errno::EINVAL) if !is_filtered(tid) => Err(DumpError::NoFilter(tid)),
        Err(errno) => Err(DumpError::Refused { tid, index, errno }),
    };
    if let Some(index) = index {
        return Ok(read(index)?.into_iter().collect());
    }
    let mut programs = Vec::new();
    while let Some(program) = read(programs.len())? {
        programs.push(program);
    }
    Ok(programs)
}

/// Whether the thread is in filter mode (proc_pid_status(5), `Seccomp`); true
/// where that cannot be read.
fn is_filtered(tid: Tid) -> bool {
    procfs::status(tid).map_or(true, |status| {
        status.get("Seccomp").is_none_or(|mode| mode == "2")
    })
}

/// A thread that is stopped until this is dropped.
struct Visit {
    tid: Tid,
    /// The signal it was about to get when it stopped, or 0.
    signal: i32,
}

impl Visit {
    fn new(tid: Tid) -> Result<Self, DumpError> {
        let attach = |operation| {
            move |errno| DumpError::Attach {
                tid,
                operation,
                errno,
            }
        };
        if let (Ok(its), Ok(own)) = (procfs::status(tid), procfs::own_thread_status())
            && let Some(why) = Obstacle::find(tid, &its, &own)
        {
            return Err(DumpError::NotNow { tid, why });
        }
        ptrace::seize(tid, Options::NONE).map_err(attach("PTRACE_SEIZE"))?;
        ptrace::interrupt(tid).map_err(attach("PTRACE_INTERRUPT"))?;
        let status = loop {
            match wait::one(tid) {
                Err(Errno::EINTR) => {}
                status => break status.map_err(attach("wait4"))?,
            }
        };
        match classify(status) {
            Report::Stopped(Stop::Signal(signal)) => Ok(Self { tid, signal }),
            Report::Stopped(_) => Ok(Self { tid, signal: 0 }),
            Report::Exited(_) | Report::Killed(_) => Err(DumpError::Ended(tid)),
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // Fails only when the thread is dead, which is for its parent to see.
        let _ = ptrace::detach(self.tid, self.signal);
    }
}

#[cfg(test)]
mod tests {
    use harness_sys::Tid;

    #[test]
    fn a_process_cannot_visit_itself() {
        let own = i32::try_from(std::process::id()).expect("a pid");
        let error = super::filters(Tid(own), None).expect_err("refused");
        assert!(error.to_string().contains("itself"), "{error}");
    }
}
