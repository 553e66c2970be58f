//! The kernel as a tracer saw it before Linux 5.3: a filter answers
//! `PTRACE_GET_SYSCALL_INFO` as a kernel does that does not know the request.

use crate::common::policies::before_5_3;
use harness_sys::Errno;
use harness_sys::seccomp;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// The word that has this binary execute a command under that kernel.
pub(crate) const WORD: &str = "__before-5.3";

/// Modes that are tried under it: a filter's compiler has no part in how a stop is read.
pub(crate) const MODES: &[&str] = &["ptrace", "seccomp-linear"];

/// What a scenario runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// The one that is there.
    Own,
    /// The same, without what tracers were given in Linux 5.3.
    Before5_3,
}

impl Kernel {
    /// What the names of tests on it end with.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Own => "",
            Self::Before5_3 => "::before-5.3",
        }
    }

    /// Words that have these executed on it.
    pub(crate) fn executing(self, words: Vec<OsString>) -> Vec<OsString> {
        match self {
            Self::Own => words,
            Self::Before5_3 => {
                let own = std::env::current_exe().expect("this binary");
                let before = [own.into_os_string(), WORD.into()];
                before.into_iter().chain(words).collect()
            }
        }
    }
}

/// Becomes the command; what that gives to whoever cannot.
pub(crate) fn main(words: &[OsString]) -> ExitCode {
    let installed = match seccomp::install(&before_5_3()) {
        Err(Errno::EACCES) => {
            seccomp::set_no_new_privs().and_then(|()| seccomp::install(&before_5_3()))
        }
        installed => installed,
    };
    let [program, arguments @ ..] = words else {
        return ExitCode::FAILURE;
    };
    match installed {
        Ok(()) => eprintln!("{}", Command::new(program).args(arguments).exec()),
        Err(errno) => eprintln!("seccomp(2): {errno}"),
    }
    ExitCode::FAILURE
}
