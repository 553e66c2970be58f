//! Watching processes that are running already: nothing of them stops for it.

use super::Ebpf;
use crate::{Attach, AttachError, Error, Window};
use harness_syscalls::TraceSet;
use harness_tracepoint::watch;
use harness_tracer::running::Tree;

impl Attach for Ebpf {
    fn watch(
        &self,
        tree: Tree,
        set: &TraceSet,
        attached: &mut dyn FnMut(),
        finished: &dyn Fn() -> bool,
    ) -> Result<Window, AttachError> {
        let seen = watch(tree, self.options(), self.tracked, set, attached, finished)?;
        Ok(Window {
            counts: self.counts(&seen.calls, seen.lost),
            wall: seen.wall,
            attaching: seen.attaching,
            detaching: seen.detaching,
            ended: seen.ended,
            processes: seen.processes,
            unstopped: None,
            left_alone: seen.left_alone,
            tracer: self.account(),
        })
    }
}

impl From<harness_tracepoint::Error> for AttachError {
    fn from(error: harness_tracepoint::Error) -> Self {
        if matches!(error, harness_tracepoint::Error::Process(_)) {
            return Self::ProcessEnded(Error::new(error.to_string()));
        }
        Self::Failed(error.into())
    }
}
