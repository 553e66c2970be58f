//! Damaged input: whatever happens to a listing or to the bytes of a program, reading it gives a program that the
//! checks accept or an error that says where, and running what was accepted ends.

use harness_cbpf::{Insn, Program, SeccompData, assemble, code, constant_allow, disassemble, run};
use proptest::prelude::*;

/// The examples of the talk that this syntax comes from, libseccomp's and `bpf_asm`'s way of writing, and every kind of
/// operand.
const LISTINGS: [&str; 5] = [
    "ld [4] /* load seccomp_data->arch */\njne #0xc000003e, bad\nld [0]\njeq #257, good /* is openat(2)? */\n\
     jeq #2, good\nbad: ret #0 /* return RET_KILL_THREAD */\ngood: ret #0xff000000\n",
    "ld [0]\njlt #0, skip\njle #5, trace\nskip: ret #0x7fff0000\ntrace: ret #0x7ff00000\n",
    " line  OP   JT   JF   K\n=================================\n\
     \u{20}0000: 0x20 0x00 0x00 0x00000004   ld  $data[4]\n 0001: 0x06 0x00 0x00 0x7fff0000   ret ALLOW\n",
    "{ 0x20,  0,  0, 0x00000004 },\n{ 0x06,  0,  0, 0x7fff0000 },\n",
    "ld #1\ntax\nld [16] ; the first argument\nlsh x\nst M[15]\nldx M[15]\nadd #-1\nneg\njset #0xff, some, end\nsome: ja end\n\
     ret #0\nend: ret a /* all */\n",
];

/// Damage to what cannot be read anyway tests little.
#[test]
fn intact_listings_are_read() {
    for listing in LISTINGS {
        let program = assemble(listing).unwrap_or_else(|error| panic!("{error}\n{listing}"));
        sound(&program, &SeccompData::default());
    }
}

#[derive(Clone, Debug)]
enum Damage {
    Remove(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    Replace(prop::sample::Index, u8),
    Repeat(prop::sample::Index, usize),
    Truncate(prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    let bytes = prop_oneof![
        prop::collection::vec(
            prop::sample::select(&b"0189afxX#[](),:;/*-%M{}\n \t\"\\$+"[..]),
            1..12
        ),
        prop::collection::vec(any::<u8>(), 1..12),
    ];
    prop_oneof![
        (at(), 1..9_usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        (at(), bytes).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Replace(at, byte)),
        (at(), 1..40_usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
        at().prop_map(Damage::Truncate),
    ]
}

fn apply(mut bytes: Vec<u8>, damages: Vec<Damage>) -> Vec<u8> {
    for damage in damages {
        let place = |at: prop::sample::Index| at.index(bytes.len() + 1);
        match damage {
            Damage::Remove(at, length) => {
                let from = place(at);
                let to = bytes.len().min(from + length);
                bytes.drain(from..to);
            }
            Damage::Insert(at, new) => {
                let from = place(at);
                bytes.splice(from..from, new);
            }
            Damage::Replace(at, new) => {
                let at = place(at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = new;
                }
            }
            Damage::Repeat(at, length) => {
                let from = place(at);
                let to = bytes.len().min(from + length);
                bytes.extend_from_within(from..to);
            }
            Damage::Truncate(at) => {
                let length = place(at);
                bytes.truncate(length);
            }
        }
    }
    bytes
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

/// What holds of every program, however it came about.
fn sound(program: &Program, data: &SeccompData) {
    assert_eq!(
        Program::new(program.instructions().to_vec()).as_ref(),
        Ok(program)
    );
    assert_eq!(
        Program::from_bytes(&program.to_bytes()).as_ref(),
        Ok(program)
    );
    assert_eq!(assemble(&disassemble(program)).as_ref(), Ok(program));
    // There are no loops.
    let outcome = run(program, data);
    assert!((1..=program.len()).contains(&(outcome.executed as usize)));
    let _ = constant_allow(program, data.arch, data.nr);
}

/// Instructions, mostly with opcodes that exist, and operands near what is allowed.
fn instructions() -> impl Strategy<Value = Vec<Insn>> {
    let opcode = prop_oneof![8 => prop::sample::select(&code::ALL[..]), 1 => any::<u16>()];
    let k = prop_oneof![
        3 => 0..20_u32,
        3 => (0..17_u32).prop_map(|word| 4 * word),
        1 => any::<u32>(),
    ];
    let instruction =
        (opcode, 0..6_u8, 0..6_u8, k).prop_map(|(code, jt, jf, k)| Insn { code, jt, jf, k });
    prop::collection::vec(instruction, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_listings_are_read_or_refused(
        listing in prop::sample::select(&LISTINGS[..]),
        damages in prop::collection::vec(damage(), 0..6),
        data in data(),
    ) {
        let bytes = apply(listing.as_bytes().to_vec(), damages);
        let text = String::from_utf8_lossy(&bytes);
        match assemble(&text) {
            Ok(program) => sound(&program, &data),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn damaged_bytes_are_read_or_refused(
        instructions in instructions(),
        damages in prop::collection::vec(damage(), 0..3),
        data in data(),
    ) {
        let intact = instructions.into_iter().chain([Insn::statement(code::RET_K, 0)]);
        let bytes: Vec<u8> = intact
            .flat_map(|insn| {
                let [code_low, code_high] = insn.code.to_le_bytes();
                let [k0, k1, k2, k3] = insn.k.to_le_bytes();
                [code_low, code_high, insn.jt, insn.jf, k0, k1, k2, k3]
            })
            .collect();
        let bytes = apply(bytes, damages);
        if let Ok(program) = Program::from_bytes(&bytes) {
            prop_assert_eq!(program.to_bytes(), bytes);
            sound(&program, &data);
        }
    }

    #[test]
    fn any_file_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), data in data()) {
        match Program::from_file_contents(&bytes) {
            Ok(program) => sound(&program, &data),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn accepted_instructions_run(
        mut instructions in instructions(),
        last in prop::sample::select(&[code::RET_K, code::RET_A, code::LD_ABS][..]),
        data in data(),
    ) {
        instructions.push(Insn::statement(last, 0));
        if let Ok(program) = Program::new(instructions) {
            sound(&program, &data);
        }
    }
}
