//! The calls that programs tell apart, found by what their runs compare.
//!
//! Every test of a run names a word of the call, the steps from it to what is compared, and a constant. The word that
//! makes the test come out otherwise is computed back from these, set in the call, and the new call run in turn. So a
//! test of the second argument that only some first argument leads to is found too, and so are 64-bit comparisons and
//! arithmetic. Several programs are run one after the other on each call, as if they were one: what is told apart is
//! what all of their tests tell apart together.

mod budget;
mod path;
mod trace;
mod value;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;

use harness_cbpf::{Condition, Outcome, Program, SeccompData, offset, run};
use harness_syscalls::Abi;

pub use budget::Budget;
use path::{Paths, place, step};
use trace::{Test, trace};
use value::{Source, Step, words};

/// Why not all calls that may fare differently were tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// There are too many of them.
    TooMany {
        /// How many were tried.
        tried: usize,
    },
    /// What an instruction compares or returns cannot be computed back to one word of the call.
    Instruction {
        /// Which of the programs, counted from 0.
        program: usize,
        /// The instruction, counted from 0.
        pc: usize,
    },
    /// A word of the call is compared by order and bit by bit.
    Word {
        /// Its offset.
        offset: u32,
    },
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { tried } => {
                write!(f, "there are more cases than the {tried} that were tried")
            }
            Self::Instruction { program, pc } => {
                let which = ["first", "second"].get(*program).unwrap_or(&"last");
                write!(
                    f,
                    "what instruction {pc} of the {which} program depends on cannot be told"
                )
            }
            Self::Word { offset } => write!(
                f,
                "the word at offset {offset} is compared both by order and bit by bit"
            ),
        }
    }
}

/// How many calls are tried at most.
const MOST_CALLS: usize = 1 << 18;

/// What tests and the calls still to try for them may take of memory, about.
const MOST_BYTES: usize = 64 << 20;

/// What a call in the queue, and a test met on a new path, take of the time of an instruction.
const KEEPING: u64 = 4;

/// A test that has come out one way only, and calls at which it may come out the other way.
struct Flip {
    at: u64,
    data: SeccompData,
    offset: u32,
    words: Vec<u32>,
}

/// Calls still to run, and what is known of those that were.
pub(crate) struct Explorer<'a> {
    programs: Vec<&'a Program>,
    /// Words below this offset are left as they are.
    first_word: u32,
    /// Calls of others are not tried.
    abi: Option<Abi>,
    queue: VecDeque<SeccompData>,
    seen: HashSet<SeccompData>,
    /// How many calls have left the queue.
    tried: usize,
    /// What may still be spent, in instructions.
    left: u64,
    spent: u64,
    /// The tests of this call so far, in all programs, and how they came out.
    path: u64,
    /// How tests came out, one bit for each way, by the path to them.
    outcomes: HashMap<u64, u8, Paths>,
    flips: Vec<Flip>,
    /// What these take of memory.
    flip_bytes: usize,
    /// How words are compared in calls of a number: by order, bit by bit.
    compared: HashMap<(u32, u32, u32), (bool, bool)>,
    undecided: Option<Undecided>,
}

impl<'a> Explorer<'a> {
    /// Of programs that are run one after the other; what may be spent on them, in instructions.
    pub(crate) fn new(programs: Vec<&'a Program>, allowance: u64) -> Self {
        Self {
            programs,
            first_word: 0,
            abi: None,
            queue: VecDeque::new(),
            seen: HashSet::new(),
            tried: 0,
            left: allowance,
            spent: 0,
            path: 0,
            outcomes: HashMap::default(),
            flips: Vec::new(),
            flip_bytes: 0,
            compared: HashMap::new(),
            undecided: None,
        }
    }

    /// Leaves number and architecture as they are.
    pub(crate) fn of_one_number(mut self) -> Self {
        self.first_word = 8;
        self
    }

    /// Leaves out calls of other ABIs.
    pub(crate) fn of_abi(mut self, abi: Option<Abi>) -> Self {
        self.abi = abi;
        self
    }

    /// Puts a call in the queue, unless it was there.
    pub(crate) fn push(&mut self, data: SeccompData) {
        self.spend(1);
        let of = || Abi::of(data.arch, data.nr).map(|(abi, _)| abi);
        if self.abi.is_some() && self.abi != of() {
            return;
        }
        if self.seen.contains(&data) {
            return;
        }
        if self.seen.len() >= MOST_CALLS {
            self.too_many();
            return;
        }
        self.spend(KEEPING);
        self.seen.insert(data);
        self.queue.push_back(data);
    }

    /// The next call; the first one whatever it costs.
    pub(crate) fn pop(&mut self) -> Option<SeccompData> {
        while self.queue.is_empty() && !self.flips.is_empty() {
            self.flip_bytes = 0;
            for flip in std::mem::take(&mut self.flips) {
                if self.outcomes[&flip.at] == BOTH {
                    continue;
                }
                for word in flip.words {
                    self.push(flip.data.with_word(flip.offset, word));
                }
                if self.left == 0 {
                    self.too_many();
                    break;
                }
            }
        }
        if self.left == 0 && self.tried > 0 && !self.queue.is_empty() {
            self.too_many();
            return None;
        }
        self.path = 0;
        let next = self.queue.pop_front();
        self.tried += usize::from(next.is_some());
        next
    }

