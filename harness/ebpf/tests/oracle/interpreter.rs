//! Runs a program by the interpreter of the crate rbpf, which knows less than the kernel: it has no atomic addition and
//! no maps, and it compares with a constant that it does not sign-extend. So the program is translated first.

use harness_ebpf::{Condition, Helper, Insn, Map, Operand, Reg, Wide};
use rbpf::EbpfVmMbuff;
use std::ops::Range;

/// A helper, as rbpf calls it.
pub(crate) type Function = fn(u64, u64, u64, u64, u64) -> u64;

/// What the interpreter needs beside the program.
pub(crate) trait Environment {
    /// What a program gives a helper to name a map.
    fn handle(&self, map: Map) -> u64;
    /// Where the only value of a map begins.
    fn value(&self, map: Map) -> u64;
    /// The memory that a program may use beside its stack and its context.
    fn memory(&self) -> Vec<Range<u64>>;
}

/// A program, translated.
#[derive(Debug)]
pub(crate) struct Interpreted {
    bytes: Vec<u8>,
    memory: Vec<Range<u64>>,
}

impl Interpreted {
    pub(crate) fn new(insns: &[Insn], environment: &impl Environment) -> Self {
        Self {
            bytes: translate(insns, environment),
            memory: environment.memory(),
        }
    }

    /// Runs it on a context, and returns R0.
    ///
    /// # Panics
    /// The interpreter refuses the program, or it uses memory that is not its own.
    pub(crate) fn run(&self, context: &[u64], helpers: &[(Helper, Function)]) -> u64 {
        let mut vm = EbpfVmMbuff::new(Some(&self.bytes)).expect("a program that rbpf takes");
        for (helper, function) in helpers {
            let number = helper.number().cast_unsigned();
            vm.register_helper(number, *function).expect("a helper");
        }
        for range in &self.memory {
            vm.register_allowed_memory(range.clone());
        }
        let context: Vec<u8> = context.iter().flat_map(|word| word.to_le_bytes()).collect();
        vm.execute_program(&[], &context)
            .expect("a program that ends")
    }
}

/// A word of the translation; a jump goes to a word of the original.
enum Piece {
    Word(u64),
    Jump(u64, usize),
}

/// `struct bpf_insn`, include/uapi/linux/bpf.h.
fn word(code: u8, dst: Reg, src: u8, offset: i16, imm: i32) -> u64 {
    u64::from(code)
        | u64::from(dst as u8 | src << 4) << 8
        | u64::from(offset.cast_unsigned()) << 16
        | u64::from(imm.cast_unsigned()) << 32
}

// Signed comparisons of 64 bits with a constant, which rbpf sign-extends.
const JSGT: u8 = 0x65;
const JSGE: u8 = 0x75;
const JSLT: u8 = 0xc5;
const JSLE: u8 = 0xd5;

/// Unsigned comparisons with a constant below 0, by signed ones. Below the constant, which is great as an unsigned number,
/// lie all numbers from 0 on and those that are less than it as signed ones.
fn compare(condition: Condition, dst: Reg, imm: i32, next: usize, target: usize) -> Vec<Piece> {
    let jump = |code, imm, to| Piece::Jump(word(code, dst, 0, 0, imm), to);
    match condition {
        Condition::Lt => vec![jump(JSGE, 0, target), jump(JSLT, imm, target)],
        Condition::Le => vec![jump(JSGE, 0, target), jump(JSLE, imm, target)],
        Condition::Ge => vec![jump(JSGE, 0, next), jump(JSGE, imm, target)],
        Condition::Gt => vec![jump(JSGE, 0, next), jump(JSGT, imm, target)],
        Condition::Eq => vec![jump(JSLT, imm, next), jump(JSLE, imm, target)],
        Condition::Ne => vec![jump(JSLT, imm, target), jump(JSGT, imm, target)],
        Condition::Set => unreachable!("rbpf sign-extends here"),
    }
}

/// Where a register is kept while an addition uses it, further down than any program's stack reaches.
const SPILL: i16 = -512;

/// An addition in steps: nobody else runs meanwhile.
fn add(base: Reg, offset: i16, src: Reg) -> Vec<Piece> {
    let mut registers = [Reg::R0, Reg::R1, Reg::R2].into_iter();
    let scratch = registers.find(|&reg| reg != base && reg != src);
    let scratch = scratch.expect("three registers, of which two are used");
    let (stdw, ldxdw, addition) = (0x7b, 0x79, 0x0f);
    [
        word(stdw, Reg::R10, scratch as u8, SPILL, 0),
        word(ldxdw, scratch, base as u8, offset, 0),
        word(addition, scratch, src as u8, 0, 0),
        word(stdw, base, scratch as u8, offset, 0),
        word(ldxdw, scratch, Reg::R10 as u8, SPILL, 0),
    ]
    .map(Piece::Word)
    .into()
}

