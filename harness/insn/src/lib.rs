//! One instruction of classic BPF, as seccomp(2) takes it and as programs are made of it.
//!
//! - [`Insn`]: its layout in memory.
//! - [`code`]: the opcodes that there are.
//! - [`Op`]: what it does.

pub mod code;
mod op;

pub use op::{Arithmetic, Condition, Op, Operand, Register};

/// `struct sock_filter`, `include/uapi/linux/filter.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Insn {
    /// The opcode.
    pub code: u16,
    /// How many instructions to skip if the condition holds.
    pub jt: u8,
    /// How many instructions to skip if it does not.
    pub jf: u8,
    /// The immediate: a constant, an offset into the data, a scratch word, an unconditional jump's distance.
    pub k: u32,
}

impl Insn {
    /// An instruction that does not branch.
    #[must_use]
    pub const fn statement(code: u16, k: u32) -> Self {
        Self {
            code,
            jt: 0,
            jf: 0,
            k,
        }
    }

    /// A conditional jump over `jt` or `jf` instructions.
    #[must_use]
    pub const fn jump(code: u16, k: u32, jt: u8, jf: u8) -> Self {
        Self { code, jt, jf, k }
    }
}
