//! Why a tree could not be supervised, and what helps.

use harness_sys::Errno;
use harness_sys::launcher::{LaunchError, Step};
use harness_tracer::ALLOW_SECCOMP;
use harness_tracer::tree::WaitError;
use std::io;

/// Why a tree could not be supervised to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The first process never became its program, or its listener could not be taken.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// A request to the listener failed.
    #[error("cannot answer the calls of a filter: {request}: {errno}")]
    Request {
        /// The request.
        request: &'static str,
        /// Its error.
        errno: Errno,
    },
    /// The tree could not be waited for.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// Who is to be told of the calls could not be.
    #[error(transparent)]
    Log(#[from] io::Error),
    /// A filter was installed and a call of it made, but nothing was received.
    #[error("a call under SECCOMP_RET_USER_NOTIF made no notification")]
    NoNotification,
}

pub(crate) const RECEIVE: &str = "SECCOMP_IOCTL_NOTIF_RECV";
pub(crate) const SEND: &str = "SECCOMP_IOCTL_NOTIF_SEND";
pub(crate) const SET_FLAGS: &str = "SECCOMP_IOCTL_NOTIF_SET_FLAGS";

impl Error {
    /// What may help.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Launch(error) => remedy_of_launch(error),
            Self::Request {
                request: SEND,
                errno: Errno::EINVAL,
            } => "run Linux 5.5 or later, which brought SECCOMP_USER_NOTIF_FLAG_CONTINUE",
            Self::Request {
                request: SET_FLAGS,
                errno: Errno::EINVAL,
            } => {
                "run Linux 6.6 or later, which brought SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, or do \
                 without it (mode user-notify)"
            }
            Self::NoNotification => ALLOW_SECCOMP,
            _ => "try again, and report it if it persists",
        }
    }
}

fn remedy_of_launch(error: &LaunchError) -> &'static str {
    match error {
        LaunchError::Child {
            step: Step::Filter,
            errno: Errno::EBUSY,
            ..
        } => {
            "start the harness outside of the supervisor that it runs below (a container with a seccomp \
             agent, or another run of this mode), as the filters of a process can have one listener only"
        }
        LaunchError::Child {
            step: Step::Filter,
            errno: Errno::EINVAL,
            ..
        } => "run Linux 5.0 or later, which brought SECCOMP_FILTER_FLAG_NEW_LISTENER",
        LaunchError::Child {
            step: Step::Filter | Step::NoNewPrivs,
            ..
        } => ALLOW_SECCOMP,
        LaunchError::Listener {
            errno: Errno::ENOSYS,
            ..
        } => "run Linux 5.6 or later, which brought pidfd_getfd(2), and in a container allow it",
        LaunchError::Listener {
            errno: Errno::EPERM,
            ..
        } => {
            "allow pidfd_getfd(2): see kernel.yama.ptrace_scope (2 and 3 forbid it), and in a container \
             use --cap-add SYS_PTRACE or a seccomp profile that has pidfd_getfd"
        }
        LaunchError::Parent {
            errno: Errno::EAGAIN | Errno::EMFILE,
            ..
        } => "raise that limit, or end what uses it up",
        _ => "try again, and report it if it persists",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// By what failed, not by a version number, which distributions' kernels do not keep to.
    #[test]
    fn each_missing_feature_has_its_kernel_and_each_refusal_its_reason() {
        let child = |errno| LaunchError::Child {
            program: PathBuf::new(),
            step: Step::Filter,
            errno,
        };
        let listener = |errno| LaunchError::Listener {
            operation: "pidfd_getfd(2)",
            errno,
        };
        let request = |request, errno| Error::Request { request, errno };
        for (error, part) in [
            (child(Errno::EINVAL).into(), "Linux 5.0"),
            (child(Errno::EBUSY).into(), "one listener only"),
            (child(Errno::EPERM).into(), "allow seccomp(2)"),
            (listener(Errno::ENOSYS).into(), "Linux 5.6"),
            (listener(Errno::EPERM).into(), "ptrace_scope"),
            (request(SEND, Errno::EINVAL), "Linux 5.5"),
            (request(SET_FLAGS, Errno::EINVAL), "Linux 6.6"),
            (request(RECEIVE, Errno::EINVAL), "report it"),
        ] {
            let remedy = error.remedy();
            assert!(remedy.contains(part), "{error}: {remedy}");
        }
    }
}
