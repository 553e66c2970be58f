//! The shift between two independent samples, with its rank-sum interval.
//!
//! The estimate is the median of the differences yⱼ − xᵢ (Hodges and Lehmann);
//! the interval lies between the C-th smallest and the C-th largest of them, C
//! from the null distribution of the Mann–Whitney statistic. M. Hollander,
//! D. A. Wolfe, E. Chicken, "Nonparametric Statistical Methods", 3rd ed. 2014,
//! sections 4.1 to 4.3. It presumes two distributions that differ in location
//! alone.

use crate::detectable::{Drawn, FEW, Needed};
use crate::detectable::{both_sums, check_power, check_spread, least, margin};
use crate::error::{Error, check_alpha, check_level, sorted};
use crate::interval::Interval;
use crate::normal;
use crate::signed_rank::smallest_with;

/// Up to this many values in each sample the null distribution is computed exactly.
const EXACT: usize = 50;

/// Which way a shift is suspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The second sample lies above the first by more than the shift asked about.
    Above,
    /// It lies above it by less, or below.
    Below,
}

/// By how much `y` lies above `x`, with the rank-sum confidence interval: exact,
/// with at least `level`, up to 50 values each; beyond, by the normal
/// approximation with continuity correction. Without limits where the level
/// cannot be reached (95 %: fewer than 4 values each).
///
/// # Errors
///
/// [`Error::Empty`], [`Error::NotFinite`], [`Error::Level`].
pub fn shift(x: &[f64], y: &[f64], level: f64) -> Result<Interval, Error> {
    check_level(level)?;
    let (x, y) = (sorted(x)?, sorted(y)?);
    let count = pairs(&x, &y);
    let rank = critical_rank(x.len(), y.len(), (1.0 - level) / 2.0);
    let difference = |rank| difference(&x, &y, rank);
    Ok(Interval {
        estimate: f64::midpoint(difference(count.div_ceil(2)), difference(count / 2 + 1)),
        low: rank.map(difference),
        high: rank.map(|rank| difference(count + 1 - rank)),
        level,
    })
}

/// How many pairs the two samples have.
fn pairs(x: &[f64], y: &[f64]) -> u64 {
    x.len() as u64 * y.len() as u64
}

/// The `rank`-th smallest difference y − x (from 1) of values in ascending order,
/// without memory for the differences, of which there are as many as pairs.
fn difference(x: &[f64], y: &[f64], rank: u64) -> f64 {
    let (least, greatest) = (y[0] - x[x.len() - 1], y[y.len() - 1] - x[0]);
    smallest_with(least, greatest, |limit| {
        differences_up_to(x, y, limit) >= rank
    })
}

/// How many differences are at most `limit`. A difference rounds, but never grows
/// with what is subtracted, so the partners of a growing value are a growing prefix.
fn differences_up_to(x: &[f64], y: &[f64], limit: f64) -> u64 {
    let mut partners = 0;
    let mut count = 0;
    for x in x {
        while partners < y.len() && y[partners] - x <= limit {
            partners += 1;
        }
        count += partners as u64;
    }
    count
}

/// How wide the interval is that leaves out `tail` on either side, and how many
/// standard errors that is; the samples in ascending order.
pub(crate) fn width(x: &[f64], y: &[f64], tail: f64) -> (f64, f64) {
    let rank = critical_rank(x.len(), y.len(), tail).unwrap_or(1);
    let width = difference(x, y, pairs(x, y) + 1 - rank) - difference(x, y, rank);
    let (mean, deviation) = moments(x.len(), y.len());
    (width, 2.0 * (mean + 0.5 - rank as f64) / deviation)
}

