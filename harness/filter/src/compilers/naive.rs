//! One test for each traced number, the shape that suggests itself first.

use harness_cbpf::{Builder, Target};
use harness_syscalls::TraceSet;

use crate::Compiler;
use crate::options::Options;
use crate::section::sections;

pub(crate) struct Naive;

impl Compiler for Naive {
    fn name(&self) -> &'static str {
        "naive"
    }

    fn summary(&self) -> &'static str {
        "one jeq for each number in the set"
    }

    fn emit(&self, set: &TraceSet, options: &Options, builder: &mut Builder) {
        sections(
            set,
            options,
            builder,
            |_| false,
            |section, builder| {
                let raw = |nr| section.abi.raw_number(nr);
                for nr in set.numbers(section.abi) {
                    builder.jeq(raw(nr), section.matched, Target::Next);
                }
                if set.contains_unknown() {
                    builder.jge(raw(section.size()), section.matched, Target::Next);
                }
            },
        );
    }
}
