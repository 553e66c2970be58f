//! A seccomp program of the user's, under the tracer of the other seccomp modes.

use crate::{Error, Filter, Mode, Outcome, Unavailable};
use harness_cbpf::{Program, RawError};
use harness_sys::launcher::{Launch, Start};
use harness_syscalls::TraceSet;
use harness_tracer::machine::Policy;
use harness_tracer::observer::Observer;
use harness_tracer::{Events, order};

/// Mode `seccomp-file`: there is one only where there is a program.
///
/// The trace set is not applied: each seccomp-stop is a traced event, whatever
/// data comes with it.
#[derive(Debug, Clone)]
pub struct SeccompFile {
    program: Program,
}

impl SeccompFile {
    /// Name on the command line.
    pub const NAME: &str = "seccomp-file";
    /// What it does, in a line.
    pub const SUMMARY: &str =
        "your own program (run --filter FILE): each SECCOMP_RET_TRACE is a traced event";

    /// The mode that installs `program`.
    #[must_use]
    pub fn new(program: Program) -> Self {
        Self { program }
    }

    /// The same, from an array of `struct sock_filter`.
    ///
    /// # Errors
    /// A program that the kernel would refuse.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RawError> {
        Program::from_bytes(bytes).map(Self::new)
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    fn own_filter(&self) -> Filter {
        Filter {
            origin: "file",
            program: self.program.clone(),
        }
    }
}

impl Mode for SeccompFile {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn summary(&self) -> &'static str {
        Self::SUMMARY
    }

    fn check(&self) -> Result<(), Unavailable> {
        order::probe().map(drop).map_err(Unavailable::from)
    }

    fn traces_set(&self) -> bool {
        false
    }

    fn filter(&self, _set: &TraceSet) -> Result<Option<Filter>, Error> {
        Ok(Some(self.own_filter()))
    }

    fn run(
        &self,
        launch: &Launch<'_>,
        _set: &TraceSet,
        log: Option<&mut dyn Observer>,
    ) -> Result<Outcome, Error> {
        let order = order::probe().map_err(Error::StopOrder)?;
        let program = self.own_filter().instructions();
        let child = launch.spawn(Start::Filtered(&program))?;
        let outcome =
            harness_tracer::trace(child, Policy::FilteredCalls(order), Events::Every, log);
        let outcome = outcome.map_err(|error| match error {
            harness_tracer::Error::Vanished(_) => Error::FilterKills,
            error => error.into(),
        })?;
        Ok(Outcome::traced(outcome, None))
    }
}
