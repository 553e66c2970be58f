//! What observations speak for: the change, and how probable they would be if
//! there were a regression, and if there were none.

use crate::LEVEL;
use crate::observe::Observations;
use crate::procedure::Tests;
use harness_record::Change;
use harness_stats::{
    Interval, hodges_lehmann, signed_rank_p_greater, signed_rank_p_less, signed_rank_spread,
};

/// What was seen of one comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Head to base, a fraction.
    pub change: Change,
    /// Head and base each, as they were observed: no logarithms.
    pub base: f64,
    /// See `base`.
    pub head: f64,
    /// Observations.
    pub count: u32,
    /// What they speak for.
    pub tests: Tests,
    /// By how much the observations scatter, as logarithms.
    pub spread: f64,
}

/// Weighs observations against a threshold, both of logarithms on the inside
/// and fractions on the outside.
///
/// # Errors
/// [`harness_stats::Error`]: none, or not finite.
pub fn weigh(
    observations: &Observations,
    threshold: f64,
) -> Result<Evidence, harness_stats::Error> {
    let change = &observations.change;
    Ok(Evidence {
        change: as_change(hodges_lehmann(change, LEVEL)?),
        base: hodges_lehmann(&observations.base, LEVEL)?.estimate.exp(),
        head: hodges_lehmann(&observations.head, LEVEL)?.estimate.exp(),
        count: u32::try_from(change.len()).unwrap_or(u32::MAX),
        tests: tests(change, threshold)?,
        spread: signed_rank_spread(change)?,
    })
}

/// What differences of logarithms say of a change as large as `threshold`, a fraction.
///
/// # Errors
/// [`harness_stats::Error`]: none, or not finite.
pub fn tests(change: &[f64], threshold: f64) -> Result<Tests, harness_stats::Error> {
    let limit = threshold.ln_1p();
    Ok(Tests {
        regression: signed_rank_p_greater(change, limit)?,
        no_regression: signed_rank_p_less(change, limit)?,
    })
}

/// A shift of logarithms beyond a threshold as a fraction.
#[must_use]
pub fn beyond(threshold: f64, shift: f64) -> f64 {
    (threshold.ln_1p() + shift).exp_m1()
}

/// An interval of logarithms as one of fractions.
pub(crate) fn as_change(interval: Interval) -> Change {
    let fractions = interval.map(f64::exp_m1);
    Change {
        estimate: fractions.estimate,
        low: fractions.low,
        high: fractions.high,
        level: fractions.level,
    }
}
