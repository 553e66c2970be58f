//! Programs as bytes: an array of `struct sock_filter`, as `PTRACE_SECCOMP_GET_FILTER` and most sandboxes write it.

use crate::assembler::{AssembleError, assemble};
use crate::insn::Insn;
use crate::program::{CheckError, Program};

/// `sizeof(struct sock_filter)` in bytes.
pub const INSTRUCTION_SIZE: usize = 8;

/// Why bytes are no program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RawError {
    /// The length is no multiple of [`INSTRUCTION_SIZE`].
    #[error(
        "{length} bytes are {} instructions of {INSTRUCTION_SIZE} bytes and {} bytes more: the file is truncated, \
         or no array of sock_filter",
        length / INSTRUCTION_SIZE,
        length % INSTRUCTION_SIZE
    )]
    Truncated {
        /// How many bytes there are.
        length: usize,
    },
    /// The kernel would refuse the program.
    #[error(transparent)]
    Check(#[from] CheckError),
}

/// Why a file's contents are no program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
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
    /// A length that is no multiple of 8, or a program that the kernel would refuse.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RawError> {
        let (chunks, rest) = bytes.as_chunks::<INSTRUCTION_SIZE>();
        if !rest.is_empty() {
            return Err(RawError::Truncated {
                length: bytes.len(),
            });
        }
        let instructions = chunks
            .iter()
            .map(|&[code_low, code_high, jt, jf, k @ ..]| Insn {
                code: u16::from_le_bytes([code_low, code_high]),
                jt,
                jf,
                k: u32::from_le_bytes(k),
            })
            .collect();
        Ok(Self::new(instructions)?)
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
    /// Those of the one or the other.
    pub fn from_file_contents(contents: &[u8]) -> Result<Self, ReadError> {
        match str::from_utf8(contents) {
            Ok(text) if !contents.contains(&0) => Ok(assemble(text)?),
            _ => Ok(Self::from_bytes(contents)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{RawError, ReadError};
    use crate::insn::{Insn, code};
    use crate::program::{CheckError, Program};

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
