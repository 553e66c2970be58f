//! Who is told of every call that is streamed.

use harness_sys::Tid;
use harness_syscalls::Abi;
use std::io;
use std::time::{Duration, Instant};

/// A call that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returned {
    /// The thread; 0 where its PID namespace is not the observer's.
    pub tid: Tid,
    /// Its ABI.
    pub abi: Abi,
    /// Its number there.
    pub number: u32,
    /// Its arguments.
    pub arguments: [u64; 6],
    /// What it returned; `None` where its task ended in it.
    pub result: Option<i64>,
    /// When it returned, since the first process was let go on; when it was entered, where its task ended in
    /// it.
    pub at: Duration,
    /// How long it took, ns; `None` where its task ended in it.
    pub took_ns: Option<u64>,
}

/// Is told of every call that is streamed, some time after it has ended, and in an order in which calls
/// of different CPUs that ended at almost the same time may be swapped.
pub trait Log {
    /// The first process is let go on into execve(2) now.
    ///
    /// # Errors
    /// What keeps it from being told; the tree is killed.
    fn started(&mut self, now: Instant) -> io::Result<()>;

    /// A call has ended.
    ///
    /// # Errors
    /// As [`started`](Self::started).
    fn returned(&mut self, call: &Returned) -> io::Result<()>;
}
