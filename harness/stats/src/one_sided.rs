//! One-sided answers about the centre: p-values of Wilcoxon's signed-rank test of
//! a shift (M. Hollander, D. A. Wolfe, E. Chicken, "Nonparametric Statistical
//! Methods", 3rd ed. 2014, section 3.1). T is counted as Tukey does, as the number
//! of Walsh averages above the shift, so that the limit of the Hodges–Lehmann
//! interval is above a shift exactly where the p-value is small enough.
//!
//! Zeros and ties: a Walsh average that equals the shift counts against the
//! rejection, and the statistic is compared with the distribution without ties.
//! However ties were broken, no p-value could be larger, so the test keeps its
//! level with them (at the cost of power where they abound); without ties it
//! is the usual test. Like the interval it presumes a symmetric distribution.

use crate::error::{Error, sorted};
use crate::null_distribution::lower_tail;
use crate::signed_rank::averages_up_to;

/// The p-value of the signed-rank test of "the centre is at most `shift`"
/// against "the centre is greater": exact up to 50 values, beyond by the normal
/// approximation with continuity correction.
///
/// # Errors
///
/// [`Error::Empty`], [`Error::NotFinite`], [`Error::Shift`].
pub fn signed_rank_p_greater(sample: &[f64], shift: f64) -> Result<f64, Error> {
    let values = sorted(sample)?;
    if !shift.is_finite() {
        return Err(Error::Shift(shift));
    }
    // P(T ≥ t) = P(T ≤ n(n+1)/2 − t), and that many averages are not above.
    Ok(lower_tail(values.len(), averages_up_to(&values, shift)))
}

/// The p-value of the signed-rank test of "the centre is at least `shift`"
/// against "the centre is less", the mirror image of
/// [`signed_rank_p_greater`].
///
/// # Errors
///
/// [`Error::Empty`], [`Error::NotFinite`], [`Error::Shift`].
pub fn signed_rank_p_less(sample: &[f64], shift: f64) -> Result<f64, Error> {
    let mirrored: Vec<_> = sample.iter().map(|value| -value).collect();
    signed_rank_p_greater(&mirrored, -shift).map_err(|error| match error {
        Error::NotFinite { index, value } => Error::NotFinite {
            index,
            value: -value,
        },
        Error::Shift(shift) => Error::Shift(-shift),
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hamilton depression scale, differences after treatment: the data of
    /// Hollander and Wolfe (1973), page 29, in R 4.2.2's `?wilcox.test`.
    const DEPRESSION: [f64; 9] = [
        -0.952, 0.147, -1.022, -0.430, -0.620, -0.590, -0.490, 0.080, -0.010,
    ];

    /// The square roots of 1 to `n`.
    fn roots(n: u32) -> Vec<f64> {
        (1..=n).map(|value| f64::from(value).sqrt()).collect()
    }

    fn near(found: f64, expected: f64, tolerance: f64) {
        assert!(
            (found - expected).abs() <= tolerance,
            "{found}, expected {expected}"
        );
    }

    /// R 4.2.2: `wilcox.test(x, mu = shift, exact = TRUE, alternative =
    /// "greater")$p.value` and `…, alternative = "less")$p.value`.
    #[test]
    fn exact_p_values_agree_with_r() {
        for (shift, greater, less) in [
            (-0.7, 0.082_031_25, 0.935_546_875),
            (-0.6, 0.150_390_625, 0.875),
            (-0.2, 0.951_171_875, 0.064_453_125),
            (0.1, 0.996_093_75, 0.005_859_375),
        ] {
            near(
                signed_rank_p_greater(&DEPRESSION, shift).unwrap(),
                greater,
                1e-15,
            );
            near(signed_rank_p_less(&DEPRESSION, shift).unwrap(), less, 1e-15);
        }
        // `x <- sqrt(1:40)`
        for (shift, greater, less) in [
            (3.7, 0.007_633_419_193_552_982, 0.992_661_178_602_247_7),
            (4.1, 0.163_447_237_645_414_13, 0.839_845_969_474_481_5),
            (4.9, 0.983_390_007_588_241_1, 0.017_197_467_831_465_474),
            (6.1, 0.999_999_999_949_977_8, 6.366_462_912_410_498e-11),
        ] {
            near(
                signed_rank_p_greater(&roots(40), shift).unwrap(),
                greater,
                1e-14,
            );
            near(signed_rank_p_less(&roots(40), shift).unwrap(), less, 1e-14);
        }
    }

    /// R 4.2.2, `x <- sqrt(1:60)`: `wilcox.test(x, mu = shift, exact = FALSE,
    /// correct = TRUE, alternative = "greater")$p.value` and
    /// `…, alternative = "less")$p.value`.
    #[test]
    fn approximate_p_values_agree_with_r() {
        for (shift, greater, less) in [
            (4.6, 0.004_629_680_482_054_916_6, 0.995_468_761_768_095_5),
            (5.03, 0.140_410_952_054_390_58, 0.861_224_319_935_656),
            (5.7, 0.932_944_573_393_019_2, 0.068_016_906_329_076_4),
            (6.9, 0.999_999_983_514_742_4, 1.719_070_657_101_056e-8),
        ] {
            near(
                signed_rank_p_greater(&roots(60), shift).unwrap(),
                greater,
                1e-14,
            );
            near(signed_rank_p_less(&roots(60), shift).unwrap(), less, 1e-14);
        }
    }

    /// With n values above the shift P(T ≥ n(n+1)/2) = 2⁻ⁿ; with all on it
    /// nothing speaks against the hypothesis.
    #[test]
    fn extremes_and_zeros() {
        for p in [signed_rank_p_greater, signed_rank_p_less] {
            assert_eq!(p(&[0.0; 7], 0.0), Ok(1.0));
            assert_eq!(p(&[0.0; 60], 0.0).map(|p| p > 0.99), Ok(true));
        }
        assert_eq!(signed_rank_p_greater(&[2.0; 5], 1.0), Ok(1.0 / 32.0));
        assert_eq!(signed_rank_p_less(&[2.0; 5], 3.0), Ok(1.0 / 32.0));
    }

    /// The refusals name what was given, not its mirror image.
    #[test]
    fn refuses_what_is_no_shift() {
        for p in [signed_rank_p_greater, signed_rank_p_less] {
            assert_eq!(
                p(&[1.0], f64::INFINITY),
                Err(Error::Shift(f64::INFINITY)),
                "shift"
            );
            assert_eq!(
                p(&[1.0, f64::NEG_INFINITY], 0.0),
                Err(Error::NotFinite {
                    index: 1,
                    value: f64::NEG_INFINITY
                })
            );
        }
    }
}
