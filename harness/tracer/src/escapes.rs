//! Tasks that ran without being traced (`CLONE_UNTRACED`, clone(2)).
//!
//! Nothing announces them, so they are inferred from three traces. A call that
//! made a task without an event stop and a SIGCHLD of a process that nothing
//! announced are proof. The end of a task that was never seen stopped is not: a
//! thread that is killed before its first stop (by exit_group(2), execve(2) or a
//! SIGKILL, while a sibling is in clone(2)) ends like that too. It ends as its
//! process does, and before it, as a leader is reported last; what nothing
//! reported later explains like that has escaped.

use crate::ends::Ends;
use crate::event_loop::End;
use crate::tracees::Tracees;
use harness_sys::Tid;
use std::collections::{HashMap, HashSet};

/// What is known of tasks that may have escaped.
#[derive(Debug, Default)]
pub(crate) struct Escapes {
    /// Tasks that an event stop told of and that have not stopped yet.
    announced: HashSet<Tid>,
    announcements: u64,
    adopted: u64,
    /// Tasks that are proved to be there, and that nothing announced until now.
    strangers: HashSet<Tid>,
    /// Tasks that ended without a stop, and how, until something explains it.
    unexplained: HashMap<Tid, End>,
    ends: Ends,
}

const SIGKILL: i32 = 9;

impl Escapes {
    /// An event stop told of a new task; by its id, if it could be read.
    pub(crate) fn announced(&mut self, task: Option<Tid>) {
        self.announcements += 1;
        if let Some(task) = task {
            self.announced.insert(task);
            self.ends.announced(task);
            self.strangers.remove(&task);
            self.unexplained.remove(&task);
        }
    }

    /// A new tracee made its first stop.
    pub(crate) fn adopted(&mut self, tid: Tid) {
        self.adopted += 1;
        let announced = self.announced.remove(&tid);
        self.ends.adopted(tid, announced);
        self.strangers.remove(&tid);
    }

    /// A task was made, or ended, that should have been a tracee.
    pub(crate) fn suspect(&mut self, tid: Tid, tracees: &Tracees) {
        if !tracees.knows(tid) && !self.announced.contains(&tid) {
            self.strangers.insert(tid);
        }
    }

    /// A task ended; false where that was reported before, and says nothing new.
    pub(crate) fn ended(&mut self, tid: Tid, end: End, tracees: &Tracees) -> bool {
        if !self.ends.is_first(tid, end) {
            return false;
        }
        if tracees.knows(tid) {
            if !self.unexplained.is_empty() {
                self.unexplained.retain(|_, &mut other| other != end);
            }
        } else if !self.announced.contains(&tid) {
            self.ends.ended_early(tid);
            if end != End::Killed(SIGKILL) {
                self.unexplained.insert(tid, end);
            }
        }
        true
    }

    /// A process executed a program, which ends its other threads with 0.
    pub(crate) fn executed(&mut self) {
        if !self.unexplained.is_empty() {
            self.unexplained.retain(|_, &mut end| end != End::Exited(0));
        }
    }

    /// How many tasks escaped, once all have ended.
    pub(crate) fn count(&self) -> u64 {
        let ends = self.unexplained.keys();
        let only_ends = ends.filter(|&tid| !self.strangers.contains(tid)).count();
        (self.strangers.len() + only_ends) as u64
    }

    /// Tasks that were announced or seen, the first one not included.
    pub(crate) fn traced(&self) -> u64 {
        self.announcements.max(self.adopted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: End = End::Exited(0);

    #[test]
    fn a_task_that_nothing_announced_has_escaped() {
        let mut tracees = Tracees::default();
        let mut escapes = Escapes::default();
        escapes.announced(Some(Tid(2)));
        tracees.adopt(Tid(2));
        escapes.adopted(Tid(2));
        escapes.suspect(Tid(2), &tracees);
        assert_eq!(escapes.count(), 0);
        // By the call that made it, by its SIGCHLD and by its end.
        escapes.suspect(Tid(3), &tracees);
        escapes.suspect(Tid(3), &tracees);
        escapes.ended(Tid(3), FINE, &tracees);
        assert_eq!((escapes.count(), escapes.traced()), (1, 1));
        // One whose parent has ended: the last that is heard of the tree.
        escapes.ended(Tid(2), FINE, &tracees);
        escapes.ended(Tid(4), FINE, &tracees);
        assert_eq!(escapes.count(), 2);
    }

    #[test]
    fn a_task_killed_before_its_first_stop_has_not() {
        let mut escapes = Escapes::default();
        let mut tracees = Tracees::default();
        tracees.adopt(Tid(1));
        escapes.announced(Some(Tid(2)));
        escapes.suspect(Tid(2), &tracees);
        escapes.ended(Tid(2), FINE, &tracees);
        escapes.suspect(Tid(2), &tracees);
        assert_eq!((escapes.count(), escapes.traced()), (0, 1));
    }

    /// Its creator died in clone(2) with it, so nothing announced it.
    #[test]
    fn a_thread_killed_with_its_creator_has_not() {
        let mut escapes = Escapes::default();
        let mut tracees = Tracees::default();
        tracees.adopt(Tid(1));
        escapes.ended(Tid(2), End::Exited(3), &tracees);
        escapes.ended(Tid(3), End::Killed(SIGKILL), &tracees);
        assert_eq!(escapes.count(), 1);
        // exit_group(3)
        escapes.ended(Tid(1), End::Exited(3), &tracees);
        assert_eq!(escapes.count(), 0);
        escapes.ended(Tid(4), FINE, &tracees);
        assert_eq!(escapes.count(), 1);
        escapes.executed();
        assert_eq!(escapes.count(), 0);
    }

    /// The second report of a zombie is no later end that explains an earlier one.
    #[test]
    fn an_end_that_is_reported_twice_explains_once() {
        let mut escapes = Escapes::default();
        let mut tracees = Tracees::default();
        tracees.adopt(Tid(2));
        escapes.adopted(Tid(2));
        assert!(escapes.ended(Tid(2), FINE, &tracees));
        tracees.end(Tid(2));
        assert!(escapes.ended(Tid(3), FINE, &tracees));
        assert!(!escapes.ended(Tid(2), FINE, &tracees));
        assert_eq!((escapes.count(), escapes.traced()), (1, 1));
    }

    #[test]
    fn a_report_may_come_before_the_first_stop() {
        let mut escapes = Escapes::default();
        escapes.suspect(Tid(2), &Tracees::default());
        escapes.announced(Some(Tid(2)));
        escapes.adopted(Tid(2));
        assert_eq!(escapes.count(), 0);
    }
}
