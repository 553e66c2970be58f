//! Text of a program, as the kernel's own disassembler writes it (kernel/bpf/disasm.c): what stands here can be
//! compared with the verifier's log and with `bpftool prog dump xlated`.

use crate::{Alu, Condition, Insn, Operand, Reg, Size, Wide, Width};
use std::fmt::{self, Display, Formatter, Write as _};

/// The text of instructions, one a line, each behind its number. A load of 64 bits takes two numbers, as it does for jumps.
///
/// ```text
///    0: (bf) r6 = r1
///    1: (79) r7 = *(u64 *)(r6 +8)
///    2: (18) r1 = map[tasks]
///    4: (85) call bpf_map_lookup_elem#1
///    5: (15) if r0 == 0x0 goto pc+20
/// ```
#[must_use]
pub fn disassemble(insns: &[Insn]) -> String {
    let mut text = String::new();
    let mut number = 0;
    for insn in insns {
        writeln!(text, "{number:4}: {insn}").expect("a String takes everything");
        number += insn.words();
    }
    text
}

/// As the kernel writes it, with maps by name: where the kernel has the address or the id of a map.
impl Display for Insn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "({:02x}) ", self.opcode())?;
        match *self {
            Self::Alu {
                op,
                width,
                dst,
                src,
            } => {
                let register = |reg| Named(width, reg);
                write!(f, "{} {} ", register(dst), assignment(op))?;
                match src {
                    Operand::Reg(src) => write!(f, "{}", register(src)),
                    Operand::Imm(imm) => write!(f, "{imm}"),
                }
            }
            Self::Load {
                size,
                dst,
                base,
                offset,
            } => write!(f, "{dst} = {}", Memory(size, base, offset)),
            Self::Store {
                size,
                base,
                offset,
                src,
            } => {
                write!(f, "{} = ", Memory(size, base, offset))?;
                match src {
                    Operand::Reg(src) => write!(f, "{src}"),
                    Operand::Imm(imm) => write!(f, "{imm}"),
                }
            }
            Self::AtomicAdd { base, offset, src } => {
                write!(f, "lock {} += {src}", Memory(Size::Dw, base, offset))
            }
            Self::Jump { offset } => write!(f, "goto pc{offset:+}"),
            Self::Branch {
                condition,
                dst,
                src,
                offset,
            } => {
                write!(f, "if {dst} {} ", comparison(condition))?;
                match src {
                    Operand::Reg(src) => write!(f, "{src}")?,
                    Operand::Imm(imm) => write!(f, "{imm:#x}")?,
                }
                write!(f, " goto pc{offset:+}")
            }
            Self::Call(helper) => write!(f, "call {}#{}", helper.name(), helper.number()),
            Self::LoadWide { dst, value } => match value {
                Wide::Constant(value) => write!(f, "{dst} = {value:#x}"),
                Wide::Map(map) => write!(f, "{dst} = map[{}]", map.name()),
                Wide::Value(map, offset) => write!(f, "{dst} = map[{}][0]+{offset}", map.name()),
            },
            Self::Exit => f.write_str("exit"),
        }
    }
}

impl Insn {
    /// The first byte of its encoding.
    fn opcode(&self) -> u8 {
        let mut words = Vec::with_capacity(2);
        self.encode(|_| 0, &mut words);
        words[0].to_le_bytes()[0]
    }
}

impl Display for Reg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", *self as u8)
    }
}

/// A register, or its lower half.
struct Named(Width, Reg);

impl Display for Named {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Width::W64 => write!(f, "{}", self.1),
            Width::W32 => write!(f, "w{}", self.1 as u8),
        }
    }
}

/// Memory at a register and an offset.
struct Memory(Size, Reg, i16);

impl Display for Memory {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let &Self(size, base, offset) = self;
        let size = match size {
            Size::B => "u8",
            Size::H => "u16",
            Size::W => "u32",
            Size::Dw => "u64",
        };
        write!(f, "*({size} *)({base} {offset:+})")
    }
}

/// `bpf_alu_string`.
const fn assignment(op: Alu) -> &'static str {
    match op {
        Alu::Add => "+=",
        Alu::Sub => "-=",
        Alu::Or => "|=",
        Alu::And => "&=",
        Alu::Lsh => "<<=",
        Alu::Rsh => ">>=",
        Alu::Mov => "=",
    }
}

/// `bpf_jmp_string`.
const fn comparison(condition: Condition) -> &'static str {
    match condition {
        Condition::Eq => "==",
        Condition::Gt => ">",
        Condition::Ge => ">=",
        Condition::Set => "&",
        Condition::Ne => "!=",
        Condition::Lt => "<",
        Condition::Le => "<=",
    }
}
