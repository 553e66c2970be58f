//! What is found in programs whose branches are known, and what is left undecided.

use harness_cbpf::{Program, SeccompData, assemble};

use super::{Budget, Explorer, MOST_BYTES, Undecided};
use std::fmt::Write;

/// Every value that is returned for a number, and whether these are all.
fn returned(text: &str) -> (Vec<u32>, Option<Undecided>) {
    let program: Program = assemble(text).expect(text);
    let mut explorer = Explorer::new(vec![&program], Budget::new().all()).of_one_number();
    explorer.push(SeccompData::new(0xc000_003e, 1));
    let mut found = Vec::new();
    while let Some(data) = explorer.pop() {
        found.push(explorer.run(0, &data).action_value);
    }
    found.sort_unstable();
    found.dedup();
    (found, explorer.undecided())
}

#[test]
fn what_only_several_words_together_lead_to_is_found() {
    for text in [
        // Two arguments.
        "ld [16]\njne #77, no\nld [24]\njne #5, no\nret #1\nno: ret #0",
        // Both halves of one.
        "ld [16]\njne #7, no\nld [20]\njne #5, no\nret #1\nno: ret #0",
        // Bits of one, one after the other.
        "ld [16]\nand #0xf0\njne #0x30, no\nld [16]\nand #0xf\njne #5, no\nret #1\nno: ret #0",
        "ld [16]\njset #0x10, on, no\non: ld [16]\njset #0x3, on2, no\non2: ld [16]\njset #1, no, yes\nyes: ret #1\nno: ret #0",
        // Arithmetic.
        "ld [16]\nsub #100\njne #0x500, no\nret #1\nno: ret #0",
        "ld [16]\nrsh #4\nand #0xff\njne #0x42, no\nret #1\nno: ret #0",
        "ld [16]\nxor #0x55aa55aa\nneg\njne #9, no\nret #1\nno: ret #0",
        "ld [16]\ntax\nld #1\nlsh x\njne #0x4000, no\nret #1\nno: ret #0",
        // By memory and the index register.
        "ld [16]\nst M[3]\nldx M[3]\nld #1234\njne x, no\nret #1\nno: ret #0",
        // Division by what is 0 only here.
        "ld [16]\ntax\nld #1\ndiv x\nret #1",
        // A range.
        "ld [16]\njge #1000, on, no\non: jgt #1000, no, yes\nyes: ret #1\nno: ret #0",
    ] {
        assert_eq!(returned(text), (vec![0, 1], None), "{text}");
    }
}

#[test]
fn what_cannot_be_computed_back_is_undecided() {
    for (text, expected) in [
        (
            "ld [16]\ntax\nld [24]\nadd x\njne #5, no\nret #1\nno: ret #0",
            Undecided::Instruction { program: 0, pc: 4 },
        ),
        (
            "ld [16]\nmul #3\njne #5, no\nret #1\nno: ret #0",
            Undecided::Instruction { program: 0, pc: 2 },
        ),
        (
            "ld [16]\nand #6\njgt #4, yes, no\nyes: ret #1\nno: ret #0",
            Undecided::Word { offset: 16 },
        ),
    ] {
        assert_eq!(returned(text).1, Some(expected), "{text}");
    }
    assert!(returned("ld [16]\nret a").1.is_some());
}

/// A program of so many tests that lead nowhere else, and so twice as many paths with each; returns `value`.
pub(crate) fn many_ways(tests: u32, value: u32) -> Program {
    let mut text = String::new();
    for n in 0..tests {
        let (offset, bit) = (16 + 4 * (n % 12), 1_u32 << (n % 32));
        let _ = writeln!(text, "ld [{offset}]\njset #{bit}, to{n}\nto{n}:");
    }
    let _ = writeln!(text, "ret #{value}");
    assemble(&text).expect("valid")
}

/// Explores a program with an allowance until nothing is left to try or to spend.
fn explored(program: &Program, allowance: u64) -> Explorer<'_> {
    let mut explorer = Explorer::new(vec![program], allowance).of_one_number();
    explorer.push(SeccompData::new(0xc000_003e, 1));
    while let Some(data) = explorer.pop() {
        explorer.run(0, &data);
        let allowed = MOST_BYTES + 4096 * (size_of::<super::Flip>() + 32 * 4);
        assert!(explorer.flip_bytes <= allowed);
    }
    explorer
}

#[test]
fn more_paths_than_can_be_tried_end_with_what_may_be_spent() {
    for (tests, allowance) in [(25, 1 << 20), (800, 1 << 21), (2000, 1 << 21), (2000, 0)] {
        let program = many_ways(tests, 0x7fff_0000);
        let explorer = explored(&program, allowance);
        let tried = explorer.tried;
        assert_eq!(explorer.undecided(), Some(Undecided::TooMany { tried }));
        // The call that spends the last of it is run to its end: each test is an instruction, a load, a place, and a call.
        let most = allowance + u64::from(tests) * 48 + 48;
        assert!(explorer.spent() <= most, "{tests}: {}", explorer.spent());
        assert!(tried > 0 && explorer.seen.len() as u64 <= most);
    }
}

#[test]
fn paths_that_can_all_be_tried_are() {
    let program = many_ways(10, 0x7fff_0000);
    let explorer = explored(&program, 1 << 16);
    assert_eq!((explorer.tried, explorer.undecided()), (1 << 10, None));
}

/// Each shift by a word has 32 words that may lead to its value, and each of them had 32 again.
#[test]
fn shifts_one_after_the_other_do_not_multiply_what_is_tried() {
    let mut text = "ld [16]\n".to_owned();
    text += &"tax\nld #1\nlsh x\n".repeat(8);
    text += "jne #4, no\nret #1\nno: ret #0";
    let program = assemble(&text).expect("valid");
    assert!(explored(&program, 1 << 20).tried < 100);
    // So many steps that keeping them with each test would take more than the program.
    let mut text = "ld [16]\n".to_owned();
    text += &"add #1\n".repeat(1000);
    text += "jeq #5, no\nno: ret #0";
    let program = assemble(&text).expect("valid");
    let undecided = explored(&program, 1 << 20).undecided();
    let expected = Undecided::Instruction {
        program: 0,
        pc: 1001,
    };
    assert_eq!(undecided, Some(expected));
}
