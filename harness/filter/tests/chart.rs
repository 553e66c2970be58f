//! The published chart of program lengths, and what strace 5.4 ships, exactly.

use harness_filter::{Options, find};
use harness_syscalls::{Table, TraceSet};

/// Read off the vector graphic of the slide "cBPF algorithms" of *strace --seccomp-bpf: a look under the hood*
/// (P. Chaignon, FOSDEM 2020); the last column is the binary match of strace 5.4 itself, which does not merge words.
const CHART: [(&str, usize, usize, usize); 10] = [
    ("none", 36, 84, 110),
    ("ptrace", 39, 88, 112),
    ("!ptrace", 32, 66, 102),
    ("%desc", 239, 172, 172),
    ("%file", 173, 172, 172),
    ("%fstat", 44, 107, 122),
    ("%ipc", 49, 111, 126),
    ("!%ipc", 42, 87, 112),
    ("%lstat", 41, 96, 118),
    ("%memory,%ipc,%pure,%signal,%network", 193, 176, 176),
];

fn length(compiler: &str, set: &str) -> usize {
    let table = Table::named("strace-5.4").expect("named");
    let set = TraceSet::parse(set, table)
        .expect("parses")
        .with_always_traced();
    let compiler = find(compiler).expect("registered");
    compiler
        .compile(&set, &Options::strace())
        .expect("compiles")
        .len()
}

#[test]
fn lengths_are_those_of_the_published_chart() {
    for (set, linear, merged, bitmap) in CHART {
        let found = ["linear", "bitmap-merged", "bitmap"].map(|name| length(name, set));
        assert_eq!(found, [linear, merged, bitmap], "{set}");
    }
}
