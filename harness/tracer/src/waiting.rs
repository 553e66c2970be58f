//! Finds out which tracee has something to report.
//!
//! wait4(2) of any child walks the list of tracees, the youngest first, up to one
//! that has something to report, and all of it before it sleeps (kernel/exit.c,
//! `ptrace_do_wait`). So its time grows with their number, and those that always
//! stop again while others are handled crowd out the elder ones. That of one tracee
//! finds it by its id (`do_wait_pid`, Linux 5.13). Where many make calls at once,
//! most of them have stopped by the time the tracer runs, so that asking one after
//! the other is right most of the time; `scripts/scale` measures what that saves.

use harness_sys::{Errno, Tid, wait};
use std::collections::VecDeque;

/// So many that the walk takes longer than a wrong guess now and then.
const MANY: usize = 32;

/// After the first wrong guess one wait for any, after each further one twice as
/// many, up to this: wrong guesses cost next to nothing, and who is crowded out is
/// asked even so.
const SELDOM: u32 = 16;

/// The same among few, where a right guess saves nothing.
const SELDOM_AMONG_FEW: u32 = 64;

/// The living tracees, in the order in which they are asked.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    turns: VecDeque<Tid>,
    /// Guesses in a row that were right.
    right: usize,
    /// Waits for any that are left until the next guess.
    waits: u32,
    /// As many as there were before the last guess, if it was wrong.
    patience: u32,
}

impl Waiting {
    /// The next status of any child or tracee.
    ///
    /// # Errors
    /// As [`wait::any`].
    #[inline]
    pub(crate) fn next(&mut self) -> Result<(Tid, i32), Errno> {
        if self.turns.len() < 2 {
            return wait::any();
        }
        self.among_others(wait::poll_one, wait::any)
    }

    fn among_others(
        &mut self,
        one: impl FnOnce(Tid) -> Result<Option<i32>, Errno>,
        any: impl FnOnce() -> Result<(Tid, i32), Errno>,
    ) -> Result<(Tid, i32), Errno> {
        if self.right >= self.turns.len() {
            // Those that are new have no turn yet.
            self.right = 1;
            return any();
        }
        if self.waits > 0 {
            self.waits -= 1;
            return any();
        }
        let Some(tid) = self.turns.pop_front() else {
            return any();
        };
        let answer = one(tid);
        if answer.is_ok() {
            self.turns.push_back(tid);
        }
        if let Ok(Some(status)) = answer {
            self.right += 1;
            self.patience = 0;
            return Ok((tid, status));
        }
        let most = if self.turns.len() < MANY {
            SELDOM_AMONG_FEW
        } else {
            SELDOM
        };
        self.right = 0;
        self.patience = (2 * self.patience).clamp(1, most);
        // One of them is that which follows.
        self.waits = self.patience - 1;
        any()
    }

    /// A new tracee, or one that has taken this id.
    pub(crate) fn add(&mut self, tid: Tid) {
        self.remove(tid);
        self.turns.push_back(tid);
    }

    /// It has ended, or will report under another id.
    pub(crate) fn remove(&mut self, tid: Tid) {
        if let Some(at) = self.turns.iter().position(|&other| other == tid) {
            self.turns.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::collections::HashMap;

    const NEWEST: Tid = Tid(1000);

    fn crowd(size: i32) -> Waiting {
        let mut waiting = Waiting::default();
        (1..=size).for_each(|tid| waiting.add(Tid(tid)));
        waiting
    }

    /// Where all of them have always stopped, and wait4(2) always finds the newest.
    #[test]
    fn nobody_is_crowded_out_by_others_that_always_stop() {
        for size in [40, 500] {
            let mut waiting = crowd(size);
            let mut seen: HashMap<Tid, u32> = HashMap::new();
            for _ in 0..10 * size {
                let next = waiting.among_others(|_| Ok(Some(0)), || Ok((NEWEST, 0)));
                *seen.entry(next.expect("a status").0).or_default() += 1;
            }
            for tid in (1..=size).map(Tid).chain([NEWEST]) {
                assert!(seen[&tid] >= 8, "{tid}: {:?} of 10 rounds", seen[&tid]);
            }
        }
    }

    /// Where wait4(2) always finds one, and one other has stopped once.
    #[test]
    fn one_that_stopped_is_found_beside_one_that_always_stops() {
        for (size, seldom) in [(2, SELDOM_AMONG_FEW), (31, SELDOM_AMONG_FEW), (100, SELDOM)] {
            let mut waiting = crowd(size);
            let found = (0..10_000).position(|_| {
                let one = |tid| Ok((tid == Tid(size)).then_some(0));
                waiting.among_others(one, || Ok((NEWEST, 0))) == Ok((Tid(size), 0))
            });
            let size = usize::try_from(size).expect("a number");
            assert!(found.expect("a turn") <= size * seldom as usize);
        }
    }

    #[test]
    fn wrong_guesses_are_few() {
        let mut waiting = crowd(100);
        let guesses = Cell::new(0);
        for _ in 0..16_000 {
            let one = |_| {
                guesses.set(guesses.get() + 1);
                Ok(None)
            };
            assert_eq!(
                waiting.among_others(one, || Ok((NEWEST, 7))),
                Ok((NEWEST, 7))
            );
        }
        assert!((1000..=1010).contains(&guesses.get()), "{}", guesses.get());
    }

    /// As where it took the id of the leader of its threads.
    #[test]
    fn one_that_is_gone_is_not_asked_again() {
        let mut waiting = crowd(2);
        waiting.remove(Tid(1));
        waiting.remove(Tid(1));
        waiting.add(Tid(2));
        let asked = Cell::new(0);
        for _ in 0..1000 {
            let one = |tid| {
                assert_eq!(tid, Tid(2));
                asked.set(asked.get() + 1);
                Err(Errno::ECHILD)
            };
            let _ = waiting.among_others(one, || Err(Errno::EINTR));
        }
        assert_eq!(asked.get(), 1);
    }
}
