//! Why a tree could not be observed, and what helps.

use crate::privileges::{Privileges, UNLOCK};
use harness_sys::bpf::LoadError;
use harness_sys::launcher::LaunchError;
use harness_sys::{Errno, Tid};
use harness_tracer::running::FindError;
use harness_tracer::tree::WaitError;
use std::borrow::Cow;
use std::io;

/// Why a tree could not be observed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A map could not be created, read or written.
    #[error("cannot {operation} the eBPF map {map}: {errno}")]
    Map {
        /// What was to be done.
        operation: &'static str,
        /// Which map.
        map: &'static str,
        /// Its error.
        errno: Errno,
    },
    /// The kernel refused a program.
    #[error("cannot load the eBPF program {program}: {source}")]
    Load {
        /// Which.
        program: &'static str,
        /// Its error, with the verifier's log.
        source: LoadError,
    },
    /// A program that was loaded could not be used.
    #[error("cannot {operation} the eBPF program {program}: {errno}")]
    Program {
        /// What was to be done.
        operation: &'static str,
        /// Which.
        program: &'static str,
        /// Its error.
        errno: Errno,
    },
    /// The first process was created, and its tracepoint told of none.
    #[error("the tracepoint sched_process_fork did not tell of a child that was created")]
    NoChild,
    /// There is no such process.
    #[error(transparent)]
    Process(#[from] FindError),
    /// The list of processes never came to an end.
    #[error(
        "cannot attach to process {0}: it makes processes faster than the list of them is read"
    )]
    Restless(Tid),
    /// The end of the process could not be waited for, by the system call that is named.
    #[error("cannot wait for the end of the process: {0}: {1}")]
    Watch(&'static str, Errno),
    /// The first process never became its program.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The tree could not be waited for.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// Who is to be told of the calls could not be.
    #[error(transparent)]
    Log(#[from] io::Error),
}

pub(crate) const CREATE: &str = "create";
pub(crate) const TEST_RUN: &str = "run";
pub(crate) const ATTACH: &str = "attach";

impl Error {
    /// What may help.
    #[must_use]
    pub fn remedy(&self) -> Cow<'static, str> {
        if self.is_refusal() {
            Privileges::own().remedy().into()
        } else {
            self.of_kernel().into()
        }
    }

    /// Whether the kernel refused this process what it would let another one do.
    fn is_refusal(&self) -> bool {
        match self {
            // `EACCES` is what the verifier says of what a program does.
            Self::Load { source, .. } => source.errno == Errno::EPERM,
            Self::Map {
                operation: CREATE,
                errno,
                ..
            }
            | Self::Program {
                operation: ATTACH | TEST_RUN,
                errno,
                ..
            } => matches!(errno, Errno::EPERM | Errno::EACCES),
            _ => false,
        }
    }

    /// What may help against anything but a refusal.
    fn of_kernel(&self) -> &'static str {
        match self {
            Self::Map {
                operation: CREATE,
                errno: Errno::EINVAL,
                map: "ring",
            } => "run Linux 5.8 or later, which brought the ring buffer",
            Self::Map {
                errno: Errno::ENOMEM,
                ..
            } => "free some memory: the map takes as much for each CPU that the machine can have",
            Self::Map {
                errno: Errno::ENOSYS,
                ..
            }
            | Self::Load {
                source:
                    LoadError {
                        errno: Errno::ENOSYS,
                        ..
                    },
                ..
            } => "run a kernel with CONFIG_BPF_SYSCALL",
            Self::Load { source, .. } if is_locked_down(&source.log) => UNLOCK,
            // The kernel came to no instruction of it.
            Self::Load { source, .. } if source.errno == Errno::EINVAL && source.log.is_empty() => {
                "run Linux 5.10 or later: this kernel does not know such programs"
            }
            Self::Program {
                operation: TEST_RUN,
                errno: Errno::EINVAL | Errno::EOPNOTSUPP,
                ..
            } => "run Linux 5.10 or later, which brought BPF_PROG_TEST_RUN of raw tracepoints",
            Self::Program {
                operation: ATTACH,
                errno: Errno::ENOENT,
                ..
            } => {
                "run a kernel with CONFIG_FTRACE_SYSCALLS, which has the tracepoints of system calls"
            }
            Self::Load { .. } => {
                "report it with the kernel's version and the verifier's log, which RUST_LOG=debug shows"
            }
            Self::Restless(_) => {
                "try again, or have the harness start the program: harness run -- COMMAND"
            }
            _ => "try again, and report it if it persists",
        }
    }
}

/// Whether the verifier refused the helper that lockdown forbids: it calls it unknown then, as it does one that
/// a kernel does not have (`bpf_tracing_func_proto`, kernel/trace/bpf_trace.c); this one is there since Linux 5.5.
fn is_locked_down(log: &str) -> bool {
    log.contains("bpf_probe_read_kernel") || log.contains("unknown func 113")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By what failed, not by a version number, which distributions' kernels do not keep to.
    #[test]
    fn each_missing_feature_has_its_kernel_and_each_refusal_its_reason() {
        let map = |operation, map, errno| Error::Map {
            operation,
            map,
            errno,
        };
        let program = |operation, errno| Error::Program {
            operation,
            program: "sys_enter",
            errno,
        };
        let refused = |errno, log: &str| Error::Load {
            program: "sys_enter",
            source: LoadError {
                errno,
                log: log.to_owned(),
            },
        };
        let unread = |errno| refused(errno, "");
        // `print_verifier_state` and `check_helper_call`, kernel/bpf/verifier.c.
        let locked =
            "12: (85) call bpf_probe_read_kernel#113\nunknown func bpf_probe_read_kernel#113\n";
        let since_6_13 = "program of this type cannot use helper bpf_probe_read_kernel#113\n";
        for (error, part) in [
            (map(CREATE, "ring", Errno::EINVAL), "Linux 5.8"),
            (map(CREATE, "tasks", Errno::ENOSYS), "CONFIG_BPF_SYSCALL"),
            (map(CREATE, "calls", Errno::ENOMEM), "memory"),
            (map("read", "calls", Errno::EINVAL), "report it"),
            (unread(Errno::ENOSYS), "CONFIG_BPF_SYSCALL"),
            (unread(Errno::EINVAL), "Linux 5.10"),
            (refused(Errno::EACCES, "R0 !read_ok"), "verifier"),
            (refused(Errno::EINVAL, locked), "lockdown=integrity"),
            (refused(Errno::EINVAL, since_6_13), "lockdown=integrity"),
            (program(TEST_RUN, Errno::EINVAL), "Linux 5.10"),
            (program(ATTACH, Errno::ENOENT), "CONFIG_FTRACE_SYSCALLS"),
        ] {
            assert!(!error.is_refusal(), "{error}");
            let remedy = error.remedy();
            assert!(remedy.contains(part), "{error}: {remedy}");
        }
        // The rest is in `privileges`.
        for error in [
            map(CREATE, "tasks", Errno::EPERM),
            unread(Errno::EPERM),
            program(ATTACH, Errno::EACCES),
        ] {
            assert!(error.is_refusal(), "{error}");
        }
    }
}
