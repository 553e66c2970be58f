//! Reads the seccomp filters of a running thread, which goes on unharmed.

use crate::stop::{Report, Stop, classify};
use harness_sys::ptrace::{self, Options};
use harness_sys::seccomp::SockFilter;
use harness_sys::{Errno, Tid, seccomp_dump, wait};

/// Why filters could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
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

/// Why a thread cannot be visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// It is the caller.
    #[error("it is this harness itself, and a process cannot trace itself")]
    Own,
    /// It waits for its parent to see its end.
    #[error("it has ended and is a zombie until its parent waits for it")]
    Zombie,
    /// Another process traces it.
    #[error("process {0} traces it already, and a thread has one tracer only")]
    Traced(i32),
    /// It traces the caller, which would wait for it while it waits for the caller.
    #[error("it traces this harness: it cannot stop for a process that it stops")]
    OwnTracer,
}

impl Obstacle {
    /// What the status of a thread (proc_pid_status(5)) and that of the caller tell.
    fn find(tid: Tid, status: &str, own: &str) -> Option<Self> {
        let id = |status, name| field(status, name).and_then(|value| value.parse::<i32>().ok());
        let group = id(status, "Tgid");
        if group.is_some() && group == id(own, "Tgid") {
            return Some(Self::Own);
        }
        if field(status, "State").is_some_and(|state| state.starts_with(['Z', 'X'])) {
            return Some(Self::Zombie);
        }
        // The caller's tracer may be a thread of that process other than the one at hand.
        if let Some(tracer) = id(own, "TracerPid").filter(|&tracer| tracer != 0)
            && (tracer == tid.0 || Some(tracer) == group)
        {
            return Some(Self::OwnTracer);
        }
        match id(status, "TracerPid") {
            None | Some(0) => None,
            Some(tracer) => Some(Self::Traced(tracer)),
        }
    }
}

/// The value of a line of a status file.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':');
    status.lines().find_map(value).map(str::trim)
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
pub fn filters(tid: Tid, index: Option<usize>) -> Result<Vec<Vec<SockFilter>>, DumpError> {
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
    let status = std::fs::read_to_string(format!("/proc/{tid}/status"));
    status.map_or(true, |text| {
        field(&text, "Seccomp").is_none_or(|mode| mode == "2")
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
        let status = |of: &str| std::fs::read_to_string(format!("/proc/{of}/status"));
        if let (Ok(its), Ok(own)) = (status(&tid.to_string()), status("thread-self"))
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
    use super::Obstacle;
    use harness_sys::Tid;

    #[test]
    fn what_is_in_the_way_is_read_from_the_status() {
        let own = "Name:\tharness\nTgid:\t10\nPid:\t10\nTracerPid:\t20\nSeccomp:\t0\n";
        for (status, tid, expected) in [
            ("State:\tS (sleeping)\nTgid:\t30\nTracerPid:\t0\n", 30, None),
            (
                "State:\tR (running)\nTgid:\t10\nTracerPid:\t20\n",
                11,
                Some(Obstacle::Own),
            ),
            (
                "State:\tZ (zombie)\nTgid:\t30\nTracerPid:\t0\n",
                30,
                Some(Obstacle::Zombie),
            ),
            (
                "State:\tS (sleeping)\nTgid:\t30\nTracerPid:\t7\n",
                30,
                Some(Obstacle::Traced(7)),
            ),
            (
                "State:\tS (sleeping)\nTgid:\t20\nTracerPid:\t0\n",
                20,
                Some(Obstacle::OwnTracer),
            ),
            (
                "State:\tS (sleeping)\nTgid:\t20\nTracerPid:\t0\n",
                21,
                Some(Obstacle::OwnTracer),
            ),
        ] {
            assert_eq!(Obstacle::find(Tid(tid), status, own), expected, "{status}");
        }
    }

    #[test]
    fn a_process_cannot_visit_itself() {
        let own = i32::try_from(std::process::id()).expect("a pid");
        let error = super::filters(Tid(own), None).expect_err("refused");
        assert!(error.to_string().contains("itself"), "{error}");
    }
}
