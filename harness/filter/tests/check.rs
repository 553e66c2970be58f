//! The equivalence check finds what differs, and nothing where nothing does.

use harness_cbpf::{Action, Program, assemble};
use harness_filter::{
    Comparison, Counterexample, Decider, Options, compare, compare_of_abi, registry,
};
use harness_syscalls::{Abi, Arch, Table, TraceSet};

fn set(text: &str) -> TraceSet {
    TraceSet::parse(text, Table::current()).unwrap_or_else(|error| panic!("{error}"))
}

fn options(subcalls: bool) -> Options {
    Options {
        arch: Arch::X86,
        subcalls,
        ..Options::new(Action::Trace(1), Action::Allow)
    }
}

fn counterexample(left: Decider<'_>, right: Decider<'_>, table: &Table) -> Option<Counterexample> {
    match compare(left, right, table) {
        Comparison::Alike => None,
        Comparison::Different(found) => Some(found),
        Comparison::Undecided(why) => panic!("{why}"),
    }
}

#[test]
fn programs_of_one_set_are_equivalent_to_it_and_to_each_other() {
    for (text, subcalls) in [
        ("%ipc,connect", false),
        ("!%network", true),
        ("connect,semop", true),
    ] {
        let (set, options) = (set(text), options(subcalls));
        let programs: Vec<Program> = registry()
            .iter()
            .map(|compiler| compiler.compile(&set, &options).expect("compiles"))
            .collect();
        for program in &programs {
            let program = Decider::Program(program);
            for other in [Decider::Set(&set, &options), Decider::Program(&programs[0])] {
                let found = counterexample(program, other, Table::current());
                assert_eq!(found, None, "{text}");
            }
        }
    }
}

#[test]
fn a_difference_of_one_call_is_found() {
    let base = set("%network");
    for (text, abi, nr) in [
        ("%network,getppid@64", Abi::X86_64, 110),
        ("%network,getppid@32", Abi::I386, 64),
        ("%network,getppid@x32", Abi::X32, 110),
    ] {
        for compiler in registry() {
            let program = compiler
                .compile(&set(text), &options(false))
                .expect("compiles");
            let found = counterexample(
                Decider::Program(&program),
                Decider::Set(&base, &options(false)),
                Table::current(),
            )
            .unwrap_or_else(|| panic!("{} {text}: no difference found", compiler.name()));
            assert_eq!(Abi::of(found.data.arch, found.data.nr), Some((abi, nr)));
            assert_eq!(
                found.to_string(),
                format!("{abi} number {nr}: TRACE(0x1) against ALLOW")
            );
        }
    }
}

#[test]
fn differences_beyond_numbers_are_found() {
    const ALLOW: &str = "ret #0x7fff0000";
    for (text, what) in [
        (
            "ld [4]\njeq #0x40000028, x\nret #0x7fff0000\nx: ret #0",
            "a foreign architecture",
        ),
        (
            "ld [0]\njgt #0x12345678, x\nret #0x7fff0000\nx: ret #0",
            "a number beyond every table",
        ),
        (
            "ld [40]\njeq #77, x\nret #0x7fff0000\nx: ret #0",
            "an argument",
        ),
        (
            "ld [44]\njset #0x100, x\nret #0x7fff0000\nx: ret #0",
            "the upper half of an argument",
        ),
        (
            "ld [8]\njge #4096, x\nret #0x7fff0000\nx: ret #0",
            "the instruction pointer",
        ),
    ] {
        let (other, allow) = (assemble(text).expect(text), assemble(ALLOW).expect(ALLOW));
        let (other, allow) = (Decider::Program(&other), Decider::Program(&allow));
        let found = counterexample(allow, other, Table::current());
        assert!(found.is_some(), "{what}");
        let (left, right) = found
            .map(|found| (found.left, found.right))
            .unwrap_or_default();
        assert_eq!((left, right), (0x7fff_0000, 0), "{what}");
    }
}

