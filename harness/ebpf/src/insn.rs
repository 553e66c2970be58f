//! One instruction: `struct bpf_insn`, `include/uapi/linux/bpf.h`.

use crate::{Helper, Map};

/// A register. R0 is what a helper or the program returns, R1 to R5 are arguments and lost in a call,
/// R6 to R9 are kept, R10 is the end of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reg {
    /// What is returned.
    R0,
    /// First argument; the context at the start.
    R1,
    /// Second argument.
    R2,
    /// Third argument.
    R3,
    /// Fourth argument.
    R4,
    /// Fifth argument.
    R5,
    /// Kept in a call.
    R6,
    /// Kept in a call.
    R7,
    /// Kept in a call.
    R8,
    /// Kept in a call.
    R9,
    /// The end of the stack; read-only.
    R10,
}

impl Reg {
    const ALL: [Self; 11] = [
        Self::R0,
        Self::R1,
        Self::R2,
        Self::R3,
        Self::R4,
        Self::R5,
        Self::R6,
        Self::R7,
        Self::R8,
        Self::R9,
        Self::R10,
    ];

    fn decode(number: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

/// The second operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// A register.
    Reg(Reg),
    /// A constant, sign-extended to 64 bits.
    Imm(i32),
}

impl From<Reg> for Operand {
    fn from(reg: Reg) -> Self {
        Self::Reg(reg)
    }
}

impl From<i32> for Operand {
    fn from(value: i32) -> Self {
        Self::Imm(value)
    }
}

/// How much of a register an instruction works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// The lower half; the upper one becomes 0.
    W32,
    /// All of it.
    W64,
}

/// What is done to a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alu {
    /// `dst += operand`.
    Add,
    /// `dst -= operand`.
    Sub,
    /// `dst |= operand`.
    Or,
    /// `dst &= operand`.
    And,
    /// `dst <<= operand`.
    Lsh,
    /// `dst >>= operand`, unsigned.
    Rsh,
    /// `dst = operand`.
    Mov,
}

impl Alu {
    const CODES: [(Self, u8); 7] = [
        (Self::Add, 0x00),
        (Self::Sub, 0x10),
        (Self::Or, 0x40),
        (Self::And, 0x50),
        (Self::Lsh, 0x60),
        (Self::Rsh, 0x70),
        (Self::Mov, 0xb0),
    ];
}

/// When a branch is taken. Comparisons are unsigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Equal.
    Eq,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// A common bit is set.
    Set,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
}

impl Condition {
    const CODES: [(Self, u8); 7] = [
        (Self::Eq, 0x10),
        (Self::Gt, 0x20),
        (Self::Ge, 0x30),
        (Self::Set, 0x40),
        (Self::Ne, 0x50),
        (Self::Lt, 0xa0),
        (Self::Le, 0xb0),
    ];
}

/// How many bytes of memory an instruction works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// One.
    B,
    /// Two.
    H,
    /// Four.
    W,
    /// Eight.
    Dw,
}

impl Size {
    const CODES: [(Self, u8); 4] = [
        (Self::W, 0x00),
        (Self::H, 0x08),
        (Self::B, 0x10),
        (Self::Dw, 0x18),
    ];
}

/// What a load of 64 bits puts into a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wide {
    /// A constant.
    Constant(u64),
    /// A map, for a helper (`BPF_PSEUDO_MAP_FD`).
    Map(Map),
    /// The address of a byte in the only value of an array (`BPF_PSEUDO_MAP_VALUE`, Linux 5.2).
    Value(Map, u32),
}

/// An instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insn {
    /// Arithmetic on a register.
    Alu {
        /// What is done.
        op: Alu,
        /// On how much of it.
        width: Width,
        /// The register.
        dst: Reg,
        /// The other operand.
        src: Operand,
    },
    /// `dst = *(base + offset)`.
    Load {
        /// How much.
        size: Size,
        /// Where to.
        dst: Reg,
        /// Relative to what.
        base: Reg,
        /// Bytes.
        offset: i16,
    },
    /// `*(base + offset) = src`.
    Store {
        /// How much.
        size: Size,
        /// Relative to what.
        base: Reg,
        /// Bytes.
        offset: i16,
        /// What.
        src: Operand,
    },
    /// `*(u64 *)(base + offset) += src`, atomically.
    AtomicAdd {
        /// Relative to what.
        base: Reg,
        /// Bytes.
        offset: i16,
        /// What.
        src: Reg,
    },
    /// Goes on `offset` instructions after the next one.
    Jump {
        /// Instructions; a load of 64 bits counts as two.
        offset: i16,
    },
    /// The same where a condition holds.
    Branch {
        /// The condition.
        condition: Condition,
        /// Its first operand.
        dst: Reg,
        /// Its second operand.
        src: Operand,
        /// As of a jump.
        offset: i16,
    },
    /// Calls a helper of the kernel.
    Call(Helper),
    /// Loads 64 bits; takes the space of two instructions.
    LoadWide {
        /// Where to.
        dst: Reg,
        /// What.
        value: Wide,
    },
    /// Ends the program, which returns R0.
    Exit,
}

