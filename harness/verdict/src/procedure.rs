//! The procedure of a gate from its first look to its last verdict: looks at
//! growing data, Holm's procedure over the comparisons at each, and fresh blocks
//! that must agree with a regression. It decides on p-values alone, so that what it
//! promises can be shown by drawing them; who takes the blocks asks it what next.

use crate::POWER;
use crate::looks::{Said, decide};
use harness_record::{Rules, Verdict};
use harness_stats::{Error, Look, detectable_shift, look_levels};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The one-sided p-values of a comparison, not yet adjusted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tests {
    /// How probable observations as large would be, were the change just the threshold.
    pub regression: f64,
    /// How probable observations as small would be, were the change just the threshold.
    pub no_regression: f64,
}

impl Tests {
    /// Those of what was not observed, which speaks for nothing.
    pub(crate) const NONE: Self = Self {
        regression: 1.0,
        no_regression: 1.0,
    };
}

/// What a look finds of one comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Found {
    /// What the observations speak for.
    Tests(Tests),
    /// Nothing so far: every block was left out. Later ones may show something.
    Nothing,
    /// Nothing in blocks that were observed, so there never will be.
    Never,
}

/// What is known of one comparison.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    tests: Option<Tests>,
    said: Option<Said>,
    /// The look, in blocks, at which it was decided.
    decided_at: Option<u32>,
    /// Whether fresh blocks showed a regression too; `None` before they were looked at,
    /// and where none could be observed.
    agrees: Option<bool>,
}

/// All comparisons of a gate, and how far they are decided.
#[derive(Debug)]
pub struct Procedure {
    looks: Vec<u32>,
    levels: Vec<f64>,
    alpha: f64,
    confirms: bool,
    states: Vec<State>,
    /// What [`Self::detectable`] found, by observations and blocks.
    detectable: RefCell<BTreeMap<(u32, u32), Option<f64>>>,
}

impl Procedure {
    /// Nothing of so many `comparisons` is decided; `confirms` says whether a
    /// regression must be seen in fresh blocks too.
    ///
    /// # Errors
    /// [`Error`]: looks that do not grow, a level that is none.
    pub fn new(rules: &Rules, confirms: bool, comparisons: usize) -> Result<Self, Error> {
        let sizes: Vec<usize> = rules.looks.iter().map(|look| *look as usize).collect();
        Ok(Self {
            looks: rules.looks.clone(),
            levels: look_levels(&sizes, rules.alpha)?,
            alpha: rules.alpha,
            confirms,
            states: vec![State::default(); comparisons],
            detectable: RefCell::default(),
        })
    }

    /// Numbers of blocks at which to look.
    #[must_use]
    pub fn looks(&self) -> &[u32] {
        &self.looks
    }

    /// Whether a comparison needs more blocks.
    #[must_use]
    pub fn is_open(&self, comparison: usize) -> bool {
        self.states[comparison].decided_at.is_none()
    }

    /// Whether every comparison is decided.
    #[must_use]
    pub fn is_over(&self) -> bool {
        (0..self.states.len()).all(|comparison| !self.is_open(comparison))
    }

    /// Judges at look `number`, from 0, what is undecided together with what was
    /// decided before, with the error probability that this look may spend.
    /// `find` is asked for each comparison that is open.
    pub fn look(&mut self, number: usize, mut find: impl FnMut(usize) -> Found) {
        let (look, level) = (self.looks[number], self.levels[number]);
        let open: Vec<usize> = (0..self.states.len())
            .filter(|comparison| self.is_open(*comparison))
            .collect();
        for comparison in &open {
            let state = &mut self.states[*comparison];
            match find(*comparison) {
                Found::Tests(tests) => state.tests = Some(tests),
                Found::Nothing => {}
                Found::Never => state.decided_at = Some(look),
            }
        }
        let tests = self.states.iter();
        let tests: Vec<Tests> = tests
            .map(|state| state.tests.unwrap_or(Tests::NONE))
            .collect();
        let said = decide(&tests, level);
        for comparison in open {
            let state = &mut self.states[comparison];
            if state.tests.is_some() {
                state.said = Some(said[comparison]);
                state.decided_at = said[comparison].verdict.map(|_| look);
            }
        }
    }

