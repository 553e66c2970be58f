//! Text, bytes and programs turn into one another without loss, and nothing panics.

use harness_cbpf::{
    CheckError, Insn, MAX_INSTRUCTIONS, Op, Program, SeccompData, assemble, code, constant_allow,
    disassemble, disassemble_with, run,
};
use proptest::prelude::*;

/// One instruction that has a chance to be valid before `left` others.
fn instruction(left: usize) -> impl Strategy<Value = Insn> {
    let reach = u8::try_from(left.saturating_sub(1)).unwrap_or(u8::MAX);
    let k = prop_oneof![
        0..16_u32,
        (0..16_u32).prop_map(|word| word * 4),
        any::<u32>()
    ];
    let unused = prop_oneof![9 => Just((0, 0)), 1 => any::<(u8, u8)>()];
    (
        prop::sample::select(&code::ALL[..]),
        k,
        0..=reach,
        0..=reach,
        unused,
    )
        .prop_map(move |(code, k, jt, jf, unused)| {
            let insn = Insn::jump(code, k, jt, jf);
            match insn.decode() {
                Some(Op::Branch { .. }) => insn,
                Some(Op::Jump(_)) => Insn::statement(code, u32::from(jt)),
                // Fields that an instruction does not use may hold anything.
                _ => Insn::jump(code, k, unused.0, unused.1),
            }
        })
}

/// Valid programs, with stores to the whole scratch memory before anything else.
fn program() -> impl Strategy<Value = Program> {
    let body = (0..300_usize).prop_flat_map(|length| {
        (0..length)
            .rev()
            .map(|left| instruction(left + 1))
            .collect::<Vec<_>>()
    });
    (body, any::<u32>()).prop_map(|(body, value)| {
        let mut instructions: Vec<Insn> = (0..16)
            .map(|word| Insn::statement(code::ST_MEM, word))
            .collect();
        instructions.extend(body);
        instructions.push(Insn::statement(code::RET_K, value));
        loop {
            match Program::new(instructions.clone()) {
                Ok(program) => return program,
                // Whatever is refused gives way to an instruction that never is.
                Err(CheckError::Instruction { pc, .. }) => {
                    instructions[pc] = Insn::statement(code::NEG, 0);
                }
                Err(error @ CheckError::Length { .. }) => panic!("{error}"),
            }
        }
    })
}

fn data() -> impl Strategy<Value = SeccompData> {
    any::<(u32, u32, u64, [u64; 6])>().prop_map(|(nr, arch, instruction_pointer, args)| {
        SeccompData {
            nr,
            arch,
            instruction_pointer,
            args,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_assembles_back_to_the_same_program(program in program()) {
        let text = disassemble(&program);
        prop_assert_eq!(assemble(&text), Ok(program.clone()), "{}", text);
        let commented = disassemble_with(&program, |pc, insn| Some(format!("{pc} {} */ ;\n", insn.code)));
        prop_assert_eq!(assemble(&commented), Ok(program));
    }

    #[test]
    fn bytes_read_back_as_the_same_program(program in program()) {
        prop_assert_eq!(Program::from_bytes(&program.to_bytes()), Ok(program.clone()));
        prop_assert_eq!(Program::from_file_contents(&program.to_bytes()), Ok(program));
    }

    #[test]
    fn checked_programs_end(program in program(), data in data()) {
        let outcome = run(&program, &data);
        prop_assert!((1..=MAX_INSTRUCTIONS).contains(&(outcome.executed as usize)));
        // What the kernel would cache does not depend on arguments.
        if constant_allow(&program, data.arch, data.nr) == harness_cbpf::Verdict::Cached {
            prop_assert_eq!(outcome.action_value, 0x7fff_0000);
        }
    }

    #[test]
    fn no_text_panics(text in ".{0,200}") {
        let _ = assemble(&text);
    }

    #[test]
    fn no_text_of_the_assemblers_words_panics(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..40),
    ) {
        let text: String = words.concat();
        if let Ok(program) = assemble(&text) {
            prop_assert_eq!(assemble(&disassemble(&program)), Ok(program));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Program::from_file_contents(&bytes);
    }
}

const WORDS: &[&str] = &[
    "ld ",
    "ldx ",
    "st ",
    "ret ",
    "jeq ",
    "jge ",
    "jset ",
    "jne ",
    "jlt ",
    "ja ",
    "add ",
    "neg",
    "tax",
    "a",
    "x",
    "L",
    "L:",
    "#",
    "[",
    "]",
    "M[",
    ",",
    ", ",
    "0",
    "4",
    "0x7fff0000",
    "-",
    "%",
    "\n",
    "\n",
    "ret #0\n",
    "ld [0]\n",
    ";",
    "/*",
    "*/",
    "{",
    "}",
    " ",
    "len",
    "$data",
    ":",
    "é",
];
