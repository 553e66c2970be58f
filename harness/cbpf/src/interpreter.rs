//! Runs a program on a system call, as the kernel would, and counts.

use crate::action::Action;
use crate::data::{SeccompData, offset};
use crate::program::{MEMORY_WORDS, Program};
use harness_insn::{Op, Register};

/// What a program did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// What it returned.
    pub action_value: u32,
    /// How many instructions it executed, the return among them.
    pub executed: u32,
    /// Whether it looked at more than the number and the architecture, so that other arguments may change the outcome.
    pub conditional: bool,
}

impl Outcome {
    /// The action it returned; `None` for one no kernel knows.
    #[must_use]
    pub const fn action(self) -> Option<Action> {
        Action::from_u32(self.action_value)
    }
}

/// Runs `program` on `data`.
///
/// Arithmetic is that of the program `bpf_convert_filter` (`net/core/filter.c`) makes
/// ([`Arithmetic::apply`](crate::Arithmetic::apply)); A and X start at 0, and division by an X of 0 returns 0.
///
/// # Panics
///
/// Never: the checks behind [`Program`] exclude a load, a jump or a memory word out of bounds.
#[must_use]
pub fn run(program: &Program, data: &SeccompData) -> Outcome {
    let (mut a, mut x) = (0_u32, 0_u32);
    let mut memory = [0_u32; MEMORY_WORDS as usize];
    let mut pc = 0;
    let mut executed = 0;
    let mut conditional = false;
    loop {
        let op = program.ops()[pc];
        pc += 1;
        executed += 1;
        let outcome = |action_value| Outcome {
            action_value,
            executed,
            conditional,
        };
        match op {
            Op::LoadData(offset) => {
                a = data.word(offset).expect("a checked load is of a word");
                conditional |= offset > offset::ARCH;
            }
            Op::LoadConstant(Register::A, k) => a = k,
            Op::LoadConstant(Register::X, k) => x = k,
            Op::LoadLength(Register::A) => a = SeccompData::SIZE,
            Op::LoadLength(Register::X) => x = SeccompData::SIZE,
            Op::LoadMemory(Register::A, word) => a = memory[word as usize],
            Op::LoadMemory(Register::X, word) => x = memory[word as usize],
            Op::Store(Register::A, word) => memory[word as usize] = a,
            Op::Store(Register::X, word) => memory[word as usize] = x,
            Op::Arithmetic(operation, operand) => match operation.apply(a, operand.value(x)) {
                Some(result) => a = result,
                None => return outcome(0),
            },
            Op::Negate => a = a.wrapping_neg(),
            Op::Jump(skip) => pc += skip as usize,
            Op::Branch {
                condition,
                operand,
                jt,
                jf,
            } => {
                let holds = condition.holds(a, operand.value(x));
                pc += usize::from(if holds { jt } else { jf });
            }
            Op::Return(value) => return outcome(value),
            Op::ReturnA => return outcome(a),
            Op::Tax => x = a,
            Op::Txa => a = x,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, run};
    use crate::data::{SeccompData, offset};
    use crate::program::Program;
    use harness_insn::{Insn, code};

    fn outcome(instructions: &[Insn], data: &SeccompData) -> Outcome {
        run(&Program::new(instructions.to_vec()).expect("valid"), data)
    }

    /// A = `a`, X = `x`, one instruction, return A.
    fn alu(code: u16, a: u32, operand: u32) -> u32 {
        let program = [
            Insn::statement(code::LD_IMM, a),
            Insn::statement(code::LDX_IMM, operand),
            Insn::statement(code, if code & 0x08 == 0 { operand } else { 0 }),
            Insn::statement(code::RET_A, 0),
        ];
        outcome(&program, &SeccompData::default()).action_value
    }

    #[test]
    fn arithmetic_is_32_bits_that_wrap() {
        for (k, x, a, operand, expected) in [
            (code::ADD_K, code::ADD_X, u32::MAX, 2, 1),
            (code::SUB_K, code::SUB_X, 1, 2, u32::MAX),
            (code::MUL_K, code::MUL_X, 0x8000_0001, 2, 2),
            (code::DIV_K, code::DIV_X, u32::MAX, 2, 0x7fff_ffff),
            (code::OR_K, code::OR_X, 0b1100, 0b1010, 0b1110),
            (code::AND_K, code::AND_X, 0b1100, 0b1010, 0b1000),
            (code::XOR_K, code::XOR_X, 0b1100, 0b1010, 0b0110),
            (code::LSH_K, code::LSH_X, 3, 31, 0x8000_0000),
            (code::RSH_K, code::RSH_X, 0x8000_0000, 31, 1),
        ] {
            assert_eq!(alu(k, a, operand), expected, "{k:#x}");
            assert_eq!(alu(x, a, operand), expected, "{x:#x}");
        }
        assert_eq!(alu(code::NEG, 1, 0), u32::MAX);
        assert_eq!(alu(code::LSH_X, 1, 33), 2, "shifts use five bits of X");
        assert_eq!(alu(code::RSH_X, 4, 33), 2, "shifts use five bits of X");
    }

    #[test]
    fn division_by_an_x_of_zero_returns_zero_at_once() {
        let program = [
            Insn::statement(code::LD_IMM, 7),
            Insn::statement(code::DIV_X, 0),
            Insn::statement(code::RET_K, 0x7fff_0000),
        ];
        let expected = Outcome {
            action_value: 0,
            executed: 2,
            conditional: false,
        };
        assert_eq!(outcome(&program, &SeccompData::default()), expected);
    }

    #[test]
    fn conditions_are_unsigned_and_both_ways_are_taken() {
        for (code, a, k, holds) in [
            (code::JEQ_K, 5, 5, true),
            (code::JEQ_K, 5, 6, false),
            (code::JGT_K, 5, 5, false),
            (code::JGT_K, u32::MAX, 5, true),
            (code::JGE_K, 5, 5, true),
            (code::JGE_K, 5, 0x8000_0000, false),
            (code::JSET_K, 6, 2, true),
            (code::JSET_K, 6, 1, false),
        ] {
            for code in [code, code | 0x08] {
                let program = [
                    Insn::statement(code::LD_IMM, a),
                    Insn::statement(code::LDX_IMM, k),
                    Insn::jump(code, if code & 0x08 == 0 { k } else { 0 }, 1, 0),
                    Insn::statement(code::RET_K, 0),
                    Insn::statement(code::RET_K, 1),
                ];
                let found = outcome(&program, &SeccompData::default());
                assert_eq!(found.action_value, u32::from(holds), "{code:#x} {a} {k}");
                assert_eq!(found.executed, 4);
            }
        }
    }

    #[test]
    fn registers_memory_and_data_move_as_told() {
        let data = SeccompData {
            args: [0, 0, 0xdead_beef_0000_0005, 0, 0, 0],
            ..SeccompData::new(0xc000_003e, 39)
        };
        let program = [
            Insn::statement(code::LD_ABS, offset::argument_low(2)), // A = 5
            Insn::statement(code::ST_MEM, 15),
            Insn::statement(code::LDX_LEN, 0), // X = 64
            Insn::statement(code::STX_MEM, 0),
            Insn::statement(code::LD_ABS, offset::NR), // A = 39
            Insn::statement(code::LDX_MEM, 15),        // X = 5
            Insn::statement(code::ADD_X, 0),           // A = 44
            Insn::statement(code::TAX, 0),             // X = 44
            Insn::statement(code::LD_MEM, 0),          // A = 64
            Insn::statement(code::SUB_X, 0),           // A = 20
            Insn::statement(code::TAX, 0),
            Insn::statement(code::LD_LEN, 0),
            Insn::statement(code::TXA, 0),
            Insn::statement(code::JA, 1),
            Insn::statement(code::RET_K, 0),
            Insn::statement(code::RET_A, 0),
        ];
        let expected = Outcome {
            action_value: 20,
            executed: 15,
            conditional: true,
        };
        assert_eq!(outcome(&program, &data), expected);
    }
}
