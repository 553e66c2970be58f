//! A seccomp program of the user's, under the tracer of the other seccomp modes.

use crate::seccomp::{CAPABILITIES, check, stop_order};
use crate::{
    About, Colour, Error, Facts, Filter, Group, Job, Mechanism, Mode, Outcome, Role, Traced,
    Unavailable, ptrace,
};
use harness_cbpf::{Program, RawError};
use harness_sys::launcher::{Launch, Start};
use harness_syscalls::TraceSet;
use harness_tracer::Events;
use harness_tracer::machine::Policy;
use std::borrow::Cow;

/// Mode `seccomp-file`: there is one only where there is a program.
///
/// The trace set is not applied: each seccomp-stop is a traced event, whatever
/// data comes with it.
#[derive(Debug, Clone)]
pub struct SeccompFile {
    program: Program,
}

static ABOUT: About = About {
    name: Cow::Borrowed(SeccompFile::NAME),
    summary: Cow::Borrowed(SeccompFile::SUMMARY),
    role: Role::Tracer,
    group: Group::Other,
    colour: Colour(0x6c, 0x8e, 0xad),
    mechanism: Mechanism::PtraceFiltered,
    counts_every_call: false,
    capabilities: CAPABILITIES,
};

impl SeccompFile {
    /// Name on the command line.
    pub const NAME: &str = "seccomp-file";
    /// What it does, in a line.
    pub const SUMMARY: &str =
        "your own program (run --filter FILE): each SECCOMP_RET_TRACE is a traced event";

    /// What it says of itself, whatever the program.
    #[must_use]
    pub fn about() -> &'static About {
        &ABOUT
    }

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
}

impl Mode for SeccompFile {
    fn about(&self) -> &About {
        &ABOUT
    }

    fn check(&self) -> Result<Facts, Unavailable> {
        check()
    }

    fn traced(&self, _asked: &TraceSet) -> Traced {
        Traced::OwnRule
    }

    fn parameter(&self) -> Option<Vec<u8>> {
        Some(self.program.to_bytes())
    }

    fn filter(&self, _set: &TraceSet) -> Result<Option<Filter>, Error> {
        Ok(Some(Filter {
            origin: "file",
            program: self.program.clone(),
        }))
    }

    fn run(&self, launch: Launch<'_>, job: &mut Job<'_>) -> Result<Outcome, Error> {
        let policy = Policy::FilteredCalls(stop_order()?);
        let child = launch.spawn(Start::TRACED.filtered(self.program.instructions()))?;
        let outcome = ptrace::trace(child, policy, Events::Every, job);
        outcome.map_err(|error| match error {
            harness_tracer::Error::Vanished(_) => Error::new(
                "under the filter the process ended before it could execute its program, killed or because a call \
                 failed: the filter must let kill(2) and execve(2) pass, or trace them",
            ),
            error => error.into(),
        })
    }
}
