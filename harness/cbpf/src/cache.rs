//! The kernel's constant-action emulator: which calls a filter is never run for.
//!
//! When a filter is installed, Linux 5.11 and later (commit 8e01b51a31a1) try every number of the native and the
//! compatibility table. Where the program reaches `RET ALLOW` by nothing but the number, the architecture and
//! constants, the call is allowed from a bitmap from then on.

use std::fmt;

use crate::action::Action;
use crate::data::SeccompData;
use crate::data::offset;
use crate::interpreter::run;
use crate::program::Program;
use harness_insn::{Arithmetic, Insn, Op, Operand};

/// Whether the kernel allows a call without running the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Cached,
    /// It runs the program each time.
    NotCached {
        /// Where the emulation ended, counted from 0.
        pc: usize,
        /// Why.
        obstacle: Obstacle,
    },
}

/// What ends the emulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Returns another action, or ALLOW with data: there is nothing to cache.
    Returns(u32),
    /// Loads something other than the number and the architecture: an argument, the instruction pointer.
    Load(u32),
    /// An opcode that the emulator does not know.
    Opcode(Insn),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returns(value) => match Action::from_u32(*value) {
                Some(action) => write!(f, "returns {action}"),
                None => write!(f, "returns {value:#010x}"),
            },
            Self::Load(8 | 12) => f.write_str("loads the instruction pointer"),
            Self::Load(offset) => write!(f, "loads argument {}", (offset - 16) / 8),
            Self::Opcode(insn) => {
                write!(f, "opcode {:#06x} is none the emulator knows", insn.code)
            }
        }
    }
}

/// What the kernel's emulator says of number `nr` under architecture `arch`: `seccomp_is_const_allow`,
/// `kernel/seccomp.c`, Linux 5.11 to 6.18.
///
/// The kernel asks only for the numbers of its native and compatibility tables; any other always runs the program. No
/// filter at all is run for some numbers of x86-64: `seccomp_uprobe_exception`, `kernel/seccomp.c`, Linux 6.18.
///
/// # Panics
///
/// Never: a checked program ends with a return.
#[must_use]
pub fn constant_allow(program: &Program, arch: u32, nr: u32) -> Verdict {
    let mut a = 0;
    let mut pc = 0;
    loop {
        let stop = |obstacle| Verdict::NotCached { pc, obstacle };
        let mut next = pc + 1;
        match program.ops()[pc] {
            Op::LoadData(offset::NR) => a = nr,
            Op::LoadData(offset::ARCH) => a = arch,
            Op::LoadData(other) => return stop(Obstacle::Load(other)),
            Op::Return(value) if value == Action::Allow.to_u32() => return Verdict::Cached,
            Op::Return(value) => return stop(Obstacle::Returns(value)),
            Op::Jump(skip) => next += skip as usize,
            Op::Branch {
                condition,
                operand: Operand::Constant(k),
                jt,
                jf,
            } => next += usize::from(if condition.holds(a, k) { jt } else { jf }),
            Op::Arithmetic(Arithmetic::And, Operand::Constant(k)) => a &= k,
            Op::LoadConstant(..)
            | Op::LoadLength(_)
            | Op::LoadMemory(..)
            | Op::Store(..)
            | Op::Arithmetic(..)
            | Op::Negate
            | Op::Branch {
                operand: Operand::X,
                ..
            }
            | Op::ReturnA
            | Op::Tax
            | Op::Txa => return stop(Obstacle::Opcode(program.instructions()[pc])),
        }
        pc = next;
    }
}

/// How much of what a program allows the kernel can cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cacheable {
    /// How many numbers the program allows when they are called with arguments of 0.
    pub allowed: u32,
    /// How many of these are cached: allowed whatever the arguments, without running the program.
    pub cached: u32,
}

impl Cacheable {
    /// Whether everything that is allowed is cached.
    #[must_use]
    pub const fn is_all(self) -> bool {
        self.allowed == self.cached
    }
}

/// How many of `numbers`, which should be of calls that the kernel has, the program allows, and how many of these a
/// kernel of 5.11 or later caches.
#[must_use]
pub fn cacheable(program: &Program, arch: u32, numbers: impl Iterator<Item = u32>) -> Cacheable {
    let mut found = Cacheable::default();
    for nr in numbers {
        let outcome = run(program, &SeccompData::new(arch, nr));
        if outcome.action() == Some(Action::Allow) {
            found.allowed += 1;
            found.cached += u32::from(constant_allow(program, arch, nr) == Verdict::Cached);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Cacheable, Obstacle, Verdict, cacheable, constant_allow};
    use crate::data::offset;
    use crate::program::Program;
    use harness_insn::{Insn, code};

    const ALLOW: u32 = 0x7fff_0000;
    const ARCH: u32 = 0xc000_003e;

    fn verdict(before: &[Insn], last: Insn) -> Verdict {
        let instructions = before.iter().copied().chain([last]).collect();
        constant_allow(&Program::new(instructions).expect("valid"), ARCH, 39)
    }

    /// The opcodes of `seccomp_is_const_allow`, each alone before `ret ALLOW`.
    #[test]
    fn exactly_the_emulators_opcodes_are_constant() {
        const KNOWN: [u16; 8] = [
            code::LD_ABS,
            code::RET_K,
            code::JA,
            code::JEQ_K,
            code::JGE_K,
            code::JGT_K,
            code::JSET_K,
            code::AND_K,
        ];
        for code in code::ALL {
            let insn = Insn::statement(code, u32::from(code == code::DIV_K));
            let store = Insn::statement(code::ST_MEM, 0);
            let instructions = match code {
                code::LD_MEM | code::LDX_MEM => vec![store, insn],
                code::RET_K => vec![],
                _ => vec![insn],
            };
            let found = verdict(&instructions, Insn::statement(code::RET_K, ALLOW));
            assert_eq!(found == Verdict::Cached, KNOWN.contains(&code), "{code:#x}");
        }
    }

    #[test]
    fn only_the_plain_allow_is_cached() {
        for value in [0, 0x7ff0_0000, 0x7ffc_0000, ALLOW | 1] {
            let found = verdict(&[], Insn::statement(code::RET_K, value));
            let expected = Verdict::NotCached {
                pc: 0,
                obstacle: Obstacle::Returns(value),
            };
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_number_decides_where_an_obstacle_stands_in_the_way() {
        // getppid is allowed at once, everything else after a look at its first argument.
        let program = Program::new(vec![
            Insn::statement(code::LD_ABS, offset::NR),
            Insn::jump(code::JEQ_K, 110, 1, 0),
            Insn::statement(code::LD_ABS, offset::argument_low(0)),
            Insn::statement(code::RET_K, ALLOW),
        ])
        .expect("valid");
        let obstacle = Obstacle::Load(16);
        assert_eq!(constant_allow(&program, ARCH, 110), Verdict::Cached);
        assert_eq!(
            constant_allow(&program, ARCH, 39),
            Verdict::NotCached { pc: 2, obstacle }
        );
        let (allowed, cached) = (20, 1);
        let found = cacheable(&program, ARCH, 100..120);
        assert_eq!(found, Cacheable { allowed, cached });
        assert!(!found.is_all() && cacheable(&program, ARCH, 110..111).is_all());
        assert_eq!(obstacle.to_string(), "loads argument 0");
    }
}
