//! The syntaxes that are in use, and every way to get them wrong.

use super::{AssembleReason, assemble};
use crate::action::Action;
use crate::data::SeccompData;
use crate::interpreter::run;
use crate::program::Program;
use harness_insn::{Insn, code};

fn program(text: &str) -> Program {
    assemble(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The examples of *strace --seccomp-bpf: a look under the hood* (P. Chaignon, FOSDEM 2020): open and openat may pass,
/// or are to be looked at.
const SANDBOX: &str = "
ld [4]                /* load seccomp_data->arch */
jne #0xc000003e, bad   /* is AUDIT_ARCH_X86_64? */
ld [0]                /* load seccomp_data->nr */
jeq #257, good        /* is openat(2)? */
jeq #2, good          /* is open(2)? */
bad: ret #0           /* return RET_KILL_THREAD */
good: ret #0x7fff0000 /* return RET_ALLOW */
";
const HELPER: &str = "
ld [4]                /* load seccomp_data->arch */
jne #0xc000003e, bad  /* is AUDIT_ARCH_X86_64? */
ld [0]                /* load seccomp_data->nr */
jeq #257, good        /* is openat(2)? */
jeq #2, good          /* is open(2)? */
bad: ret #0           /* return RET_KILL_THREAD */
good: ret #0x7ff00000 /* return RET_TRACE */
";
const RANGE: &str = "
ld [0]                /* load seccomp_data->nr */
jlt #0, skip         /* is < read(2)? */
jle #5, trace        /* is <= fstat(2)? */
skip: ret #0x7fff0000 /* return RET_ALLOW */
trace: ret #0x7ff00000 /* return RET_TRACE */
";

#[test]
fn the_talks_examples_decide_as_their_comments_say() {
    const X86_64: u32 = 0xc000_003e;
    for (text, good) in [(SANDBOX, Action::Allow), (HELPER, Action::Trace(0))] {
        let program = program(text);
        for (arch, nr, expected) in [
            (X86_64, 257, good),
            (X86_64, 2, good),
            (X86_64, 0, Action::KillThread),
            (0x4000_0003, 2, Action::KillThread),
        ] {
            let found = run(&program, &SeccompData::new(arch, nr)).action();
            assert_eq!(found, Some(expected), "{arch:#x} {nr}");
        }
    }
    for nr in 0..10 {
        let expected = if nr <= 5 {
            Action::Trace(0)
        } else {
            Action::Allow
        };
        let found = run(&program(RANGE), &SeccompData::new(X86_64, nr)).action();
        assert_eq!(found, Some(expected), "{nr}");
    }
}

/// On the slide the second example returns 0xff000000 with the comment `RET_TRACE`: an action that no kernel knows, which
/// kills. [`HELPER`] has the value of that name.
#[test]
fn the_talks_second_example_as_printed_kills_what_it_means_to_trace() {
    let printed = program(&HELPER.replace("0x7ff00000", "0xff000000"));
    let outcome = run(&printed, &SeccompData::new(0xc000_003e, 257));
    assert_eq!(outcome.action(), None);
    assert_eq!(Action::effect(outcome.action_value), Action::KillProcess);
}

/// The seccomp example of the kernel's `Documentation/networking/filter.rst`, and what `bpf_asm -c` and libseccomp's
/// `scmp_bpf_disasm` print for the like.
#[test]
fn all_syntaxes_give_the_same_program() {
    let labels = "
              ld [4]
              jne #0xc000003e, bad
              ld [0]
              jeq #15, good
              jeq #231, good, bad ; exit_group
        bad:  ret #0
        good: ret #0x7fff0000
    ";
    let array = "
        { 0x20,  0,  0, 0x00000004 },
        { 0x15,  0,  3, 0xc000003e },
        { 0x20,  0,  0, 0000000000 },
        { 0x15,  2,  0, 0x0000000f },
        { 0x15,  1,  0, 0x000000e7 },
        { 0x06,  0,  0, 0000000000 },
        { 0x06,  0,  0, 0x7fff0000 },
    ";
    let listing = "
 line  OP   JT   JF   K
=================================
 0000: 0x20 0x00 0x00 0x00000004   ld  $data[4]
 0001: 0x15 0x00 0x03 0xc000003e   jeq 3221225534 true:0002 false:0005
 0002: 0x20 0x00 0x00 0x00000000   ld  $data[0]
 0003: 0x15 0x02 0x00 0x0000000f   jeq 15   true:0006 false:0004
 0004: 0x15 0x01 0x00 0x000000e7   jeq 231  true:0006 false:0005
 0005: 0x06 0x00 0x00 0x00000000   ret KILL
 0006: 0x06 0x00 0x00 0x7fff0000   ret ALLOW
";
    assert_eq!(program(labels), program(array));
    assert_eq!(program(labels), program(listing));
    let line =
        "7,32 0 0 4,21 0 3 3221225534,32 0 0 0,21 2 0 15,21 1 0 231,6 0 0 0,6 0 0 2147418112,\n";
    assert_eq!(program(labels), program(line));
    let error = assemble("2,6 0 0 0,").expect_err("one is missing");
    let (promised, found) = (2, 1);
    assert_eq!(error.reason, AssembleReason::Count { promised, found });
}

#[test]
fn every_instruction_assembles_to_its_opcode() {
    let jump = |code, k| Insn::jump(code, k, 1, 0);
    let other = |code, k| Insn::jump(code, k, 0, 1);
    for (text, expected) in [
        ("ld [8]", Insn::statement(code::LD_ABS, 8)),
        ("ld $data[8]", Insn::statement(code::LD_ABS, 8)),
        ("ld #7", Insn::statement(code::LD_IMM, 7)),
        ("ld 7", Insn::statement(code::LD_IMM, 7)),
        ("ldi #7", Insn::statement(code::LD_IMM, 7)),
        ("ld M[3]", Insn::statement(code::LD_MEM, 3)),
        ("ld #len", Insn::statement(code::LD_LEN, 0)),
        ("ld len", Insn::statement(code::LD_LEN, 0)),
        ("ldx #0b101", Insn::statement(code::LDX_IMM, 5)),
        ("ldxi #7", Insn::statement(code::LDX_IMM, 7)),
        ("ldx M [ 3 ]", Insn::statement(code::LDX_MEM, 3)),
        ("ldx #len", Insn::statement(code::LDX_LEN, 0)),
        ("stx M[15]", Insn::statement(code::STX_MEM, 15)),
        ("add #-1", Insn::statement(code::ADD_K, u32::MAX)),
        ("add x", Insn::statement(code::ADD_X, 0)),
        ("sub %x", Insn::statement(code::SUB_X, 0)),
        ("mul #0xFFFFFFFF", Insn::statement(code::MUL_K, u32::MAX)),
        ("div #010", Insn::statement(code::DIV_K, 8)),
        ("neg", Insn::statement(code::NEG, 0)),
        ("and #0", Insn::statement(code::AND_K, 0)),
        ("or x", Insn::statement(code::OR_X, 0)),
        ("xor #1", Insn::statement(code::XOR_K, 1)),
        ("lsh #31", Insn::statement(code::LSH_K, 31)),
        ("rsh x", Insn::statement(code::RSH_X, 0)),
        ("tax", Insn::statement(code::TAX, 0)),
        ("txa", Insn::statement(code::TXA, 0)),
        ("ret a", Insn::statement(code::RET_A, 0)),
        ("ret %a", Insn::statement(code::RET_A, 0)),
        ("RET A", Insn::statement(code::RET_A, 0)),
        ("LD #+5", Insn::statement(code::LD_IMM, 5)),
        ("Add X", Insn::statement(code::ADD_X, 0)),
        ("# a comment\nLDI +5", Insn::statement(code::LD_IMM, 5)),
        ("ja far", Insn::statement(code::JA, 1)),
        ("jmp far", Insn::statement(code::JA, 1)),
        ("jeq #1, far", jump(code::JEQ_K, 1)),
        ("jeq #1,far,near", jump(code::JEQ_K, 1)),
        ("jgt x, far", jump(code::JGT_X, 0)),
        ("jge %x, far", jump(code::JGE_X, 0)),
        ("jset #1, near, far", other(code::JSET_K, 1)),
        ("jne #1, far", other(code::JEQ_K, 1)),
        ("jneq x, far", other(code::JEQ_X, 0)),
        ("jlt #1, far", other(code::JGE_K, 1)),
        ("jle #1, far", other(code::JGT_K, 1)),
    ] {
        let text = format!("st M[3]\n{text}\nnear: one: ret #0\nfar:\n\nret #1");
        assert_eq!(program(&text).instructions()[1], expected, "{text}");
    }
}

#[test]
fn errors_have_a_place_and_a_reason() {
    use AssembleReason as R;
    for (text, line, column, expected) in [
        ("", 1, 1, "there is no instruction"),
        ("/* only */ ; a comment\n", 1, 1, "there is no instruction"),
        ("ld [0] /* no end", 1, 8, "this comment does not end"),
        ("ret #0\n  frob #1", 2, 3, "unknown instruction 'frob'"),
        ("RETURN #0", 1, 1, "unknown instruction 'RETURN'"),
        ("ldh [0]", 1, 1, "seccomp does not accept 'ldh'"),
        ("mod #3", 1, 1, "seccomp does not accept 'mod'"),
        ("ld [x + 1]", 1, 5, "seccomp does not accept 'ld [x + k]'"),
        ("ld", 1, 3, "'ld' takes [k], #k, M[k] or #len here, not ''"),
        (
            "ldx [4]",
            1,
            5,
            "'ldx' takes #k, M[k] or #len here, not '['",
        ),
        ("st #1", 1, 4, "'st' takes M[k] here, not '#'"),
        ("ret x", 1, 5, "'ret' takes #k or a here, not 'x'"),
        ("add a", 1, 5, "'add' takes #k or x here, not 'a'"),
        ("ja 5", 1, 4, "'ja' takes a label here, not '5'"),
        (
            "jeq #1 far",
            1,
            8,
            "'jeq' takes a ',' and a label here, not 'far'",
        ),
        (
            "ret #4294967296",
            1,
            6,
            "'4294967296' is no number of up to 32 bits",
        ),
        ("ret #0x", 1, 6, "'0x' is no number"),
        ("ret #089", 1, 6, "'089' is no number"),
        ("ret #-2147483649", 1, 6, "'-2147483649' is no number"),
        (
            "ret #0 ret #1",
            1,
            8,
            "'ret #1' follows a complete instruction",
        ),
        (
            "a: ret #0\na: ret #0",
            2,
            1,
            "label 'a' stands in line 1 already",
        ),
        ("ja nowhere\nret #0", 1, 4, "there is no label 'nowhere'"),
        (
            "a: ld [0]\nja a\nret #0",
            2,
            4,
            "label 'a' stands in line 1, before this jump",
        ),
        (
            "ja end\nret #0\nend:",
            1,
            1,
            "jumps to instruction 2, behind the end",
        ),
        ("ld [64]\nret #0", 1, 1, "loads must be of a whole word"),
        ("ld M[0]\nret #0", 1, 1, "reads a word of scratch memory"),
        (
            "ret #0\n\ntax",
            3,
            1,
            "the last instruction must be a return",
        ),
        (
            "1: 0x06 0 0 0",
            1,
            1,
            "this line is numbered 1, but instruction 0 is due",
        ),
        ("0x06 256 0 0", 1, 6, "'256' is no number"),
        ("0x06 0 0", 1, 9, "'' is no number"),
        ("{ 0x06, 0, 0 0 }", 1, 14, "takes a ',' here"),
        ("0x10006 0 0 0", 1, 1, "is no number"),
        (
            "0x94 0 0 3\nret #0",
            1,
            1,
            "seccomp does not accept this opcode",
        ),
        ("ret #0é", 1, 7, "'é' follows"),
    ] {
        let error = assemble(text).expect_err(text);
        assert_eq!(
            (error.line, error.column),
            (line, column),
            "{text}: {error}"
        );
        assert!(
            error.reason.to_string().contains(expected),
            "{text}: {error}"
        );
    }
    let far = format!("jeq #1, far\n{}far: ret #0", "tax\n".repeat(256));
    let error = assemble(&far).expect_err("too far");
    let (label, distance) = ("far".to_owned(), 256);
    assert_eq!(error.reason, R::TooFar { label, distance });
    let long = assemble(&"ret #0\n".repeat(4097)).expect_err("too long");
    assert!(matches!(long.reason, R::Length(_)), "{long}");
}
