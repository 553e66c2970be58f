//! Reads the clock once: what that costs here in system calls, beside `noop`.

use std::hint::black_box;
use std::time::Instant;

use crate::{Arguments, Failure, Parameters, Processes, Statement, Workload};

/// The time by `CLOCK_MONOTONIC`. The vDSO reads most clock sources without a system call (vdso(7));
/// which ones, and whether there is a vDSO, is a matter of the machine and its kernel.
#[inline]
pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) struct Clock;

impl Workload for Clock {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn summary(&self) -> &'static str {
        "one reading of the clock"
    }

    fn processes(&self) -> Processes {
        Processes::Single
    }

    fn default_trace(&self) -> &'static str {
        "all"
    }

    fn times_itself(&self) -> bool {
        false
    }

    fn options(&self) -> &'static [&'static str] {
        &[]
    }

    fn statement(&self, _: &Parameters) -> Statement {
        Statement {
            clock_readings: 1,
            ..Statement::of_one_process()
        }
    }

    fn run(&self, _: &Arguments) -> Result<(), Failure> {
        black_box(now());
        Ok(())
    }
}
