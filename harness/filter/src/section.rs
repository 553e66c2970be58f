//! What strace's program shapes have in common: a section an ABI, each with its own two returns.

use std::ops::Range;

use harness_cbpf::{Builder, Label, Target, code, offset};
use harness_syscalls::{Abi, Multiplexer, TraceSet, X32_SYSCALL_BIT};

use crate::options::Options;

/// The part of a program that handles one ABI. At its start the accumulator holds the number.
pub(crate) struct Section<'a> {
    pub(crate) abi: Abi,
    pub(crate) set: &'a TraceSet,
    pub(crate) options: &'a Options,
    /// The return for calls in the set.
    pub(crate) matched: Label,
    /// The return for the others.
    pub(crate) unmatched: Label,
}

/// Writes the sections of every ABI; `body` tests the number in the accumulator and falls through where it knows
/// nothing of it. The section returns the matched action there if `fall_through` says so.
pub(crate) fn sections(
    set: &TraceSet,
    options: &Options,
    builder: &mut Builder,
    fall_through: impl Fn(&Section<'_>) -> bool,
    body: impl Fn(&Section<'_>, &mut Builder),
) {
    builder.ld_arch();
    for &abi in options.arch.abis() {
        let next = builder.label();
        builder.jeq(abi.audit_arch(), Target::Next, next).ld_nr();
        if abi == Abi::X32 {
            let x32 = builder.label();
            builder.jge(X32_SYSCALL_BIT, x32, Target::Next);
            builder.ld_arch().ja(next).bind(x32);
        }
        let section = Section {
            abi,
            set,
            options,
            matched: builder.label(),
            unmatched: builder.label(),
        };
        let subcalls = section.dispatch_subcalls(builder);
        body(&section, builder);
        if fall_through(&section) {
            section.ret_matched(builder);
            section.ret_unmatched(builder);
        } else {
            section.ret_unmatched(builder);
            section.ret_matched(builder);
        }
        for (multiplexer, label) in subcalls {
            builder.bind(label);
            write_subcalls(set, options, multiplexer, builder);
        }
        builder.bind(next);
    }
    builder.ret(if options.as_strace() || set.contains_unknown() {
        options.matched
    } else {
        options.unmatched
    });
}

impl Section<'_> {
    fn ret_matched(&self, builder: &mut Builder) {
        builder.bind(self.matched).ret(self.options.matched);
    }

    fn ret_unmatched(&self, builder: &mut Builder) {
        builder.bind(self.unmatched).ret(self.options.unmatched);
    }

    /// Where a decision leads.
    pub(crate) fn to(&self, traced: bool) -> Label {
        if traced { self.matched } else { self.unmatched }
    }

    /// Whether a number is in the set; beyond the table, strace's own bit arrays say no.
    pub(crate) fn traced(&self, nr: u32) -> bool {
        self.set.contains(self.abi, nr) && (!self.options.as_strace() || nr < self.size())
    }

    /// The first number beyond the table.
    pub(crate) fn size(&self) -> u32 {
        self.set.table().size(self.abi)
    }

    /// Maximal runs of consecutive traced numbers of the table.
    pub(crate) fn runs(&self) -> Vec<Range<u32>> {
        let mut runs: Vec<Range<u32>> = Vec::new();
        for nr in self.set.numbers(self.abi) {
            match runs.last_mut() {
                Some(run) if run.end == nr => run.end += 1,
                _ => runs.push(nr..nr + 1),
            }
        }
        runs
    }

    /// Sends the multiplexers whose calls are not all decided alike to code of their own, which is to be bound to the
    /// labels.
    fn dispatch_subcalls(&self, builder: &mut Builder) -> Vec<(Multiplexer, Label)> {
        if self.abi != Abi::I386 || !self.options.subcalls {
            return Vec::new();
        }
        let mut labels = Vec::new();
        for multiplexer in Multiplexer::ALL {
            if self.set.subcall_exceptions(multiplexer).next().is_some() {
                let label = builder.label();
                builder.jeq(multiplexer.nr(), label, Target::Next);
                labels.push((multiplexer, label));
            }
        }
        labels
    }
}

/// Tells the calls of a multiplexer apart by the first argument, and returns.
pub(crate) fn write_subcalls(
    set: &TraceSet,
    options: &Options,
    multiplexer: Multiplexer,
    builder: &mut Builder,
) {
    builder.statement(code::LD_ABS, offset::argument_low(0));
    if multiplexer.call_mask() != u32::MAX {
        builder.statement(code::AND_K, multiplexer.call_mask());
    }
    let exception = builder.label();
    for call in set.subcall_exceptions(multiplexer) {
        builder.jeq(call, exception, Target::Next);
    }
    let (rule, other) = if set.contains(Abi::I386, multiplexer.nr()) {
        (options.matched, options.unmatched)
    } else {
        (options.unmatched, options.matched)
    };
    builder.ret(rule).bind(exception).ret(other);
}
