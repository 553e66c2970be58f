//! Tasks that ran without being traced (`CLONE_UNTRACED`, clone(2)).
//!
//! Nothing announces them, so they are inferred from three traces: a call that
//! made a task without an event stop, the end of a process that was never seen
//! stopped, and a SIGCHLD from one. A task that was announced can look like
//! that too, where it was killed before its first stop.

use crate::tracees::Tracees;
use harness_sys::Tid;
use std::collections::HashSet;

/// What is known of tasks that may have escaped.
#[derive(Debug, Default)]
pub(crate) struct Escapes {
    announced: u64,
    adopted: u64,
    strangers: HashSet<Tid>,
}

impl Escapes {
    /// An event stop told of a new task.
    pub(crate) fn announced(&mut self) {
        self.announced += 1;
    }

    /// A new tracee made its first stop.
    pub(crate) fn adopted(&mut self, tid: Tid) {
        self.adopted += 1;
        self.strangers.remove(&tid);
    }

    /// A task was seen that may not be, or have been, a tracee.
    pub(crate) fn suspect(&mut self, tid: Tid, tracees: &Tracees) {
        if !tracees.knows(tid) {
            self.strangers.insert(tid);
        }
    }

    /// How many tasks escaped, once all have ended.
    pub(crate) fn count(&self) -> u64 {
        let killed_at_birth = self.announced.saturating_sub(self.adopted);
        (self.strangers.len() as u64).saturating_sub(killed_at_birth)
    }

    /// Tasks that were announced or seen, the first one not included.
    pub(crate) fn traced(&self) -> u64 {
        self.announced.max(self.adopted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_nothing_announced_has_escaped() {
        let mut tracees = Tracees::default();
        let mut escapes = Escapes::default();
        escapes.announced();
        tracees.adopt(Tid(2));
        escapes.adopted(Tid(2));
        escapes.suspect(Tid(2), &tracees);
        assert_eq!(escapes.count(), 0);
        // Both by the call that made it and by its end.
        escapes.suspect(Tid(3), &tracees);
        escapes.suspect(Tid(3), &tracees);
        assert_eq!((escapes.count(), escapes.traced()), (1, 1));
    }

    #[test]
    fn a_thread_killed_before_its_first_stop_has_not() {
        let mut escapes = Escapes::default();
        escapes.announced();
        escapes.suspect(Tid(2), &Tracees::default());
        assert_eq!((escapes.count(), escapes.traced()), (0, 1));
    }

    #[test]
    fn a_report_may_come_before_the_first_stop() {
        let mut escapes = Escapes::default();
        escapes.suspect(Tid(2), &Tracees::default());
        escapes.announced();
        escapes.adopted(Tid(2));
        assert_eq!(escapes.count(), 0);
    }
}
