//! The published chart of program lengths, what strace 5.4 ships, and the costs beside them.

use harness_cbpf::{Action, assemble};
use harness_filter::{Options, Profile, TALK_SETS, chart, cost, find, registry};
use harness_syscalls::{Abi, Arch, Table};

/// Read off the vector graphic of the slide "cBPF algorithms" of *strace --seccomp-bpf: a look under the hood*
/// (P. Chaignon, FOSDEM 2020), in the order of [`TALK_SETS`]; the last column is the binary match of strace 5.4 itself,
/// which does not merge words.
const LENGTHS: [[usize; 3]; 10] = [
    [36, 84, 110],
    [39, 88, 112],
    [32, 66, 102],
    [239, 172, 172],
    [173, 172, 172],
    [44, 107, 122],
    [49, 111, 126],
    [42, 87, 112],
    [41, 96, 118],
    [193, 176, 176],
];

fn options(profile: Option<Profile>) -> Options {
    Options {
        arch: Arch::X86,
        profile,
        ..Options::new(Action::Trace(0), Action::Allow)
    }
}

#[test]
fn lengths_are_those_of_the_published_chart() {
    let table = Table::named("strace-5.4").expect("named");
    let compilers =
        ["linear", "bitmap-merged", "bitmap"].map(|name| find(name).expect("registered"));
    let rows = chart(&TALK_SETS, table, &compilers, &options(None)).expect("charted");
    for (rows, expected) in rows.chunks(3).zip(LENGTHS) {
        let found: Vec<usize> = rows.iter().map(|row| row.instructions).collect();
        assert_eq!(found, expected, "{}", rows[0].set);
        let cacheable: Vec<bool> = rows.iter().map(|row| row.cacheable).collect();
        assert_eq!(cacheable, [true, false, false], "{}", rows[0].set);
    }
}

#[test]
fn optimal_executes_least_on_every_published_set() {
    for profile in [Some(Profile::kernel_build()), None] {
        let options = options(profile);
        for set in TALK_SETS {
            let rows = chart(&[set], Table::current(), registry(), &options).expect("charted");
            let optimal = rows
                .iter()
                .find(|row| row.compiler == "optimal")
                .expect("a row each");
            assert!(optimal.cacheable, "{optimal:?}");
            for row in &rows {
                assert!(optimal.mean_executed <= row.mean_executed, "{set}: {row:?}");
            }
        }
    }
}

#[test]
fn costs_are_counted_by_hand() {
    // x86_64 takes 6 instructions, its read 7, x32 6, everything else 3.
    let program = assemble(
        "ld [4]
         jne #0xc000003e, other
         ld [0]
         jset #0x40000000, x32
         jeq #0, read
         ret #0
         read: neg
         ret #0
         x32: neg
         other: ret #0x7fff0000",
    )
    .expect("valid");
    let table = Table::current();
    let calls = table.calls(Abi::X86_64).count() as f64;
    let (mean, worst) = cost(&program, table, Arch::X86, None);
    assert!(
        (mean - (6.0 + 1.0 / calls)).abs() < 1e-9 && worst == 7,
        "{mean} {worst}"
    );
    assert_eq!(cost(&program, table, Arch::Aarch64, None), (3.0, 3));
    let profile = Profile::parse("syscall,calls\nread,3\nwrite,1\n", table).expect("valid");
    assert_eq!(cost(&program, table, Arch::X86, Some(&profile)), (6.75, 7));
}
