//! What other tools write is read as the program they were given; `data/README.md` says how it was made.

use harness_cbpf::{Program, assemble, code};
use std::fmt::Write as _;

#[test]
fn listings_by_other_tools_are_read_whole() {
    for (bytes, length, listings) in [
        (
            &include_bytes!("data/scmp-short.bpf")[..],
            23,
            [
                include_str!("data/scmp-short.txt"),
                include_str!("data/seccomp-tools-short.txt"),
            ],
        ),
        (
            include_bytes!("data/scmp-long.bpf"),
            214,
            [
                include_str!("data/scmp-long.txt"),
                include_str!("data/seccomp-tools-long.txt"),
            ],
        ),
    ] {
        let program = Program::from_bytes(bytes).expect("libseccomp's");
        assert_eq!(program.len(), length);
        for listing in listings {
            let read = assemble(listing).unwrap_or_else(|error| panic!("{error}\n{listing}"));
            assert_eq!(read, program, "{listing}");
        }
    }
}

/// Every length up to that at which line numbers have four digits that differ from zero, by the format of both tools.
#[test]
fn a_listing_may_have_as_many_lines_as_a_program() {
    for length in (1..=120).chain([1000, 4096]) {
        let mut text = String::from(" line  OP   JT   JF   K\n=================================\n");
        for pc in 0..length - 1 {
            let _ = writeln!(text, " {pc:04}: 0x20 0x00 0x00 0x00000000   ld  $data[0]");
        }
        let last = length - 1;
        let _ = writeln!(text, " {last:04}: 0x06 0x00 0x00 0x7fff0000   ret ALLOW");
        let program = assemble(&text).unwrap_or_else(|error| panic!("{length}: {error}"));
        assert_eq!(program.len(), length);
    }
    let error = assemble(" 0000: 0x20 0 0 0\n 0010: 0x06 0 0 0").expect_err("instruction 1 is due");
    let expected =
        "line 2, column 2: this line is numbered 10, but instruction 1 is due: is a line missing?";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn the_filter_is_read_out_of_straces_debugging_output() {
    let text = include_str!("data/strace-debug.txt");
    let program = assemble(text).unwrap_or_else(|error| panic!("{error}"));
    // The published length of strace 6.1's program for this set.
    assert_eq!(program.len(), 179);
    let shifts = program
        .instructions()
        .iter()
        .filter(|insn| insn.code == code::LSH_X);
    assert_eq!(shifts.count(), 3, "one an ABI");
    let broken = text.replace("STMT(BPF_TAX)", "STMT(BPF_WHAT, 1)");
    let error = assemble(&broken)
        .expect_err("no such instruction")
        .to_string();
    assert!(
        error.contains("'STMT(BPF_WHAT, 1)' is no instruction"),
        "{error}"
    );
    let line = 1 + broken
        .lines()
        .take_while(|line| !line.contains("BPF_WHAT"))
        .count();
    assert!(error.starts_with(&format!("line {line}, ")), "{error}");
}