    /// Where fresh blocks must show a regression too: how many blocks it was seen in.
    #[must_use]
    pub fn to_confirm(&self, comparison: usize) -> Option<u32> {
        let seen = self.confirms && self.verdict_of_looks(comparison) == Some(Verdict::Fail);
        self.states[comparison].decided_at.filter(|_| seen)
    }

    /// What as many fresh blocks as [`Self::to_confirm`] says, or more, have shown:
    /// the p-value of a regression, unadjusted.
    pub fn confirm(&mut self, comparison: usize, regression: f64) {
        self.states[comparison].agrees = Some(regression <= self.alpha);
    }

    fn verdict_of_looks(&self, comparison: usize) -> Option<Verdict> {
        self.states[comparison].said?.verdict
    }

    /// The p-values of a comparison, adjusted over all of them; `None` where nothing
    /// was observed.
    #[must_use]
    pub fn said(&self, comparison: usize) -> Option<Said> {
        self.states[comparison].said
    }

    /// The number of blocks that the verdict on a comparison rests on.
    #[must_use]
    pub fn blocks(&self, comparison: usize) -> u32 {
        let last = self.looks.last().copied().unwrap_or(0);
        self.states[comparison].decided_at.unwrap_or(last)
    }

    /// The verdict on a comparison, and why.
    #[must_use]
    pub fn conclude(&self, comparison: usize) -> (Verdict, &'static str) {
        let state = &self.states[comparison];
        if state.said.is_none() {
            return (
                Verdict::Inconclusive,
                "nothing was observed: every block was left out",
            );
        }
        match (self.verdict_of_looks(comparison), state.agrees) {
            (Some(Verdict::Fail), _) if !self.confirms => (
                Verdict::Fail,
                "larger than the threshold; no confirmation was asked for",
            ),
            (Some(Verdict::Fail), Some(true)) => (
                Verdict::Fail,
                "larger than the threshold, and confirmed by fresh blocks",
            ),
            (Some(Verdict::Fail), Some(false)) => (
                Verdict::Inconclusive,
                "larger than the threshold, but fresh blocks do not confirm it",
            ),
            (Some(Verdict::Fail), None) => (
                Verdict::Inconclusive,
                "larger than the threshold, but no fresh block was left to confirm it",
            ),
            (Some(Verdict::Pass), _) => (Verdict::Pass, "smaller than the threshold"),
            _ => (
                Verdict::Inconclusive,
                "the blocks allow neither to be said; take more (--max-blocks)",
            ),
        }
    }

    /// The smallest change beyond the threshold, as a logarithm, that this procedure
    /// calls a regression with [`POWER`], its confirmation included: if this is the
    /// only comparison with a regression (with more of them Holm's procedure is less
    /// strict), if blocks are observed as often as the `count` of its `blocks` were,
    /// and if they scatter by `spread`. `None` where so few blocks can show nothing.
    ///
    /// # Errors
    /// [`Error::Spread`].
    pub fn detectable(&self, spread: f64, count: u32, blocks: u32) -> Result<Option<f64>, Error> {
        let known = self.detectable.borrow().get(&(count, blocks)).copied();
        let of_one = if let Some(of_one) = known {
            of_one
        } else {
            let looks = self.observed(count, blocks);
            let again = self.confirms.then_some(self.alpha);
            let of_one = if looks.is_empty() {
                None
            } else {
                detectable_shift(&looks, again, 1.0, POWER)?
            };
            let mut known = self.detectable.borrow_mut();
            known.insert((count, blocks), of_one);
            of_one
        };
        if !(spread.is_finite() && spread >= 0.0) {
            return Err(Error::Spread(spread));
        }
        Ok(of_one.map(|shift| shift * spread))
    }

    /// The looks in observations, where `count` of `blocks` were observed, each with
    /// the level of the smallest of all p-values.
    fn observed(&self, count: u32, blocks: u32) -> Vec<Look> {
        let share = f64::from(count) / f64::from(blocks.max(1));
        let mut looks: Vec<Look> = Vec::new();
        for (look, level) in self.looks.iter().zip(&self.levels) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 0 and a u32"
            )]
            let pairs = (f64::from(*look) * share).round() as usize;
            if looks.last().map_or(0, |earlier| earlier.pairs) < pairs {
                let level = level / self.states.len() as f64;
                looks.push(Look { pairs, level });
            }
        }
        looks
    }
}