// Classes, sources and modes, include/uapi/linux/bpf_common.h and bpf.h.
const LD: u8 = 0x00;
const LDX: u8 = 0x01;
const ST: u8 = 0x02;
const STX: u8 = 0x03;
const ALU: u8 = 0x04;
const JMP: u8 = 0x05;
const ALU64: u8 = 0x07;
const X: u8 = 0x08;
const MEM: u8 = 0x60;
const ATOMIC: u8 = 0xc0;
const LD_DW: u8 = LD | 0x18;
const CALL: u8 = JMP | 0x80;
const EXIT: u8 = JMP | 0x90;
const PSEUDO_MAP_FD: u8 = 1;
const PSEUDO_MAP_VALUE: u8 = 2;

/// The fields of `struct bpf_insn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fields {
    code: u8,
    dst: u8,
    src: u8,
    offset: i16,
    imm: i32,
}

impl Fields {
    fn new(code: u8, dst: Reg, offset: i16) -> Self {
        Self {
            code,
            dst: dst as u8,
            src: 0,
            offset,
            imm: 0,
        }
    }

    /// With the second operand; the bit that says which kind it is stands in the opcode.
    fn with(mut self, operand: Operand) -> Self {
        match operand {
            Operand::Reg(reg) => {
                self.code |= X;
                self.src = reg as u8;
            }
            Operand::Imm(imm) => self.imm = imm,
        }
        self
    }

    fn encode(self) -> u64 {
        u64::from(self.code)
            | u64::from(self.dst | self.src << 4) << 8
            | u64::from(self.offset.cast_unsigned()) << 16
            | u64::from(self.imm.cast_unsigned()) << 32
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "fields are cut out of a word"
    )]
    fn decode(word: u64) -> Self {
        Self {
            code: word as u8,
            dst: (word >> 8) as u8 & 0xf,
            src: (word >> 12) as u8 & 0xf,
            offset: (word >> 16) as i16,
            imm: (word >> 32) as i32,
        }
    }
}

fn code_of<T: PartialEq + Copy>(table: &[(T, u8)], value: T) -> u8 {
    let found = table.iter().find(|(known, _)| *known == value);
    found.map_or(0, |&(_, code)| code)
}

fn of_code<T: Copy>(table: &[(T, u8)], code: u8) -> Option<T> {
    let found = table.iter().find(|(_, known)| *known == code);
    found.map(|&(value, _)| value)
}

impl Insn {
    /// How many words it takes: 1, or 2 for a load of 64 bits.
    #[must_use]
    pub fn words(&self) -> usize {
        match self {
            Self::LoadWide { .. } => 2,
            _ => 1,
        }
    }

    /// Appends its words, as the kernel takes them on a little-endian machine. `descriptor` gives the
    /// number of a map's descriptor.
    pub fn encode(&self, descriptor: impl Fn(Map) -> i32, to: &mut Vec<u64>) {
        let fields = match *self {
            Self::Alu {
                op,
                width,
                dst,
                src,
            } => {
                let class = match width {
                    Width::W32 => ALU,
                    Width::W64 => ALU64,
                };
                Fields::new(class | code_of(&Alu::CODES, op), dst, 0).with(src)
            }
            Self::Load {
                size,
                dst,
                base,
                offset,
            } => Fields {
                src: base as u8,
                ..Fields::new(LDX | MEM | code_of(&Size::CODES, size), dst, offset)
            },
            Self::Store {
                size,
                base,
                offset,
                src,
            } => {
                let size = code_of(&Size::CODES, size);
                match src {
                    Operand::Reg(reg) => Fields {
                        src: reg as u8,
                        ..Fields::new(STX | MEM | size, base, offset)
                    },
                    Operand::Imm(imm) => Fields {
                        imm,
                        ..Fields::new(ST | MEM | size, base, offset)
                    },
                }
            }
            Self::AtomicAdd { base, offset, src } => Fields {
                src: src as u8,
                ..Fields::new(STX | ATOMIC | code_of(&Size::CODES, Size::Dw), base, offset)
            },
            Self::Jump { offset } => Fields::new(JMP, Reg::R0, offset),
            Self::Branch {
                condition,
                dst,
                src,
                offset,
            } => Fields::new(JMP | code_of(&Condition::CODES, condition), dst, offset).with(src),
            Self::Call(helper) => Fields {
                imm: helper.number(),
                ..Fields::new(CALL, Reg::R0, 0)
            },
            Self::Exit => Fields::new(EXIT, Reg::R0, 0),
            Self::LoadWide { dst, value } => {
                let (src, low, high) = match value {
                    Wide::Constant(value) => {
                        let [a, b, c, d, high @ ..] = value.to_le_bytes();
                        let low = i32::from_le_bytes([a, b, c, d]);
                        (0, low, u32::from_le_bytes(high))
                    }
                    Wide::Map(map) => (PSEUDO_MAP_FD, descriptor(map), 0),
                    Wide::Value(map, offset) => (PSEUDO_MAP_VALUE, descriptor(map), offset),
                };
                let first = Fields {
                    src,
                    imm: low,
                    ..Fields::new(LD_DW, dst, 0)
                };
                to.extend([first.encode(), u64::from(high) << 32]);
                return;
            }
        };
        to.push(fields.encode());
    }

