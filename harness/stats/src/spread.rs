//! The spread of a sample as a rank test feels it.

use crate::error::{Error, sorted};
use crate::null_distribution::{critical_rank, moments};
use crate::rank_sum;
use crate::signed_rank::{averages, walsh_average};

/// P(Z ≤ −1): intervals of about one standard error on either side. Of normal
/// samples of 4 to 50 values their width is within 5 % right on average; wider
/// ones overstate it (at 12 values and 95 % by 11 %).
pub(crate) const TAIL: f64 = 0.158_655_253_931_457_05;

/// The standard deviation of the normal distribution in which the signed-rank
/// test would have as much power as in that of the sample, estimated from the
/// width of the Hodges–Lehmann interval of one standard error: E. L. Lehmann,
/// "Nonparametric confidence intervals for a shift parameter", Annals of
/// Mathematical Statistics 34 (1963). Outliers count for as little as in the test.
/// Where most values are equal and that width is zero, the standard deviation.
///
/// # Errors
///
/// [`Error::Empty`], [`Error::NotFinite`].
pub fn signed_rank_spread(sample: &[f64]) -> Result<f64, Error> {
    let values = sorted(sample)?;
    let n = values.len();
    let rank = critical_rank(n, TAIL).unwrap_or(1);
    let high = walsh_average(&values, averages(n) + 1 - rank);
    let width = high - walsh_average(&values, rank);
    let (mean, deviation) = moments(n);
    let errors = 2.0 * (mean + 0.5 - rank as f64) / deviation;
    Ok(felt(width, errors, 1.0 / n as f64).unwrap_or_else(|| standard_deviation(&[&values])))
}

/// The same for the rank-sum test of two samples.
///
/// # Errors
///
/// [`Error::Empty`], [`Error::NotFinite`].
pub fn rank_sum_spread(x: &[f64], y: &[f64]) -> Result<f64, Error> {
    let (x, y) = (sorted(x)?, sorted(y)?);
    let (width, errors) = rank_sum::width(&x, &y, TAIL);
    let inverse = 1.0 / x.len() as f64 + 1.0 / y.len() as f64;
    Ok(felt(width, errors, inverse).unwrap_or_else(|| standard_deviation(&[&x, &y])))
}

/// From the width of an interval that is `errors` standard errors wide; `None`
/// where it has none. The standard error of either estimate is √(π/3 · `inverse`)
/// standard deviations of normal values.
fn felt(width: f64, errors: f64, inverse: f64) -> Option<f64> {
    let spread = width / errors / (std::f64::consts::PI / 3.0 * inverse).sqrt();
    (width > 0.0).then_some(spread)
}

/// About the mean of each sample.
fn standard_deviation(samples: &[&[f64]]) -> f64 {
    let squares = samples.iter().flat_map(|sample| {
        let mean = sample.iter().sum::<f64>() / sample.len() as f64;
        sample.iter().map(move |value| (value - mean).powi(2))
    });
    let count: usize = samples.iter().map(|sample| sample.len()).sum();
    let freedom = count.saturating_sub(samples.len()).max(1);
    (squares.sum::<f64>() / freedom as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Rng;

    /// The mean estimate over 400 samples of `n` and `n` + 5 values drawn with a
    /// fixed seed.
    fn means(n: usize, draw: fn(&mut Rng) -> f64) -> [f64; 2] {
        let mut rng = Rng::new(11);
        let mut sums = [0.0; 2];
        for _ in 0..400 {
            let x: Vec<_> = (0..n).map(|_| draw(&mut rng)).collect();
            let y: Vec<_> = (0..n + 5).map(|_| draw(&mut rng) + 7.0).collect();
            sums[0] += signed_rank_spread(&x).unwrap();
            sums[1] += rank_sum_spread(&x, &y).unwrap();
        }
        sums.map(|sum| sum / 400.0)
    }

    /// Of normal values it is the standard deviation.
    #[test]
    fn right_on_average() {
        for n in [6, 12, 60] {
            for mean in means(n, |rng| 3.0 * rng.normal()) {
                assert!((mean / 3.0 - 1.0).abs() < 0.07, "{n}: {mean}");
            }
        }
    }

    /// The standard error of the estimate is 1 / √(12 n) / ∫f² whatever the density
    /// f, 1 for uniform values, for which it is nearly reached; of a mixture in which
    /// one value of ten is a hundredfold, the spread is hardly that of the others.
    #[test]
    fn other_distributions_are_felt_as_the_test_feels_them() {
        let [uniform, _] = means(40, Rng::uniform);
        let expected = (1.0 / 12.0_f64).sqrt() * (3.0 / std::f64::consts::PI).sqrt();
        let ratio = uniform / expected;
        assert!(ratio > 1.0 && ratio < 1.12, "{ratio}");
        let spiky = |rng: &mut Rng| rng.normal() * if rng.below(10) == 0 { 100.0 } else { 1.0 };
        for mean in means(40, spiky) {
            assert!(mean > 1.0 && mean < 1.6, "{mean}");
        }
    }

    /// No value has a spread alone; most values being equal, the others count.
    #[test]
    fn without_a_width() {
        assert_eq!(signed_rank_spread(&[3.0]), Ok(0.0));
        assert_eq!(signed_rank_spread(&[3.0; 9]), Ok(0.0));
        assert_eq!(rank_sum_spread(&[3.0; 9], &[5.0; 4]), Ok(0.0));
        let mut values = [0.0; 20];
        values[0] = 4.0;
        let spread = signed_rank_spread(&values).unwrap();
        // Deviations 3.8 and nineteen times −0.2: √((14.44 + 0.76) / 19).
        assert!((spread - 0.8_f64.sqrt()).abs() < 1e-12, "{spread}");
        assert_eq!(signed_rank_spread(&[]), Err(Error::Empty));
        assert!(rank_sum_spread(&[1.0], &[f64::NAN]).is_err());
    }
}
