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
use crate::null_distribution::critical_rank;

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
    let averages = averages(values.len());
    let walsh = |rank| walsh_average(&values, rank);
    let rank = critical_rank(values.len(), (1.0 - level) / 2.0);
    Ok(Interval {
        estimate: f64::midpoint(walsh(averages.div_ceil(2)), walsh(averages / 2 + 1)),
        low: rank.map(walsh),
        high: rank.map(|rank| walsh(averages + 1 - rank)),
        level,
    })
}

/// How many Walsh averages `n` values have.
pub(crate) fn averages(n: usize) -> u64 {
    let n = n as u64;
    n * (n + 1) / 2
}

/// The `rank`-th smallest Walsh average (from 1) of values in ascending order,
/// without memory for the averages, of which there are quadratically many.
pub(crate) fn walsh_average(sorted: &[f64], rank: u64) -> f64 {
    smallest_with(sorted[0], sorted[sorted.len() - 1], |limit| {
        averages_up_to(sorted, limit) >= rank
    })
}

/// The smallest floating-point number from `low` to `high` for which `holds` is
/// true; it must be true for `high`, and for every number above one for which it
/// is. A bisection of at most 64 steps.
pub(crate) fn smallest_with(low: f64, high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (key(low), key(high));
    while low < high {
        let middle = midpoint(low, high);
        if holds(from_key(middle)) {
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
pub(crate) fn averages_up_to(sorted: &[f64], limit: f64) -> u64 {
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
