//! The noise floor of a measurement.

use crate::error::{Error, sorted};
use crate::quantile::quantile;

/// The share of comparisons of a thing with itself that stays within the floor.
const SHARE: f64 = 0.95;

/// The noise floor: what the size of an estimate stays within in 95 % of
/// repeated comparisons of a thing with itself (A against A), given their
/// estimates, whose truth is zero. The 95th percentile of their absolute
/// values, linear between neighbours; of fewer than about twenty comparisons it
/// says little, as it then lies near the largest.
///
/// # Errors
///
/// [`Error::Empty`], [`Error::NotFinite`].
pub fn noise_floor(estimates: &[f64]) -> Result<f64, Error> {
    sorted(estimates)?;
    let sizes: Vec<_> = estimates.iter().map(|value| value.abs()).collect();
    Ok(quantile(&sorted(&sizes)?, SHARE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R 4.2.2: `quantile(abs(x), 0.95)` for the depression data of
    /// `?wilcox.test`; the sign does not matter.
    #[test]
    fn agrees_with_r() {
        let estimates = [
            -0.952, 0.147, -1.022, -0.430, -0.620, -0.590, -0.490, 0.080, -0.010,
        ];
        assert!((noise_floor(&estimates).unwrap() - 0.994).abs() < 1e-12);
        let mirrored = estimates.map(|value| -value);
        assert_eq!(noise_floor(&mirrored), noise_floor(&estimates));
    }

    /// One comparison is its own floor, and none has none; what is no number is
    /// named as it was given.
    #[test]
    fn accepts_one_and_refuses_none() {
        assert_eq!(noise_floor(&[-2.0]), Ok(2.0));
        assert_eq!(noise_floor(&[]), Err(Error::Empty));
        assert_eq!(
            noise_floor(&[1.0, f64::NEG_INFINITY]),
            Err(Error::NotFinite {
                index: 1,
                value: f64::NEG_INFINITY
            })
        );
    }
}