fn translate(insns: &[Insn], environment: &impl Environment) -> Vec<u8> {
    let mut pieces = Vec::new();
    // Where each word of the original is in the translation.
    let mut places = Vec::new();
    for insn in insns {
        let at = places.len();
        places.extend(vec![pieces.len(); insn.words()]);
        let next = at + insn.words();
        let target = |offset: i16| next.checked_add_signed(offset.into()).expect("a target");
        let mut words = Vec::new();
        match *insn {
            Insn::Branch {
                condition,
                dst,
                src: Operand::Imm(imm),
                offset,
            } if imm < 0 && condition != Condition::Set => {
                pieces.extend(compare(condition, dst, imm, next, target(offset)));
            }
            Insn::Jump { offset } | Insn::Branch { offset, .. } => {
                insn.encode(|_| 0, &mut words);
                pieces.push(Piece::Jump(words[0] & !(0xffff << 16), target(offset)));
            }
            Insn::AtomicAdd { base, offset, src } => pieces.extend(add(base, offset, src)),
            Insn::LoadWide { dst, value } => {
                let value = match value {
                    Wide::Constant(value) => value,
                    Wide::Map(map) => environment.handle(map),
                    Wide::Value(map, offset) => environment.value(map) + u64::from(offset),
                };
                let value = Wide::Constant(value);
                Insn::LoadWide { dst, value }.encode(|_| 0, &mut words);
                pieces.extend(words.into_iter().map(Piece::Word));
            }
            insn => {
                insn.encode(|_| 0, &mut words);
                pieces.extend(words.into_iter().map(Piece::Word));
            }
        }
    }
    let words = pieces.iter().enumerate().map(|(at, piece)| match *piece {
        Piece::Word(word) => word,
        Piece::Jump(word, target) => {
            let place = |at: usize| i16::try_from(at).expect("a short program");
            let distance = place(places[target]) - place(at + 1);
            word | u64::from(distance.cast_unsigned()) << 16
        }
    });
    words.flat_map(u64::to_le_bytes).collect()
}

mod tests {
    use super::*;
    use harness_ebpf::Width;

    struct Nothing;

    impl Environment for Nothing {
        fn handle(&self, _: Map) -> u64 {
            0
        }

        fn value(&self, _: Map) -> u64 {
            0
        }

        fn memory(&self) -> Vec<Range<u64>> {
            Vec::new()
        }
    }

    fn mov(dst: Reg, imm: i32) -> Insn {
        Insn::Alu {
            op: harness_ebpf::Alu::Mov,
            width: Width::W64,
            dst,
            src: imm.into(),
        }
    }

    /// A constant is sign-extended and then compared without a sign (Documentation/bpf/standardization/instruction-set.rst).
    #[test]
    fn comparisons_are_the_kernels() {
        let constants = [0, 1, 1023, i32::MAX, -1, -4095, i32::MIN];
        let mut values: Vec<u64> = vec![0, 1, u64::MAX, 1 << 63, 0xffff_f001];
        for constant in constants {
            let near = i64::from(constant).cast_unsigned();
            values.extend([near.wrapping_sub(1), near, near.wrapping_add(1)]);
        }
        for condition in super::super::common::CONDITIONS {
            for constant in constants {
                for &value in &values {
                    let other = i64::from(constant).cast_unsigned();
                    let expected = match condition {
                        Condition::Eq => value == other,
                        Condition::Gt => value > other,
                        Condition::Ge => value >= other,
                        Condition::Set => value & other != 0,
                        Condition::Ne => value != other,
                        Condition::Lt => value < other,
                        Condition::Le => value <= other,
                    };
                    let (dst, src, offset) = (Reg::R3, constant.into(), 2);
                    let insns = [
                        Insn::LoadWide {
                            dst,
                            value: Wide::Constant(value),
                        },
                        Insn::Branch {
                            condition,
                            dst,
                            src,
                            offset,
                        },
                        mov(Reg::R0, 0),
                        Insn::Exit,
                        mov(Reg::R0, 1),
                        Insn::Exit,
                    ];
                    let taken = Interpreted::new(&insns, &Nothing).run(&[], &[]);
                    assert_eq!(
                        taken,
                        u64::from(expected),
                        "{value:#x} {condition:?} {constant}"
                    );
                }
            }
        }
    }

    /// It changes no register, whichever it uses.
    #[test]
    fn an_addition_adds_and_changes_nothing_else() {
        for (base, src) in [(Reg::R1, Reg::R2), (Reg::R0, Reg::R1), (Reg::R2, Reg::R0)] {
            let address = |op, src: Operand| Insn::Alu {
                op,
                width: Width::W64,
                dst: base,
                src,
            };
            let mut insns = vec![
                mov(Reg::R0, 1),
                mov(Reg::R1, 2),
                mov(Reg::R2, 4),
                mov(src, 30),
            ];
            insns.extend([
                address(harness_ebpf::Alu::Mov, Reg::R10.into()),
                address(harness_ebpf::Alu::Add, (-16).into()),
                Insn::Store {
                    size: harness_ebpf::Size::Dw,
                    base,
                    offset: 8,
                    src: 12.into(),
                },
                Insn::AtomicAdd {
                    base,
                    offset: 8,
                    src,
                },
                // What it was, and the registers that are no address.
                Insn::Load {
                    size: harness_ebpf::Size::Dw,
                    dst: base,
                    base,
                    offset: 8,
                },
            ]);
            for reg in [Reg::R1, Reg::R2] {
                insns.push(Insn::Alu {
                    op: harness_ebpf::Alu::Add,
                    width: Width::W64,
                    dst: Reg::R0,
                    src: reg.into(),
                });
            }
            insns.push(Insn::Exit);
            let others: u64 = [(Reg::R0, 1), (Reg::R1, 2), (Reg::R2, 4)]
                .into_iter()
                .filter(|(reg, _)| *reg != base && *reg != src)
                .map(|(_, value)| value)
                .sum();
            let sum = Interpreted::new(&insns, &Nothing).run(&[], &[]);
            assert_eq!(sum, 12 + 30 + 30 + others, "{base} {src}");
        }
    }
}
