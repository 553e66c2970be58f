//! The spread of a sample, estimated robustly.

use crate::error::{Error, sorted};
use crate::quantile::quantile;

/// 1 / Φ⁻¹(¾): the standard deviation of a normal distribution in units of its
/// median absolute deviation.
const NORMAL: f64 = 1.482_602_218_505_602;

/// The median absolute deviation from the median, times 1.4826: estimates the
/// standard deviation of normal data, and half of the values may be outliers
/// without leading it astray. Zero where more than half of the values are
/// equal; for ten values about a tenth too small on average.
///
/// P. J. Rousseeuw, C. Croux, "Alternatives to the median absolute deviation",
/// Journal of the American Statistical Association 88 (1993).
///
/// # Errors
///
/// [`Error::Empty`], [`Error::NotFinite`].
pub fn robust_deviation(sample: &[f64]) -> Result<f64, Error> {
    let values = sorted(sample)?;
    let middle = quantile(&values, 0.5);
    let distances: Vec<_> = values.iter().map(|value| (value - middle).abs()).collect();
    Ok(NORMAL * quantile(&sorted(&distances)?, 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R 4.2.2: `mad(x)`, whose constant has the four digits 1.4826, for
    /// `sleep` (drug 2 over drug 1), `women$height` and the depression data of
    /// `?wilcox.test`.
    #[test]
    fn agrees_with_r() {
        let sleep = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4];
        let women: Vec<_> = (58..=72).map(f64::from).collect();
        let depression = [
            -0.952, 0.147, -1.022, -0.430, -0.620, -0.590, -0.490, 0.080, -0.010,
        ];
        for (sample, expected) in [
            (sleep.as_slice(), 0.593_04),
            (&women, 5.9304),
            (&depression, 0.684_961_2),
        ] {
            let found = robust_deviation(sample).unwrap();
            let expected = expected / 1.4826 * NORMAL;
            assert!((found - expected).abs() < 1e-12, "{found}");
        }
    }

    /// One value has no spread, and half the values may be wild.
    #[test]
    fn accepts_one_value_and_spikes() {
        assert_eq!(robust_deviation(&[3.0]), Ok(0.0));
        assert_eq!(robust_deviation(&[1.0, 2.0, 3.0, 4.0, 1e9]), Ok(NORMAL));
        assert_eq!(robust_deviation(&[]), Err(Error::Empty));
    }
}
