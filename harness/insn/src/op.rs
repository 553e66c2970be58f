//! What an instruction does, apart from how it is laid out.

use crate::{Insn, code};

/// What an instruction does: one that seccomp takes (`seccomp_check_filter`, `kernel/seccomp.c`).
///
/// A is the accumulator, X the index register, M the scratch memory. Nothing of an instruction that its opcode leaves
/// unused is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// `A = data[offset]`, a word of `struct seccomp_data` at an offset in bytes.
    LoadData(u32),
    /// Loads a constant.
    LoadConstant(Register, u32),
    /// Loads `sizeof(struct seccomp_data)`.
    LoadLength(Register),
    /// Loads a word of scratch memory.
    LoadMemory(Register, u32),
    /// Stores into a word of scratch memory.
    Store(Register, u32),
    /// Computes A from A and an operand.
    Arithmetic(Arithmetic, Operand),
    /// `A = -A`.
    Negate,
    /// Skips so many instructions.
    Jump(u32),
    /// Skips instructions by a condition on A and an operand.
    Branch {
        /// What it asks.
        condition: Condition,
        /// What A is compared with.
        operand: Operand,
        /// How many instructions to skip if the condition holds.
        jt: u8,
        /// How many instructions to skip if it does not.
        jf: u8,
    },
    /// Returns a constant.
    Return(u32),
    /// Returns A.
    ReturnA,
    /// `X = A`.
    Tax,
    /// `A = X`.
    Txa,
}

/// What a load or a store is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Register {
    /// The accumulator.
    A,
    /// The index register.
    X,
}

/// What A is computed or compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// `BPF_K`: a constant.
    Constant(u32),
    /// `BPF_X`: the index register.
    X,
}

/// What is computed, in 32 bits that wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// `add`.
    Add,
    /// `sub`.
    Sub,
    /// `mul`.
    Mul,
    /// `div`, unsigned.
    Div,
    /// `or`.
    Or,
    /// `and`.
    And,
    /// `xor`.
    Xor,
    /// `lsh`.
    Lsh,
    /// `rsh`, which shifts zeros in.
    Rsh,
}

/// What a conditional jump asks of the accumulator and its operand, both unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// `jeq`.
    Equal,
    /// `jgt`.
    Greater,
    /// `jge`.
    GreaterOrEqual,
    /// `jset`: a bit common to both.
    AnyBit,
}

/// `BPF_X`, `include/uapi/linux/bpf_common.h`: the operand is the index register.
const BY_X: u16 = 0x08;

impl Insn {
    /// What it does; `None` where seccomp does not take its opcode, which then is none of [`code::ALL`].
    #[inline]
    #[must_use]
    pub fn decode(self) -> Option<Op> {
        let Self { code, jt, jf, k } = self;
        let operand = if code & BY_X == 0 {
            Operand::Constant(k)
        } else {
            Operand::X
        };
        let branch = |condition| Op::Branch {
            condition,
            operand,
            jt,
            jf,
        };
        let arithmetic = |operation| Op::Arithmetic(operation, operand);
        Some(match code {
            code::LD_ABS => Op::LoadData(k),
            code::LD_LEN => Op::LoadLength(Register::A),
            code::LD_IMM => Op::LoadConstant(Register::A, k),
            code::LD_MEM => Op::LoadMemory(Register::A, k),
            code::LDX_LEN => Op::LoadLength(Register::X),
            code::LDX_IMM => Op::LoadConstant(Register::X, k),
            code::LDX_MEM => Op::LoadMemory(Register::X, k),
            code::ST_MEM => Op::Store(Register::A, k),
            code::STX_MEM => Op::Store(Register::X, k),
            code::ADD_K | code::ADD_X => arithmetic(Arithmetic::Add),
            code::SUB_K | code::SUB_X => arithmetic(Arithmetic::Sub),
            code::MUL_K | code::MUL_X => arithmetic(Arithmetic::Mul),
            code::DIV_K | code::DIV_X => arithmetic(Arithmetic::Div),
            code::OR_K | code::OR_X => arithmetic(Arithmetic::Or),
            code::AND_K | code::AND_X => arithmetic(Arithmetic::And),
            code::XOR_K | code::XOR_X => arithmetic(Arithmetic::Xor),
            code::LSH_K | code::LSH_X => arithmetic(Arithmetic::Lsh),
            code::RSH_K | code::RSH_X => arithmetic(Arithmetic::Rsh),
            code::NEG => Op::Negate,
            code::JA => Op::Jump(k),
            code::JEQ_K | code::JEQ_X => branch(Condition::Equal),
            code::JGT_K | code::JGT_X => branch(Condition::Greater),
            code::JGE_K | code::JGE_X => branch(Condition::GreaterOrEqual),
            code::JSET_K | code::JSET_X => branch(Condition::AnyBit),
            code::RET_K => Op::Return(k),
            code::RET_A => Op::ReturnA,
            code::TAX => Op::Tax,
            code::TXA => Op::Txa,
            _ => return None,
        })
    }

    /// Whether it ends the program.
    #[must_use]
    pub fn is_return(self) -> bool {
        self.decode().is_some_and(Op::is_return)
    }
}

