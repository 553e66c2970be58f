//! How much make-sim computes on this machine.
//!
//! Machines differ in what a call and what a turn of a loop takes, and so would
//! the system share of make-sim's CPU time, which decides what tracing it costs.
//! So a small one is timed without any computing and then with some, and it is
//! told how much to compute; the plan's command says that.

use crate::Error;
use crate::sampler;
use crate::wire::{Account, Spec};
use harness_sys::signals::Termination;
use harness_workloads::{Computing, Parameters, Workload};
use std::path::Path;

/// Enough for a CPU time that is known to some percent, where the kernel
/// divides it by samples.
const UNITS: u32 = 4;
/// Calls take longer beside computing, which takes the caches from them: so the
/// second execution computes what the first says, and the third corrects it.
const EXECUTIONS: u32 = 3;

/// Whether a workload is to be told.
pub(crate) fn is_told(workload: &dyn Workload) -> bool {
    workload.options().contains(&"--turns")
}

/// Runs a small workload untraced, first without computing and then with what
/// seems right so far; returns the turns it is to be told.
pub(crate) fn turns(
    workload: &dyn Workload,
    harness: &Path,
    termination: &Termination,
) -> Result<u32, Error> {
    let computing = Computing::of(UNITS);
    let turn_ns = Computing::turn_ns();
    let mut turns = 0;
    for _ in 0..EXECUTIONS {
        let parameters = computing.with(turns);
        let tracees = execute(workload, &parameters, harness, termination)?;
        turns = computing.turns(turns, tracees.user_ns, tracees.sys_ns, turn_ns);
        tracing::info!(
            "{}: {} ms user, {} ms system, {turn_ns:.2} ns a turn: {turns} turns",
            workload.name(),
            tracees.user_ns / 1_000_000,
            tracees.sys_ns / 1_000_000
        );
    }
    Ok(turns)
}

fn execute(
    workload: &dyn Workload,
    parameters: &Parameters,
    harness: &Path,
    termination: &Termination,
) -> Result<Account, Error> {
    let options = workload.arguments(parameters);
    let directory = tempfile::tempdir().map_err(|source| Error::Io {
        operation: "cannot make a directory for the run".to_owned(),
        source,
    })?;
    let spec = Spec {
        directory: Some(directory.path().to_owned()),
        ..Spec::beforehand(
            &**harness_mode::control(),
            "none",
            harness,
            harness_workloads::words(workload.name(), options),
        )
    };
    let done = sampler::run(harness, &spec, termination)?;
    match done.exit_code {
        Some(0) => Ok(done.tracees),
        _ => Err(Error::Isolated(format!(
            "a first execution of {} failed: {}",
            workload.name(),
            done.stderr.trim()
        ))),
    }
}
