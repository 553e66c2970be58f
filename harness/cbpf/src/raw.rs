//! Programs as bytes: an array of `struct sock_filter`, as `PTRACE_SECCOMP_GET_FILTER` and most sandboxes write it.

use crate::assembler::{AssembleError, assemble};
use crate::foreign::Foreign;
use crate::program::{CheckError, Program};
use harness_insn::Insn;

/// `sizeof(struct sock_filter)` in bytes.
pub const INSTRUCTION_SIZE: usize = 8;

/// Why bytes are no program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RawError {
    /// The length is no multiple of [`INSTRUCTION_SIZE`].
    #[error(
        "{length} bytes are no multiple of {INSTRUCTION_SIZE}, the size of an instruction: the file is truncated, \
         or no array of sock_filter"
    )]
    Truncated {
        /// How many bytes there are.
        length: usize,
    },
    /// The instructions are laid out as on a big-endian machine.
    #[error(
        "these are instructions of a big-endian machine: little-endian ones are read, so swap the bytes of code and of k"
    )]
    BigEndian,
    /// The kernel would refuse the program.
    #[error(transparent)]
    Check(#[from] CheckError),
}

/// Why a file's contents are no program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is text behind a byte order mark, or in UTF-16.
    #[error("it begins with a byte order mark ({encoding}): save it as UTF-8 without one")]
    ByteOrderMark {
        /// What the mark says.
        encoding: &'static str,
    },
    /// It is something else that is known.
    #[error("{0}")]
    Foreign(Foreign),
    /// It is text.
    #[error(transparent)]
    Text(#[from] AssembleError),
    /// It is not.
    #[error(transparent)]
    Raw(#[from] RawError),
}

impl Program {
    /// Reads an array of `struct sock_filter`, little-endian.
    ///
    /// # Errors
    ///
    /// A length that is no multiple of 8, a program that the kernel would refuse, or one of a big-endian machine.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RawError> {
        let (chunks, rest) = bytes.as_chunks::<INSTRUCTION_SIZE>();
        if !rest.is_empty() {
            return Err(RawError::Truncated {
                length: bytes.len(),
            });
        }
        let instructions: Vec<Insn> = chunks
            .iter()
            .map(|&[code_low, code_high, jt, jf, k @ ..]| Insn {
                code: u16::from_le_bytes([code_low, code_high]),
                jt,
                jf,
                k: u32::from_le_bytes(k),
            })
            .collect();
        let swapped = |insn: &Insn| Insn {
            code: insn.code.swap_bytes(),
            k: insn.k.swap_bytes(),
            ..*insn
        };
        let big_endian = || instructions.iter().map(swapped).collect();
        match Self::new(instructions.clone()) {
            Err(_) if Self::new(big_endian()).is_ok() => Err(RawError::BigEndian),
            checked => Ok(checked?),
        }
    }

    /// The array of `struct sock_filter`, little-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.instructions()
            .iter()
            .flat_map(|insn| {
                let [code_low, code_high] = insn.code.to_le_bytes();
                let [k0, k1, k2, k3] = insn.k.to_le_bytes();
                [code_low, code_high, insn.jt, insn.jf, k0, k1, k2, k3]
            })
            .collect()
    }

    /// Reads text that [`assemble`] takes, or bytes that [`Program::from_bytes`] takes, whichever it is: the second
    /// byte of every instruction is 0, and text has no such byte.
    ///
    /// # Errors
    ///
    /// Those of the one or the other; for contents of a known format that holds no program, what they are.
    pub fn from_file_contents(contents: &[u8]) -> Result<Self, ReadError> {
        const MARKS: [(&[u8], &str); 3] = [
            (b"\xef\xbb\xbf", "UTF-8"),
            (b"\xff\xfe", "UTF-16, little-endian"),
            (b"\xfe\xff", "UTF-16, big-endian"),
        ];
        // No instruction begins so: no opcode has bits of its upper byte set.
        if let Some(&(_, encoding)) = MARKS.iter().find(|(mark, _)| contents.starts_with(mark)) {
            return Err(ReadError::ByteOrderMark { encoding });
        }
        let program = match str::from_utf8(contents) {
            Ok(text) if !contents.contains(&0) => assemble(text).map_err(ReadError::from),
            _ => Self::from_bytes(contents).map_err(ReadError::from),
        };
        // Nothing that is a program is taken for anything else.
        program.map_err(|error| Foreign::recognise(contents).map_or(error, ReadError::Foreign))
    }
}

#[cfg(test)]
mod tests {
    use super::{RawError, ReadError};
    use crate::program::{CheckError, Program};
    use harness_insn::{Insn, code};

    /// `ld [4]; ret ALLOW` as x86-64 gcc lays out `struct sock_filter`.
    const BYTES: [u8; 16] = [
        0x20, 0, 0, 0, 4, 0, 0, 0, //
        0x06, 0, 0, 0, 0, 0, 0xff, 0x7f,
    ];

    #[test]
    fn bytes_are_an_array_of_sock_filter() {
        let program = Program::from_bytes(&BYTES).expect("valid");
        let expected = [
            Insn::statement(code::LD_ABS, 4),
            Insn::statement(code::RET_K, 0x7fff_0000),
        ];
        assert_eq!(program.instructions(), expected);
        assert_eq!(program.to_bytes(), BYTES);
    }

    #[test]
    fn what_is_cut_or_refused_is_an_error() {
        for length in (0..16).filter(|length| length % 8 != 0) {
            let error = Program::from_bytes(&BYTES[..length]);
            assert_eq!(error, Err(RawError::Truncated { length }));
        }
        assert_eq!(
            Program::from_bytes(&[]),
            Err(RawError::Check(CheckError::Length { length: 0 }))
        );
        let no_return = Program::from_bytes(&BYTES[..8]);
        assert!(matches!(no_return, Err(RawError::Check(_))));
    }

    #[test]
    fn other_layouts_of_bytes_and_text_are_told() {
        let mut swapped = BYTES;
        for insn in swapped.chunks_mut(8) {
            insn[..2].reverse();
            insn[4..].reverse();
        }
        let big_endian = Err(ReadError::Raw(RawError::BigEndian));
        assert_eq!(Program::from_file_contents(&swapped), big_endian);
        for contents in [&b"\xef\xbb\xbfret #0"[..], b"\xff\xfer\0", b"\xfe\xff\0r"] {
            let error = Program::from_file_contents(contents);
            assert!(
                matches!(error, Err(ReadError::ByteOrderMark { .. })),
                "{error:?}"
            );
        }
    }

    #[test]
    fn text_and_bytes_are_told_apart() {
        let bytes = Program::from_file_contents(&BYTES);
        let text = Program::from_file_contents(b"ld [4]\nret #0x7fff0000\n");
        assert_eq!(bytes, text);
        assert!(matches!(
            Program::from_file_contents(b"ld [4]\n"),
            Err(ReadError::Text(_))
        ));
        assert!(matches!(
            Program::from_file_contents(&[0xff; 8]),
            Err(ReadError::Raw(_))
        ));
    }
}
