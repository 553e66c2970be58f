//! The Hodges–Lehmann estimate with its signed-rank interval.
//!
//! The estimate is the median of the n(n+1)/2 Walsh averages (xᵢ + xⱼ)/2,
//! i ≤ j; the interval lies between the C-th smallest and the C-th largest of
//! them, C from the null distribution of Wilcoxon's signed-rank statistic.
//! M. Hollander, D. A. Wolfe, E. Chicken, "Nonparametric Statistical Methods",
//! 3rd ed. 2014, sections 3.2 and 3.3. It presumes differences whose
//! distribution is symmetric about the location that is estimated.

use crate::error::{Error, check_level, sorted};
use crate::interval::Interval;
use crate::normal;

/// Up to this many values the null distribution is computed exactly.
const EXACT: usize = 50;

/// The Hodges–Lehmann estimate of the sample's centre with the signed-rank
/// confidence interval: exact, with at least `level`, up to 50 values; beyond,
/// by the normal approximation with continuity correction. Without limits
/// where the level cannot be reached (n < 6 for 95 %).
///
/// # Errors
///
/// [`Error::Empty`], [`Error::NotFinite`], [`Error::Level`].
pub fn hodges_lehmann(sample: &[f64], level: f64) -> Result<Interval, Error> {
    check_level(level)?;
    let values = sorted(sample)?;
    let n = values.len() as u64;
    let averages = n * (n + 1) / 2;
    let walsh = |rank| walsh_average(&values, rank);
    let rank = critical_rank(values.len(), level);
    Ok(Interval {
        estimate: f64::midpoint(walsh(averages.div_ceil(2)), walsh(averages / 2 + 1)),
        low: rank.map(walsh),
        high: rank.map(|rank| walsh(averages + 1 - rank)),
        level,
    })
}

/// The largest C ≥ 1 with P(T ≤ C − 1) ≤ (1 − level) / 2, T the signed-rank
/// statistic of `n` values under the null hypothesis.
fn critical_rank(n: usize, level: f64) -> Option<u64> {
    let tail = (1.0 - level) / 2.0;
    let rank = if n <= EXACT {
        // Levels such as 1 − 2⁻⁵ are met exactly; rounding must not miss them.
        let tail = tail * (1.0 + 1e-12) * 2_f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
        let mut cumulative = 0;
        null_distribution(n)
            .into_iter()
            .take_while(|ways| {
                cumulative += ways;
                cumulative as f64 <= tail
            })
            .count() as u64
    } else {
        let n = n as f64;
        let mean = n * (n + 1.0) / 4.0;
        let deviation = (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt();
        // P(T ≤ C − 1) ≈ Φ((C − ½ − mean) / deviation).
        let rank = (mean + 0.5 + normal::quantile(tail) * deviation).floor();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float's cast saturates, and negative means no rank"
        )]
        let rank = rank.max(0.0) as u64;
        rank
    };
    (rank > 0).then_some(rank)
}

