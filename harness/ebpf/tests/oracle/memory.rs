//! Memory that programs write to behind the compiler's back, and the stack of the program that runs.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU8, Ordering};

/// Memory at an address that does not change, for values of maps. It is full of rubbish at first, as what the kernel
/// reuses is.
#[derive(Debug)]
pub(crate) struct Memory(Box<[AtomicU8]>);

impl Memory {
    pub(crate) fn new(bytes: usize) -> Self {
        Self((0..bytes).map(|_| AtomicU8::new(0xa5)).collect())
    }

    pub(crate) fn range(&self) -> Range<u64> {
        let start = self.0.as_ptr().expose_provenance() as u64;
        start..start + self.0.len() as u64
    }

    pub(crate) fn address(&self, offset: usize) -> u64 {
        self.range().start + offset as u64
    }

    pub(crate) fn read(&self, offset: usize, length: usize) -> Vec<u8> {
        let bytes = &self.0[offset..offset + length];
        bytes
            .iter()
            .map(|byte| byte.load(Ordering::Relaxed))
            .collect()
    }

    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) {
        for (to, byte) in self.0[offset..].iter().zip(bytes) {
            to.store(*byte, Ordering::Relaxed);
        }
    }
}

/// What a helper is given on the stack of the program, which is the interpreter's own memory. A wrong address is an error
/// here and does not end the process.
pub(crate) mod stack {
    use super::{File, FileExt};

    thread_local! {
        static MEMORY: File = {
            let mut options = File::options();
            let memory = options.read(true).write(true).open("/proc/self/mem");
            memory.expect("/proc/self/mem (proc(5))")
        };
    }

    pub(crate) fn read(address: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let read = MEMORY.with(|memory| memory.read_exact_at(&mut bytes, address));
        read.unwrap_or_else(|error| panic!("{length} bytes at {address:#x}: {error}"));
        bytes
    }

    pub(crate) fn write(address: u64, bytes: &[u8]) {
        let written = MEMORY.with(|memory| memory.write_all_at(bytes, address));
        written.unwrap_or_else(|error| panic!("{} bytes at {address:#x}: {error}", bytes.len()));
    }
}
