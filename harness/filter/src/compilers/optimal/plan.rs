//! The tree of tests with the least expected cost.
//!
//! The trees considered have tests `nr >= k` anywhere, and at their ends up to [`MOST_EXCEPTIONS`] tests `nr == k` in a
//! row, which set single numbers apart from others that fare alike; among these the best is found by dynamic programming
//! over intervals, in O(n³) for n runs of numbers. Before them, at the root, stand tests of what makes up a quarter of
//! the calls that are left or more, as long as they pay: `nr == k` for a call, or `nr & mask == 0` for all numbers
//! without certain bits, where every architecture treats them alike. One such mask lets most calls go that a small set
//! does not hold, wherever their numbers lie.

use crate::interval::Decision;

/// Equality tests in a row at the end of a tree.
const MOST_EXCEPTIONS: usize = 3;

/// What stands at the end of a way through the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    /// Every architecture decides so: return.
    Decided(Decision),
    /// The decision if the architecture is the native one, to be checked; other architectures decide otherwise.
    Checked(Decision),
    /// Several decisions, behind a check of the architecture.
    High,
}

impl Leaf {
    /// Instructions executed from the leaf on, of a call of the native ABI: the return, and before it the load and test
    /// of the architecture.
    fn cost(self) -> f64 {
        match self {
            Self::Decided(_) => 1.0,
            Self::Checked(_) | Self::High => 3.0,
        }
    }

    /// The leaf that decides rightly for numbers of both; `None` if none does.
    fn with(self, other: Self) -> Option<Self> {
        match (self, other) {
            _ if self == other => Some(self),
            (Self::Decided(one), Self::Checked(two)) | (Self::Checked(two), Self::Decided(one))
                if one == two =>
            {
                Some(Self::Checked(two))
            }
            _ => None,
        }
    }
}

/// A number, and how often it is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) nr: u32,
    /// Whether it stands for itself alone, and not for the numbers up to the next key too.
    pub(super) single: bool,
    pub(super) leaf: Leaf,
    pub(super) calls: f64,
}

/// A tree of tests.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Leaf(Leaf),
    /// `nr == k`
    Equal {
        nr: u32,
        hit: Leaf,
        rest: Box<Node>,
    },
    /// `nr & mask == 0`
    Mask {
        mask: u32,
        clear: Leaf,
        rest: Box<Node>,
    },
    /// `nr >= at`
    Split {
        at: u32,
        below: Box<Node>,
        above: Box<Node>,
    },
}

impl Node {
    /// Whether a leaf satisfies a condition.
    pub(super) fn has_leaf(&self, is: &impl Fn(Leaf) -> bool) -> bool {
        match self {
            Self::Leaf(leaf) => is(*leaf),
            Self::Equal { hit, rest, .. } => is(*hit) || rest.has_leaf(is),
            Self::Mask { clear, rest, .. } => is(*clear) || rest.has_leaf(is),
            Self::Split { below, above, .. } => below.has_leaf(is) || above.has_leaf(is),
        }
    }
}

/// The best tree for consecutive numbers, each key reaching up to the next and the last to the end.
pub(super) fn best(keys: &[Key]) -> Node {
    let total: f64 = keys.iter().map(|key| key.calls).sum();
    let (cost, tree) = best_tree(keys, total);
    // Where one leaf will do for all, the number need not even be loaded.
    let alone = keys[1..]
        .iter()
        .try_fold(keys[0].leaf, |leaf, key| leaf.with(key.leaf));
    match alone {
        Some(leaf) if total * leaf.cost() <= total + cost => Node::Leaf(leaf),
        _ => tree,
    }
}

/// Tests at the root.
const MOST_ROOTS: usize = 4;

/// A test at the root, which decides on a part of the calls.
#[derive(Clone, Copy, Debug)]
struct Root {
    test: Test,
    leaf: Leaf,
    calls: f64,
}