    /// Reads the instruction at the start of `words`; `map` knows a map by the number of its descriptor.
    /// `None` for one that is not among those that programs here are made of.
    #[must_use]
    pub fn decode(words: &[u64], map: impl Fn(i32) -> Option<Map>) -> Option<Self> {
        let fields = Fields::decode(*words.first()?);
        let insn = Self::of_fields(fields, words.get(1).copied(), map)?;
        // What has no meaning in an instruction must be 0.
        let mut again = Vec::new();
        insn.encode(|_| fields.imm, &mut again);
        words.starts_with(&again).then_some(insn)
    }

    fn of_fields(
        fields: Fields,
        next: Option<u64>,
        map: impl Fn(i32) -> Option<Map>,
    ) -> Option<Self> {
        let Fields {
            code, offset, imm, ..
        } = fields;
        let dst = Reg::decode(fields.dst.into())?;
        let src = Reg::decode(fields.src.into())?;
        let operand = if code & X == 0 {
            Operand::Imm(imm)
        } else {
            Operand::Reg(src)
        };
        match code {
            CALL => return Helper::of_number(imm).map(Self::Call),
            EXIT => return Some(Self::Exit),
            JMP => return Some(Self::Jump { offset }),
            LD_DW => {
                let high = u32::try_from(next? >> 32).ok()?;
                let value = match fields.src {
                    0 => Wide::Constant(u64::from(imm.cast_unsigned()) | u64::from(high) << 32),
                    PSEUDO_MAP_FD => Wide::Map(map(imm)?),
                    PSEUDO_MAP_VALUE => Wide::Value(map(imm)?, high),
                    _ => return None,
                };
                return Some(Self::LoadWide { dst, value });
            }
            _ => {}
        }
        let size = || of_code(&Size::CODES, code & 0x18);
        match code & 0x07 {
            ALU | ALU64 => Some(Self::Alu {
                op: of_code(&Alu::CODES, code & 0xf0)?,
                width: if code & 0x07 == ALU {
                    Width::W32
                } else {
                    Width::W64
                },
                dst,
                src: operand,
            }),
            JMP => Some(Self::Branch {
                condition: of_code(&Condition::CODES, code & 0xf0)?,
                dst,
                src: operand,
                offset,
            }),
            LDX if code & 0xe0 == MEM => Some(Self::Load {
                size: size()?,
                dst,
                base: src,
                offset,
            }),
            ST | STX if code & 0xe0 == MEM => Some(Self::Store {
                size: size()?,
                base: dst,
                offset,
                src: if code & 0x07 == ST {
                    Operand::Imm(imm)
                } else {
                    Operand::Reg(src)
                },
            }),
            STX if code & 0xe0 == ATOMIC => Some(Self::AtomicAdd {
                base: dst,
                offset,
                src,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(insn: Insn) -> Vec<u64> {
        let mut words = Vec::new();
        insn.encode(|_| 7, &mut words);
        words
    }

    /// As in the comments of include/linux/filter.h, written out by hand.
    #[test]
    fn instructions_have_the_kernels_layout() {
        let cases = [
            (
                Insn::Alu {
                    op: Alu::Mov,
                    width: Width::W64,
                    dst: Reg::R0,
                    src: 0.into(),
                },
                vec![0x0000_0000_0000_00b7],
            ),
            (Insn::Exit, vec![0x95]),
            (
                Insn::Load {
                    size: Size::Dw,
                    dst: Reg::R7,
                    base: Reg::R6,
                    offset: 8,
                },
                vec![0x0000_0000_0008_6779],
            ),
            (
                Insn::Store {
                    size: Size::Dw,
                    base: Reg::R10,
                    offset: -8,
                    src: Reg::R0.into(),
                },
                vec![0x0000_0000_fff8_0a7b],
            ),
            (
                Insn::LoadWide {
                    dst: Reg::R1,
                    value: Wide::Value(Map::Slots, 6144),
                },
                vec![0x0000_0007_0000_2118, 0x0000_1800_0000_0000],
            ),
            (
                Insn::Branch {
                    condition: Condition::Eq,
                    dst: Reg::R0,
                    src: 0.into(),
                    offset: 20,
                },
                vec![0x0000_0000_0014_0015],
            ),
        ];
        for (insn, words) in cases {
            assert_eq!(encoded(insn), words, "{insn:?}");
            assert_eq!(Insn::decode(&words, |_| Some(Map::Slots)), Some(insn));
        }
    }

    #[test]
    fn what_is_no_instruction_of_ours_is_not_decoded() {
        for word in [0xff, 0x8d, 0x1_0000_0095, 0xf7b7, 0x18] {
            assert_eq!(Insn::decode(&[word], |_| None), None, "{word:#x}");
        }
    }
}
