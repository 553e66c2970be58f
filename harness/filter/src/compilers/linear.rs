//! The traced numbers one after another, consecutive ones as a range: strace's first generator.

use harness_cbpf::{Builder, Target};
use harness_syscalls::TraceSet;

use crate::Compiler;
use crate::options::Options;
use crate::section::{Section, sections};

pub(crate) struct Linear;

impl Compiler for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn summary(&self) -> &'static str {
        "one test for a number, two for a range of them (strace's linear)"
    }

    fn emit(&self, set: &TraceSet, options: &Options, builder: &mut Builder) {
        sections(set, options, builder, |_| false, body);
    }
}

fn body(section: &Section<'_>, builder: &mut Builder) {
    let raw = |nr| section.abi.raw_number(nr);
    for run in section.runs() {
        if run.len() == 1 {
            builder.jeq(raw(run.start), section.matched, Target::Next);
        } else {
            let below = builder.label();
            builder.jge(raw(run.start), Target::Next, below);
            builder.jge(raw(run.end), Target::Next, section.matched);
            builder.bind(below);
        }
    }
    // strace traces what it does not know; a set decides for itself.
    let unknown = section.options.as_strace() || section.set.contains_unknown();
    builder.jge(raw(section.size()), section.to(unknown), Target::Next);
}
