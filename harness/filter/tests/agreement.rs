//! Every compiler's program decides as the reference evaluator does, for every call.

use harness_cbpf::{Action, Op, SeccompData, run};
use harness_filter::{Options, find, reference, registry};
use harness_syscalls::{Abi, Arch, Multiplexer, Table, TraceSet, X32_SYSCALL_BIT};
use proptest::prelude::*;

const SETS: [&str; 20] = [
    "none",
    "all",
    "ptrace",
    "!ptrace",
    "%desc",
    "%file",
    "%fstat",
    "%ipc",
    "!%ipc",
    "%lstat",
    "%memory,%ipc,%pure,%signal,%network",
    "connect",
    "!connect",
    "%network",
    "%process",
    "%signal",
    "read,write",
    "socketcall,connect",
    "!semop,bind",
    "/a",
];

fn set(text: &str) -> TraceSet {
    TraceSet::parse(text, Table::current()).unwrap_or_else(|error| panic!("{error}"))
}

/// Numbers around everything a program compares with, and far beyond.
fn numbers() -> impl Iterator<Item = u32> {
    let edges = [
        0x3fff_ffff,
        0x7fff_ffff,
        0x8000_0000,
        0xbfff_ffff,
        u32::MAX - 1,
        u32::MAX,
    ];
    (0..700)
        .chain((0..700).map(|nr| nr | X32_SYSCALL_BIT))
        .chain((0..32).map(|bit| 1 << bit))
        .chain(edges)
}

const ARCHITECTURES: [u32; 6] = [
    Abi::X86_64.audit_arch(),
    Abi::I386.audit_arch(),
    Abi::Aarch64.audit_arch(),
    0x4000_0028, // AUDIT_ARCH_ARM
    0,
    u32::MAX,
];

/// First arguments at the boundaries of what tells subcalls apart.
fn arguments(nr: u32) -> Vec<u64> {
    match Multiplexer::of(nr) {
        None => vec![0],
        Some(_) => (0..40)
            .chain([0xffff, 1 << 16, (1 << 16) + 1, 0xffff_ffff])
            .chain([1 << 32, (1 << 32) + 3, u64::MAX])
            .collect(),
    }
}

fn agrees(name: &str, set: &TraceSet, options: &Options) {
    let compiler = find(name).expect("registered");
    let program = compiler
        .compile(set, options)
        .unwrap_or_else(|error| panic!("{error}"));
    for arch in ARCHITECTURES {
        let own = options
            .arch
            .abis()
            .iter()
            .any(|abi| abi.audit_arch() == arch);
        // A foreign architecture has no numbers of its own.
        for nr in numbers().step_by(if own { 1 } else { 29 }) {
            for argument in arguments(nr) {
                let data = SeccompData {
                    args: [argument, 0, 0, 0, 0, 0],
                    ..SeccompData::new(arch, nr)
                };
                let found = run(&program, &data).action();
                let expected = reference(set, options, &data);
                assert_eq!(
                    found,
                    Some(expected),
                    "{name} '{set}' {options:?} {arch:#x} {nr:#x} {argument:#x}"
                );
            }
        }
    }
}

fn every_option() -> impl Iterator<Item = Options> {
    [Arch::X86, Arch::Aarch64].into_iter().flat_map(|arch| {
        [false, true].map(|subcalls| Options {
            arch,
            subcalls,
            ..Options::new(Action::Trace(0x5ec), Action::Allow)
        })
    })
}

#[test]
fn programs_decide_as_the_reference_on_the_published_sets() {
    for compiler in registry() {
        for text in SETS {
            for options in every_option() {
                agrees(compiler.name(), &set(text), &options);
            }
        }
    }
}

/// The compilers whose programs are as short as they can be made; the others have the shapes of their models.
#[test]
fn no_test_goes_the_same_way_whatever_it_finds() {
    for name in ["tree", "optimal"] {
        let compiler = find(name).expect("registered");
        for text in SETS {
            for options in every_option() {
                let program = compiler.compile(&set(text), &options).expect("compiles");
                for op in program.ops() {
                    let idle = matches!(op, Op::Branch { jt, jf, .. } if jt == jf);
                    assert!(!idle, "{name} '{text}' {options:?}: {op:?}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn programs_decide_as_the_reference_on_random_sets(
        names in prop::collection::vec(prop::sample::select(all_names()), 1..120),
        negated: bool,
        subcalls: bool,
        compiler in 0..registry().len(),
    ) {
        let text = format!("{}{}", if negated { "!" } else { "" }, names.join(","));
        let options = Options {
            arch: Arch::X86,
            subcalls,
            ..Options::new(Action::Errno(1), Action::Allow)
        };
        agrees(registry()[compiler].name(), &set(&text), &options);
    }
}

/// Names of every ABI, subcalls too.
fn all_names() -> Vec<&'static str> {
    let table = Table::current();
    let mut names: Vec<&str> = Abi::ALL
        .into_iter()
        .flat_map(|abi| table.calls(abi).map(|call| call.name))
        .chain(
            Multiplexer::ALL
                .into_iter()
                .flat_map(|of| table.subcalls(of).iter().map(|call| call.name)),
        )
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
