//! How a child that may make no call says that it is about to execute its program, and hands over the
//! listener of its filter.

use crate::Errno;
use crate::seccomp::InstalledListener;
use crate::shared_words::SharedWords;
use std::sync::atomic::{AtomicU64, Ordering};

/// Memory of parent and child, which execve(2) takes from the child.
#[derive(Debug)]
pub(super) struct Handover(SharedWords);

// The words, in their order.
/// 1 once the child waits.
const WAITS: usize = 0;
/// The number of the listener's descriptor and 1; 0 where there is no listener.
const NUMBER: usize = 1;
const WAIT_KILLABLE: usize = 2;
/// 1 once the child may go on.
const GO_ON: usize = 3;
const WORDS: usize = 4;

impl Handover {
    /// In the parent, before fork(2).
    pub(super) fn new() -> Result<Self, Errno> {
        let words = SharedWords::new(WORDS);
        words.map(Self).map_err(|error| {
            let errno = error.raw_os_error();
            errno.map_or(Errno::ENOMEM, Errno::from_raw)
        })
    }

    fn word(&self, which: usize) -> &AtomicU64 {
        &self.0.words()[which]
    }

    /// In the child: says where its listener is, if there is one, and spins until it may go on. Makes no
    /// call.
    pub(super) fn offer(&self, listener: Option<InstalledListener>) {
        if let Some(listener) = listener {
            let killable = self.word(WAIT_KILLABLE);
            killable.store(listener.wait_killable.into(), Ordering::Relaxed);
            let number = u64::try_from(listener.number).unwrap_or(u64::MAX - 1);
            self.word(NUMBER).store(number + 1, Ordering::Relaxed);
        }
        self.word(WAITS).store(1, Ordering::Release);
        while self.word(GO_ON).load(Ordering::Acquire) == 0 {
            std::hint::spin_loop();
        }
    }

    /// In the parent: whether the child waits.
    pub(super) fn waits(&self) -> bool {
        self.word(WAITS).load(Ordering::Acquire) != 0
    }

    /// In the parent, once the child waits: its listener, if there is one.
    pub(super) fn listener(&self) -> Option<InstalledListener> {
        let number = self.word(NUMBER).load(Ordering::Relaxed).checked_sub(1)?;
        Some(InstalledListener {
            number: i32::try_from(number).unwrap_or(-1),
            wait_killable: self.word(WAIT_KILLABLE).load(Ordering::Relaxed) != 0,
        })
    }

    /// In the parent: lets the child go on.
    pub(super) fn go_on(&self) {
        self.word(GO_ON).store(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_found_and_waits() {
        let handover = Handover::new().unwrap();
        assert!(!handover.waits());
        handover.go_on();
        handover.offer(None);
        assert!(handover.waits());
        assert_eq!(handover.listener(), None);
        // Number 0 is one like any other.
        for (number, wait_killable) in [(0, true), (7, false)] {
            let listener = InstalledListener {
                number,
                wait_killable,
            };
            handover.offer(Some(listener));
            assert_eq!(handover.listener(), Some(listener));
        }
    }
}
