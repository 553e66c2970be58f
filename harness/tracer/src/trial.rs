//! Whether the kernel takes a program.

use crate::machine::{Restart, is_exec};
use crate::stop::{Report, Stop, classify};
use crate::stopped::Stopped;
use harness_sys::launcher::{Launch, LaunchError, Start};
use harness_sys::ptrace::{self, Options};
use harness_sys::{Errno, process, wait};

/// Tries execve(2), and kills the child at `PTRACE_EVENT_EXEC`, before the
/// first instruction of the program: what a file lacks (a #! line, its
/// interpreter, its loader) only the kernel knows.
///
/// Where nothing may be traced, or the child is killed, it says nothing.
///
/// The calling process must have a single thread.
///
/// # Errors
/// [`LaunchError`]: it cannot be executed.
pub fn executes(launch: &Launch<'_>) -> Result<(), LaunchError> {
    let mut child = launch.spawn(Start::TRACED)?;
    let tid = child.tid();
    if ptrace::seize(tid, Options::WHOLE_TREE).is_err() {
        child.cancel();
        return Ok(());
    }
    child.release();
    loop {
        match wait::one(tid).map(classify) {
            Ok(Report::Stopped(stop)) if is_exec(stop) => {
                let _ = process::kill(tid);
            }
            Ok(Report::Stopped(stop)) => {
                // The mark is no signal for the program; a foreign one is.
                let signal = match stop {
                    Stop::Signal(signal) if stop != Stop::MARK => signal,
                    _ => 0,
                };
                let _ = Stopped::new(tid).restart(Restart::Cont(signal));
            }
            Err(Errno::EINTR) => {}
            Ok(Report::Exited(_) | Report::Killed(_)) | Err(_) => break,
        }
    }
    child.report().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::fs::PermissionsExt;

    /// A program that would leave a trace of its running leaves none.
    #[test]
    fn says_what_the_kernel_says_and_runs_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let ran = directory.path().join("ran");
        let file = directory.path().join("file");
        for (contents, error) in [
            (format!("#!/bin/sh\ntouch {}\n", ran.display()), None),
            ("echo no first line\n".to_owned(), Some(Errno::ENOEXEC)),
            ("#!/no/such/interpreter\n".to_owned(), Some(Errno::ENOENT)),
        ] {
            std::fs::write(&file, contents).unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
            let launch = Launch::new(file.as_os_str(), [OsStr::new("file")], []).unwrap();
            let found = match executes(&launch) {
                Ok(()) => None,
                Err(LaunchError::Child { errno, .. }) => Some(errno),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(found, error);
        }
        assert!(!ran.exists());
    }
}
