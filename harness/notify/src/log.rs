//! Who is told of every call that was let go on, where somebody wants to be.

use harness_sys::Tid;
use harness_syscalls::Abi;
use std::io;
use std::time::Instant;

/// A call of the set that was let go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// When the kernel had taken the answer.
    pub at: Instant,
    /// The thread.
    pub tid: Tid,
    /// The call's ABI.
    pub abi: Abi,
    /// Its number there.
    pub number: u32,
}

/// Is told of every call after its answer was taken, so that the last it was told of is where a tree
/// that hangs was left.
pub trait Log {
    /// The first process is let go on into execve(2) now.
    ///
    /// # Errors
    /// What keeps it from being told; the tree is killed.
    fn started(&mut self, now: Instant) -> io::Result<()>;

    /// A call was let go on.
    ///
    /// # Errors
    /// As [`started`](Self::started).
    fn accepted(&mut self, call: &Accepted) -> io::Result<()>;
}

/// A log or nobody. The supervisor is compiled a second time for nobody, so that a call costs nothing
/// more where nobody looks: no branch, and no reading of the clock.
pub(crate) trait Told {
    fn started(&mut self, now: Instant) -> io::Result<()>;
    fn accepted(&mut self, tid: Tid, abi: Abi, number: u32) -> io::Result<()>;
}

pub(crate) struct Nobody;

impl Told for Nobody {
    #[inline]
    fn started(&mut self, _: Instant) -> io::Result<()> {
        Ok(())
    }

    #[inline]
    fn accepted(&mut self, _: Tid, _: Abi, _: u32) -> io::Result<()> {
        Ok(())
    }
}

impl Told for &mut dyn Log {
    fn started(&mut self, now: Instant) -> io::Result<()> {
        Log::started(*self, now)
    }

    fn accepted(&mut self, tid: Tid, abi: Abi, number: u32) -> io::Result<()> {
        let at = Instant::now();
        Log::accepted(
            *self,
            &Accepted {
                at,
                tid,
                abi,
                number,
            },
        )
    }
}
