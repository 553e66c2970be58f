//! The tests that a run came by, as one number that tells them from those of other runs.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use super::trace::Test;

/// A path with one more step.
pub(super) fn step(path: u64, by: u64) -> u64 {
    let mixed = (path.rotate_left(26) ^ by).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 32
}

/// The place of a test at an instruction, with this path to it.
pub(super) fn place(path: u64, (program, pc): (usize, usize), test: &Test) -> u64 {
    let mut place = Path(path);
    (program, pc).hash(&mut place);
    test.hash(&mut place);
    place.finish()
}

/// What hashes by [`step`]: every test of every run is looked up, which SipHash would make twice as long.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Path(u64);

/// For a map by places.
pub(super) type Paths = BuildHasherDefault<Path>;

impl Hasher for Path {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = step(self.0, byte.into());
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.0 = step(self.0, word.into());
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = step(self.0, word);
    }

    fn write_usize(&mut self, word: usize) {
        self.0 = step(self.0, word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.0 = step(self.0, word.cast_unsigned() as u64);
    }
}
