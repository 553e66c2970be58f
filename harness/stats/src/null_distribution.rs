//! The null distribution of Wilcoxon's signed-rank statistic T, the sum of the
//! ranks of the positive values among `n` values that are symmetric about zero.
//! Exact up to [`EXACT`] values, beyond by the normal approximation with
//! continuity correction: M. Hollander, D. A. Wolfe, E. Chicken,
//! "Nonparametric Statistical Methods", 3rd ed. 2014, section 3.1.

use std::sync::LazyLock;

use crate::normal;

/// Up to this many values the null distribution is computed exactly.
pub(crate) const EXACT: usize = 50;

/// For each `n` up to [`EXACT`], in how many of the 2ⁿ ways to sign the ranks 1
/// to `n` the positive ones sum to at most 0, 1, …, n(n+1)/2. A constant,
/// computed once: simulations ask for it at every sample.
static CUMULATIVE: LazyLock<Vec<Vec<u64>>> = LazyLock::new(|| {
    let mut ways = vec![1];
    let mut tables = vec![vec![1]];
    for rank in 1..=EXACT {
        ways.resize(ways.len() + rank, 0);
        for sum in (rank..ways.len()).rev() {
            ways[sum] += ways[sum - rank];
        }
        let cumulate = |total: &mut u64, ways: &u64| {
            *total += ways;
            Some(*total)
        };
        tables.push(ways.iter().scan(0, cumulate).collect());
    }
    tables
});

/// P(T ≤ t).
pub(crate) fn lower_tail(n: usize, t: u64) -> f64 {
    if let Some(cumulative) = CUMULATIVE.get(n) {
        let last = cumulative.len() - 1;
        let at = usize::try_from(t).map_or(last, |t| t.min(last));
        // Both are exact: the counts are at most 2⁵⁰.
        cumulative[at] as f64 / cumulative[last] as f64
    } else {
        let (mean, deviation) = moments(n);
        normal::cdf((t as f64 + 0.5 - mean) / deviation)
    }
}

/// The largest C ≥ 1 with P(T ≤ C − 1) ≤ `tail`.
pub(crate) fn critical_rank(n: usize, tail: f64) -> Option<u64> {
    let rank = if let Some(cumulative) = CUMULATIVE.get(n) {
        let last = cumulative.len() - 1;
        // Levels such as 1 − 2⁻⁵ are met exactly; rounding must not miss them.
        let limit = tail * (1.0 + 1e-12) * cumulative[last] as f64;
        let within = |&ways: &u64| ways as f64 <= limit;
        cumulative[..last].partition_point(within) as u64
    } else {
        let (mean, deviation) = moments(n);
        // P(T ≤ C − 1) ≈ Φ((C − ½ − mean) / deviation).
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

/// The mean of T and its standard deviation.
pub(crate) fn moments(n: usize) -> (f64, f64) {
    let n = n as f64;
    let mean = n * (n + 1.0) / 4.0;
    let deviation = (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt();
    (mean, deviation)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R 4.2.2: `qsignrank(0.025, n)` and `qsignrank(0.005, n)`, the rank that
    /// `wilcox.test` takes; R's value 0 means that there is none.
    #[test]
    fn critical_ranks_agree_with_r() {
        for (n, ninety_five, ninety_nine) in [
            (5, None, None),
            (6, Some(1), None),
            (7, Some(3), None),
            (8, Some(4), Some(1)),
            (9, Some(6), Some(2)),
            (10, Some(9), Some(4)),
            (12, Some(14), Some(8)),
            (15, Some(26), Some(16)),
            (20, Some(53), Some(38)),
            (30, Some(138), Some(110)),
            (40, Some(265), Some(221)),
            (50, Some(435), Some(374)),
        ] {
            assert_eq!(critical_rank(n, 0.025), ninety_five, "n = {n}, 95 %");
            assert_eq!(critical_rank(n, 0.005), ninety_nine, "n = {n}, 99 %");
        }
    }

    /// R 4.2.2: `qsignrank(tail, c(12, 20, 30, 40))`, at the levels of a gate.
    #[test]
    fn small_tails_agree_with_r() {
        for (tail, expected) in [
            (0.05, [18, 61, 152, 287]),
            (0.0125, [11, 46, 125, 245]),
            (0.0025, [6, 33, 99, 205]),
            (0.0005, [2, 22, 79, 173]),
        ] {
            let ranks = [12, 20, 30, 40].map(|n| critical_rank(n, tail).unwrap());
            assert_eq!(ranks, expected, "{tail}");
        }
    }

    /// R 4.2.2: `psignrank(t, n)`.
    #[test]
    fn tails_agree_with_r() {
        for (n, t, expected) in [
            (12, 0, 0.000_244_140_625_000_000_16),
            (12, 10, 0.010_498_046_875_000_007),
            (12, 30, 0.259_277_343_750_000_1),
            (12, 77, 0.999_755_859_375),
            (40, 200, 0.002_026_054_887_210_193_6),
            (40, 410, 0.502_651_192_844_496_1),
            (50, 300, 0.000_423_785_449_182_645_3),
            (50, 637, 0.499_999_999_999_999_94),
            (50, 1275, 1.0),
        ] {
            let found = lower_tail(n, t);
            assert!((found - expected).abs() < 1e-14, "n = {n}, t = {t}");
        }
    }

    /// R 4.2.2, `qsignrank(0.025, n)`, is exact here too: the approximation is
    /// off by at most one rank, and towards the wider interval.
    #[test]
    fn approximate_ranks_are_close_to_r() {
        for (n, exact) in [(51, 454), (60, 649), (100, 1956), (200, 8445)] {
            let rank = critical_rank(n, 0.025).unwrap();
            assert!((exact - 1..=exact).contains(&rank), "n = {n}: {rank}");
        }
    }

    /// Just what a level demands: with 1 − 2⁻⁵ six values suffice, as
    /// P(T ≤ 0) = 2⁻⁶, and with anything above they do not.
    #[test]
    fn meets_a_level_exactly() {
        assert_eq!(critical_rank(6, 2_f64.powi(-6)), Some(1));
        assert_eq!(critical_rank(6, 0.0155), None);
        assert_eq!(critical_rank(1, 0.25), None);
    }

    /// A tail of nearly one leaves a rank that there is.
    #[test]
    fn never_exceeds_the_ranks() {
        for n in [1, 6, 50, 51, 200] {
            let averages = n as u64 * (n as u64 + 1) / 2;
            let rank = critical_rank(n, 1.0 - f64::EPSILON / 2.0);
            assert!(rank.is_none_or(|rank| rank <= averages), "n = {n}");
        }
    }
}
