//! Untraced: what every other mode is compared with.

use crate::{Error, Mode, Outcome, Unavailable, untraced};
use harness_sys::launcher::{Launch, Start};
use harness_syscalls::TraceSet;

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
        untraced::run(launch, Start::Untraced)
    }
}