#[derive(Clone, Copy, Debug)]
enum Test {
    /// `nr == k`
    Equal(u32),
    /// `nr & mask == 0`
    Mask(u32),
}

impl Test {
    fn holds(self, nr: u32) -> bool {
        match self {
            Self::Equal(k) => nr == k,
            Self::Mask(mask) => nr & mask == 0,
        }
    }
}

impl Root {
    /// What it saves if the calls cost one test more than its leaf otherwise.
    fn gain(&self) -> f64 {
        self.calls * (4.0 - self.leaf.cost())
    }

    fn before(self, rest: Node) -> Node {
        let rest = Box::new(rest);
        match self.test {
            Test::Equal(nr) => Node::Equal {
                nr,
                hit: self.leaf,
                rest,
            },
            Test::Mask(mask) => Node::Mask {
                mask,
                clear: self.leaf,
                rest,
            },
        }
    }
}

/// The best tree and its cost, without that of loading the number.
fn best_tree(keys: &[Key], total: f64) -> (f64, Node) {
    let (mut cost, mut tree) = Runs::new(keys).solve();
    let (mut keys, mut left) = (keys.to_vec(), total);
    let (mut roots, mut paying) = (Vec::new(), 0);
    let mut spent = 0.0;
    while roots.len() < MOST_ROOTS
        && let Some(root) = best_root(&keys, left)
    {
        spent += left + root.calls * root.leaf.cost();
        left -= root.calls;
        // What has been decided on may go any way.
        keys.retain(|key| !(key.single && root.test.holds(key.nr)));
        roots.push(root);
        let (rest_cost, rest) = Runs::new(&keys).solve();
        if spent + rest_cost >= cost {
            break;
        }
        (cost, tree, paying) = (spent + rest_cost, rest, roots.len());
    }
    let roots = roots.into_iter().take(paying).rev();
    (cost, roots.fold(tree, |rest, root| root.before(rest)))
}

/// The test for the root that gains the most, among those of a quarter of the calls or more.
fn best_root(keys: &[Key], total: f64) -> Option<Root> {
    let heaviest = keys
        .iter()
        .filter(|key| key.single)
        .max_by(|a, b| a.calls.total_cmp(&b.calls));
    let equal = heaviest.map(|key| Root {
        test: Test::Equal(key.nr),
        leaf: key.leaf,
        calls: key.calls,
    });
    equal
        .into_iter()
        .chain(masks(keys))
        .filter(|root| total > root.calls && 4.0 * root.calls >= total)
        .max_by(|a, b| a.gain().total_cmp(&b.gain()))
}

/// The tests `nr & mask == 0` whose numbers are all decided alike without the architecture. Of numbers beyond the
/// single ones' bits none passes.
fn masks(keys: &[Key]) -> Vec<Root> {
    // Only what foreign architectures decide so too is decided without one, so there is but one such leaf.
    let mut leaves = keys.iter().map(|key| key.leaf);
    let Some(leaf) = leaves.find(|leaf| matches!(leaf, Leaf::Decided(_))) else {
        return Vec::new();
    };
    let largest = keys.iter().rfind(|key| key.single).map_or(0, |key| key.nr);
    let bits = u32::BITS - largest.leading_zeros();
    // By a set of bits: whether all numbers without another one end at the leaf, as those that have been decided on may,
    // and their calls. First of each number alone, then with those that lack one of its bits, bit by bit.
    let mut alike = vec![true; 1 << bits];
    let mut calls = vec![0.0; 1 << bits];
    for (at, key) in keys.iter().enumerate() {
        let end = match keys.get(at + 1) {
            _ if key.single => key.nr + 1,
            Some(next) => next.nr,
            None => u32::MAX,
        };
        for nr in key.nr..end.min(1 << bits) {
            alike[nr as usize] = key.leaf == leaf;
            calls[nr as usize] = if key.single { key.calls } else { 0.0 };
        }
    }
    for bit in (0..bits).map(|bit| 1 << bit) {
        for set in (0..1 << bits).filter(|set| set & bit != 0) {
            alike[set] &= alike[set ^ bit];
            calls[set] += calls[set ^ bit];
        }
    }
    let sets = (0_u32..).zip(alike.into_iter().zip(calls));
    sets.filter(|(_, (alike, _))| *alike)
        .map(|(set, (_, calls))| Root {
            test: Test::Mask(!set),
            leaf,
            calls,
        })
        .collect()
}

