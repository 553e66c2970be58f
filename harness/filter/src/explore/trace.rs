//! Runs a program and keeps where the values come from that its tests compare.

use harness_cbpf::{Arithmetic, Condition, Op, Operand, Program, Register, SeccompData};

use super::value::{Source, Step, Value};

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
        let at = pc;
        pc += 1;
        match program.ops()[at] {
            Op::LoadData(offset) => {
                a = Value {
                    now: data.word(offset).expect("a checked load is of a word"),
                    source: Source::Word(offset, Vec::new()),
                };
            }
            Op::LoadConstant(Register::A, k) => a = Value::constant(k),
            Op::LoadConstant(Register::X, k) => x = Value::constant(k),
            Op::LoadLength(Register::A) => a = Value::constant(SeccompData::SIZE),
            Op::LoadLength(Register::X) => x = Value::constant(SeccompData::SIZE),
            Op::LoadMemory(Register::A, word) => a = memory[word as usize].clone(),
            Op::LoadMemory(Register::X, word) => x = memory[word as usize].clone(),
            Op::Store(Register::A, word) => memory[word as usize] = a.clone(),
            Op::Store(Register::X, word) => memory[word as usize] = x.clone(),
            Op::Arithmetic(operation, by) => {
                let operand = value(by, &x);
                let now = operation.apply(a.now, operand.now);
                if (operation, by) == (Arithmetic::Div, Operand::X) {
                    let test = Test {
                        source: operand.source.clone(),
                        condition: Condition::Equal,
                        operand: 0,
                    };
                    tested(at, test, operand.now, now.is_none());
                }
                // Division by 0 returns 0.
                let Some(now) = now else {
                    return Value::constant(0);
                };
                a = arithmetic(operation, a, operand, now);
            }
            Op::Negate => a = a.then(Step::Neg),
            Op::Jump(skip) => pc += skip as usize,
            Op::Branch {
                condition,
                operand,
                jt,
                jf,
            } => {
                let operand = value(operand, &x);
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
                pc += usize::from(if holds { jt } else { jf });
            }
            Op::Return(value) => return Value::constant(value),
            Op::ReturnA => return a,
            Op::Tax => x = a.clone(),
            Op::Txa => a = x.clone(),
        }
    }
}

/// What an operand is where the index register is `x`.
fn value(operand: Operand, x: &Value) -> Value {
    match operand {
        Operand::Constant(k) => Value::constant(k),
        Operand::X => x.clone(),
    }
}

/// What an operation makes of A and an operand, and that its result is `now`.
fn arithmetic(operation: Arithmetic, a: Value, operand: Value, now: u32) -> Value {
    let mixed = |a: &Value, b: &Value| Value::mixed(now, [a, b]);
    if operand.source == Source::Constant {
        let k = operand.now;
        let step = match operation {
            Arithmetic::Add => Step::Add(k),
            Arithmetic::Sub => Step::Add(k.wrapping_neg()),
            Arithmetic::Div => Step::Div(k),
            Arithmetic::Or => Step::Or(k),
            Arithmetic::And => Step::And(k),
            Arithmetic::Xor => Step::Xor(k),
            Arithmetic::Lsh => Step::Lsh(k % u32::BITS),
            Arithmetic::Rsh => Step::Rsh(k % u32::BITS),
            Arithmetic::Mul => return mixed(&a, &operand),
        };
        return a.then(step);
    }
    if a.source == Source::Constant {
        let k = a.now;
        return match operation {
            Arithmetic::Add => operand.then(Step::Add(k)),
            Arithmetic::Sub => operand.then(Step::Neg).then(Step::Add(k)),
            Arithmetic::Or => operand.then(Step::Or(k)),
            Arithmetic::And => operand.then(Step::And(k)),
            Arithmetic::Xor => operand.then(Step::Xor(k)),
            Arithmetic::Lsh => operand.then(Step::Shl(k)),
            Arithmetic::Rsh => operand.then(Step::Shr(k)),
            Arithmetic::Mul | Arithmetic::Div => mixed(&a, &operand),
        };
    }
    mixed(&a, &operand)
}
