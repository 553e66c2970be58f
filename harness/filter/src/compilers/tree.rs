//! A balanced binary search over runs of numbers that fare alike, by opcodes that the kernel's emulator knows.

use harness_cbpf::{Builder, Target};
use harness_syscalls::{Abi, TraceSet};

use crate::Compiler;
use crate::interval::{
    Ends, Interval, Leaves, architectures, as_foreign, foreign, intervals, search,
};
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
        // An architecture that fares as foreign ones do needs no test.
        let tested: Vec<(Abi, Vec<Interval>)> = architectures(options.arch)
            .iter()
            .map(|&abi| (abi, intervals(set, options, abi)))
            .filter(|(_, parts)| !as_foreign(set, parts))
            .collect();
        let otherwise = foreign(set);
        if !tested.is_empty() {
            builder.ld_arch();
        }
        let mut searches = Vec::new();
        for (at, (abi, parts)) in tested.iter().enumerate() {
            let other = if at + 1 == tested.len() {
                leaves.label(otherwise).into()
            } else {
                Target::Next
            };
            let own = if let [only] = parts.as_slice() {
                leaves.label(only.decision)
            } else {
                let label = builder.label();
                searches.push((label, parts));
                label
            };
            builder.jeq(abi.audit_arch(), own, other);
        }
        for (label, parts) in searches {
            builder.bind(label).ld_nr();
            search(parts, Ends::Balanced, &leaves, builder);
        }
        let used = |decision| {
            decision == otherwise
                || tested
                    .iter()
                    .flat_map(|(_, parts)| parts)
                    .any(|part| part.decision == decision)
        };
        leaves.write(set, options, used, builder);
    }
}
