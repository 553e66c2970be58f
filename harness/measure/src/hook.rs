//! The shell commands around the runs.

use crate::Error;
use harness_sys::launcher::{Launch, Start};
use harness_sys::{Errno, wait};
use harness_tracer::stop::{Report, classify};
use std::ffi::OsStr;

/// Runs `command`, if there is one, with sh(1), on the harness's own streams
/// but with its standard output on standard error.
pub(crate) fn run(hook: &'static str, command: Option<&str>) -> Result<(), Error> {
    let Some(command) = command else {
        return Ok(());
    };
    let words = ["sh", "-c", command].map(OsStr::new);
    let mut launch = Launch::new(OsStr::new("/bin/sh"), words, std::env::vars_os())?;
    launch.inherit(2, 1);
    let mut child = launch.spawn(Start::Untraced)?;
    child.release();
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