/// The probability, if `y` lay above `x` by just `by`, of samples that speak at
/// least as much for the side named: the one-sided rank-sum test. Exact up to 50
/// values each where no two values tie; else by the normal approximation with
/// mid-ranks, tie and continuity corrections.
///
/// # Errors
///
/// [`Error::Empty`], [`Error::NotFinite`].
pub fn rank_sum_p(x: &[f64], y: &[f64], by: f64, side: Side) -> Result<f64, Error> {
    let x = sorted(x)?;
    let y = sorted(&y.iter().map(|y| y - by).collect::<Vec<_>>())?;
    let (n, m) = (x.len(), y.len());
    // Twice the number of pairs with x below y; a tie counts half.
    let mut twice = 0_usize;
    let mut tied = false;
    for y in &y {
        let below = x.partition_point(|x| x < y);
        let up_to = x.partition_point(|x| x <= y);
        twice += below + up_to;
        tied |= up_to > below;
    }
    let twice = match side {
        Side::Above => 2 * n * m - twice,
        Side::Below => twice,
    };
    if !tied && n.max(m) <= EXACT {
        let ways = null_distribution(n, m);
        let total: u128 = ways.iter().sum();
        let tail: u128 = ways[..=twice / 2].iter().sum();
        return Ok(tail as f64 / total as f64);
    }
    let (pairs, all) = ((n * m) as f64, (n + m) as f64);
    let deviation = (pairs / 12.0 * (all + 1.0 - tie_correction(&x, &y))).sqrt();
    if deviation <= 0.0 {
        // All values are one: nothing speaks for either side.
        return Ok(1.0);
    }
    let distance = twice as f64 / 2.0 + 0.5 - pairs / 2.0;
    Ok(normal::cdf(distance / deviation).min(1.0))
}

/// The smallest shift beyond the tested one that the one-sided rank-sum test at
/// level `alpha` finds with probability `power`, for `n` and `m` normal values of
/// standard deviation `spread` (see [`rank_sum_spread`](crate::rank_sum_spread)).
/// `None` where no outcome of so few values is significant.
///
/// By the normal approximation to the statistic under the alternative, with its
/// exact mean and variance there and the critical value of the test itself: E. L.
/// Lehmann, "Nonparametrics: Statistical Methods Based on Ranks", 1975, section 2.3.
///
/// # Errors
///
/// [`Error::Empty`], [`Error::Spread`], [`Error::Alpha`], [`Error::Power`].
pub fn detectable_difference(
    n: usize,
    m: usize,
    spread: f64,
    alpha: f64,
    power: f64,
) -> Result<Option<f64>, Error> {
    check_alpha(alpha)?;
    if n == 0 || m == 0 {
        return Err(Error::Empty);
    }
    check_spread(spread)?;
    check_power(power)?;
    let Some(rank) = critical_rank(n, m, alpha) else {
        return Ok(None);
    };
    if n.max(m) <= FEW {
        let drawn = Drawn::new(|rng| {
            let mut values = |count| {
                let mut values: Vec<_> = (0..count).map(|_| rng.normal()).collect();
                values.sort_unstable_by(f64::total_cmp);
                values
            };
            let (x, y) = (values(n), values(m));
            vec![Needed {
                first: -difference(&x, &y, rank),
                again: f64::NEG_INFINITY,
            }]
        });
        let found = least(|shift| drawn.power(shift), power);
        return Ok(found.map(|shift| shift * spread));
    }
    let (rank, n, m) = (rank as f64, n as f64, m as f64);
    let power_at = |shift: f64| {
        // That a value is above one of the other sample, and above two of them.
        let one = normal::cdf(shift / std::f64::consts::SQRT_2);
        let two = both_sums(shift / 2.0);
        let variance = n * m * (one * (1.0 - one) + (n + m - 2.0) * (two - one * one));
        // Rejected from n m + 1 − rank on; half a step for continuity.
        normal::cdf(margin(n * m * (one - 1.0) + rank - 0.5, variance))
    };
    Ok(least(power_at, power).map(|shift| shift * spread))
}

/// Σ(t³ − t) / (N(N − 1)) over the groups of t equal values.
fn tie_correction(x: &[f64], y: &[f64]) -> f64 {
    let mut all = [x, y].concat();
    all.sort_unstable_by(f64::total_cmp);
    let groups = all.chunk_by(|a, b| a.total_cmp(b).is_eq());
    let sum: f64 = groups
        .map(|group| group.len() as f64)
        .map(|t| t * t * t - t)
        .sum();
    let count = all.len() as f64;
    sum / (count * (count - 1.0))
}

/// The largest C ≥ 1 with P(U ≤ C − 1) ≤ `tail`, U the Mann–Whitney statistic of
/// `n` and `m` values under the null hypothesis.
fn critical_rank(n: usize, m: usize, tail: f64) -> Option<u64> {
    let rank = if n.max(m) <= EXACT {
        let ways = null_distribution(n, m);
        let total: u128 = ways.iter().sum();
        // Levels that are met exactly must not be missed by rounding.
        let tail = tail * (1.0 + 1e-12) * total as f64;
        let mut cumulative = 0;
        ways[..n * m]
            .iter()
            .take_while(|ways| {
                cumulative += **ways;
                cumulative as f64 <= tail
            })
            .count() as u64
    } else {
        let (mean, deviation) = moments(n, m);
        let rank = (mean + 0.5 + normal::quantile(tail) * deviation).floor();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float's cast saturates, and negative means no rank"
        )]
        let rank = rank.clamp(0.0, 2.0 * mean) as u64;
        rank
    };
    (rank > 0).then_some(rank)
}

