//! Program to text, in the syntax the assembler takes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::insn::{Insn, code};
use crate::program::Program;

/// Constants below this are written in decimal: system call numbers are.
const DECIMAL_BELOW: u32 = 10_000;

/// Where comments start.
const COMMENT_COLUMN: usize = 40;

/// The text of a program; [`assemble`](crate::assemble) makes the same program of it.
#[must_use]
pub fn disassemble(program: &Program) -> String {
    disassemble_with(program, |_, _| None)
}

/// Likewise, with a comment behind each instruction for which `comment` has one, given its place and itself.
#[must_use]
pub fn disassemble_with(
    program: &Program,
    comment: impl Fn(usize, Insn) -> Option<String>,
) -> String {
    let targets = targets(program.instructions());
    let mut text = String::new();
    for (pc, &insn) in program.instructions().iter().enumerate() {
        let label = if targets.contains(&pc) {
            format!("L{pc}:")
        } else {
            String::new()
        };
        let mut line = format!("{label:<7} {}", instruction(pc, insn));
        if let Some(comment) = comment(pc, insn) {
            // Nothing may end the comment early, or start a line.
            let comment = comment.replace("*/", "* /").replace('\n', " ");
            write!(
                line,
                "{:<1$}",
                "",
                COMMENT_COLUMN.saturating_sub(line.len() + 1)
            )
            .expect("a String takes everything");
            write!(line, " /* {comment} */").expect("a String takes everything");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Where jumps lead that are written with a label.
fn targets(instructions: &[Insn]) -> BTreeSet<usize> {
    let mut targets = BTreeSet::new();
    for (pc, insn) in instructions.iter().enumerate() {
        let ways = match (insn.condition(), insn.code) {
            (Some(_), _) => [Some(insn.jt.into()), Some(insn.jf.into())],
            (None, code::JA) => [Some(insn.k as usize), None],
            _ => [None, None],
        };
        let next = insn.condition().is_some();
        for way in ways.into_iter().flatten() {
            // The way to the next instruction is written only where both ways are.
            if !next || way != 0 || insn.jt == insn.jf || always_both(*insn) {
                targets.insert(pc + 1 + way);
            }
        }
    }
    targets
}

/// `jset` has no opposite to write where only its other way jumps.
fn always_both(insn: Insn) -> bool {
    matches!(insn.code, code::JSET_K | code::JSET_X) && insn.jt == 0
}

fn instruction(pc: usize, insn: Insn) -> String {
    let Insn { code, jt, jf, k } = insn;
    let raw = format!("{code:#04x} {jt:#04x} {jf:#04x} {k:#010x}");
    let is_x = code & 0x08 != 0;
    if insn.condition().is_some() {
        // A constant that is not used has no place in the text.
        return if is_x && k != 0 {
            raw
        } else {
            branch(pc, insn)
        };
    }
    if jt != 0 || jf != 0 {
        return raw;
    }
    let number = constant(k);
    match code {
        code::LD_ABS => format!("ld [{k}]"),
        code::LD_IMM => format!("ld #{number}"),
        code::LD_MEM => format!("ld M[{k}]"),
        code::LDX_IMM => format!("ldx #{number}"),
        code::LDX_MEM => format!("ldx M[{k}]"),
        code::ST_MEM => format!("st M[{k}]"),
        code::STX_MEM => format!("stx M[{k}]"),
        code::RET_K => format!("ret #{k:#x}"),
        code::JA => format!("ja L{}", pc + 1 + k as usize),
        code::AND_K => format!("and #{k:#x}"),
        _ => match (operation(code), k) {
            (Operation::Constant(name), _) => format!("{name} #{number}"),
            (Operation::Whole(text), 0) => text.to_owned(),
            _ => raw,
        },
    }
}

enum Operation {
    /// Takes a constant.
    Constant(&'static str),
    /// Takes nothing that varies.
    Whole(&'static str),
}

fn operation(code: u16) -> Operation {
    match code {
        code::ADD_K => Operation::Constant("add"),
        code::SUB_K => Operation::Constant("sub"),
        code::MUL_K => Operation::Constant("mul"),
        code::DIV_K => Operation::Constant("div"),
        code::OR_K => Operation::Constant("or"),
        code::LSH_K => Operation::Constant("lsh"),
        code::RSH_K => Operation::Constant("rsh"),
        code::XOR_K => Operation::Constant("xor"),
        code::ADD_X => Operation::Whole("add x"),
        code::SUB_X => Operation::Whole("sub x"),
        code::MUL_X => Operation::Whole("mul x"),
        code::DIV_X => Operation::Whole("div x"),
        code::OR_X => Operation::Whole("or x"),
        code::AND_X => Operation::Whole("and x"),
        code::LSH_X => Operation::Whole("lsh x"),
        code::RSH_X => Operation::Whole("rsh x"),
        code::XOR_X => Operation::Whole("xor x"),
        code::NEG => Operation::Whole("neg"),
        code::LD_LEN => Operation::Whole("ld #len"),
        code::LDX_LEN => Operation::Whole("ldx #len"),
        code::TXA => Operation::Whole("txa"),
        code::RET_A => Operation::Whole("ret a"),
        // The one opcode left of a checked program.
        _ => Operation::Whole("tax"),
    }
}

fn constant(k: u32) -> String {
    if k < DECIMAL_BELOW {
        k.to_string()
    } else {
        format!("{k:#x}")
    }
}

fn branch(pc: usize, insn: Insn) -> String {
    let Insn { code, jt, jf, k } = insn;
    let operand = if code & 0x08 != 0 {
        "x".to_owned()
    } else {
        match code {
            code::JSET_K => format!("#{k:#x}"),
            _ => format!("#{}", constant(k)),
        }
    };
    let label = |skip: u8| format!("L{}", pc + 1 + usize::from(skip));
    let (name, opposite) = match code {
        code::JEQ_K | code::JEQ_X => ("jeq", Some("jne")),
        code::JGT_K | code::JGT_X => ("jgt", Some("jle")),
        code::JGE_K | code::JGE_X => ("jge", Some("jlt")),
        _ => ("jset", None),
    };
    match (jt, jf, opposite) {
        (1.., 0, _) => format!("{name} {operand}, {}", label(jt)),
        (0, 1.., Some(opposite)) => format!("{opposite} {operand}, {}", label(jf)),
        _ => format!("{name} {operand}, {}, {}", label(jt), label(jf)),
    }
}
