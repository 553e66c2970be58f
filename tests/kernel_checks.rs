//! The kernel that runs this test accepts the programs that the checks accept, and no other; and what it
//! computes is what the interpreter computes, whatever the instructions.

use harness_cbpf::{Action, Insn, Program, SeccompData, code, offset, run};
use harness_sys::Errno;
use harness_sys::probe_calls::{ChildError, Entry, Guard, in_child};
use harness_syscalls::Abi;
use proptest::prelude::*;
use std::sync::atomic::Ordering;

/// Whether seccomp(2) accepts the instructions.
fn kernel_accepts(instructions: &[Insn]) -> bool {
    let tried = in_child(0, |_| Guard::install()?.test(instructions));
    match tried {
        Ok(_) => true,
        Err(ChildError::Work(Errno::EINVAL)) => false,
        Err(error) => panic!("{error}"),
    }
}

/// An instruction before `left` others: valid for the most part.
fn instruction(left: usize) -> impl Strategy<Value = Insn> {
    let opcode = prop_oneof![30 => prop::sample::select(&code::ALL[..]), 1 => 0..0x200_u16];
    let reach = u8::try_from(left + 1).unwrap_or(u8::MAX);
    let small = || prop_oneof![10 => 0..16_u32, 1 => 16..40_u32];
    let k = prop_oneof![small(), small().prop_map(|word| 4 * word), any::<u32>()];
    (opcode, 0..reach, 0..reach, k, small()).prop_map(move |(code, jt, jf, k, small)| {
        let k = match code {
            code::JA => u32::from(jt),
            code::LD_MEM | code::LDX_MEM | code::ST_MEM | code::STX_MEM => small,
            code::LSH_K | code::RSH_K => 2 * small,
            code::LD_ABS => 4 * small,
            _ => k,
        };
        Insn { code, jt, jf, k }
    })
}

fn instructions() -> impl Strategy<Value = Vec<Insn>> {
    (0..12_usize).prop_flat_map(|length| (0..length).rev().map(instruction).collect::<Vec<_>>())
}

/// Ends a program with what it computed: the lower bits of A, as an error below the guard's.
const EPILOGUE: [Insn; 3] = [
    Insn::statement(code::AND_K, 0x7ff),
    Insn::statement(code::OR_K, 0x0005_0000),
    Insn::statement(code::RET_A, 0),
];

/// Programs that compute: nothing returns before the epilogue, and nothing depends on where the call comes from.
/// Both of A's halves and X get into what the epilogue returns.
fn computations() -> impl Strategy<Value = Program> {
    (
        prop::collection::vec(any::<u32>(), 16),
        instructions(),
        0..22_u32,
    )
        .prop_map(|(memory, body, shift)| {
            let mut all: Vec<Insn> = (0..)
                .zip(memory)
                .flat_map(|(word, value)| {
                    [
                        Insn::statement(code::LD_IMM, value),
                        Insn::statement(code::ST_MEM, word),
                    ]
                })
                .collect();
            let instruction_pointer = 8..16;
            all.extend(body.into_iter().map(|insn| match insn.code {
                code::RET_K | code::RET_A => Insn::statement(code::TXA, 0),
                code::LD_ABS if instruction_pointer.contains(&insn.k) => {
                    Insn::statement(code::LD_ABS, offset::NR)
                }
                _ => insn,
            }));
            all.extend([
                Insn::statement(code::ADD_X, 0),
                Insn::statement(code::RSH_K, shift),
            ]);
            all.extend(EPILOGUE);
            loop {
                match Program::new(all.clone()) {
                    Ok(program) => return program,
                    Err(harness_cbpf::CheckError::Instruction { pc, .. }) => {
                        all[pc] = Insn::statement(code::NEG, 0);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        })
}

fn data(number: u32, argument: u32) -> SeccompData {
    SeccompData {
        args: [argument.into(), 0, 0, 0, 0, 0],
        ..SeccompData::new(Abi::X86_64.audit_arch(), number)
    }
}

/// The argument divided by X, as the error; by 0 the program returns 0, KILL_THREAD.
#[test]
fn the_kernel_divides_by_x_as_the_interpreter_does() {
    const SIGSYS: i32 = 31;
    const ARGUMENT: u32 = 0x8765_4321;
    for divisor in [0, 1, 2, 3, 0x1234_5678, ARGUMENT, u32::MAX] {
        let body = [
            Insn::statement(code::LDX_IMM, divisor),
            Insn::statement(code::LD_ABS, offset::argument_low(0)),
            Insn::statement(code::DIV_X, 0),
        ];
        let program = Program::new([&body[..], &EPILOGUE].concat()).expect("valid");
        let expected = run(&program, &data(39, ARGUMENT)).action_value;
        let found = in_child(1, |results| {
            let guard = Guard::install()?;
            guard.test(program.instructions())?;
            let value = guard.call(Entry::Syscall, 39, ARGUMENT).unwrap_or(0);
            results[0].store(value.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        });
        if let Some(quotient) = ARGUMENT.checked_div(divisor) {
            let error = quotient & 0x7ff;
            assert_eq!(expected, Action::Errno(0).to_u32() | error, "{divisor:#x}");
            let found = found.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(found[0], u64::from(error), "{divisor:#x}");
        } else {
            assert_eq!(expected, Action::KillThread.to_u32());
            let signal = found.expect_err("killed").signal();
            assert_eq!(signal, Some(SIGSYS));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_kernel_accepts_what_the_checks_accept(
        mut instructions in instructions(),
        ends: bool,
    ) {
        if ends {
            instructions.push(Insn::statement(code::RET_K, Action::Errno(1).to_u32()));
        }
        let checked = Program::new(instructions.clone());
        prop_assert_eq!(kernel_accepts(&instructions), checked.is_ok(), "{:?}", checked);
    }

    #[test]
    fn the_kernel_computes_what_the_interpreter_computes(
        program in computations(),
        calls in prop::collection::vec((0..600_u32, any::<u32>()), 4),
    ) {
        // Divided by 0 a program returns 0, which kills: another test has that.
        let calls: Vec<(u32, u32)> = calls
            .into_iter()
            .filter(|&(number, argument)| run(&program, &data(number, argument)).action_value != 0)
            .collect();
        let results = in_child(calls.len(), |results| {
            let guard = Guard::install()?;
            guard.test(program.instructions())?;
            for (result, &(number, argument)) in results.iter().zip(&calls) {
                let value = guard.call(Entry::Syscall, number, argument).unwrap_or(0);
                result.store(value.unsigned_abs(), Ordering::Relaxed);
            }
            Ok(())
        });
        let results = results.unwrap_or_else(|error| panic!("{error}"));
        for (&(number, argument), found) in calls.iter().zip(results) {
            // What no filter can decide on.
            if matches!(number, 317 | 335 | 336) {
                continue;
            }
            let expected = run(&program, &data(number, argument)).action_value - Action::Errno(0).to_u32();
            prop_assert_eq!(found, u64::from(expected), "{} {}", number, argument);
        }
    }
}

#[test]
fn the_kernel_has_the_same_limits_of_length() {
    let ret = Insn::statement(code::RET_K, Action::Errno(1).to_u32());
    for length in [0, 1, 4095, 4096, 4097] {
        let instructions = vec![ret; length];
        let accepted = Program::new(instructions.clone()).is_ok();
        assert_eq!(kernel_accepts(&instructions), accepted, "{length}");
    }
}
