//! Each of the kernel's reasons to refuse, at its boundary.

use super::{CheckError, Insn, MAX_INSTRUCTIONS, Program, Violation};
use harness_insn::code;

const RET: Insn = Insn::statement(code::RET_K, 0);

fn refusal(instructions: &[Insn]) -> Option<(usize, Violation)> {
    match Program::new(instructions.to_vec()) {
        Ok(program) => {
            assert_eq!(program.instructions(), instructions);
            None
        }
        Err(CheckError::Instruction { pc, violation, .. }) => Some((pc, violation)),
        Err(error @ CheckError::Length { .. }) => panic!("{error}"),
    }
}

#[test]
fn one_instruction_is_judged_at_its_boundaries() {
    for (code, k, expected) in [
        (code::LD_ABS, 60, None),
        (code::LD_ABS, 64, Some(Violation::Load)),
        (code::LD_ABS, 2, Some(Violation::Load)),
        (code::LD_ABS, 0xffff_f000, Some(Violation::Load)), // SKF_AD_OFF: a socket filter's ancillary load
        (code::DIV_K, 1, None),
        (code::DIV_K, 0, Some(Violation::DivisionByZero)),
        (code::DIV_X, 0, None),
        (code::LSH_K, 31, None),
        (code::LSH_K, 32, Some(Violation::Shift)),
        (code::RSH_K, 32, Some(Violation::Shift)),
        (code::RSH_X, 32, None),
        (code::ST_MEM, 15, None),
        (code::ST_MEM, 16, Some(Violation::Memory)),
        (code::STX_MEM, 16, Some(Violation::Memory)),
        (code::LD_MEM, 16, Some(Violation::Memory)),
        (code::LDX_MEM, 1 << 20, Some(Violation::Memory)),
        (code::LD_MEM, 0, Some(Violation::Uninitialised)),
        (code::JA, 0, None),
        (code::JA, 1, Some(Violation::Jump { target: 2 })),
        (
            code::JA,
            u32::MAX,
            Some(Violation::Jump { target: 1 << 32 }),
        ),
        (0x94, 5, Some(Violation::Opcode)), // mod: cBPF has it, seccomp does not
        (0x28, 0, Some(Violation::Opcode)), // ldh
        (0x30, 0, Some(Violation::Opcode)), // ldb
        (0x40, 0, Some(Violation::Opcode)), // ld [x + k]
        (0xb1, 0, Some(Violation::Opcode)), // ldx 4 * ([k] & 0xf)
        (0x0e, 0, Some(Violation::Opcode)), // ret x: not in Linux
        (0xffff, 0, Some(Violation::Opcode)),
    ] {
        let found = refusal(&[Insn::statement(code, k), RET]);
        assert_eq!(
            found,
            expected.map(|violation| (0, violation)),
            "{code:#x} {k}"
        );
    }
}

#[test]
fn exactly_the_opcodes_of_the_list_are_accepted() {
    let accepted = (0..=u16::MAX).filter(|&code| {
        refusal(&[
            Insn::statement(code::ST_MEM, 1),
            Insn::statement(code, 1),
            RET,
            RET,
        ])
        .is_none()
    });
    // 1 is no offset of a word, so the load is refused for another reason than its opcode.
    assert_eq!(accepted.count(), code::ALL.len() - 1);
}

#[test]
fn both_ways_of_a_conditional_jump_must_stay_inside() {
    let jump = |jt, jf| refusal(&[Insn::jump(code::JEQ_K, 0, jt, jf), RET, RET]);
    assert_eq!(jump(1, 1), None);
    assert_eq!(jump(2, 0), Some((0, Violation::Jump { target: 3 })));
    assert_eq!(jump(0, 2), Some((0, Violation::Jump { target: 3 })));
}

#[test]
fn length_and_last_instruction() {
    let length = |count| Program::new(vec![RET; count]).map(|program| program.len());
    assert_eq!(length(0), Err(CheckError::Length { length: 0 }));
    assert_eq!(length(MAX_INSTRUCTIONS), Ok(MAX_INSTRUCTIONS));
    let over = MAX_INSTRUCTIONS + 1;
    assert_eq!(length(over), Err(CheckError::Length { length: over }));
    assert_eq!(refusal(&[Insn::statement(code::RET_A, 0)]), None);
    assert_eq!(
        refusal(&[RET, Insn::statement(code::TAX, 0)]),
        Some((1, Violation::NoReturn))
    );
}

#[test]
fn scratch_memory_must_be_written_on_every_path() {
    let store = |k| Insn::statement(code::ST_MEM, k);
    let load = |k| Insn::statement(code::LD_MEM, k);
    assert_eq!(refusal(&[store(3), load(3), RET]), None);
    assert_eq!(
        refusal(&[store(3), load(4), RET]),
        Some((1, Violation::Uninitialised))
    );
    // One way skips the store.
    assert_eq!(
        refusal(&[Insn::jump(code::JEQ_K, 0, 0, 1), store(0), load(0), RET]),
        Some((2, Violation::Uninitialised))
    );
    // Both ways store, one of them and an unconditional jump before.
    assert_eq!(
        refusal(&[
            Insn::jump(code::JEQ_K, 0, 0, 2),
            store(0),
            Insn::statement(code::JA, 1),
            Insn::statement(code::STX_MEM, 0),
            load(0),
            RET,
        ]),
        None
    );
}

#[test]
fn messages_carry_the_program_counter() {
    let error =
        Program::new(vec![RET, Insn::statement(code::LD_ABS, 3), RET]).expect_err("misaligned");
    assert_eq!(
        error.to_string(),
        "instruction 1 (code 0x0020, k 0x3): loads must be of a whole word of the 64 bytes of seccomp_data"
    );
}
