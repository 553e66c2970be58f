//! The median with its order-statistic interval.

use crate::error::{Error, check_level, sorted};
use crate::interval::Interval;

/// The median and the distribution-free interval between two order statistics
/// that covers the population's median with at least `level`.
///
/// The interval from the `k`-th smallest to the `k`-th largest of `n` values
/// covers it with probability 1 − 2 P(B ≤ k − 1), B binomial(n, ½); the largest
/// such `k` is taken. Without limits where even the extremes do not reach the
/// level (n < 6 for 95 %). H. A. David, H. N. Nagaraja, "Order Statistics",
/// 3rd ed. 2003, section 7.1.
///
/// # Errors
///
/// [`Error::Empty`], [`Error::NotFinite`], [`Error::Level`].
pub fn median(sample: &[f64], level: f64) -> Result<Interval, Error> {
    check_level(level)?;
    let values = sorted(sample)?;
    let n = values.len();
    let rank = rank(n, level);
    Ok(Interval {
        estimate: f64::midpoint(values[(n - 1) / 2], values[n / 2]),
        low: rank.map(|k| values[k - 1]),
        high: rank.map(|k| values[n - k]),
        level,
    })
}

/// The largest `k` ≥ 1 with P(B ≤ k − 1) ≤ (1 − level) / 2.
fn rank(n: usize, level: f64) -> Option<usize> {
    // Levels such as 1 − 2⁻⁵ are met exactly; rounding must not miss them.
    let tail = (1.0 - level) / 2.0 * (1.0 + 1e-12);
    // Logarithms, as 2⁻ⁿ is below the smallest f64 for n > 1074.
    let mut log_probability = -(n as f64) * std::f64::consts::LN_2;
    let mut cumulative = 0.0;
    let mut k = 0;
    while k <= n / 2 {
        cumulative += log_probability.exp();
        if cumulative > tail {
            break;
        }
        log_probability += ((n - k) as f64 / (k + 1) as f64).ln();
        k += 1;
    }
    (k > 0).then_some(k)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R 4.2.2: `qbinom(0.025, n, 0.5)`, the rank of the limits (David and
    /// Nagaraja); R's value 0 means that there is none.
    #[test]
    fn ranks_agree_with_r() {
        for (n, expected) in [
            (5, None),
            (6, Some(1)),
            (7, Some(1)),
            (8, Some(1)),
            (9, Some(2)),
            (12, Some(3)),
            (15, Some(4)),
            (20, Some(6)),
            (30, Some(10)),
            (50, Some(18)),
            (100, Some(40)),
            (1000, Some(469)),
            (2000, Some(956)),
            (5000, Some(2431)),
        ] {
            assert_eq!(rank(n, 0.95), expected, "n = {n}");
        }
        assert_eq!(rank(7, 0.99), None);
        assert_eq!(rank(8, 0.99), Some(1));
        // Met exactly: P(B ≤ 0) = 2⁻⁶.
        assert_eq!(rank(6, 1.0 - 2_f64.powi(-5)), Some(1));
        assert_eq!(rank(6, 0.969), None);
    }

    /// The limits are the order statistics of those ranks.
    #[test]
    fn limits_are_values_of_the_sample() {
        let sample: Vec<_> = (1..=12).rev().map(f64::from).collect();
        let interval = median(&sample, 0.95).unwrap();
        assert_eq!(
            (interval.estimate, interval.low, interval.high),
            (6.5, Some(3.0), Some(10.0))
        );
        let interval = median(&sample[..5], 0.95).unwrap();
        assert_eq!(
            (interval.estimate, interval.low, interval.high),
            (10.0, None, None)
        );
    }
}
