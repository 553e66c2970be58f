//! Bit arrays of 32 numbers each, searched word by word: strace's second generator, "binary match".

use harness_cbpf::{Builder, Target, code};
use harness_syscalls::{Abi, TraceSet, X32_SYSCALL_BIT};

use crate::Compiler;
use crate::options::Options;
use crate::section::{Section, sections};

pub(crate) struct Bitmap;

impl Compiler for Bitmap {
    fn name(&self) -> &'static str {
        "bitmap"
    }

    fn summary(&self) -> &'static str {
        "32-number bit arrays, searched word by word (strace's binary match)"
    }

    fn emit(&self, set: &TraceSet, options: &Options, builder: &mut Builder) {
        sections(
            set,
            options,
            builder,
            falls_to_matched,
            |section, builder| {
                load(section.abi, builder);
                for (index, word) in (0..).zip(words(section)) {
                    test(section, index, word, builder);
                }
            },
        );
    }
}

/// Behind the last word stands what decides on numbers beyond the table.
pub(crate) fn falls_to_matched(section: &Section<'_>) -> bool {
    section.set.contains_unknown() && !section.options.as_strace()
}

/// Puts `1 << (nr % 32)` into X and `nr / 32` into the accumulator.
pub(crate) fn load(abi: Abi, builder: &mut Builder) {
    let strip = |builder: &mut Builder| {
        if abi == Abi::X32 {
            builder.statement(code::AND_K, !X32_SYSCALL_BIT);
        }
    };
    strip(builder);
    builder.statement(code::AND_K, u32::BITS - 1);
    builder.statement(code::TAX, 0);
    builder.statement(code::LD_IMM, 1);
    builder.statement(code::LSH_X, 0);
    builder.statement(code::TAX, 0);
    builder.ld_nr();
    strip(builder);
    builder.statement(code::RSH_K, u32::BITS.ilog2());
}

/// The set's bits for the numbers of the table.
pub(crate) fn words(section: &Section<'_>) -> impl Iterator<Item = u32> {
    (0..section.size()).step_by(32).map(|first| {
        (0..u32::BITS)
            .filter(|bit| section.traced(first + bit))
            .fold(0, |word, bit| word | 1 << bit)
    })
}

/// Decides if the accumulator is `index`, otherwise goes on.
pub(crate) fn test(section: &Section<'_>, index: u32, word: u32, builder: &mut Builder) {
    if word == 0 || word == u32::MAX {
        builder.jeq(index, section.to(word != 0), Target::Next);
        return;
    }
    let next = builder.label();
    builder.jeq(index, Target::Next, next);
    builder.statement(code::TXA, 0);
    builder.branch(code::JSET_K, word, section.matched, section.unmatched);
    builder.bind(next);
}
