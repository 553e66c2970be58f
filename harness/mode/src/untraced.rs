//! Running a program without a tracer.

use crate::{End, Error, Outcome};
use harness_sys::launcher::{Launch, Start};
use harness_sys::{Errno, wait};
use harness_tracer::counts::Stops;
use harness_tracer::stop::{Report, classify};
use std::time::Instant;

/// Waits for the whole process tree of `launch`, which nobody traces.
pub(crate) fn run(launch: &Launch<'_>, start: Start<'_>) -> Result<Outcome, Error> {
    let mut child = launch.spawn(start)?;
    let root = child.tid();
    let mut end = None;
    // As where there is a tracer, the time begins when nothing is left to be done
    // but execve(2).
    child.await_ready();
    let started = Instant::now();
    child.release();
    loop {
        match wait::any() {
            // The id of a process that has ended may come again in its own tree.
            Ok((tid, status)) if tid == root && end.is_none() => match classify(status) {
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
        // Nobody traces, so nothing stops.
        stops: Some(Stops::default()),
        syscalls: None,
        traced_events: None,
        calls: None,
        tracees: None,
        escaped: 0,
        no_new_privs: launch.no_new_privs,
        inherited_rss_kib: launch.inherited_rss_kib,
    })
}
