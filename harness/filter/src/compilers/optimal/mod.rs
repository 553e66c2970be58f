//! Few expected instructions for given numbers of calls: the tests that `plan` chooses.
//!
//! The number is tested before the architecture: where it decides alone, because every ABI treats it alike, the
//! architecture is never loaded. Every other way ends with one test of the architecture, after which the 64-bit ABI of the machine is
//! done; the other ABIs have searches of their own, made short rather than fast.
//!
//! How often each number is called comes from [`Options::profile`], without which every named call of the 64-bit ABI
//! counts alike.

mod plan;

use harness_cbpf::{Builder, Label, Target, code};
use harness_syscalls::{Abi, Arch, TraceSet};

use crate::Compiler;
use crate::interval::{
    Decision, Ends, Interval, Leaves, X32_START, architectures, foreign, from, intervals, search,
};
use crate::options::Options;
use plan::{Key, Leaf, Node};

pub(crate) struct Optimal;

impl Compiler for Optimal {
    fn name(&self) -> &'static str {
        "optimal"
    }

    fn summary(&self) -> &'static str {
        "tests chosen for few expected instructions, by a profile of calls; every allowed call can be cached"
    }

    fn emit(&self, set: &TraceSet, options: &Options, builder: &mut Builder) {
        let native = options.arch.native_abi();
        let own = intervals(set, options, native);
        let others: Vec<(Abi, Vec<Interval>)> = architectures(options.arch)
            .iter()
            .filter(|&&abi| abi != native)
            .map(|&abi| (abi, intervals(set, options, abi)))
            .collect();
        let root = plan::best(&keys(set, options, &own, &others));
        Writer::new(builder, native, &own, &others, foreign(set)).write(&root, set, options);
    }
}

/// What is known of each number of the native ABI, the first beyond every table standing for all behind it, and a last
/// one for everything from x32's first number on.
fn keys(
    set: &TraceSet,
    options: &Options,
    own: &[Interval],
    others: &[(Abi, Vec<Interval>)],
) -> Vec<Key> {
    let native = options.arch.native_abi();
    let table = set.table();
    let decision = |intervals: &[Interval], nr| {
        let after = intervals.partition_point(|interval| interval.start <= nr);
        intervals[after - 1].decision
    };
    let leaf = |nr| {
        let found = decision(own, nr);
        let mut elsewhere = others.iter().map(|(_, parts)| decision(parts, nr));
        if found == foreign(set) && elsewhere.all(|decision| decision == found) {
            Leaf::Decided(found)
        } else {
            Leaf::Checked(found)
        }
    };
    let sizes = architectures(options.arch)
        .iter()
        .map(|&abi| table.size(abi));
    let beyond = sizes.max().unwrap_or(0);
    let mut keys: Vec<Key> = (0..=beyond)
        .map(|nr| Key {
            nr,
            single: nr < beyond,
            leaf: leaf(nr),
            calls: 0.0,
        })
        .collect();
    // A call that the profile lacks counts once at most, so that rare calls are not left to chance; all of them together
    // count no more than a ten-thousandth of the profile, so that they do not drown a short one.
    let native_calls: Vec<(u32, u64)> = match &options.profile {
        Some(profile) => profile.calls(table, native).collect(),
        None => Vec::new(),
    };
    let total: f64 = native_calls.iter().map(|&(_, calls)| calls as f64).sum();
    let named = table.calls(native).count() as f64;
    let rare = if total > 0.0 {
        (total * 1e-4 / named).min(1.0)
    } else {
        1.0
    };
    for call in table.calls(native) {
        keys[call.nr as usize].calls = rare;
    }
    for (nr, calls) in native_calls {
        keys[nr as usize].calls += calls as f64;
    }
    if options.arch == Arch::X86 {
        let high = from(own, X32_START);
        let leaf = if high.len() == 1 {
            leaf(X32_START)
        } else {
            Leaf::High
        };
        keys.push(Key {
            nr: X32_START,
            single: false,
            leaf,
            calls: 0.0,
        });
    }
    keys
}

/// Writes the tree and what its leaves stand for.
struct Writer<'a> {
    builder: &'a mut Builder,
    native: Abi,
    own: &'a [Interval],
    others: &'a [(Abi, Vec<Interval>)],
    /// What becomes of the calls of an architecture that is not the machine's.
    foreign: Decision,
    leaves: Leaves,
    check_matched: Label,
    check_unmatched: Label,
    high: Label,
    /// Goes on with the architecture in the accumulator, which is not the native one.
    not_native: Label,
}

