//! Running a program without a tracer.

use crate::{Error, Outcome, TracerAccount, ptrace};
use harness_record::Counter;
use harness_sys::launcher::{Launch, Start};
use harness_tracer::counts::Stops;
use harness_tracer::tree::{Alone, await_end};
use std::time::Instant;

/// Waits for the whole process tree of `launch`, which nobody traces.
pub(crate) fn run(launch: &Launch<'_>, start: Start<'_>) -> Result<Outcome, Error> {
    let mut child = launch.spawn(start)?;
    // As where there is a tracer, the time begins when nothing is left to be done
    // but execve(2).
    child.await_ready();
    let started = Instant::now();
    child.release();
    let end = await_end(child.tid(), &mut Alone)?;
    let wall = started.elapsed();
    let launch = child.report()?;
    Ok(Outcome {
        end: Some(end),
        wall,
        // Nobody traces, so nothing stops.
        counts: ptrace::stops(&Stops::default())
            .with(Counter::Interceptions, 0)
            .with(Counter::Handovers, 0),
        calls: None,
        tracer: TracerAccount::Nobody,
        escaped: 0,
        no_new_privs: launch.no_new_privs,
        inherited_rss_kib: launch.inherited_rss_kib,
        remarks: Vec::new(),
    })
}