    /// What was spent, in instructions.
    pub(crate) fn spent(&self) -> u64 {
        self.spent
    }

    /// Why what was tried is not all, if so.
    pub(crate) fn undecided(&self) -> Option<Undecided> {
        // How many were tried is known at the end.
        self.undecided.map(|why| match why {
            Undecided::TooMany { .. } => Undecided::TooMany { tried: self.tried },
            why => why,
        })
    }

    fn too_many(&mut self) {
        let tried = self.tried;
        self.undecided.get_or_insert(Undecided::TooMany { tried });
    }

    fn spend(&mut self, instructions: u64) {
        self.left = self.left.saturating_sub(instructions);
        self.spent += instructions;
    }

    /// Runs a program on the call that came last, after the programs before it, and keeps the calls at which its tests come out otherwise.
    pub(crate) fn run(&mut self, program: usize, data: &SeccompData) -> Outcome {
        let mut last = 0;
        let returned = trace(self.programs[program], data, |pc, test, value, holds| {
            if test.source != Source::Constant {
                last = pc;
                self.meet((program, pc), &test, (value, holds), data);
            }
        });
        if returned.source != Source::Constant {
            let at = Undecided::Instruction { program, pc: last };
            self.undecided.get_or_insert(at);
        }
        let outcome = run(self.programs[program], data);
        self.spend(outcome.executed.into());
        debug_assert_eq!(outcome.action_value, returned.now, "{data:?}");
        outcome
    }

    fn meet(
        &mut self,
        (program, pc): (usize, usize),
        test: &Test,
        (value, holds): (u32, bool),
        data: &SeccompData,
    ) {
        let Source::Word(offset, steps) = &test.source else {
            let at = Undecided::Instruction { program, pc };
            self.undecided.get_or_insert(at);
            return;
        };
        let offset = *offset;
        if offset < self.first_word {
            return;
        }
        let place = place(self.path, (program, pc), test);
        self.path = step(place, u64::from(holds));
        let full = self.is_full();
        let outcomes = match self.outcomes.entry(place) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if full => {
                self.too_many();
                return;
            }
            Entry::Vacant(new) => new.insert(0),
        };
        let way = 1 << u8::from(holds);
        if *outcomes & way != 0 {
            return;
        }
        *outcomes |= way;
        let both = *outcomes == BOTH;
        self.spend(KEEPING);
        if offset > offset::ARCH {
            self.note_comparison(offset, steps, test.condition, data);
        }
        let by_order = is_order(test.condition);
        if both && !by_order {
            return;
        }
        let word = data.word(offset).unwrap_or_default();
        let targets = targets(test.condition, test.operand, value, holds);
        let words = targets
            .into_iter()
            .flat_map(|target| words(steps, target, word));
        if by_order {
            for word in words.collect::<Vec<_>>() {
                self.push(data.with_word(offset, word));
            }
        } else {
            let words: Vec<u32> = words.collect();
            self.spend(words.len() as u64);
            self.flip_bytes += size_of::<Flip>() + size_of_val(&words[..]);
            self.flips.push(Flip {
                at: place,
                data: *data,
                offset,
                words,
            });
        }
    }

    /// Whether tests and flips take all the memory that they may.
    fn is_full(&self) -> bool {
        let outcomes = self.outcomes.len() * size_of::<(u64, u8)>();
        self.flip_bytes + outcomes >= MOST_BYTES
    }

    /// Words that are compared both by order and bit by bit are not decided by the calls that are tried. Of numbers all
    /// that a table has are tried.
    fn note_comparison(
        &mut self,
        offset: u32,
        steps: &[Step],
        condition: Condition,
        data: &SeccompData,
    ) {
        let by_order = is_order(condition) || steps.iter().any(|step| matches!(step, Step::Div(_)));
        let by_bits =
            condition == Condition::AnyBit || !steps.iter().all(|step| step.keeps_order());
        let compared = self
            .compared
            .entry((offset, data.arch, data.nr))
            .or_default();
        compared.0 |= by_order;
        compared.1 |= by_bits;
        if *compared == (true, true) {
            self.undecided.get_or_insert(Undecided::Word { offset });
        }
    }
}

/// A test came out both ways.
const BOTH: u8 = 0b11;

fn is_order(condition: Condition) -> bool {
    matches!(condition, Condition::Greater | Condition::GreaterOrEqual)
}

/// Values at which a test comes out otherwise, and those around where it changes.
fn targets(condition: Condition, operand: u32, value: u32, holds: bool) -> Vec<u32> {
    let around = [operand.wrapping_sub(1), operand.wrapping_add(1)];
    match (condition, holds) {
        (Condition::Equal, false) => vec![operand],
        (Condition::Equal, true) => vec![around[0], around[1], !operand],
        (Condition::Greater | Condition::GreaterOrEqual, _) => {
            vec![around[0], operand, around[1], 0, u32::MAX]
        }
        (Condition::AnyBit, true) => vec![value & !operand],
        (Condition::AnyBit, false) => (0..u32::BITS)
            .map(|bit| 1 << bit)
            .filter(|bit| operand & bit != 0)
            .map(|bit| value | bit)
            .collect(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