/// Consecutive numbers with the same leaf.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: u32,
    leaf: Leaf,
    calls: f64,
    single: bool,
}

struct Runs {
    list: Vec<Run>,
    /// Calls before each run, and all of them.
    before: Vec<f64>,
}

/// One background and a few numbers that differ from it.
#[derive(Clone, Copy)]
struct Chain {
    background: Leaf,
    /// Indices of runs, the most called first.
    exceptions: [Option<usize>; MOST_EXCEPTIONS],
    cost: f64,
}

impl Runs {
    fn new(keys: &[Key]) -> Self {
        let mut list: Vec<Run> = Vec::new();
        for key in keys {
            match list.last_mut() {
                Some(run) if run.leaf == key.leaf => {
                    run.calls += key.calls;
                    run.single = false;
                }
                _ => list.push(Run {
                    start: key.nr,
                    leaf: key.leaf,
                    calls: key.calls,
                    single: key.single,
                }),
            }
        }
        let mut before = vec![0.0];
        for run in &list {
            before.push(before[before.len() - 1] + run.calls);
        }
        Self { list, before }
    }

    fn calls(&self, first: usize, last: usize) -> f64 {
        self.before[last + 1] - self.before[first]
    }

    /// The best tree without tests at its root for single calls, and its cost.
    fn solve(&self) -> (f64, Node) {
        let count = self.list.len();
        let mut costs = Costs::new(count);
        for first in (0..count).rev() {
            // Once too many numbers stand out, more runs do not change that.
            let mut chain = self.chain(first, first);
            for last in first..count {
                if chain.is_some() {
                    chain = self.chain(first, last);
                }
                let split = single(self.calls(first, last)) + costs.least_split(first, last);
                let cost = chain.map_or(split, |chain| split.min(single(chain.cost)));
                costs.set(first, last, cost);
            }
        }
        let root = self.node(&costs, 0, count - 1);
        (costs.get(0, count - 1).into(), root)
    }

    fn node(&self, costs: &Costs, first: usize, last: usize) -> Node {
        match self.chain(first, last) {
            Some(chain) if single(chain.cost) <= costs.get(first, last) => {
                let end = Node::Leaf(chain.background);
                let exceptions = chain.exceptions.into_iter().flatten().rev();
                exceptions.fold(end, |rest, index| Node::Equal {
                    nr: self.list[index].start,
                    hit: self.list[index].leaf,
                    rest: Box::new(rest),
                })
            }
            _ => {
                let at = costs.best_split(first, last);
                Node::Split {
                    at: self.list[at].start,
                    below: Box::new(self.node(costs, first, at - 1)),
                    above: Box::new(self.node(costs, at, last)),
                }
            }
        }
    }

    /// The best way to decide these runs by equality tests alone, if few numbers stand out.
    fn chain(&self, first: usize, last: usize) -> Option<Chain> {
        // Of so many runs in a row not all can stand out, so one of them is background.
        let candidates = &self.list[first..=last.min(first + MOST_EXCEPTIONS)];
        let seen_before = |at: usize| {
            candidates[..at]
                .iter()
                .any(|run| run.leaf == candidates[at].leaf)
        };
        (0..candidates.len())
            .filter(|&at| !seen_before(at))
            .filter_map(|at| self.chain_before(first, last, candidates[at].leaf))
            .min_by(|a, b| a.cost.total_cmp(&b.cost))
    }

