//! Whether two programs decide alike, or a program as its trace set.

use std::collections::BTreeSet;
use std::fmt;

use harness_cbpf::{Action, Insn, Program, SeccompData, code, run};
use harness_syscalls::{Abi, Multiplexer, Table, TraceSet};

use crate::options::Options;
use crate::reference;

/// What decides on calls.
#[derive(Clone, Copy, Debug)]
pub enum Decider<'a> {
    /// A program.
    Program(&'a Program),
    /// A trace set with the actions of its options.
    Set(&'a TraceSet, &'a Options),
}

impl Decider<'_> {
    /// The value for a call, and whether more than number and architecture was looked at.
    fn decide(self, data: &SeccompData) -> (u32, bool) {
        match self {
            Self::Program(program) => {
                let outcome = run(program, data);
                (outcome.action_value, outcome.conditional)
            }
            Self::Set(set, options) => {
                let conditional = options.subcalls
                    && data.arch == Abi::I386.audit_arch()
                    && Multiplexer::of(data.nr).is_some();
                (reference(set, options, data).to_u32(), conditional)
            }
        }
    }

    fn instructions(&self) -> &[Insn] {
        match self {
            Self::Program(program) => program.instructions(),
            Self::Set(..) => &[],
        }
    }
}

/// A call on which two deciders differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// The call.
    pub data: SeccompData,
    /// What the one returns.
    pub left: u32,
    /// What the other returns.
    pub right: u32,
}

/// `x86_64 nr 42 args 0x3: ALLOW, TRACE`.
impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SeccompData { nr, arch, .. } = self.data;
        match Abi::of(arch, nr) {
            Some((abi, nr)) => write!(f, "{abi} number {nr}")?,
            None => write!(f, "architecture {arch:#010x} number {nr}")?,
        }
        if self.data.args != [0; 6] {
            write!(f, " with arguments {:#x?}", self.data.args)?;
        }
        if self.data.instruction_pointer != 0 {
            write!(f, " from {:#x}", self.data.instruction_pointer)?;
        }
        f.write_str(": ")?;
        for (value, between) in [(self.left, " against "), (self.right, "")] {
            match Action::from_u32(value) {
                Some(action) => write!(f, "{action}{between}")?,
                None => write!(f, "{value:#010x}{between}")?,
            }
        }
        Ok(())
    }
}

/// Looks for a call on which the two differ: every number of `table` in every ABI; in these and in foreign
/// architectures the numbers next to every constant of the programs, next to the powers of two, and the ends of the
/// range; and where either looks at arguments or the instruction pointer, such values in each word of them, one
/// argument at a time.
///
/// Data that an action does not use is no difference, nor is one unknown action instead of another.
#[must_use]
pub fn counterexample(
    left: Decider<'_>,
    right: Decider<'_>,
    table: &Table,
) -> Option<Counterexample> {
    let constants = constants(&[left, right], table);
    let words = words(&[left, right]);
    let compare = |data: SeccompData| {
        let ((left, left_conditional), (right, right_conditional)) =
            (left.decide(&data), right.decide(&data));
        let differ = Action::from_u32(left) != Action::from_u32(right);
        let found = differ.then_some(Counterexample { data, left, right });
        (found, left_conditional || right_conditional)
    };
    let known: BTreeSet<u32> = numbers(&constants, table);
    let abis = Abi::ALL.map(Abi::audit_arch);
    let foreign = constants.iter().filter(|arch| !abis.contains(arch));
    let architectures = abis.iter().map(|arch| (arch, &known));
    let foreign = foreign.map(|arch| (arch, &constants));
    for (&arch, numbers) in architectures.chain(foreign) {
        for &nr in numbers {
            let plain = SeccompData::new(arch, nr);
            let (found, conditional) = compare(plain);
            if found.is_some() {
                return found;
            }
            if conditional {
                let varied = variations(plain, &words, &constants);
                if let Some(found) = varied.into_iter().find_map(|data| compare(data).0) {
                    return Some(found);
                }
            }
        }
    }
    None
}

/// Values at which a decision may change: each constant compared with, its neighbours and its bits alone.
fn constants(deciders: &[Decider<'_>], table: &Table) -> BTreeSet<u32> {
    let mut values: BTreeSet<u32> = [0, 1, u32::MAX - 1, u32::MAX].into();
    let mut add = |value: u32| {
        values.extend([value.wrapping_sub(1), value, value.wrapping_add(1)]);
    };
    for insn in deciders.iter().flat_map(Decider::instructions) {
        let compares = insn.condition().is_some() || insn.code == code::AND_K;
        if compares || matches!(insn.code, code::LD_IMM | code::LDX_IMM) {
            add(insn.k);
        }
    }
    for bit in 0..u32::BITS {
        add(1 << bit);
    }
    if deciders
        .iter()
        .any(|decider| matches!(decider, Decider::Set(..)))
    {
        // The calls behind multiplexers.
        for call in 0..u32::BITS {
            add(call);
        }
        add(1 << 16 | 1);
        for abi in Abi::ALL {
            add(table.size(abi));
        }
    }
    values
}

/// Offsets of the words besides number and architecture that a program loads; a set may look at the first argument.
fn words(deciders: &[Decider<'_>]) -> BTreeSet<u32> {
    let mut words: BTreeSet<u32> = deciders
        .iter()
        .flat_map(Decider::instructions)
        .filter(|insn| insn.code == code::LD_ABS && insn.k >= 8)
        .map(|insn| insn.k)
        .collect();
    if deciders
        .iter()
        .any(|decider| matches!(decider, Decider::Set(_, options) if options.subcalls))
    {
        words.insert(harness_cbpf::offset::argument_low(0));
    }
    words
}

fn numbers(constants: &BTreeSet<u32>, table: &Table) -> BTreeSet<u32> {
    let known = Abi::ALL
        .into_iter()
        .flat_map(|abi| (0..=table.size(abi)).map(move |nr| abi.raw_number(nr)));
    known.chain(constants.iter().copied()).collect()
}

/// The call with each word at each value, the other half of the same 64 bits at 0 and at all ones.
fn variations(
    data: SeccompData,
    words: &BTreeSet<u32>,
    constants: &BTreeSet<u32>,
) -> Vec<SeccompData> {
    let mut varied = Vec::new();
    for &offset in words {
        let high = !offset.is_multiple_of(8);
        for &value in constants {
            for other in [0, u32::MAX] {
                let (low, high) = if high { (other, value) } else { (value, other) };
                let wide = u64::from(high) << 32 | u64::from(low);
                let mut data = data;
                match offset {
                    8 | 12 => data.instruction_pointer = wide,
                    _ => data.args[(offset as usize - 16) / 8] = wide,
                }
                varied.push(data);
            }
        }
    }
    varied
}
