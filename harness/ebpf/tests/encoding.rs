//! Our encoding, and the text of it, against another implementation: the crate rbpf, which has an assembler and a
//! disassembler of its own.

mod common;

use common::{bytes, encode, instructions, map};
use harness_ebpf::{Alu, Condition, Insn, Operand, Reg, Size, Wide, Width, disassemble};

fn second(operand: Operand) -> String {
    match operand {
        Operand::Reg(reg) => format!("{reg}"),
        Operand::Imm(imm) => format!("{imm:#x}"),
    }
}

fn suffix(size: Size) -> &'static str {
    match size {
        Size::B => "b",
        Size::H => "h",
        Size::W => "w",
        Size::Dw => "dw",
    }
}

fn memory(base: Reg, offset: i16) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    format!("[{base}{sign}{:#x}]", offset.unsigned_abs())
}

/// What rbpf calls an instruction, in the syntax of its assembler.
fn name(insn: &Insn) -> String {
    match *insn {
        Insn::Alu {
            op,
            width,
            dst,
            src,
        } => {
            let op = match op {
                Alu::Add => "add",
                Alu::Sub => "sub",
                Alu::Or => "or",
                Alu::And => "and",
                Alu::Lsh => "lsh",
                Alu::Rsh => "rsh",
                Alu::Mov => "mov",
            };
            let width = match width {
                Width::W32 => "32",
                Width::W64 => "64",
            };
            format!("{op}{width} {dst}, {}", second(src))
        }
        Insn::Load {
            size,
            dst,
            base,
            offset,
        } => {
            format!("ldx{} {dst}, {}", suffix(size), memory(base, offset))
        }
        Insn::Store {
            size,
            base,
            offset,
            src,
        } => {
            let x = if matches!(src, Operand::Reg(_)) {
                "x"
            } else {
                ""
            };
            format!(
                "st{x}{} {}, {}",
                suffix(size),
                memory(base, offset),
                second(src)
            )
        }
        Insn::AtomicAdd { base, offset, src } => {
            format!("stxxadddw {}, {src}", memory(base, offset))
        }
        Insn::Jump { offset } => format!("ja {offset:+#x}"),
        Insn::Branch {
            condition,
            dst,
            src,
            offset,
        } => {
            let condition = match condition {
                Condition::Eq => "jeq",
                Condition::Gt => "jgt",
                Condition::Ge => "jge",
                Condition::Set => "jset",
                Condition::Ne => "jne",
                Condition::Lt => "jlt",
                Condition::Le => "jle",
            };
            format!("{condition} {dst}, {}, {offset:+#x}", second(src))
        }
        Insn::Call(helper) => format!("call {:#x}", helper.number()),
        Insn::LoadWide {
            dst,
            value: Wide::Constant(value),
        } => format!("lddw {dst}, {value:#x}"),
        Insn::LoadWide {
            dst,
            value: Wide::Map(map),
        } => {
            format!("lddw {dst}, {:#x}", common::descriptor(map))
        }
        Insn::LoadWide {
            dst,
            value: Wide::Value(map, offset),
        } => {
            let value = i64::from(offset) << 32 | i64::from(common::descriptor(map));
            format!("lddw {dst}, {value:#x}")
        }
        Insn::Exit => "exit".to_owned(),
    }
}

/// What lies before the place that is decoded must not matter, nor what lies behind it.
#[test]
fn what_is_encoded_is_decoded() {
    let insns = instructions();
    let words = encode(&insns);
    let mut rest = &words[..];
    for insn in insns {
        assert_eq!(Insn::decode(rest, map), Some(insn));
        rest = &rest[insn.words()..];
    }
    assert!(rest.is_empty());
}

#[test]
fn another_disassembler_reads_the_same_instructions() {
    for insn in instructions() {
        let read = rbpf::disassembler::to_insn_vec(&bytes(&encode(&[insn])));
        let read: Vec<_> = read.into_iter().map(|insn| insn.desc).collect();
        assert_eq!(read, [name(&insn)], "{insn}");
    }
}

/// rbpf's assembler knows no atomic addition, no pseudo source register, and no constant of 32 bits with the highest bit
/// but as a negative number.
#[test]
fn another_assembler_writes_the_same_bytes() {
    for insn in instructions() {
        let unknown = match insn {
            Insn::AtomicAdd { .. } => true,
            Insn::LoadWide { value, .. } => !matches!(value, Wide::Constant(_)),
            _ => false,
        };
        if unknown {
            continue;
        }
        let text = name(&insn).replace("0xfffff001", "-0xfff");
        let written =
            rbpf::assembler::assemble(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(written, bytes(&encode(&[insn])), "{text}");
    }
}

/// As kernel/bpf/disasm.c has it, and bpftool for maps.
#[test]
fn the_text_is_the_kernels() {
    for (insn, text) in instructions().into_iter().zip(
        "(95) exit
         (05) goto pc+0
         (05) goto pc+2
         (0c) w3 += w4
         (04) w3 += 7
         (04) w3 += -4095
         (0f) r3 += r4"
            .lines(),
    ) {
        assert_eq!(insn.to_string(), text.trim());
    }
    let texts: Vec<_> = instructions().iter().map(Insn::to_string).collect();
    for text in [
        "(bc) w3 = w4",
        "(b7) r3 = -4095",
        "(1f) r3 -= r4",
        "(57) r3 &= 7",
        "(6f) r3 <<= r4",
        "(77) r3 >>= 31",
        "(1d) if r3 == r4 goto pc+1",
        "(15) if r3 == 0x7 goto pc+1",
        "(a5) if r3 < 0xfffff001 goto pc+1",
        "(45) if r3 & 0x7 goto pc+1",
        "(71) r3 = *(u8 *)(r10 -8)",
        "(69) r3 = *(u16 *)(r10 -8)",
        "(61) r3 = *(u32 *)(r10 -512)",
        "(7b) *(u64 *)(r10 -8) = r4",
        "(7a) *(u64 *)(r10 -8) = -4095",
        "(db) lock *(u64 *)(r10 -8) += r3",
        "(18) r3 = 0xffffffffffffffff",
        "(18) r3 = map[tasks]",
        "(18) r3 = map[slots][0]+6144",
        "(85) call bpf_ktime_get_ns#5",
    ] {
        assert!(
            texts.iter().any(|found| found == text),
            "{text}: {texts:#?}"
        );
    }
}

/// A line says where it stands as jumps count, where a load of 64 bits is two instructions.
#[test]
fn lines_are_numbered_as_jumps_count() {
    let wide = instructions().into_iter().find(|insn| insn.words() == 2);
    let insns = [wide.expect("a load of 64 bits"), Insn::Exit];
    assert_eq!(
        disassemble(&insns),
        "   0: (18) r3 = 0x0\n   2: (95) exit\n"
    );
}
