//! Runs a program and keeps where the values come from that its tests compare.

use harness_cbpf::{Condition, Program, SeccompData, code};

use super::value::{Op, Source, Value};

/// What tells an opcode with X from that with a constant.
const BY_X: u16 = code::ADD_X & !code::ADD_K;

/// A test that a run came by.
#[derive(Debug, Hash)]
pub(super) struct Test {
    /// Where the compared value comes from.
    pub(super) source: Source,
    pub(super) condition: Condition,
    /// What it is compared with.
    pub(super) operand: u32,
}

/// Runs `program` on `data`, tells `tested` of each test at its instruction, of what the value was and whether the test
/// held, and returns the value returned.
pub(super) fn trace(
    program: &Program,
    data: &SeccompData,
    mut tested: impl FnMut(usize, Test, u32, bool),
) -> Value {
    let mut a = Value::constant(0);
    let mut x = Value::constant(0);
    let mut memory = vec![Value::constant(0); harness_cbpf::MEMORY_WORDS as usize];
    let mut pc = 0;
    loop {
        let insn = program.instructions()[pc];
        let at = pc;
        let k = insn.k;
        pc += 1;
        if let Some(condition) = insn.condition() {
            let by_x = insn.code & BY_X != 0;
            let operand = if by_x { x.clone() } else { Value::constant(k) };
            let holds = condition.holds(a.now, operand.now);
            let (source, value, operand) = match (&a.source, &operand.source) {
                (_, Source::Constant) => (a.source.clone(), a.now, operand.now),
                (Source::Constant, _) => (operand.source, operand.now, a.now),
                _ => (Source::Mixed, a.now, operand.now),
            };
            let test = Test {
                source,
                condition,
                operand,
            };
            tested(at, test, value, holds);
            pc += usize::from(if holds { insn.jt } else { insn.jf });
            continue;
        }
        match insn.code {
            code::LD_ABS => {
                a = Value {
                    now: data.word(k).expect("a checked load is of a word"),
                    source: Source::Word(k, Vec::new()),
                };
            }
            code::LD_LEN => a = Value::constant(SeccompData::SIZE),
            code::LD_IMM => a = Value::constant(k),
            code::LD_MEM => a = memory[k as usize].clone(),
            code::LDX_LEN => x = Value::constant(SeccompData::SIZE),
            code::LDX_IMM => x = Value::constant(k),
            code::LDX_MEM => x = memory[k as usize].clone(),
            code::ST_MEM => memory[k as usize] = a.clone(),
            code::STX_MEM => memory[k as usize] = x.clone(),
            code::JA => pc += k as usize,
            code::TAX => x = a.clone(),
            code::TXA => a = x.clone(),
            code::RET_K => return Value::constant(k),
            code::RET_A => return a,
            code::NEG => a = a.then(Op::Neg),
            _ => {
                let by_x = insn.code & BY_X != 0;
                let operand = if by_x { x.clone() } else { Value::constant(k) };
                if insn.code == code::DIV_X {
                    // Division by 0 returns 0.
                    let zero = operand.now == 0;
                    let test = Test {
                        source: operand.source.clone(),
                        condition: Condition::Equal,
                        operand: 0,
                    };
                    tested(at, test, operand.now, zero);
                    if zero {
                        return Value::constant(0);
                    }
                }
                a = arithmetic(insn.code & !BY_X, a, operand);
            }
        }
    }
}

/// A by an arithmetic opcode, which is given as that with a constant.
fn arithmetic(opcode: u16, a: Value, operand: Value) -> Value {
    let k = operand.now;
    let now = match opcode {
        code::ADD_K => a.now.wrapping_add(k),
        code::SUB_K => a.now.wrapping_sub(k),
        code::MUL_K => a.now.wrapping_mul(k),
        code::DIV_K => a.now / k,
        code::OR_K => a.now | k,
        code::AND_K => a.now & k,
        code::XOR_K => a.now ^ k,
        code::LSH_K => a.now.wrapping_shl(k),
        _ => a.now.wrapping_shr(k),
    };
    let mixed = |a: &Value, b: &Value| Value::mixed(now, [a, b]);
    if operand.source == Source::Constant {
        let op = match opcode {
            code::ADD_K => Op::Add(k),
            code::SUB_K => Op::Add(k.wrapping_neg()),
            code::DIV_K => Op::Div(k),
            code::OR_K => Op::Or(k),
            code::AND_K => Op::And(k),
            code::XOR_K => Op::Xor(k),
            code::LSH_K => Op::Lsh(k % u32::BITS),
            code::RSH_K => Op::Rsh(k % u32::BITS),
            _ => return mixed(&a, &operand),
        };
        return a.then(op);
    }
    if a.source == Source::Constant {
        let k = a.now;
        return match opcode {
            code::ADD_K => operand.then(Op::Add(k)),
            code::SUB_K => operand.then(Op::Neg).then(Op::Add(k)),
            code::OR_K => operand.then(Op::Or(k)),
            code::AND_K => operand.then(Op::And(k)),
            code::XOR_K => operand.then(Op::Xor(k)),
            code::LSH_K => operand.then(Op::Shl(k)),
            code::RSH_K => operand.then(Op::Shr(k)),
            _ => mixed(&a, &operand),
        };
    }
    mixed(&a, &operand)
}