/// In how many of the 2ⁿ ways to sign the ranks 1 to `n` the positive ones sum
/// to 0, 1, …, n(n+1)/2.
fn null_distribution(n: usize) -> Vec<u64> {
    let mut ways = vec![0; n * (n + 1) / 2 + 1];
    ways[0] = 1;
    for rank in 1..=n {
        for sum in (rank..ways.len()).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    ways
}

/// The `rank`-th smallest Walsh average (from 1) of values in ascending order.
///
/// A bisection over the floating-point numbers for the smallest one that has
/// at least `rank` averages at or below it: 64 steps of linear time, and no
/// memory for the averages, of which there are quadratically many.
fn walsh_average(sorted: &[f64], rank: u64) -> f64 {
    let (mut low, mut high) = (key(sorted[0]), key(sorted[sorted.len() - 1]));
    while low < high {
        let middle = midpoint(low, high);
        if averages_up_to(sorted, from_key(middle)) >= rank {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    // Adding zero turns −0 into 0.
    from_key(low) + 0.0
}

/// How many Walsh averages are at most `limit`. The average rounds, but never
/// falls when a value grows, so the partners of a growing value are a
/// shrinking prefix.
fn averages_up_to(sorted: &[f64], limit: f64) -> u64 {
    let mut partners = sorted.len();
    let mut count = 0;
    for (at, value) in sorted.iter().enumerate() {
        while partners > at && f64::midpoint(*value, sorted[partners - 1]) > limit {
            partners -= 1;
        }
        if partners <= at {
            break;
        }
        count += (partners - at) as u64;
    }
    count
}

/// An integer that orders as the finite float does (IEEE 754 `totalOrder`).
fn key(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    }
}

fn from_key(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 {
        key & !(1 << 63)
    } else {
        !key
    })
}

fn midpoint(low: u64, high: u64) -> u64 {
    low + (high - low) / 2
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
            assert_eq!(critical_rank(n, 0.95), ninety_five, "n = {n}, 95 %");
            assert_eq!(critical_rank(n, 0.99), ninety_nine, "n = {n}, 99 %");
        }
    }

    /// R 4.2.2, `qsignrank(0.025, n)`, is exact here too: the approximation is
    /// off by at most one rank, and towards the wider interval.
    #[test]
    fn approximate_ranks_are_close_to_r() {
        for (n, exact) in [(51, 454), (60, 649), (100, 1956), (200, 8445)] {
            let rank = critical_rank(n, 0.95).unwrap();
            assert!((exact - 1..=exact).contains(&rank), "n = {n}: {rank}");
        }
    }

    /// Just what a level demands: with 1 − 2⁻⁵ six values suffice, as
    /// P(T ≤ 0) = 2⁻⁶, and with anything above they do not.
    #[test]
    fn meets_a_level_exactly() {
        assert_eq!(critical_rank(6, 1.0 - 2_f64.powi(-5)), Some(1));
        assert_eq!(critical_rank(6, 0.969), None);
        assert_eq!(critical_rank(1, 0.5), None);
    }

    /// Hamilton depression scale, differences after treatment: the data of
    /// Hollander and Wolfe (1973), page 29, as in the example of R 4.2.2's
    /// `?wilcox.test`; limits from
    /// `wilcox.test(y - x, conf.int = TRUE, exact = TRUE, conf.level = level)`.
    #[test]
    fn depression_data_agree_with_r() {
        let differences = [
            -0.952, 0.147, -1.022, -0.430, -0.620, -0.590, -0.490, 0.080, -0.010,
        ];
        for (level, low, high) in [
            (0.80, -0.691, -0.220),
            (0.95, -0.786, -0.010),
            (0.99, -0.987, 0.1135),
        ] {
            check(&differences, level, -0.460, low, high);
        }
    }

    /// R 4.2.2, where the data have ties: the middle of
    /// `a <- sort(outer(v, v, "+")[lower.tri(diag(n), diag = TRUE)] / 2)` and
    /// `a[q]`, `a[length(a) + 1 - q]` with `q <- qsignrank(0.025, n)`.
    #[test]
    fn tied_data_agree_with_r() {
        // `datasets::women$height`
        let women: Vec<_> = (58..=72).map(f64::from).collect();
        check(&women, 0.95, 65.0, 62.5, 67.5);
        check(&SLEEP, 0.95, 1.3, 0.9, 2.7);
        check(&[3.0, 1.0, 4.0, 1.5, 9.0, 2.6], 0.95, 2.8, 1.0, 9.0);
        // `datasets::faithful$eruptions[1:50]`
        let faithful = [
            3.600, 1.800, 3.333, 2.283, 4.533, 2.883, 4.700, 3.600, 1.950, 4.350, 1.833, 3.917,
            4.200, 1.750, 4.700, 2.167, 1.750, 4.800, 1.600, 4.250, 1.800, 1.750, 3.450, 3.067,
            4.533, 3.600, 1.967, 4.083, 3.850, 4.433, 4.300, 4.467, 3.367, 4.033, 3.833, 2.017,
            1.867, 4.833, 1.833, 4.783, 4.350, 1.883, 4.567, 1.750, 4.533, 3.317, 3.833, 2.100,
            4.633, 2.000,
        ];
        check(&faithful, 0.95, 3.25, 3.0, 3.7165);
        // `log(datasets::rivers[1:60])`, beyond the exact distribution.
        let rivers = [
            735, 320, 325, 392, 524, 450, 1459, 135, 465, 600, 330, 336, 280, 315, 870, 906, 202,
            329, 290, 1000, 600, 505, 1450, 840, 1243, 890, 350, 407, 286, 280, 525, 720, 390, 250,
            327, 230, 265, 850, 210, 630, 260, 230, 360, 730, 600, 306, 390, 420, 291, 710, 340,
            217, 281, 352, 259, 250, 470, 680, 570, 350,
        ]
        .map(|miles| f64::from(miles).ln());
        check(
            &rivers,
            0.95,
            6.037_697_160_944_029,
            5.881_102_244_944_533,
            6.184_095_747_503_305,
        );
    }

    /// `datasets::sleep` of R: hours gained by drug 2 over drug 1.
    const SLEEP: [f64; 10] = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4];

    fn check(sample: &[f64], level: f64, estimate: f64, low: f64, high: f64) {
        let interval = hodges_lehmann(sample, level).unwrap();
        for (what, found, expected) in [
            ("estimate", interval.estimate, estimate),
            ("low", interval.low.unwrap(), low),
            ("high", interval.high.unwrap(), high),
        ] {
            assert!(
                (found - expected).abs() < 1e-12,
                "{what}: {found}, expected {expected}"
            );
        }
    }

    proptest::proptest! {
        /// The bisection finds what sorting all the averages finds, for values
        /// of any size and sign.
        #[test]
        fn selects_as_sorting_does(
            mut values in proptest::collection::vec(proptest::num::f64::NORMAL, 1..20),
        ) {
            values.sort_unstable_by(f64::total_cmp);
            let mut averages = Vec::new();
            for (at, a) in values.iter().enumerate() {
                averages.extend(values[at..].iter().map(|b| f64::midpoint(*a, *b)));
            }
            averages.sort_unstable_by(f64::total_cmp);
            for (at, average) in averages.into_iter().enumerate() {
                let selected = walsh_average(&values, at as u64 + 1);
                assert_eq!(selected.to_bits(), (average + 0.0).to_bits());
            }
        }
    }
}
