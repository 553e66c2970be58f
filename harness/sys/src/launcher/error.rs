//! Why a program could not be started, and what helps.

use crate::Errno;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Why a program could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// No such program.
    #[error("{program}: command not found{}", searched(.path.as_ref()))]
    NotFound {
        /// The name as given.
        program: String,
        /// `PATH`, where it was searched.
        path: Option<OsString>,
    },
    /// The file is there but not executable.
    #[error("{0}: not an executable file; check its permissions (chmod +x)")]
    NotExecutable(PathBuf),
    /// A word or variable cannot be passed to a program.
    #[error("{0:?} has a NUL byte, which execve(2) cannot pass on")]
    NulByte(OsString),
    /// fork(2), pipe(2) failed.
    #[error("cannot start a process: {operation}: {errno}{}", limit(*errno))]
    Parent {
        /// The system call.
        operation: &'static str,
        /// Its error.
        errno: Errno,
    },
    /// The listener of the child's filter could not be taken.
    #[error("cannot take the listener of a filter: {operation}: {errno}")]
    Listener {
        /// The system call.
        operation: &'static str,
        /// Its error.
        errno: Errno,
    },
    /// The child failed before it was the program.
    #[error("{}: {step}: {errno}{}", attempt(program), advice(program, *step, *errno))]
    Child {
        /// The program's path; empty for a probe.
        program: PathBuf,
        /// What the child was doing.
        step: Step,
        /// The error.
        errno: Errno,
    },
}

fn searched(path: Option<&OsString>) -> String {
    match path {
        Some(path) => format!(
            " in PATH ({}); check its spelling, or give its path",
            path.display()
        ),
        None => "; check its spelling, or give the path of a file that exists".to_owned(),
    }
}

/// Which limit was met (setrlimit(2), cgroups(7)).
fn limit(errno: Errno) -> &'static str {
    match errno {
        Errno::EAGAIN => " (ulimit -u, or pids.max of the control group)",
        Errno::EMFILE => " (ulimit -n)",
        _ => "",
    }
}

fn attempt(program: &Path) -> String {
    if program.as_os_str().is_empty() {
        "cannot start a probe".to_owned()
    } else {
        format!("cannot execute {}", program.display())
    }
}

/// What execve(2) means by an error for a file that is there, and what helps.
fn advice(program: &Path, step: Step, errno: Errno) -> &'static str {
    match errno {
        _ if step != Step::Exec => "",
        Errno::ENOEXEC => {
            "; it has no #! line and is no program for this machine: add the line, or name the shell, as in \
             `sh FILE`"
        }
        Errno::ENOENT if program.exists() => {
            "; its interpreter (#! line) or loader is missing: install that, or correct the line"
        }
        _ => "",
    }
}

/// What a child was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Putting its descriptors in place.
    Descriptors = 1,
    /// Changing to the working directory.
    Directory,
    /// Leaving its parent's process group.
    Group,
    /// Binding itself to a processor.
    Affinity,
    /// Asking to be killed with its parent.
    ParentDeath,
    /// Setting `no_new_privs`.
    NoNewPrivs,
    /// Installing the filter.
    Filter,
    /// Marking the start.
    Mark,
    /// execve(2).
    Exec,
}

impl Step {
    pub(super) const ALL: [Self; 9] = [
        Self::Descriptors,
        Self::Directory,
        Self::Group,
        Self::Affinity,
        Self::ParentDeath,
        Self::NoNewPrivs,
        Self::Filter,
        Self::Mark,
        Self::Exec,
    ];
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Descriptors => "dup2(2) of its standard streams",
            Self::Directory => "chdir(2)",
            Self::Group => "setpgid(2)",
            Self::Affinity => "sched_setaffinity(2)",
            Self::ParentDeath => "prctl(PR_SET_PDEATHSIG)",
            Self::NoNewPrivs => "prctl(PR_SET_NO_NEW_PRIVS)",
            Self::Filter => "seccomp(SECCOMP_SET_MODE_FILTER)",
            Self::Mark => "kill(2)",
            Self::Exec => "execve(2)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_to_do_where_execve_fails() {
        let said = |program: &str, step, errno| {
            let program = PathBuf::from(program);
            let error = LaunchError::Child {
                program,
                step,
                errno,
            };
            error.to_string()
        };
        let shell = said("/bin/sh", Step::Exec, Errno::ENOENT);
        assert!(shell.contains("loader is missing"), "{shell}");
        let text = said("/bin/sh", Step::Exec, Errno::ENOEXEC);
        assert!(text.contains("add the line"), "{text}");
        let parent = LaunchError::Parent {
            operation: "fork(2)",
            errno: Errno::EAGAIN,
        };
        assert!(parent.to_string().contains("ulimit -u"), "{parent}");
        let probe = said("", Step::Filter, Errno::EINVAL);
        assert!(
            probe.starts_with("cannot start a probe: seccomp("),
            "{probe}"
        );
    }
}
