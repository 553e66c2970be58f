//! What is found in programs whose branches are known, and what is left undecided.

use harness_cbpf::{Program, SeccompData, assemble};

use super::{Explorer, Undecided};

/// Every value that is returned for a number, and whether these are all.
fn returned(text: &str) -> (Vec<u32>, Option<Undecided>) {
    let program: Program = assemble(text).expect(text);
    let mut explorer = Explorer::new(vec![&program]).of_one_number();
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
