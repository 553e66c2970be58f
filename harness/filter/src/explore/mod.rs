//! The calls that programs tell apart, found by what their runs compare.
//!
//! Every test of a run names a word of the call, the steps from it to what is compared, and a constant. The word that
//! makes the test come out otherwise is computed back from these, set in the call, and the new call run in turn. So a
//! test of the second argument that only some first argument leads to is found too, and so are 64-bit comparisons and
//! arithmetic. Several programs are run one after the other on each call, as if they were one: what is told apart is
//! what all of their tests tell apart together.

mod trace;
mod value;

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;

use harness_cbpf::{Condition, Outcome, Program, SeccompData, offset, run};

use trace::{Test, trace};
use value::{Op, Source, words};

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
    queue: VecDeque<SeccompData>,
    seen: HashSet<SeccompData>,
    /// Every test met, by program and instruction; usually one each.
    tests: Vec<Vec<Vec<(u32, Test)>>>,
    test_count: u32,
    /// The tests of this call so far, in all programs, and how they came out.
    path: u64,
    /// How tests came out, one bit for each way, by the path to them.
    outcomes: HashMap<u64, u8>,
    flips: Vec<Flip>,
    /// How words are compared in calls of a number: by order, bit by bit.
    compared: HashMap<(u32, u32, u32), (bool, bool)>,
    undecided: Option<Undecided>,
}

impl<'a> Explorer<'a> {
    pub(crate) fn new(programs: Vec<&'a Program>) -> Self {
        Self {
            tests: programs
                .iter()
                .map(|program| vec![Vec::new(); program.len()])
                .collect(),
            programs,
            first_word: 0,
            queue: VecDeque::new(),
            seen: HashSet::new(),
            test_count: 0,
            path: 0,
            outcomes: HashMap::new(),
            flips: Vec::new(),
            compared: HashMap::new(),
            undecided: None,
        }
    }

    /// Leaves number and architecture as they are.
    pub(crate) fn of_one_number(mut self) -> Self {
        self.first_word = 8;
        self
    }

    /// Puts a call in the queue, unless it was there.
    pub(crate) fn push(&mut self, data: SeccompData) {
        if self.seen.contains(&data) {
            return;
        }
        if self.seen.len() >= MOST_CALLS {
            let tried = MOST_CALLS;
            self.undecided.get_or_insert(Undecided::TooMany { tried });
            return;
        }
        self.seen.insert(data);
        self.queue.push_back(data);
    }

    /// The next call.
    pub(crate) fn pop(&mut self) -> Option<SeccompData> {
        while self.queue.is_empty() && !self.flips.is_empty() {
            for flip in std::mem::take(&mut self.flips) {
                if self.outcomes[&flip.at] == BOTH {
                    continue;
                }
                for word in flip.words {
                    self.push(flip.data.with_word(flip.offset, word));
                }
            }
        }
        self.path = 0;
        self.queue.pop_front()
    }

    /// Why what was tried is not all, if so.
    pub(crate) fn undecided(&self) -> Option<Undecided> {
        self.undecided
    }

    /// Runs a program on the call that came last, after the programs before it, and keeps the calls at which its tests come out otherwise.
    pub(crate) fn run(&mut self, program: usize, data: &SeccompData) -> Outcome {
        let mut tests = Vec::new();
        let returned = trace(self.programs[program], data, |pc, test, value, holds| {
            if test.source != Source::Constant {
                tests.push((pc, test, value, holds));
            }
        });
        let mut last = 0;
        for (pc, test, value, holds) in tests {
            last = pc;
            self.meet((program, pc), test, (value, holds), data);
        }
        if returned.source != Source::Constant {
            let at = Undecided::Instruction { program, pc: last };
            self.undecided.get_or_insert(at);
        }
        let outcome = run(self.programs[program], data);
        debug_assert_eq!(outcome.action_value, returned.now, "{data:?}");
        outcome
    }

    fn meet(
        &mut self,
        (program, pc): (usize, usize),
        test: Test,
        (value, holds): (u32, bool),
        data: &SeccompData,
    ) {
        let Source::Word(offset, _) = test.source else {
            let at = Undecided::Instruction { program, pc };
            self.undecided.get_or_insert(at);
            return;
        };
        if offset < self.first_word {
            return;
        }
        let id = self.id(program, pc, &test);
        let place = step(self.path, id << 1);
        self.path = step(place, u32::from(holds));
        let outcomes = self.outcomes.entry(place).or_default();
        let way = 1 << u8::from(holds);
        if *outcomes & way != 0 {
            return;
        }
        *outcomes |= way;
        let both = *outcomes == BOTH;
        let Source::Word(_, ops) = test.source else {
            return;
        };
        if offset > offset::ARCH {
            self.note_comparison(offset, &ops, test.condition, data);
        }
        let by_order = is_order(test.condition);
        if both && !by_order {
            return;
        }
        let word = data.word(offset).unwrap_or_default();
        let targets = targets(test.condition, test.operand, value, holds);
        let words = targets
            .into_iter()
            .flat_map(|target| words(&ops, target, word));
        if by_order {
            for word in words.collect::<Vec<_>>() {
                self.push(data.with_word(offset, word));
            }
        } else {
            self.flips.push(Flip {
                at: place,
                data: *data,
                offset,
                words: words.collect(),
            });
        }
    }

    /// Words that are compared both by order and bit by bit are not decided by the calls that are tried. Of numbers all
    /// that a table has are tried.
    fn note_comparison(
        &mut self,
        offset: u32,
        ops: &[Op],
        condition: Condition,
        data: &SeccompData,
    ) {
        let by_order = is_order(condition) || ops.iter().any(|op| matches!(op, Op::Div(_)));
        let by_bits = condition == Condition::AnyBit || !ops.iter().all(|op| op.keeps_order());
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

    /// A number for a test.
    fn id(&mut self, program: usize, pc: usize, test: &Test) -> u32 {
        let known = &mut self.tests[program][pc];
        if let Some((id, _)) = known.iter().find(|(_, known)| known == test) {
            return *id;
        }
        self.test_count += 1;
        known.push((self.test_count, test.clone()));
        self.test_count
    }
}

/// A test came out both ways.
const BOTH: u8 = 0b11;

fn is_order(condition: Condition) -> bool {
    matches!(condition, Condition::Greater | Condition::GreaterOrEqual)
}

/// A path with one more step (FNV-1a).
fn step(path: u64, id: u32) -> u64 {
    (path ^ u64::from(id)).wrapping_mul(0x0100_0000_01b3) ^ path.rotate_left(29)
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
mod tests;