impl Op {
    /// The instruction that does it, with 0 in what its opcode leaves unused.
    #[must_use]
    pub fn encode(self) -> Insn {
        match self {
            Self::LoadData(offset) => Insn::statement(code::LD_ABS, offset),
            Self::LoadConstant(Register::A, k) => Insn::statement(code::LD_IMM, k),
            Self::LoadConstant(Register::X, k) => Insn::statement(code::LDX_IMM, k),
            Self::LoadLength(Register::A) => Insn::statement(code::LD_LEN, 0),
            Self::LoadLength(Register::X) => Insn::statement(code::LDX_LEN, 0),
            Self::LoadMemory(Register::A, word) => Insn::statement(code::LD_MEM, word),
            Self::LoadMemory(Register::X, word) => Insn::statement(code::LDX_MEM, word),
            Self::Store(Register::A, word) => Insn::statement(code::ST_MEM, word),
            Self::Store(Register::X, word) => Insn::statement(code::STX_MEM, word),
            Self::Arithmetic(operation, operand) => {
                let (code, k) = operand.of(operation.by_constant());
                Insn::statement(code, k)
            }
            Self::Negate => Insn::statement(code::NEG, 0),
            Self::Jump(skip) => Insn::statement(code::JA, skip),
            Self::Branch {
                condition,
                operand,
                jt,
                jf,
            } => {
                let (code, k) = operand.of(condition.by_constant());
                Insn::jump(code, k, jt, jf)
            }
            Self::Return(value) => Insn::statement(code::RET_K, value),
            Self::ReturnA => Insn::statement(code::RET_A, 0),
            Self::Tax => Insn::statement(code::TAX, 0),
            Self::Txa => Insn::statement(code::TXA, 0),
        }
    }

    /// Whether it ends the program.
    #[must_use]
    pub const fn is_return(self) -> bool {
        matches!(self, Self::Return(_) | Self::ReturnA)
    }
}

impl Operand {
    /// Its value where X is `x`.
    #[inline]
    #[must_use]
    pub const fn value(self, x: u32) -> u32 {
        match self {
            Self::Constant(k) => k,
            Self::X => x,
        }
    }

    /// The constant; `None` for X.
    #[must_use]
    pub const fn constant(self) -> Option<u32> {
        match self {
            Self::Constant(k) => Some(k),
            Self::X => None,
        }
    }

    /// The opcode and `k` of an instruction, whose opcode with a constant is given.
    const fn of(self, by_constant: u16) -> (u16, u32) {
        match self {
            Self::Constant(k) => (by_constant, k),
            Self::X => (by_constant | BY_X, 0),
        }
    }
}

impl Arithmetic {
    /// Computes from accumulator `a` and operand `b`; `None` for a division by 0.
    ///
    /// As `bpf_convert_filter` (`net/core/filter.c`) has it: a division by an X of 0 ends the program, and shifts use the
    /// lower five bits (`kernel/bpf/core.c` since 5.14, and what x86-64 and arm64 do in their just-in-time code).
    #[inline]
    #[must_use]
    pub const fn apply(self, a: u32, b: u32) -> Option<u32> {
        Some(match self {
            Self::Add => a.wrapping_add(b),
            Self::Sub => a.wrapping_sub(b),
            Self::Mul => a.wrapping_mul(b),
            Self::Div => return a.checked_div(b),
            Self::Or => a | b,
            Self::And => a & b,
            Self::Xor => a ^ b,
            Self::Lsh => a.wrapping_shl(b),
            Self::Rsh => a.wrapping_shr(b),
        })
    }

    /// The opcode with a constant.
    const fn by_constant(self) -> u16 {
        match self {
            Self::Add => code::ADD_K,
            Self::Sub => code::SUB_K,
            Self::Mul => code::MUL_K,
            Self::Div => code::DIV_K,
            Self::Or => code::OR_K,
            Self::And => code::AND_K,
            Self::Xor => code::XOR_K,
            Self::Lsh => code::LSH_K,
            Self::Rsh => code::RSH_K,
        }
    }
}

impl Condition {
    /// Whether it holds for accumulator `a` and operand `b`.
    #[inline]
    #[must_use]
    pub const fn holds(self, a: u32, b: u32) -> bool {
        match self {
            Self::Equal => a == b,
            Self::Greater => a > b,
            Self::GreaterOrEqual => a >= b,
            Self::AnyBit => a & b != 0,
        }
    }

    /// The opcode with a constant.
    const fn by_constant(self) -> u16 {
        match self {
            Self::Equal => code::JEQ_K,
            Self::Greater => code::JGT_K,
            Self::GreaterOrEqual => code::JGE_K,
            Self::AnyBit => code::JSET_K,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Insn, Op, code};

    #[test]
    fn exactly_the_opcodes_that_seccomp_takes_are_decoded() {
        for code in 0..=u16::MAX {
            let decoded = Insn::jump(code, 1, 2, 3).decode();
            assert_eq!(decoded.is_some(), code::ALL.contains(&code), "{code:#x}");
        }
    }

    /// Every opcode means something else, and is written as it was read, but for what it leaves unused.
    #[test]
    fn what_is_decoded_encodes_to_the_same() {
        let mut seen: Vec<Op> = Vec::new();
        for code in code::ALL {
            let insn = Insn::jump(code, 7, 2, 3);
            let op = insn.decode().expect("taken");
            assert!(!seen.contains(&op), "{op:?}");
            seen.push(op);
            let Insn { jt, jf, k, .. } = op.encode();
            assert_eq!(op.encode(), Insn { code, jt, jf, k });
            assert_eq!(op.encode().decode(), Some(op));
            let jumps = matches!(op, Op::Branch { .. });
            assert_eq!((jt, jf), if jumps { (2, 3) } else { (0, 0) }, "{op:?}");
            let by_x = code & 0x08 != 0 && matches!(op, Op::Branch { .. } | Op::Arithmetic(..));
            let alone = matches!(
                op,
                Op::LoadLength(_) | Op::Negate | Op::ReturnA | Op::Tax | Op::Txa
            );
            assert_eq!(k, if by_x || alone { 0 } else { 7 }, "{op:?}");
        }
    }
}
