//! Whether two programs decide alike, or a program as its trace set.

use std::collections::BTreeSet;
use std::fmt;

use harness_cbpf::{Action, Arithmetic, Op, Program, SeccompData, offset};
use harness_syscalls::{Abi, Multiplexer, Table, TraceSet};

use crate::explore::{Budget, Explorer, Undecided};
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

impl<'a> Decider<'a> {
    fn program(self) -> Option<&'a Program> {
        match self {
            Self::Program(program) => Some(program),
            Self::Set(..) => None,
        }
    }

    fn ops(&self) -> &'a [Op] {
        self.program().map_or(&[], Program::ops)
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

/// Whether two deciders are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// On every call that was tried, and nothing met that would tell others apart; see [`compare`].
    Alike,
    /// Not on this one.
    Different(Counterexample),
    /// On every call that was tried, which are not all that may fare differently.
    Undecided(Undecided),
}

/// Looks for a call on which the two differ: every number of `table` in every ABI; in these and in
/// foreign architectures the numbers next to every constant of the programs, next to the powers of two, and the ends of
/// the range; and from each of them every call at which a test of either program comes out otherwise, one word at a time
/// and in turn.
///
/// Values for which the kernel does the same ([`Action::effect`]) are no difference.
///
/// A [`Comparison::Different`] is certain: both sides were run on the call. [`Comparison::Alike`] is certain for every call
/// that was tried. Of the others it is an argument and no formal proof: every test that a run met was made to come out
/// both ways on each path to it, where words that do so could be computed back, and arguments that are compared both by
/// order and bit by bit are undecided. Numbers and architectures compared in both ways are not: beyond the tables only
/// what is next to a constant or a power of two is tried of them. Where there is more to try than a [`Budget`] has, that is
/// undecided.
#[must_use]
pub fn compare(left: Decider<'_>, right: Decider<'_>, table: &Table) -> Comparison {
    compare_within(left, right, table, None, &Budget::new())
}

/// The same for calls of one ABI alone.
#[must_use]
pub fn compare_of_abi(
    left: Decider<'_>,
    right: Decider<'_>,
    table: &Table,
    abi: Abi,
) -> Comparison {
    compare_within(left, right, table, Some(abi), &Budget::new())
}

fn compare_within(
    left: Decider<'_>,
    right: Decider<'_>,
    table: &Table,
    abi: Option<Abi>,
    budget: &Budget,
) -> Comparison {
    if let (Decider::Program(left), Decider::Program(right)) = (left, right)
        && left == right
    {
        return Comparison::Alike;
    }
    let constants = constants(&[left, right], table);
    let known: BTreeSet<u32> = numbers(&constants, table);
    let abis = Abi::ALL.iter().map(|abi| (abi.audit_arch(), &known));
    let foreign = [0, u32::MAX].map(|arch| (arch, &constants));
    let programs = [left, right].into_iter().filter_map(Decider::program);
    let mut explorer = Explorer::new(programs.collect(), budget.all()).of_abi(abi);
    for (arch, numbers) in abis.chain(foreign) {
        for &nr in numbers {
            explorer.push(SeccompData::new(arch, nr));
        }
    }
    let of_right = usize::from(left.program().is_some());
    while let Some(data) = explorer.pop() {
        let left = decide(left, 0, &data, &constants, &mut explorer);
        let right = decide(right, of_right, &data, &constants, &mut explorer);
        if Action::effect(left) != Action::effect(right) {
            return Comparison::Different(Counterexample { data, left, right });
        }
    }
    match explorer.undecided() {
        None => Comparison::Alike,
        Some(why) => Comparison::Undecided(why),
    }
}

/// What a decider says of a call, a program being that with this number.
fn decide(
    decider: Decider<'_>,
    program: usize,
    data: &SeccompData,
    constants: &BTreeSet<u32>,
    explorer: &mut Explorer<'_>,
) -> u32 {
    match decider {
        Decider::Program(_) => explorer.run(program, data).action_value,
        Decider::Set(set, options) => {
            let by_argument = options.subcalls
                && data.arch == Abi::I386.audit_arch()
                && Multiplexer::of(data.nr).is_some();
            if by_argument && data.args == [0; 6] {
                for &value in constants {
                    for high in [0, u32::MAX] {
                        let low = offset::argument_low(0);
                        explorer.push(data.with_word(low, value).with_word(low + 4, high));
                    }
                }
            }
            reference(set, options, data).to_u32()
        }
    }
}

/// Values at which a decision may change: each constant compared with, its neighbours and its bits alone.
fn constants(deciders: &[Decider<'_>], table: &Table) -> BTreeSet<u32> {
    let mut values: BTreeSet<u32> = [0, 1, u32::MAX - 1, u32::MAX].into();
    let mut add = |value: u32| {
        values.extend([value.wrapping_sub(1), value, value.wrapping_add(1)]);
    };
    for &op in deciders.iter().flat_map(Decider::ops) {
        let constant = match op {
            Op::Branch { operand, .. } | Op::Arithmetic(Arithmetic::And, operand) => {
                operand.constant()
            }
            Op::LoadConstant(_, k) => Some(k),
            _ => None,
        };
        if let Some(k) = constant {
            add(k);
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

fn numbers(constants: &BTreeSet<u32>, table: &Table) -> BTreeSet<u32> {
    let known = Abi::ALL
        .into_iter()
        .flat_map(|abi| (0..=table.size(abi)).map(move |nr| abi.raw_number(nr)));
    known.chain(constants.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::{Comparison, Decider, compare_within};
    use crate::explore::tests::many_ways;
    use crate::explore::{Budget, Undecided};
    use harness_syscalls::Table;

    #[test]
    fn what_a_budget_does_not_last_for_is_undecided() {
        let (one, other) = (many_ways(800, 0x7fff_0000), many_ways(800, 0x7fff_0001));
        let (one, other) = (Decider::Program(&one), Decider::Program(&other));
        let found = compare_within(one, other, Table::current(), None, &Budget::of(1 << 18));
        let Comparison::Undecided(Undecided::TooMany { tried }) = found else {
            panic!("{found:?}");
        };
        // A call executes 3202 instructions of both.
        assert!((1..=(1 << 18) / 3202 + 1).contains(&tried), "{tried}");
        // The difference at the first call is found however little there is.
        let denied = many_ways(800, 0x0005_0001);
        let found = compare_within(
            one,
            Decider::Program(&denied),
            Table::current(),
            None,
            &Budget::of(0),
        );
        assert!(matches!(found, Comparison::Different(_)), "{found:?}");
    }
}
