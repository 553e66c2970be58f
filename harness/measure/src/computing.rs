//! How much make-sim computes on this machine.
//!
//! Machines differ in what a call and what a turn of a loop takes, and so would
//! the system share of make-sim's CPU time, which decides what tracing it costs.
//! So its calls are timed once without any computing, and it is told how much to
//! add; the plan's command says that.

use crate::Error;
use crate::isolated::{self, Processors, Spec, Variables};
use crate::subject;
use harness_sys::signals::Termination;
use harness_workloads::{Computing, Workload};
use std::path::Path;

/// Enough for a CPU time that is known to some percent, where the kernel
/// divides it by samples.
const UNITS: u32 = 8;
const EXECUTIONS: u32 = 2;

/// Whether a workload is to be told.
pub(crate) fn is_told(workload: &dyn Workload) -> bool {
    workload.options().contains(&"--turns")
}

/// Runs the calls of a workload untraced; returns the turns it is to be told.
pub(crate) fn turns(
    workload: &dyn Workload,
    harness: &Path,
    termination: &Termination,
) -> Result<u32, Error> {
    let computing = Computing::of(UNITS);
    let options = workload.arguments(&computing.without());
    let directory = tempfile::tempdir().map_err(|source| Error::Io {
        operation: "cannot make a directory for the run".to_owned(),
        source,
    })?;
    let spec = Spec {
        mode: "none".to_owned(),
        trace: "none".to_owned(),
        program: harness.into(),
        arguments: subject::own_words(workload.name(), options),
        directory: Some(directory.path().to_owned()),
        environment_padding: 0,
        processors: Processors::default(),
        executions: EXECUTIONS,
        times_itself: false,
        show_output: false,
        filter: None,
        describe_filter: false,
        variables: Variables::Fixed,
    };
    let done = isolated::run(harness, &spec, termination)?;
    if done.exit_code != Some(0) {
        return Err(Error::Isolated(format!(
            "{} without its computing failed: {}",
            workload.name(),
            done.stderr.trim()
        )));
    }
    let turn_ns = Computing::turn_ns();
    let (user_ns, sys_ns) = (done.tracees.user_ns, done.tracees.sys_ns);
    let each = |ns: u64| ns / u64::from(EXECUTIONS);
    let turns = computing.turns(each(user_ns), each(sys_ns), turn_ns);
    tracing::info!(
        "{}: {} ms user and {} ms system without computing, {turn_ns:.2} ns a turn: {turns} turns",
        workload.name(),
        each(user_ns) / 1_000_000,
        each(sys_ns) / 1_000_000
    );
    Ok(turns)
}