/// `SECCOMP_RET_DATA` of ALLOW is not used, and all unknown actions kill.
#[test]
fn values_that_mean_the_same_are_no_difference() {
    for (one, other) in [
        ("ret #0x7fff0000", "ret #0x7fff0001"),
        ("ret #0xff000000", "ret #0xfe000000"),
        ("ret #0xff000000", "ret #0x80000000"),
        ("ret #0x0005ffff", "ret #0x00050fff"),
    ] {
        let (one, other) = (assemble(one).expect(one), assemble(other).expect(other));
        let (one, other) = (Decider::Program(&one), Decider::Program(&other));
        assert_eq!(counterexample(one, other, Table::current()), None);
    }
}

/// Numbers and arguments behind arithmetic, and arguments that count only together.
#[test]
fn differences_that_several_words_or_arithmetic_hide_are_found() {
    for text in [
        // socket(AF_INET, SOCK_RAW with any flags): two arguments together.
        "ld [0]\njne #41, no\nld [16]\njne #2, no\nld [24]\nand #0xf\njne #3, no\nret #0\nno: ret #0x7fff0000",
        // An argument of 64 bits equal to 0x500000007.
        "ld [16]\njne #7, no\nld [20]\njne #5, no\nret #0\nno: ret #0x7fff0000",
        // Arithmetic on the number.
        "ld [0]\nrsh #5\njne #777, no\nret #0\nno: ret #0x7fff0000",
        "ld [0]\nand #0xfff\njne #0xabc, no\nret #0\nno: ret #0x7fff0000",
        "ld [0]\nsub #123456\njne #654321, no\nret #0\nno: ret #0x7fff0000",
        // A foreign architecture's number and argument.
        "ld [4]\njne #0x40000028, no\nld [0]\njne #12345, no\nld [16]\njne #9, no\nret #0\nno: ret #0x7fff0000",
    ] {
        let (other, allow) = (
            assemble(text).expect(text),
            assemble("ret #0x7fff0000").expect("valid"),
        );
        let (other, allow) = (Decider::Program(&other), Decider::Program(&allow));
        assert_eq!(counterexample(other, other, Table::current()), None);
        let found = counterexample(allow, other, Table::current());
        assert!(found.is_some(), "{text}");
    }
}

#[test]
fn what_cannot_be_followed_is_never_said_to_be_equal() {
    let text = "ld [16]\ntax\nld [24]\nmul x\njne #0x12345, no\nret #0\nno: ret #0x7fff0000";
    let (other, allow) = (
        assemble(text).expect(text),
        assemble("ret #0x7fff0000").expect("valid"),
    );
    let (other, allow) = (Decider::Program(&other), Decider::Program(&allow));
    let found = compare(allow, other, Table::current());
    assert!(matches!(found, Comparison::Undecided(_)), "{found:?}");
}

/// What kills foreign architectures, as libseccomp's programs do, against what allows them.
#[test]
fn a_check_of_one_abi_leaves_the_others_out() {
    let text = "ld [4]\njne #0xc000003e, kill\nld [0]\njge #0x40000000, kill\njeq #1, no\nret #0x7fff0000\nno: ret #0x50001\nkill: ret #0x80000000";
    let other = "ld [0]\njeq #1, no\nret #0x7fff0000\nno: ret #0x50001";
    let (one, other) = (assemble(text).expect(text), assemble(other).expect(other));
    let (one, other) = (Decider::Program(&one), Decider::Program(&other));
    for abi in Abi::ALL {
        let alike = matches!(
            compare_of_abi(one, other, Table::current(), abi),
            Comparison::Alike
        );
        assert_eq!(alike, abi == Abi::X86_64, "{abi}");
        // Nothing but the ABI's calls is shown.
        if let Comparison::Different(found) = compare_of_abi(one, other, Table::current(), abi) {
            let found = Abi::of(found.data.arch, found.data.nr);
            assert_eq!(found.map(|(abi, _)| abi), Some(abi));
        }
    }
}
