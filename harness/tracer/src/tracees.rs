//! The tracees of a tracer, found by thread id in constant time.

use crate::machine::Phase;
use harness_sys::Tid;
use harness_syscalls::Abi;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// What is known of a tracee.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tracee {
    /// Where it is between two stops.
    pub(crate) phase: Phase,
    /// The call it is in.
    pub(crate) call: Option<InFlight>,
    /// The task that its last call made without an event stop.
    pub(crate) unannounced: Option<Tid>,
}

/// A call that was entered and has not returned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InFlight {
    pub(crate) abi: Abi,
    pub(crate) number: u32,
    /// Whether an event stop told of a new task meanwhile.
    pub(crate) new_task: bool,
}

/// All tracees, those that ended included: a process that the tracer has seen
/// end is reported a second time when its own parent ends without waiting for
/// it and the tracer inherits it as a child.
#[derive(Debug, Default)]
pub(crate) struct Tracees(HashMap<Tid, Option<Tracee>, BuildHasherDefault<TidHasher>>);

impl Tracees {
    /// The living tracee `tid`, adopted if it was not known: a child's first
    /// stop may come before its parent's event. The second value says whether
    /// it was.
    #[inline]
    pub(crate) fn adopt(&mut self, tid: Tid) -> (&mut Tracee, bool) {
        let slot = self.0.entry(tid).or_default();
        let new = slot.is_none();
        (slot.get_or_insert_default(), new)
    }

    /// Takes a report of an end into account.
    pub(crate) fn end(&mut self, tid: Tid) {
        if let Some(tracee) = self.0.get_mut(&tid) {
            *tracee = None;
        }
    }

    /// Whether the thread is, or ever was, a tracee.
    pub(crate) fn knows(&self, tid: Tid) -> bool {
        self.0.contains_key(&tid)
    }

    /// Those that have not ended.
    pub(crate) fn living(&self) -> impl Iterator<Item = Tid> + '_ {
        let living = self.0.iter().filter(|(_, tracee)| tracee.is_some());
        living.map(|(&tid, _)| tid)
    }

    /// After an exec by a thread that was not the leader: the thread goes on
    /// under the leader's id, and its own id never reports again.
    pub(crate) fn succeed(&mut self, leader: Tid, former: Tid) {
        if let Some(tracee) = self.0.remove(&former) {
            self.0.insert(leader, tracee);
        }
    }
}

/// Thread ids are already spread; the default hasher's protection against
/// chosen keys would cost more than the rest of the look-up.
#[derive(Debug, Default)]
struct TidHasher(u64);

impl Hasher for TidHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 << 8) | u64::from(byte);
        }
    }

    #[inline]
    fn write_i32(&mut self, tid: i32) {
        // Fibonacci hashing: the table looks at the highest bits too.
        self.0 = u64::from(tid.cast_unsigned()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_may_stop_before_its_parent_tells_of_it() {
        let mut tracees = Tracees::default();
        assert!(tracees.adopt(Tid(7)).1);
        assert!(!tracees.adopt(Tid(7)).1);
        tracees.end(Tid(7));
    }

    #[test]
    fn an_inherited_zombie_is_no_stranger_and_its_id_can_come_again() {
        let mut tracees = Tracees::default();
        tracees.adopt(Tid(7)).0.phase = Phase::InCall;
        tracees.end(Tid(7));
        tracees.end(Tid(7));
        tracees.end(Tid(8));
        assert!(tracees.knows(Tid(7)));
        assert!(!tracees.knows(Tid(8)));
        let (tracee, new) = tracees.adopt(Tid(7));
        assert!(new);
        assert_eq!(tracee.phase, Phase::Outside);
    }

    #[test]
    fn exec_by_another_thread_moves_it_to_the_leader() {
        let mut tracees = Tracees::default();
        tracees.adopt(Tid(1));
        tracees.adopt(Tid(2)).0.phase = Phase::InCall;
        tracees.succeed(Tid(1), Tid(2));
        assert_eq!(tracees.adopt(Tid(1)).0.phase, Phase::InCall);
        assert!(tracees.adopt(Tid(2)).1);
    }
}
