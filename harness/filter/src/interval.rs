//! What a set decides, as intervals over every number that an architecture can report.

use harness_cbpf::{Builder, Label, Target};
use harness_syscalls::{Abi, Arch, Multiplexer, TraceSet, X32_SYSCALL_BIT};

use crate::options::Options;
use crate::section::write_subcalls;

/// What becomes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Decision {
    Matched,
    Unmatched,
    /// Its first argument decides.
    Subcalls(Multiplexer),
}

/// Consecutive numbers that fare alike: up to the start of the next interval, the last one to 2³²−1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) start: u32,
    pub(crate) decision: Decision,
}

/// The ABIs that have an `AUDIT_ARCH_*` of their own, the native one first; x32 is part of x86-64.
pub(crate) fn architectures(arch: Arch) -> &'static [Abi] {
    match arch {
        Arch::X86 => &[Abi::X86_64, Abi::I386],
        Arch::Aarch64 => &[Abi::Aarch64],
    }
}

/// What becomes of a call of a foreign architecture.
pub(crate) fn foreign(set: &TraceSet) -> Decision {
    if set.contains_unknown() {
        Decision::Matched
    } else {
        Decision::Unmatched
    }
}

/// Whether every number of these intervals fares as those of foreign architectures do, so that the architecture need not
/// be told from them.
pub(crate) fn as_foreign(set: &TraceSet, parts: &[Interval]) -> bool {
    matches!(parts, [only] if only.decision == foreign(set))
}

/// Maximal intervals over all numbers of `abi`'s architecture.
pub(crate) fn intervals(set: &TraceSet, options: &Options, abi: Abi) -> Vec<Interval> {
    let mut intervals: Vec<Interval> = Vec::new();
    let mut add = |abi: Abi| {
        // The first number beyond the table stands for all behind it.
        for nr in 0..=set.table().size(abi) {
            let decision = decide(set, options, abi, nr);
            if intervals
                .last()
                .is_none_or(|last| last.decision != decision)
            {
                let start = abi.raw_number(nr);
                intervals.push(Interval { start, decision });
            }
        }
    };
    add(abi);
    if abi == Abi::X86_64 {
        add(Abi::X32);
    }
    intervals
}

fn decide(set: &TraceSet, options: &Options, abi: Abi, nr: u32) -> Decision {
    let whole = if set.contains(abi, nr) {
        Decision::Matched
    } else {
        Decision::Unmatched
    };
    match Multiplexer::of(nr) {
        Some(multiplexer)
            if abi == Abi::I386
                && options.subcalls
                && set.subcall_exceptions(multiplexer).next().is_some() =>
        {
            Decision::Subcalls(multiplexer)
        }
        _ => whole,
    }
}

/// The part of `intervals` from `start` on.
pub(crate) fn from(intervals: &[Interval], start: u32) -> Vec<Interval> {
    let first = intervals.partition_point(|interval| interval.start <= start) - 1;
    let mut part = intervals[first..].to_vec();
    part[0].start = start;
    part
}

/// Where x32's numbers start among those of x86-64's architecture.
pub(crate) const X32_START: u32 = X32_SYSCALL_BIT;

/// Where each decision leads: labels that [`Leaves::write`] puts at the end of the program.
pub(crate) struct Leaves {
    matched: Label,
    unmatched: Label,
    subcalls: [Label; 2],
}

impl Leaves {
    pub(crate) fn new(builder: &mut Builder) -> Self {
        Self {
            matched: builder.label(),
            unmatched: builder.label(),
            subcalls: [builder.label(), builder.label()],
        }
    }

    pub(crate) fn label(&self, decision: Decision) -> Label {
        match decision {
            Decision::Matched => self.matched,
            Decision::Unmatched => self.unmatched,
            Decision::Subcalls(multiplexer) => self.subcalls[multiplexer as usize],
        }
    }

    /// Writes what the labels stand for, as far as `used` has it.
    pub(crate) fn write(
        &self,
        set: &TraceSet,
        options: &Options,
        used: impl Fn(Decision) -> bool,
        builder: &mut Builder,
    ) {
        for multiplexer in Multiplexer::ALL {
            let decision = Decision::Subcalls(multiplexer);
            if used(decision) {
                builder.bind(self.label(decision));
                write_subcalls(set, options, multiplexer, builder);
            }
        }
        if used(Decision::Unmatched) {
            builder.bind(self.unmatched).ret(options.unmatched);
        }
        if used(Decision::Matched) {
            builder.bind(self.matched).ret(options.matched);
        }
    }
}

/// How many tests in a row stand at the ends of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// One: the search is as balanced as can be.
    Balanced,
    /// Up to four, which saves the tests that only divide.
    Short,
}

/// Writes a binary search for the number in the accumulator. One interval needs none: the caller goes to its leaf.
pub(crate) fn search(parts: &[Interval], ends: Ends, leaves: &Leaves, builder: &mut Builder) {
    let most = match ends {
        Ends::Balanced => 1,
        Ends::Short => 4,
    };
    if ladder_tests(parts) <= most {
        ladder(parts, leaves, builder);
        return;
    }
    let (below, above) = parts.split_at(parts.len() / 2);
    let target = |part: &[Interval], builder: &mut Builder| match part {
        [only] => (leaves.label(only.decision), false),
        _ => (builder.label(), true),
    };
    let (above_label, above_follows) = target(above, builder);
    let (below_label, below_follows) = target(below, builder);
    builder.jge(above[0].start, above_label, below_label);
    for (part, label, follows) in [
        (below, below_label, below_follows),
        (above, above_label, above_follows),
    ] {
        if follows {
            builder.bind(label);
            search(part, ends, leaves, builder);
        }
    }
}

/// Whether the second of three intervals is one number that differs from both its neighbours alike.
fn is_exception(first: Interval, middle: Interval, last: Interval) -> bool {
    first.decision == last.decision && middle.start + 1 == last.start
}

/// How many tests [`ladder`] takes.
fn ladder_tests(mut parts: &[Interval]) -> usize {
    let mut tests = 0;
    while parts.len() > 1 {
        parts = match *parts {
            [a, b, c, ..] if is_exception(a, b, c) => &parts[2..],
            _ => &parts[1..],
        };
        tests += 1;
    }
    tests
}

/// Tests from the lowest interval up: a number that stands alone by equality, the rest by their upper ends.
fn ladder(mut parts: &[Interval], leaves: &Leaves, builder: &mut Builder) {
    while let [first, second, ..] = *parts {
        let exception = matches!(*parts, [a, b, c, ..] if is_exception(a, b, c));
        parts = &parts[if exception { 2 } else { 1 }..];
        let on = match parts {
            [last] => Target::Label(leaves.label(last.decision)),
            _ => Target::Next,
        };
        if exception {
            builder.jeq(second.start, leaves.label(second.decision), on);
        } else {
            builder.jge(second.start, on, leaves.label(first.decision));
        }
    }
}
