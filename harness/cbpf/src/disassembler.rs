//! Program to text, in the syntax the assembler takes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::program::Program;
use harness_insn::{Arithmetic, Condition, Insn, Op, Operand, Register};

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
    let targets = targets(program.ops());
    let mut text = String::new();
    let instructions = program.instructions().iter().zip(program.ops());
    for (pc, (&insn, &op)) in instructions.enumerate() {
        let label = if targets.contains(&pc) {
            format!("L{pc}:")
        } else {
            String::new()
        };
        let mut line = format!("{label:<7} {}", instruction(pc, insn, op));
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
fn targets(ops: &[Op]) -> BTreeSet<usize> {
    let mut targets = BTreeSet::new();
    for (pc, &op) in ops.iter().enumerate() {
        let next = pc + 1;
        match op {
            Op::Jump(skip) => {
                targets.insert(next + skip as usize);
            }
            Op::Branch {
                condition, jt, jf, ..
            } => {
                // `jset` has no opposite to write where only its other way jumps.
                let both = jt == jf || condition == Condition::AnyBit && jt == 0;
                // The way to the next instruction is written only where both ways are.
                let written = [jt, jf].into_iter().filter(|way| *way != 0 || both);
                targets.extend(written.map(|way| next + usize::from(way)));
            }
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
            | Op::Txa => {}
        }
    }
    targets
}

fn instruction(pc: usize, insn: Insn, op: Op) -> String {
    if op.encode() != insn {
        // What the opcode leaves unused has no other place in the text.
        let Insn { code, jt, jf, k } = insn;
        return format!("{code:#04x} {jt:#04x} {jf:#04x} {k:#010x}");
    }
    let by_register = |register, a: &str, x: &str| match register {
        Register::A => a.to_owned(),
        Register::X => x.to_owned(),
    };
    let load = |to| by_register(to, "ld", "ldx");
    match op {
        Op::LoadData(offset) => format!("ld [{offset}]"),
        Op::LoadConstant(to, k) => format!("{} #{}", load(to), constant(k)),
        Op::LoadLength(to) => format!("{} #len", load(to)),
        Op::LoadMemory(to, word) => format!("{} M[{word}]", load(to)),
        Op::Store(from, word) => format!("{} M[{word}]", by_register(from, "st", "stx")),
        Op::Arithmetic(Arithmetic::And, Operand::Constant(k)) => format!("and #{k:#x}"),
        Op::Arithmetic(operation, Operand::Constant(k)) => {
            format!("{} #{}", mnemonic(operation), constant(k))
        }
        Op::Arithmetic(operation, Operand::X) => format!("{} x", mnemonic(operation)),
        Op::Negate => "neg".to_owned(),
        Op::Jump(skip) => format!("ja L{}", pc + 1 + skip as usize),
        Op::Branch {
            condition,
            operand,
            jt,
            jf,
        } => branch(pc, condition, operand, [jt, jf]),
        Op::Return(value) => format!("ret #{value:#x}"),
        Op::ReturnA => "ret a".to_owned(),
        Op::Tax => "tax".to_owned(),
        Op::Txa => "txa".to_owned(),
    }
}

const fn mnemonic(operation: Arithmetic) -> &'static str {
    match operation {
        Arithmetic::Add => "add",
        Arithmetic::Sub => "sub",
        Arithmetic::Mul => "mul",
        Arithmetic::Div => "div",
        Arithmetic::Or => "or",
        Arithmetic::And => "and",
        Arithmetic::Xor => "xor",
        Arithmetic::Lsh => "lsh",
        Arithmetic::Rsh => "rsh",
    }
}

fn constant(k: u32) -> String {
    if k < DECIMAL_BELOW {
        k.to_string()
    } else {
        format!("{k:#x}")
    }
}

fn branch(pc: usize, condition: Condition, operand: Operand, [jt, jf]: [u8; 2]) -> String {
    let operand = match operand {
        Operand::X => "x".to_owned(),
        Operand::Constant(k) if condition == Condition::AnyBit => format!("#{k:#x}"),
        Operand::Constant(k) => format!("#{}", constant(k)),
    };
    let label = |skip: u8| format!("L{}", pc + 1 + usize::from(skip));
    let (name, opposite) = match condition {
        Condition::Equal => ("jeq", Some("jne")),
        Condition::Greater => ("jgt", Some("jle")),
        Condition::GreaterOrEqual => ("jge", Some("jlt")),
        Condition::AnyBit => ("jset", None),
    };
    match (jt, jf, opposite) {
        (1.., 0, _) => format!("{name} {operand}, {}", label(jt)),
        (0, 1.., Some(opposite)) => format!("{opposite} {operand}, {}", label(jf)),
        _ => format!("{name} {operand}, {}, {}", label(jt), label(jf)),
    }
}
