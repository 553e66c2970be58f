//! Untraced: what every other mode is compared with.

use crate::{Error, Mode, Outcome, Unavailable, Watcher, untraced};
use harness_sys::launcher::{Launch, Start};
use harness_syscalls::TraceSet;
use harness_tracer::observer::Observer;

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

    fn has_tracer(&self) -> bool {
        false
    }

    fn watcher(&self) -> Result<Watcher<'_>, Unavailable> {
        Ok(Watcher::Nobody)
    }

    fn run(
        &self,
        launch: &Launch<'_>,
        _set: &TraceSet,
        _log: Option<&mut dyn Observer>,
    ) -> Result<Outcome, Error> {
        untraced::run(launch, Start::Untraced)
    }
}
