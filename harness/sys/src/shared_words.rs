//! Words that processes share which can make no call to tell each other something.

use std::sync::atomic::AtomicU64;
use std::{io, ptr, slice};

/// Memory that a child shares with its parent (mmap(2), `MAP_SHARED`), up to its execve(2).
#[derive(Debug)]
pub(crate) struct SharedWords {
    start: *mut libc::c_void,
    count: usize,
}

impl SharedWords {
    /// That many, which begin as 0.
    pub(crate) fn new(count: usize) -> io::Result<Self> {
        let bytes = count * size_of::<AtomicU64>();
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: the kernel chooses an address that nothing uses.
        let start = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { start, count })
    }

    /// All of them.
    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping has room for `count` words, is page-aligned, zeroed (a valid
        // `AtomicU64`), and lives as long as `self`.
        unsafe { slice::from_raw_parts(self.start.cast(), self.count) }
    }
}

impl Drop for SharedWords {
    fn drop(&mut self) {
        // SAFETY: our own mapping; the references into it do not outlive `self`. A failure leaks it.
        unsafe { libc::munmap(self.start, self.count * size_of::<AtomicU64>()) };
    }
}