impl<'a> Writer<'a> {
    fn new(
        builder: &'a mut Builder,
        native: Abi,
        own: &'a [Interval],
        others: &'a [(Abi, Vec<Interval>)],
        foreign: Decision,
    ) -> Self {
        let leaves = Leaves::new(builder);
        let alike = |parts: &[Interval]| matches!(parts, [only] if only.decision == foreign);
        let not_native = if others.iter().all(|(_, parts)| alike(parts)) {
            leaves.label(foreign)
        } else {
            builder.label()
        };
        Self {
            native,
            own,
            others,
            foreign,
            check_matched: builder.label(),
            check_unmatched: builder.label(),
            high: builder.label(),
            builder,
            leaves,
            not_native,
        }
    }

    fn write(mut self, root: &Node, set: &TraceSet, options: &Options) {
        // A tree that is one leaf needs no jump to it: what it stands for follows.
        if !matches!(root, Node::Leaf(_)) {
            self.builder.ld_nr();
            self.node(root);
        }
        let uses = |leaf| root.has_leaf(&|found| found == leaf);
        for (decision, label) in [
            (Decision::Matched, self.check_matched),
            (Decision::Unmatched, self.check_unmatched),
        ] {
            if uses(Leaf::Checked(decision)) {
                let to = self.leaves.label(decision);
                self.builder.bind(label).ld_arch();
                self.builder
                    .jeq(self.native.audit_arch(), to, self.not_native);
            }
        }
        if uses(Leaf::High) {
            self.builder.bind(self.high).ld_arch();
            self.builder
                .jeq(self.native.audit_arch(), Target::Next, self.not_native)
                .ld_nr();
            search(
                &from(self.own, X32_START),
                Ends::Short,
                &self.leaves,
                self.builder,
            );
        }
        let checked = root.has_leaf(&|found| !matches!(found, Leaf::Decided(_)));
        if checked && self.not_native != self.leaves.label(self.foreign) {
            self.others();
        }
        let reached =
            |parts: &[Interval], decision| parts.iter().any(|part| part.decision == decision);
        let written = |decision| {
            let others = || {
                self.others
                    .iter()
                    .any(|(_, parts)| reached(parts, decision))
            };
            let behind = || decision == self.foreign || reached(self.own, decision) || others();
            uses(Leaf::Decided(decision)) || checked && behind()
        };
        self.leaves.write(set, options, written, self.builder);
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Leaf(leaf) => {
                let label = self.leaf(*leaf);
                self.builder.ja(label);
            }
            Node::Equal { nr, hit, rest } => {
                let hit = self.leaf(*hit);
                let target = self.target(rest);
                self.builder.jeq(*nr, hit, target);
                self.follow(rest, target);
            }
            Node::Mask { mask, clear, rest } => {
                let clear = self.leaf(*clear);
                let target = self.target(rest);
                self.builder.branch(code::JSET_K, *mask, target, clear);
                self.follow(rest, target);
            }
            Node::Split { at, below, above } => {
                let (low, high) = (self.target(below), self.target(above));
                self.builder.jge(*at, high, low);
                self.follow(below, low);
                self.follow(above, high);
            }
        }
    }

    fn target(&mut self, node: &Node) -> Label {
        match node {
            Node::Leaf(leaf) => self.leaf(*leaf),
            _ => self.builder.label(),
        }
    }

    fn follow(&mut self, node: &Node, label: Label) {
        if !matches!(node, Node::Leaf(_)) {
            self.builder.bind(label);
            self.node(node);
        }
    }

    fn leaf(&self, leaf: Leaf) -> Label {
        match leaf {
            Leaf::Decided(decision) => self.leaves.label(decision),
            Leaf::Checked(Decision::Matched) => self.check_matched,
            Leaf::Checked(_) => self.check_unmatched,
            Leaf::High => self.high,
        }
    }

    /// The architectures that are not the native one.
    fn others(&mut self) {
        self.builder.bind(self.not_native);
        for (at, (abi, parts)) in self.others.iter().enumerate() {
            let next = if at + 1 == self.others.len() {
                self.leaves.label(self.foreign)
            } else {
                self.builder.label()
            };
            if let [only] = parts.as_slice() {
                let to = self.leaves.label(only.decision);
                self.builder.jeq(abi.audit_arch(), to, next);
            } else {
                self.builder
                    .jeq(abi.audit_arch(), Target::Next, next)
                    .ld_nr();
                search(parts, Ends::Short, &self.leaves, self.builder);
            }
            if at + 1 < self.others.len() {
                self.builder.bind(next);
            }
        }
    }
}
