//! The filter in what `strace -d --seccomp-bpf` writes: `dump_seccomp_bpf`, `src/filter_seccomp.c` of strace 5.3 to 7.2.

use std::fmt::Write as _;

use super::{AssembleError, AssembleReason, Position};
use crate::action::Action;
use crate::data::offset;
use harness_insn::{Insn, code};

/// The text with the four numbers of an instruction in the place of each line that prints one, and nothing in the place
/// of all others, so that lines keep their numbers; `None` for a text without such lines.
///
/// # Errors
///
/// A line that prints an instruction as no strace does.
pub(super) fn numbers(text: &str) -> Result<Option<String>, AssembleError> {
    if !text.lines().any(|line| printed(line).is_some()) {
        return Ok(None);
    }
    let mut numbers = String::with_capacity(text.len());
    for (at, line) in text.lines().enumerate() {
        if let Some(printed) = printed(line) {
            let insn = instruction(printed).ok_or_else(|| {
                let (line, column) = (at + 1, 1);
                let reason = AssembleReason::Dump(printed.to_owned());
                Position { line, column }.error(reason)
            })?;
            let Insn { code, jt, jf, k } = insn;
            let _ = write!(numbers, "{code} {jt} {jf} {k}");
        }
        numbers.push('\n');
    }
    Ok(Some(numbers))
}

/// `STMT(…)` or `JUMP(…)`, which strace's name may stand before.
fn printed(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = line.rsplit_once(": ").map_or(line, |(_, message)| message);
    let printed = line.starts_with("STMT(") || line.starts_with("JUMP(");
    printed.then_some(line)
}

/// `STMT(BPF_RSH, 5)`, `JUMP(BPF_JEQ, 0, 12, 3221225534)`, and for opcodes without a name here `STMT(0x94, 0, 0, 0x3)`.
fn instruction(printed: &str) -> Option<Insn> {
    let (_, fields) = printed.split_once('(')?;
    let fields: Vec<&str> = fields.strip_suffix(')')?.split(", ").collect();
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let statement = |code, k| Some(Insn::statement(code, number(k)?));
    let jump = |code, jt: &str, jf: &str, k| {
        Some(Insn::jump(
            code,
            number(k)?,
            jt.parse().ok()?,
            jf.parse().ok()?,
        ))
    };
    match fields[..] {
        ["BPF_LDWABS", "data->nr"] => Some(Insn::statement(code::LD_ABS, offset::NR)),
        ["BPF_LDWABS", "data->arch"] => Some(Insn::statement(code::LD_ABS, offset::ARCH)),
        ["BPF_LDWABS", k] => statement(code::LD_ABS, k),
        ["BPF_LDWIMM", k] => statement(code::LD_IMM, k),
        ["BPF_RET", "SECCOMP_RET_ALLOW"] => {
            Some(Insn::statement(code::RET_K, Action::Allow.to_u32()))
        }
        ["BPF_RET", "SECCOMP_RET_TRACE"] => {
            Some(Insn::statement(code::RET_K, Action::Trace(0).to_u32()))
        }
        ["BPF_RET", k] => statement(code::RET_K, k),
        ["BPF_JA", k] => statement(code::JA, k),
        ["BPF_JEQ", jt, jf, k] => jump(code::JEQ_K, jt, jf, k),
        ["BPF_JGE", jt, jf, k] => jump(code::JGE_K, jt, jf, k),
        ["BPF_JSET", jt, jf, k] => jump(code::JSET_K, jt, jf, k),
        ["BPF_RSH", k] => statement(code::RSH_K, k),
        ["BPF_LSH", "X"] => Some(Insn::statement(code::LSH_X, 0)),
        ["BPF_AND", k] => statement(code::AND_K, k),
        ["BPF_TAX"] => Some(Insn::statement(code::TAX, 0)),
        ["BPF_TXA"] => Some(Insn::statement(code::TXA, 0)),
        [code, jt, jf, k] => jump(u16::try_from(number(code)?).ok()?, jt, jf, k),
        _ => None,
    }
}