    fn chain_before(&self, first: usize, last: usize, background: Leaf) -> Option<Chain> {
        let mut background = background;
        let mut exceptions = [None; MOST_EXCEPTIONS];
        let mut count = 0;
        let mut rest = 0.0;
        for (index, run) in (first..).zip(&self.list[first..=last]) {
            if let Some(both) = background.with(run.leaf) {
                background = both;
                rest += run.calls;
            } else if run.single && count < MOST_EXCEPTIONS {
                exceptions[count] = Some(index);
                count += 1;
            } else {
                return None;
            }
        }
        let run = |index: usize| &self.list[index];
        exceptions[..count].sort_by(|a, b| {
            let calls = |index: &Option<usize>| index.map_or(0.0, |index| run(index).calls);
            calls(b).total_cmp(&calls(a))
        });
        let hits: f64 = (1..)
            .zip(exceptions.into_iter().flatten())
            .map(|(tests, index)| run(index).calls * (f64::from(tests) + run(index).leaf.cost()))
            .sum();
        let cost = rest * (count as f64 + background.cost()) + hits;
        Some(Chain {
            background,
            exceptions,
            cost,
        })
    }
}

/// A cost in the precision of [`Costs`].
#[expect(
    clippy::cast_possible_truncation,
    reason = "seven digits choose a tree as well, and are added twice as fast"
)]
fn single(cost: f64) -> f32 {
    cost as f32
}

/// The cost of the best tree for every interval of runs, by first and last run.
struct Costs {
    count: usize,
    by_first: Vec<f32>,
    /// The same by last and first run, so that sums over splits walk memory in order.
    by_last: Vec<f32>,
}

impl Costs {
    fn new(count: usize) -> Self {
        Self {
            count,
            by_first: vec![0.0; count * count],
            by_last: vec![0.0; count * count],
        }
    }

    fn get(&self, first: usize, last: usize) -> f32 {
        self.by_first[first * self.count + last]
    }

    fn set(&mut self, first: usize, last: usize, cost: f32) {
        self.by_first[first * self.count + last] = cost;
        self.by_last[last * self.count + first] = cost;
    }

    /// The costs below and above every split, the first run above it ascending.
    fn sides(&self, first: usize, last: usize) -> (&[f32], &[f32]) {
        (
            &self.by_first[first * self.count + first..first * self.count + last],
            &self.by_last[last * self.count + first + 1..=last * self.count + last],
        )
    }

    /// The least cost of both sides of a split; infinite for a single run, which cannot be split.
    fn least_split(&self, first: usize, last: usize) -> f32 {
        // Independent minima, which the compiler can keep in vector registers: this is where all the time goes.
        const LANES: usize = 8;
        let (below, above) = self.sides(first, last);
        let (below, below_rest) = below.as_chunks::<LANES>();
        let (above, above_rest) = above.as_chunks::<LANES>();
        let mut minima = [f32::INFINITY; LANES];
        for (below, above) in below.iter().zip(above) {
            for lane in 0..LANES {
                let cost = below[lane] + above[lane];
                // f32::min also handles NaN, which keeps it out of vector registers.
                minima[lane] = if cost < minima[lane] {
                    cost
                } else {
                    minima[lane]
                };
            }
        }
        let rest = below_rest
            .iter()
            .zip(above_rest)
            .map(|(below, above)| below + above);
        rest.chain(minima).fold(f32::INFINITY, f32::min)
    }

    /// The first run above the best split.
    fn best_split(&self, first: usize, last: usize) -> usize {
        let (below, above) = self.sides(first, last);
        let costs = below.iter().zip(above).map(|(below, above)| below + above);
        (first + 1..)
            .zip(costs)
            .min_by(|(_, a), (_, b)| a.total_cmp(b))
            .map_or(last, |(at, _)| at)
    }
}

#[cfg(test)]
mod tests;
