//! Untraced: what every other mode is compared with.

use crate::{End, Error, Mode, Outcome, Unavailable};
use harness_sys::launcher::{Launch, Start};
use harness_sys::{Errno, wait};
use harness_syscalls::TraceSet;
use harness_tracer::stop::{Report, classify};
use std::time::Instant;

/// Mode `none`.
pub(crate) struct None;

impl Mode for None {
    fn name(&self) -> &'static str {
        "none"
    }

    fn summary(&self) -> &'static str {
        "untraced"
    }

    fn check(&self) -> Result<(), Unavailable> {
        Ok(())
    }

    fn run(&self, launch: &Launch<'_>, _set: &TraceSet) -> Result<Outcome, Error> {
        let mut child = launch.spawn(Start::Untraced)?;
        let root = child.tid();
        let mut end = Option::None;
        let started = Instant::now();
        child.release();
        loop {
            match wait::any() {
                Ok((tid, status)) if tid == root => match classify(status) {
                    Report::Exited(code) => end = Some(End::Exited(code)),
                    Report::Killed(signal) => end = Some(End::Killed(signal)),
                    // Only a tracer is told of stops, and there is none.
                    Report::Stopped(_) => {}
                },
                // An orphan of the tree, which the subreaper inherits.
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => break,
                Err(errno) => return Err(Error::Wait(errno)),
            }
        }
        let wall = started.elapsed();
        let launch = child.report()?;
        Ok(Outcome {
            end: end.ok_or(Error::Wait(Errno::ECHILD))?,
            wall,
            stops: Option::None,
            syscalls: Option::None,
            traced_events: Option::None,
            calls: Option::None,
            tracees: Option::None,
            escaped: 0,
            no_new_privs: launch.no_new_privs,
        })
    }
}
