//! Watching processes that are running already.

use crate::{Error, TracerAccount};
use harness_record::Counts;
use harness_syscalls::TraceSet;
use harness_tracer::running::Tree;
use std::time::Duration;

/// Who watches processes that are running already, under a mode.
pub enum Watcher<'a> {
    /// Nobody: the mode is the control.
    Nobody,
    /// The mode's own way.
    By(&'a dyn Attach),
}

/// A mode's way to watch processes that are running already, which go on unharmed
/// whatever becomes of the watcher.
pub trait Attach: Sync {
    /// Attaches to the processes of `tree`, calls `attached`, watches them and the
    /// children they make until `finished` says so, which it is asked a hundred times a
    /// second, and lets go of all. It is called in a process that does only this, has one
    /// thread, and ends afterwards.
    ///
    /// # Errors
    /// [`AttachError`]; what was attached to is let go all the same.
    fn watch(
        &self,
        tree: Tree,
        set: &TraceSet,
        attached: &mut dyn FnMut(),
        finished: &dyn Fn() -> bool,
    ) -> Result<Window, AttachError>;
}

/// What was seen of processes while they were watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// What was counted.
    pub counts: Counts,
    /// For how long.
    pub wall: Duration,
    /// How long it took before to attach to everything.
    pub attaching: Duration,
    /// How long it took then to let go of everything.
    pub detaching: Duration,
    /// Whether the first process ended before it was to be let go.
    pub ended: bool,
    /// Processes that were attached to, the first one included.
    pub processes: usize,
    /// Threads that did not stop in time to be attached to or detached in an orderly way; `None` where
    /// the mechanism stops nothing.
    pub unstopped: Option<usize>,
    /// Why descendants could not be attached to, a sentence each.
    pub left_alone: Vec<String>,
    /// Whose CPU time is the watcher's.
    pub tracer: TracerAccount,
}

/// Why processes could not be watched. What was attached to has been let go.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The first process has ended.
    #[error("{0}")]
    ProcessEnded(Error),
    /// It could not be attached to, or not be watched.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<harness_tracer::attach::AttachError> for AttachError {
    fn from(error: harness_tracer::attach::AttachError) -> Self {
        use harness_tracer::attach::AttachError as OfTracer;
        use harness_tracer::running::FindError;
        let text = Error::new(error.to_string());
        match error {
            OfTracer::Process(FindError::NoProcess(_)) => Self::ProcessEnded(text),
            _ => Self::Failed(text),
        }
    }
}
