//! Programs that the kernel will accept, and its reasons to refuse one.

use crate::data::SeccompData;
use harness_insn::{Arithmetic, Insn, Op, Operand};

/// `BPF_MAXINSNS`, `include/uapi/linux/bpf_common.h`.
pub const MAX_INSTRUCTIONS: usize = 4096;

/// `BPF_MEMWORDS`, `include/uapi/linux/filter.h`.
pub const MEMORY_WORDS: u32 = 16;

/// A filter that seccomp(2) accepts: every value of this type passed the kernel's checks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Program {
    instructions: Vec<Insn>,
    /// What each of them does.
    ops: Vec<Op>,
}

/// Why the kernel would refuse a program (with EINVAL and no reason).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// No instruction, or more than [`MAX_INSTRUCTIONS`].
    #[error("a filter has 1 to {MAX_INSTRUCTIONS} instructions, this one {length}")]
    Length {
        /// How many there are.
        length: usize,
    },
    /// An instruction is at fault.
    #[error("instruction {pc} (code {:#06x}, k {:#x}): {violation}", instruction.code, instruction.k)]
    Instruction {
        /// Its place in the program, counted from 0.
        pc: usize,
        /// The instruction.
        instruction: Insn,
        /// What is wrong with it.
        violation: Violation,
    },
}

/// What is wrong with an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Not one of [`code::ALL`](crate::code::ALL).
    #[error("seccomp does not accept this opcode")]
    Opcode,
    /// A load from no word of `struct seccomp_data`.
    #[error(
        "loads must be of a whole word of the {} bytes of seccomp_data",
        SeccompData::SIZE
    )]
    Load,
    /// A jump to behind the last instruction.
    #[error("jumps to instruction {target}, behind the end")]
    Jump {
        /// Where it would lead.
        target: u64,
    },
    /// A constant division by zero.
    #[error("divides by the constant 0")]
    DivisionByZero,
    /// A constant shift by the width of a word or more.
    #[error("shifts by 32 bits or more")]
    Shift,
    /// A scratch word beyond the last.
    #[error("there are only {MEMORY_WORDS} words of scratch memory")]
    Memory,
    /// A scratch word is read that some path to here has not written.
    #[error("reads a word of scratch memory that was not written on every path to here")]
    Uninitialised,
    /// The last instruction is no return.
    #[error("the last instruction must be a return")]
    NoReturn,
}

impl Program {
    /// Checks instructions as the kernel does: `bpf_check_classic` (`net/core/filter.c`) and `seccomp_check_filter`
    /// (`kernel/seccomp.c`), Linux 6.12.
    ///
    /// # Errors
    ///
    /// The first violation, with its place.
    pub fn new(instructions: Vec<Insn>) -> Result<Self, CheckError> {
        let length = instructions.len();
        if !(1..=MAX_INSTRUCTIONS).contains(&length) {
            return Err(CheckError::Length { length });
        }
        let at = |pc, violation| CheckError::Instruction {
            pc,
            instruction: instructions[pc],
            violation,
        };
        let mut ops = Vec::with_capacity(length);
        for (pc, instruction) in instructions.iter().enumerate() {
            let op = instruction.decode().ok_or(Violation::Opcode);
            let checked = op.and_then(|op| check(op, pc, length).map(|()| op));
            ops.push(checked.map_err(|violation| at(pc, violation))?);
        }
        if !ops[length - 1].is_return() {
            return Err(at(length - 1, Violation::NoReturn));
        }
        check_memory(&ops).map_err(|pc| at(pc, Violation::Uninitialised))?;
        Ok(Self { instructions, ops })
    }

    /// Its instructions.
    #[must_use]
    pub fn instructions(&self) -> &[Insn] {
        &self.instructions
    }

    /// What its instructions do, in their order.
    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// How many instructions it has.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a program has an instruction at least"
    )]
    pub fn len(&self) -> usize {
        self.instructions.len()
    }
}

fn check(op: Op, pc: usize, length: usize) -> Result<(), Violation> {
    let within = |skipped: u32| {
        let target = pc as u64 + 1 + u64::from(skipped);
        if target < length as u64 {
            Ok(())
        } else {
            Err(Violation::Jump { target })
        }
    };
    match op {
        Op::LoadData(offset) if offset >= SeccompData::SIZE || !offset.is_multiple_of(4) => {
            Err(Violation::Load)
        }
        Op::LoadMemory(_, word) | Op::Store(_, word) if word >= MEMORY_WORDS => {
            Err(Violation::Memory)
        }
        Op::Arithmetic(Arithmetic::Div, Operand::Constant(0)) => Err(Violation::DivisionByZero),
        Op::Arithmetic(Arithmetic::Lsh | Arithmetic::Rsh, Operand::Constant(u32::BITS..)) => {
            Err(Violation::Shift)
        }
        Op::Jump(skip) => within(skip),
        Op::Branch { jt, jf, .. } => within(jt.into()).and_then(|()| within(jf.into())),
        Op::LoadData(_)
        | Op::LoadConstant(..)
        | Op::LoadLength(_)
        | Op::LoadMemory(..)
        | Op::Store(..)
        | Op::Arithmetic(..)
        | Op::Negate
        | Op::Return(_)
        | Op::ReturnA
        | Op::Tax
        | Op::Txa => Ok(()),
    }
}

/// `check_load_and_stores`: a scratch word is read only where every path has written it. The place of the first read
/// that breaks this.
fn check_memory(ops: &[Op]) -> Result<(), usize> {
    // A bit a word: written on every path that reaches the instruction.
    let mut written_at = vec![u16::MAX; ops.len()];
    let mut written = 0;
    for (pc, &op) in ops.iter().enumerate() {
        written &= written_at[pc];
        match op {
            Op::Store(_, word) => written |= 1 << word,
            Op::LoadMemory(_, word) if written & 1 << word == 0 => return Err(pc),
            Op::Jump(skip) => {
                written_at[pc + 1 + skip as usize] &= written;
                written = u16::MAX;
            }
            Op::Branch { jt, jf, .. } => {
                written_at[pc + 1 + usize::from(jt)] &= written;
                written_at[pc + 1 + usize::from(jf)] &= written;
                written = u16::MAX;
            }
            Op::LoadData(_)
            | Op::LoadConstant(..)
            | Op::LoadLength(_)
            | Op::LoadMemory(..)
            | Op::Arithmetic(..)
            | Op::Negate
            | Op::Return(_)
            | Op::ReturnA
            | Op::Tax
            | Op::Txa => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
