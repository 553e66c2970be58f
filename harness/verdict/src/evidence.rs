//! What observations speak for: the change, and how probable they would be if
//! there were a regression, and if there were none.

use crate::observe::Observations;
use crate::{LEVEL, POWER};
use harness_record::Change;
use harness_stats::{
    Interval, detectable_shift, hodges_lehmann, robust_deviation, signed_rank_p_greater,
    signed_rank_p_less,
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
    /// How probable observations as large would be, were the change just the threshold.
    pub p_regression: f64,
    /// How probable observations as small would be, were the change just the threshold.
    pub p_no_regression: f64,
    /// The smallest change that would be called a regression with [`POWER`].
    pub min_detectable_effect: Option<f64>,
}

/// Weighs observations against a threshold, both of logarithms on the inside
/// and fractions on the outside; `alpha` is what the minimal detectable effect
/// is computed for.
///
/// # Errors
/// [`harness_stats::Error`]: none, or not finite.
pub fn weigh(
    observations: &Observations,
    threshold: f64,
    alpha: f64,
) -> Result<Evidence, harness_stats::Error> {
    let change = &observations.change;
    let limit = threshold.ln_1p();
    let spread = robust_deviation(change)?;
    let detectable = detectable_shift(change.len(), spread, alpha, POWER)?;
    Ok(Evidence {
        change: as_change(hodges_lehmann(change, LEVEL)?),
        base: hodges_lehmann(&observations.base, LEVEL)?.estimate.exp(),
        head: hodges_lehmann(&observations.head, LEVEL)?.estimate.exp(),
        count: u32::try_from(change.len()).unwrap_or(u32::MAX),
        p_regression: signed_rank_p_greater(change, limit)?,
        p_no_regression: signed_rank_p_less(change, limit)?,
        min_detectable_effect: detectable.map(|shift| (limit + shift).exp_m1()),
    })
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
