//! What a filter sees of a system call.

/// `struct seccomp_data`, `include/uapi/linux/seccomp.h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeccompData {
    /// The system call's number.
    pub nr: u32,
    /// `AUDIT_ARCH_*`.
    pub arch: u32,
    /// Where the call was made from.
    pub instruction_pointer: u64,
    /// The six arguments; a 32-bit call's upper halves are 0.
    pub args: [u64; 6],
}

impl SeccompData {
    /// Its size in bytes.
    pub const SIZE: u32 = 64;

    /// A call without arguments.
    #[must_use]
    pub fn new(arch: u32, nr: u32) -> Self {
        Self {
            nr,
            arch,
            ..Self::default()
        }
    }

    /// The 32-bit word at an offset in bytes, on a little-endian machine; `None` beyond the end or between words.
    #[must_use]
    pub const fn word(&self, offset: u32) -> Option<u32> {
        let wide = match offset {
            0 => return Some(self.nr),
            4 => return Some(self.arch),
            8 | 12 => self.instruction_pointer,
            16..Self::SIZE if offset.is_multiple_of(4) => self.args[(offset as usize - 16) / 8],
            _ => return None,
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "each half of 64 bits is a word"
        )]
        Some(if offset.is_multiple_of(8) {
            wide as u32
        } else {
            (wide >> 32) as u32
        })
    }

    /// The same call with another 32-bit word at an offset that [`SeccompData::word`] reads; unchanged at any other.
    #[must_use]
    pub const fn with_word(mut self, offset: u32, word: u32) -> Self {
        let wide = match offset {
            offset::NR => {
                self.nr = word;
                return self;
            }
            offset::ARCH => {
                self.arch = word;
                return self;
            }
            8 | 12 => &mut self.instruction_pointer,
            16..Self::SIZE if offset.is_multiple_of(4) => {
                &mut self.args[(offset as usize - 16) / 8]
            }
            _ => return self,
        };
        let shift = if offset.is_multiple_of(8) { 0 } else { 32 };
        *wide = *wide & !((u32::MAX as u64) << shift) | (word as u64) << shift;
        self
    }
}

/// Offsets in bytes of the words of `struct seccomp_data`.
pub mod offset {
    /// The number.
    pub const NR: u32 = 0;
    /// The architecture.
    pub const ARCH: u32 = 4;

    /// The lower half of argument `index`, on a little-endian machine.
    #[must_use]
    pub const fn argument_low(index: u32) -> u32 {
        16 + 8 * index
    }
}

#[cfg(test)]
mod tests {
    use super::SeccompData;

    #[test]
    fn words_lie_as_in_the_kernels_structure() {
        let data = SeccompData {
            nr: 0,
            arch: 1,
            instruction_pointer: (3 << 32) + 2,
            args: [
                (5 << 32) + 4,
                (7 << 32) + 6,
                (9 << 32) + 8,
                (11 << 32) + 10,
                (13 << 32) + 12,
                (15 << 32) + 14,
            ],
        };
        for offset in 0..SeccompData::SIZE {
            let expected = (offset % 4 == 0).then_some(offset / 4);
            assert_eq!(data.word(offset), expected, "{offset}");
        }
        assert_eq!(data.word(SeccompData::SIZE), None);
    }

    #[test]
    fn a_word_is_replaced_where_it_is_read() {
        let data = SeccompData {
            instruction_pointer: u64::MAX,
            args: [u64::MAX; 6],
            ..SeccompData::new(u32::MAX, u32::MAX)
        };
        for offset in (0..SeccompData::SIZE).step_by(4) {
            let changed = data.with_word(offset, 7);
            for other in (0..SeccompData::SIZE).step_by(4) {
                let expected = if other == offset { 7 } else { u32::MAX };
                assert_eq!(changed.word(other), Some(expected), "{offset} {other}");
            }
        }
        assert_eq!(data.with_word(SeccompData::SIZE, 7), data);
    }
}
