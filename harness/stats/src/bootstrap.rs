//! The percentile bootstrap.

use crate::error::{Error, check_level, sorted};
use crate::interval::Interval;
use crate::quantile::quantile;
use crate::random::Rng;

/// `statistic` of the sample, with the interval between the quantiles of the
/// statistic over `resamples` drawings with replacement.
///
/// B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", 1993,
/// section 13.3. Unlike the rank intervals it has its level only for large
/// samples.
///
/// # Errors
///
/// [`Error::Empty`], [`Error::NotFinite`], [`Error::Level`],
/// [`Error::NoResamples`], or [`Error::Statistic`].
pub fn bootstrap_percentile(
    sample: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    level: f64,
    resamples: usize,
    rng: &mut Rng,
) -> Result<Interval, Error> {
    check_level(level)?;
    // Sorted, so that the drawings do not depend on the order of the sample.
    let values = sorted(sample)?;
    if resamples == 0 {
        return Err(Error::NoResamples);
    }
    let finite = |value: f64| {
        if value.is_finite() {
            Ok(value)
        } else {
            Err(Error::Statistic(value))
        }
    };
    let estimate = finite(statistic(&values))?;
    let mut drawn = vec![0.0; values.len()];
    let replicates = (0..resamples)
        .map(|_| {
            for value in &mut drawn {
                *value = values[rng.index(values.len())];
            }
            finite(statistic(&drawn))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let replicates = sorted(&replicates)?;
    let tail = (1.0 - level) / 2.0;
    Ok(Interval {
        estimate,
        low: Some(quantile(&replicates, tail)),
        high: Some(quantile(&replicates, 1.0 - tail)),
        level,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    /// SciPy 1.17.1 on `datasets::sleep` of R:
    /// `scipy.stats.bootstrap((d,), numpy.mean, method="percentile",
    /// n_resamples=200000, confidence_level=0.95, random_state=1)`.
    /// The two draw other resamples; 0.02 is five times the Monte Carlo error.
    #[test]
    fn agrees_with_scipy() {
        let sleep = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4];
        let mut rng = Rng::new(1);
        let interval = bootstrap_percentile(&sleep, mean, 0.95, 50_000, &mut rng).unwrap();
        for (found, expected) in [
            (interval.estimate, 1.58),
            (interval.low.unwrap(), 0.95),
            (interval.high.unwrap(), 2.38),
        ] {
            assert!((found - expected).abs() < 0.02, "{found} {expected}");
        }
    }

    /// Two values have the means 0, ½ and 1 with chances ¼, ½ and ¼, so the
    /// middle 40 % are ½ and the middle 60 % reach both ends.
    #[test]
    fn has_the_quantiles_of_the_drawings() {
        for (level, low, high) in [(0.4, 0.5, 0.5), (0.6, 0.0, 1.0)] {
            let mut rng = Rng::new(7);
            let interval =
                bootstrap_percentile(&[1.0, 0.0], mean, level, 10_000, &mut rng).unwrap();
            assert_eq!((interval.low, interval.high), (Some(low), Some(high)));
        }
    }

    /// The seed decides, not the order of the sample.
    #[test]
    fn depends_on_the_seed_alone() {
        let interval = |sample: &[f64], seed| {
            bootstrap_percentile(sample, mean, 0.9, 50, &mut Rng::new(seed)).unwrap()
        };
        assert_eq!(interval(&[1.0, 2.0, 5.0], 1), interval(&[5.0, 1.0, 2.0], 1));
        assert_ne!(interval(&[1.0, 2.0, 5.0], 1), interval(&[1.0, 2.0, 5.0], 2));
    }

    /// What cannot be answered is refused.
    #[test]
    fn refuses_no_resamples_and_no_numbers() {
        let rng = &mut Rng::new(1);
        assert_eq!(
            bootstrap_percentile(&[1.0], mean, 0.9, 0, rng),
            Err(Error::NoResamples)
        );
        assert_eq!(
            bootstrap_percentile(&[1.0], |_| f64::INFINITY, 0.9, 1, rng),
            Err(Error::Statistic(f64::INFINITY))
        );
    }
}
