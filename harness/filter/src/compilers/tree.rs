//! A balanced binary search over runs of numbers that fare alike, by opcodes that the kernel's emulator knows.

use harness_cbpf::{Builder, Target};
use harness_syscalls::TraceSet;

use crate::Compiler;
use crate::interval::{Ends, Interval, Leaves, architectures, foreign, intervals, search};
use crate::options::Options;

pub(crate) struct Tree;

impl Compiler for Tree {
    fn name(&self) -> &'static str {
        "tree"
    }

    fn summary(&self) -> &'static str {
        "balanced binary search over runs; every allowed call can be cached"
    }

    fn emit(&self, set: &TraceSet, options: &Options, builder: &mut Builder) {
        let leaves = Leaves::new(builder);
        let foreign = foreign(set);
        let abis = architectures(options.arch);
        let parts: Vec<Vec<Interval>> = abis
            .iter()
            .map(|&abi| intervals(set, options, abi))
            .collect();
        let searches: Vec<_> = abis.iter().map(|_| builder.label()).collect();
        builder.ld_arch();
        for (at, (abi, parts)) in abis.iter().zip(&parts).enumerate() {
            let other = if at + 1 == abis.len() {
                leaves.label(foreign).into()
            } else {
                Target::Next
            };
            let own = match parts.as_slice() {
                [only] => leaves.label(only.decision),
                _ => searches[at],
            };
            builder.jeq(abi.audit_arch(), own, other);
        }
        for (parts, &label) in parts.iter().zip(&searches) {
            if parts.len() > 1 {
                builder.bind(label).ld_nr();
                search(parts, Ends::Balanced, &leaves, builder);
            }
        }
        let used = |decision| {
            decision == foreign || parts.iter().flatten().any(|part| part.decision == decision)
        };
        leaves.write(set, options, used, builder);
    }
}
