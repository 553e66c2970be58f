//! Starts, reads its arguments, and ends, as every workload does: what one program image costs.

use crate::{Arguments, Failure, Parameters, Processes, Statement, Workload};

pub(crate) struct Noop;

impl Workload for Noop {
    fn name(&self) -> &'static str {
        "noop"
    }

    fn summary(&self) -> &'static str {
        "start-up and exit alone"
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
        Statement::of_one_process()
    }

    fn run(&self, _: &Arguments) -> Result<(), Failure> {
        Ok(())
    }
}
