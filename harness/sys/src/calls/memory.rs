//! Calls on memory.

use std::io;
use std::sync::atomic::AtomicU32;

use super::done;

/// The size of a page on x86-64, in bytes.
pub const PAGE_BYTES: usize = 4096;

/// Private anonymous memory. Not unmapped when dropped, for nobody would have counted that.
#[derive(Debug)]
pub struct Mapping {
    start: *mut u8,
    bytes: usize,
}

impl Mapping {
    /// mmap(2) of `pages` fresh pages to read and write.
    ///
    /// # Errors
    /// The kernel's.
    #[inline]
    pub fn mmap(pages: usize) -> io::Result<Self> {
        let bytes = pages * PAGE_BYTES;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: the kernel chooses an address that nothing uses.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            start: start.cast(),
            bytes,
        })
    }

    /// Writes to the first `pages` pages, so that the kernel must provide them.
    #[inline]
    pub fn touch(&mut self, pages: usize) {
        touch(self.start, self.bytes.min(pages * PAGE_BYTES));
    }

    /// munmap(2).
    ///
    /// # Errors
    /// The kernel's.
    #[inline]
    pub fn munmap(self) -> io::Result<()> {
        // SAFETY: our own mapping, consumed here; no reference into it was ever given out.
        done(unsafe { libc::syscall(libc::SYS_munmap, self.start, self.bytes) })
    }
}

/// Writes a byte to each page of writable memory that is ours.
#[inline]
fn touch(start: *mut u8, bytes: usize) {
    for offset in (0..bytes).step_by(PAGE_BYTES) {
        // SAFETY: the callers give memory of `bytes` bytes, and the offset is below that.
        let page = unsafe { start.add(offset) };
        // SAFETY: the memory is mapped writable, and nothing refers to it.
        unsafe { page.write_volatile(1) };
    }
}

/// brk(2): `pages` more pages at the end of the heap, which are written to.
///
/// Through sbrk(3), which is one call and keeps the allocator's idea of the heap's end right.
///
/// # Errors
/// `ENOMEM`.
pub fn grow_heap(pages: usize) -> io::Result<()> {
    let bytes = pages * PAGE_BYTES;
    let increment =
        isize::try_from(bytes).map_err(|_| io::Error::from_raw_os_error(libc::ENOMEM))?;
    // SAFETY: the heap only grows; malloc(3) allows for others that move the break.
    let start = unsafe { libc::sbrk(increment) }.cast::<u8>();
    if start.addr() == usize::MAX {
        return Err(io::Error::last_os_error());
    }
    touch(start, bytes);
    Ok(())
}

/// futex(2) `FUTEX_WAKE` of one waiter; returns how many there were.
///
/// # Errors
/// The kernel's.
pub fn futex_wake(word: &AtomicU32) -> io::Result<usize> {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word is alive and aligned.
    super::length(unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, 1) })
}

/// prctl(2) `PR_SET_THP_DISABLE`: no transparent huge pages for this process and those it starts,
/// so that touching a page costs the same fault on every machine.
///
/// # Errors
/// The kernel's.
pub fn disable_huge_pages() -> io::Result<()> {
    // SAFETY: no pointer is passed.
    done(unsafe { libc::syscall(libc::SYS_prctl, libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) })
}
