//! The published chart of program lengths, what strace 5.4 ships, and the costs beside them.

use harness_cbpf::{Action, assemble};
use harness_filter::{ChartError, Options, Profile, TALK_SETS, chart, cost, find, registry};
use harness_syscalls::{Abi, Arch, Table};
use std::fmt::Write;

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
        let cacheable: Vec<bool> = rows.iter().map(|row| row.cacheable.is_all()).collect();
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
            assert!(optimal.cacheable.is_all(), "{optimal:?}");
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

/// A profile of few calls, which weights for calls that it lacks must not drown.
#[test]
fn optimal_is_worst_of_none_on_the_mean_of_its_own_profile() {
    let named: Vec<_> = Table::current().calls(Abi::X86_64).collect();
    let mut seed = 1_u64;
    let mut random = move || {
        // Knuth's MMIX generator.
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).expect("31 bits")
    };
    for set in ["%ipc", "%memory,ptrace", "!%network", "%fstat"] {
        for _ in 0..4 {
            let mut csv = "syscall,calls\n".to_owned();
            for _ in 0..=random() % 4 {
                let call = named[random() % named.len()];
                let _ = writeln!(csv, "{},{}", call.name, 1 + random() % 9);
            }
            let profile = Profile::parse(&csv, Table::current()).expect("valid");
            let options = Options {
                arch: Arch::X86,
                profile: Some(profile),
                ..Options::new(Action::Trace(0), Action::Allow)
            };
            let rows = chart(&[set], Table::current(), registry(), &options).expect("a chart");
            let mean = |name| {
                let row = rows.iter().find(|row| row.compiler == name);
                row.expect("every compiler").mean_executed
            };
            for other in ["tree", "linear"] {
                assert!(
                    mean("optimal") <= mean(other),
                    "{set}, {csv}: {} and {other} {}",
                    mean("optimal"),
                    mean(other)
                );
            }
        }
    }
}

#[test]
fn means_are_right_for_any_number_of_calls_and_refused_for_none() {
    let options = |csv| Options {
        profile: Some(Profile::parse(csv, Table::current()).expect("valid")),
        ..Options::new(Action::Trace(0), Action::Allow)
    };
    let charted = |csv| chart(&["none"], Table::current(), registry(), &options(csv));
    let rows = charted("syscall,calls\nread,18446744073709551615\n").expect("a chart");
    assert!((rows[1].mean_executed - 11.0).abs() < 1e-9, "{:?}", rows[1]);
    for csv in ["syscall,calls\nread,0\n", "syscall,calls\nsocketcall,5\n"] {
        assert_eq!(charted(csv), Err(ChartError::NoCalls(Abi::X86_64)));
    }
}

/// A program for a longer table compares numbers that are beyond this one.
#[test]
fn the_worst_is_over_the_programs_own_constants_too() {
    let program = assemble(
        "ld [0]
         jeq #4000, long
         ret #0x7fff0000
         long: ld [0]
         ld [0]
         ld [0]
         ret #0",
    )
    .expect("valid");
    let (_, worst) = cost(&program, Table::current(), Arch::X86, None);
    assert_eq!(worst, 6);
}