/// The mean of U and its standard deviation.
fn moments(n: usize, m: usize) -> (f64, f64) {
    let (n, m) = (n as f64, m as f64);
    (n * m / 2.0, (n * m * (n + m + 1.0) / 12.0).sqrt())
}

/// In how many of the C(n+m, n) orders of two samples 0, 1, …, nm pairs have the
/// first's value below the second's: the coefficients of the Gaussian binomial
/// ∏ (1 − q^(m+i)) / (1 − qⁱ), i = 1 … n.
fn null_distribution(n: usize, m: usize) -> Vec<u128> {
    let top = n * m;
    let mut ways = vec![0_i128; top + 1];
    ways[0] = 1;
    for i in 1..=n {
        for at in (m + i..=top).rev() {
            ways[at] -= ways[at - m - i];
        }
        for at in i..=top {
            ways[at] += ways[at - i];
        }
    }
    ways.into_iter().map(i128::unsigned_abs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Rng;

    /// R 4.2.2: `choose(n + m, n) * dwilcox(0:(n * m), n, m)`.
    #[test]
    fn the_null_distribution_counts_orders() {
        assert_eq!(null_distribution(2, 3), [1, 1, 2, 2, 2, 1, 1]);
        assert_eq!(null_distribution(1, 2), [1, 1, 1]);
        let total: u128 = null_distribution(50, 50).iter().sum();
        // C(100, 50).
        assert_eq!(total, 100_891_344_545_564_193_334_812_497_256);
    }

    /// Permeability of the human chorioamnion: Hollander and Wolfe (1973), page
    /// 69, as in the example of R's `?wilcox.test`.
    const AT_TERM: [f64; 10] = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
    const EARLY: [f64; 5] = [1.15, 0.88, 0.90, 0.74, 1.21];

    #[test]
    fn known_answers() {
        // SciPy 1.17.1: mannwhitneyu(AT_TERM, EARLY, alternative="greater", method="exact");
        // the difference in location of R's example is 0.305.
        let p = rank_sum_p(&EARLY, &AT_TERM, 0.0, Side::Above).unwrap();
        assert!((p - 0.127_206_127_206).abs() < 1e-12, "{p}");
        let shift = shift(&EARLY, &AT_TERM, 0.95).unwrap();
        assert!((shift.estimate - 0.305).abs() < 1e-12, "{shift:?}");
    }

    #[test]
    fn the_sides_mirror_each_other() {
        let above = rank_sum_p(&EARLY, &AT_TERM, 0.1, Side::Above).unwrap();
        let below = rank_sum_p(&AT_TERM, &EARLY, -0.1, Side::Below).unwrap();
        assert!((above - below).abs() < 1e-12);
        assert!(rank_sum_p(&EARLY, &AT_TERM, 5.0, Side::Below).unwrap() < 0.001);
    }

    /// SciPy 1.17.1: `mannwhitneyu(y, x, alternative="greater", method="asymptotic")`.
    #[test]
    fn tied_samples_use_mid_ranks() {
        let x = [1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 5.0, 8.0, 9.0, 9.5];
        let y = [2.0, 3.0, 4.0, 4.0, 6.0, 7.0, 9.0, 9.5, 11.0, 12.0];
        let p = rank_sum_p(&x, &y, 0.0, Side::Above).unwrap();
        assert!((p - 0.064_052_943_060_729_16).abs() < 1e-9, "{p}");
    }

    /// The interval holds the shifts that neither one-sided test refuses.
    #[test]
    fn interval_and_test_agree() {
        let interval = shift(&EARLY, &AT_TERM, 0.95).unwrap();
        let (low, high) = (interval.low.unwrap(), interval.high.unwrap());
        let p = |by, side| rank_sum_p(&EARLY, &AT_TERM, by, side).unwrap();
        assert!(p(low - 1e-9, Side::Above) <= 0.025 && p(low + 1e-9, Side::Above) > 0.025);
        assert!(p(high + 1e-9, Side::Below) <= 0.025 && p(high - 1e-9, Side::Below) > 0.025);
    }

    /// Drawn with a fixed seed: normal values that differ by the detectable shift
    /// are told apart as often as promised, few values and many, at strict levels too.
    #[test]
    fn what_is_detectable_is_detected() {
        let mut rng = Rng::new(7);
        for (n, m, alpha) in [
            (4, 4, 0.025),
            (6, 6, 0.0025),
            (15, 20, 0.05),
            (20, 20, 0.0025),
            (60, 60, 0.01),
        ] {
            let detectable = detectable_difference(n, m, 1.0, alpha, 0.8)
                .unwrap()
                .unwrap();
            let found = (0..2000)
                .filter(|_| {
                    let x: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
                    let y: Vec<f64> = (0..m).map(|_| rng.normal() + detectable).collect();
                    rank_sum_p(&x, &y, 0.0, Side::Above).unwrap() <= alpha
                })
                .count();
            assert!((1540..=1660).contains(&found), "{n}, {m}: {found} of 2000");
        }
        assert_eq!(detectable_difference(2, 2, 1.0, 0.05, 0.8), Ok(None));
    }

    #[test]
    fn too_few_values_have_no_limits() {
        let few = shift(&[1.0, 2.0, 3.0], &[2.0, 3.0, 4.0], 0.95).unwrap();
        assert_eq!((few.low, few.high), (None, None));
        let enough = shift(&[1.0, 2.0, 3.0, 4.0], &[2.1, 3.1, 4.1, 5.1], 0.95).unwrap();
        assert!(enough.low.is_some());
        assert!(shift(&[], &[1.0], 0.95).is_err());
        assert!(shift(&[f64::NAN], &[1.0], 0.95).is_err());
    }

    /// Identical values, as counts have them, speak for nothing.
    #[test]
    fn ties_are_no_evidence() {
        let same = [3.0; 8];
        for side in [Side::Above, Side::Below] {
            assert!(rank_sum_p(&same, &same, 0.0, side).unwrap() >= 0.5);
        }
        assert!(rank_sum_p(&same, &[4.0; 8], 0.5, Side::Above).unwrap() < 0.01);
    }

    /// 10¹⁰ differences, which would take 80 GB: none is kept. `y` is `x` moved by 1,
    /// but for a tenth that lie far above.
    #[test]
    fn a_hundred_thousand_values_each_take_no_memory() {
        let x: Vec<f64> = (0..100_000).map(|at| f64::from(at % 1009)).collect();
        let far = |at: u32| if at.is_multiple_of(10) { 1e9 } else { 0.0 };
        let y: Vec<f64> = (0..100_000)
            .map(|at| f64::from(at % 1009) + 1.0 + far(at))
            .collect();
        let shift = shift(&x, &y, 0.95).unwrap();
        // A median of differences of which a tenth lies above all others: the 5/9
        // quantile of the rest, whose density is triangular.
        let expected = 1.0 + 1009.0 * (1.0 - (1.0 - 1.0_f64 / 9.0).sqrt());
        assert!(
            (shift.estimate - expected).abs() < 2.0,
            "{shift:?} {expected}"
        );
        let (low, high) = (shift.low.unwrap(), shift.high.unwrap());
        assert!(
            low < shift.estimate && shift.estimate < high && high - low < 12.0,
            "{shift:?}"
        );
        let p = rank_sum_p(&x, &y, 0.0, Side::Above).unwrap();
        assert!(p < 1e-9, "{p}");
    }

    proptest::proptest! {
        /// The bisection finds what sorting all the differences finds, for values
        /// of any size and sign.
        #[test]
        fn selects_as_sorting_does(
            mut x in proptest::collection::vec(proptest::num::f64::NORMAL, 1..20),
            mut y in proptest::collection::vec(proptest::num::f64::NORMAL, 1..20),
        ) {
            x.sort_unstable_by(f64::total_cmp);
            y.sort_unstable_by(f64::total_cmp);
            let mut differences: Vec<f64> = x.iter().flat_map(|x| y.iter().map(move |y| y - x)).collect();
            differences.sort_unstable_by(f64::total_cmp);
            for (at, expected) in differences.into_iter().enumerate() {
                let selected = difference(&x, &y, at as u64 + 1);
                assert_eq!(selected.to_bits(), (expected + 0.0).to_bits());
            }
        }
    }
}
