//! The shell commands around the runs.

use crate::Error;
use harness_sys::launcher::{Launch, Start};
use harness_sys::signals::Termination;
use harness_sys::{Errno, Tid, files, process, wait};
use harness_tracer::stop::{Report, classify};
use std::ffi::OsStr;
use std::os::fd::AsFd;

/// Runs `command`, if there is one, with sh(1), on the harness's own streams
/// but with its standard output on standard error. A signal ends it, with all
/// that it and the hooks before it left running; so does a sample's process that
/// dies early, as nothing tells what it left from what they did.
pub(crate) fn run(
    hook: &'static str,
    command: Option<&str>,
    termination: &Termination,
) -> Result<(), Error> {
    let Some(command) = command else {
        return Ok(());
    };
    let words = ["sh", "-c", command].map(OsStr::new);
    let mut launch = Launch::new(OsStr::new("/bin/sh"), words, std::env::vars_os())?;
    launch.inherit(2, 1);
    let mut child = launch.spawn(Start::UNTRACED)?;
    child.release();
    if let Some(signal) = interrupted(child.tid(), termination) {
        process::kill_descendants();
        return Err(Error::Interrupted(signal));
    }
    let end = loop {
        match wait::one(child.tid()) {
            Err(Errno::EINTR) => {}
            Err(errno) => break format!("an unknown status ({errno})"),
            Ok(status) => match classify(status) {
                Report::Exited(0) => return child.report().map(drop).map_err(Error::from),
                Report::Exited(code) => break format!("exit code {code}"),
                Report::Killed(signal) => break format!("signal {signal}"),
                Report::Stopped(_) => {}
            },
        }
    };
    child.report()?;
    Err(Error::Hook {
        hook,
        end,
        command: command.to_owned(),
    })
}

/// Waits for the end of a hook or a signal, whichever is first.
fn interrupted(hook: Tid, termination: &Termination) -> Option<i32> {
    // Without these the signal is seen when the hook has ended.
    let ended = process::descriptor(hook).ok()?;
    loop {
        let (_, ended) = files::wait_readable(termination.as_fd(), ended.as_fd()).ok()?;
        if ended {
            return None;
        }
        if let Some(signal) = termination.take().ok()? {
            return Some(signal);
        }
    }
}
