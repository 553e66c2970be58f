//! Which reports of an end are news.
//!
//! A process whose parent ends without waiting for it is reported to the tracer
//! twice: to its tracer when it ends, and then to the subreaper that inherits the
//! zombie (`wait_task_zombie`, `reparent_leader` in kernel/exit.c). The tracer is
//! both. Where the parent does wait for it, or the tracer is its parent already,
//! there is no second report, and its id may come again.

use crate::event_loop::End;
use harness_sys::Tid;
use std::collections::{HashMap, HashSet};

/// The ends that may be reported a second time.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    /// How the last task of each id ended, while no other of that id is known of.
    reported: HashMap<Tid, End>,
    /// Tasks that stopped or ended before the event stop that tells of them.
    early: HashSet<Tid>,
}

impl Ends {
    /// An event stop told of a new task.
    pub(crate) fn announced(&mut self, task: Tid) {
        if !self.early.remove(&task) {
            self.reported.remove(&task);
        }
    }

    /// A new tracee made its first stop, before an event stop told of it or after.
    pub(crate) fn adopted(&mut self, tid: Tid, announced: bool) {
        self.reported.remove(&tid);
        if !announced {
            self.early.insert(tid);
        }
    }

    /// A task ended before its first stop, and before an event stop told of it, if
    /// one ever does.
    pub(crate) fn ended_early(&mut self, tid: Tid) {
        self.early.insert(tid);
    }

    /// Takes a report into account; false where it is the second one of an end.
    ///
    /// A task that escaped and has the id of a tracee that ended in the same way
    /// cannot be told from it.
    pub(crate) fn is_first(&mut self, tid: Tid, end: End) -> bool {
        if self.reported.get(&tid) == Some(&end) {
            // There is no third one: the next end of this id is another's.
            self.reported.remove(&tid);
            return false;
        }
        self.reported.insert(tid, end);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: End = End::Exited(0);
    const CHILD: Tid = Tid(7);

    /// In whichever order the child's first stop and its parent's event come, and
    /// whether or not its end comes between them.
    #[test]
    fn a_zombie_that_is_inherited_has_one_end() {
        let announced: fn(&mut Ends) = |ends| ends.announced(CHILD);
        let adopted: fn(&mut Ends) = |ends| ends.adopted(CHILD, true);
        let early: fn(&mut Ends) = |ends| ends.adopted(CHILD, false);
        let unseen: fn(&mut Ends) = |ends| ends.ended_early(CHILD);
        let nothing: fn(&mut Ends) = |_| {};
        for (before, after) in [
            (vec![announced, adopted], nothing),
            (vec![early, announced], nothing),
            (vec![early], announced),
            (vec![announced], nothing),
            (vec![unseen], announced),
            (vec![], nothing),
        ] {
            let mut ends = Ends::default();
            for step in before {
                step(&mut ends);
            }
            assert!(ends.is_first(CHILD, FINE));
            after(&mut ends);
            assert!(!ends.is_first(CHILD, FINE));
            // Its id comes again: announced, seen, or neither.
            for step in [announced, adopted, nothing] {
                step(&mut ends);
                assert!(ends.is_first(CHILD, FINE));
                assert!(!ends.is_first(CHILD, FINE));
            }
        }
    }

    /// Its parent waited for it, so that nothing reports it again.
    #[test]
    fn another_task_with_the_id_of_one_that_ended_has_its_own_end() {
        for step in [
            |ends: &mut Ends| ends.announced(CHILD),
            |ends: &mut Ends| ends.adopted(CHILD, true),
            |ends: &mut Ends| ends.adopted(CHILD, false),
        ] {
            let mut ends = Ends::default();
            ends.announced(CHILD);
            ends.adopted(CHILD, true);
            assert!(ends.is_first(CHILD, FINE));
            step(&mut ends);
            assert!(ends.is_first(CHILD, FINE));
        }
        let mut ends = Ends::default();
        assert!(ends.is_first(CHILD, FINE));
        assert!(ends.is_first(CHILD, End::Killed(9)));
    }
}
