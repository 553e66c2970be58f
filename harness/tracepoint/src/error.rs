//! Why a tree could not be observed, and what helps.

use harness_sys::bpf::LoadError;
use harness_sys::launcher::LaunchError;
use harness_sys::{Errno, Tid};
use harness_tracer::running::FindError;
use harness_tracer::tree::WaitError;
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

/// What an ordinary user does.
const PRIVILEGES: &str = "run the harness as root, or give its binary the capabilities: setcap \
                          cap_bpf,cap_perfmon+ep FILE (before Linux 5.8: cap_sys_admin+ep); in a \
                          container use --cap-add BPF --cap-add PERFMON and a seccomp profile that allows bpf(2)";

impl Error {
    /// What may help.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Map {
                operation: CREATE,
                errno: Errno::EINVAL,
                map: "ring",
            } => "run Linux 5.8 or later, which brought the ring buffer",
            Self::Map {
                operation: CREATE,
                errno: Errno::EPERM | Errno::EACCES,
                ..
            }
            | Self::Load {
                source:
                    LoadError {
                        errno: Errno::EPERM | Errno::EACCES,
                        ..
                    },
                ..
            }
            | Self::Program {
                operation: ATTACH,
                errno: Errno::EPERM | Errno::EACCES,
                ..
            } => PRIVILEGES,
            Self::Map {
                errno: Errno::ENOMEM,
                ..
            } => "free some memory: the map takes as much for each CPU that the machine can have",
            Self::Map {
                errno: Errno::ENOSYS,
                ..
            } => "run a kernel with CONFIG_BPF_SYSCALL",
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
        let load = |errno| Error::Load {
            program: "sys_enter",
            source: LoadError {
                errno,
                log: String::new(),
            },
        };
        for (error, part) in [
            (map(CREATE, "ring", Errno::EINVAL), "Linux 5.8"),
            (map(CREATE, "tasks", Errno::EPERM), "setcap"),
            (map(CREATE, "tasks", Errno::ENOSYS), "CONFIG_BPF_SYSCALL"),
            (map(CREATE, "calls", Errno::ENOMEM), "memory"),
            (map("read", "calls", Errno::EINVAL), "report it"),
            (load(Errno::EPERM), "cap_perfmon"),
            (load(Errno::EINVAL), "verifier"),
            (program(TEST_RUN, Errno::EINVAL), "Linux 5.10"),
            (program(ATTACH, Errno::ENOENT), "CONFIG_FTRACE_SYSCALLS"),
        ] {
            let remedy = error.remedy();
            assert!(remedy.contains(part), "{error}: {remedy}");
        }
    }
}
