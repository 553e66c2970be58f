//! Many comparisons at once: Holm's procedure.

use crate::error::Error;

/// Holm's step-down adjusted p-values, in the order given: an adjusted value at
/// most α may be called significant with a chance of at most α that any of the
/// calls is false, however the comparisons depend on each other. None for none.
///
/// The i-th smallest of m p-values becomes the largest of (m − j + 1) p₍ⱼ₎ over
/// j ≤ i, at most 1. S. Holm, "A simple sequentially rejective multiple test
/// procedure", Scandinavian Journal of Statistics 6 (1979).
///
/// # Errors
///
/// [`Error::Probability`].
pub fn holm_adjusted(p_values: &[f64]) -> Result<Vec<f64>, Error> {
    if let Some(index) = p_values.iter().position(|p| !(0.0..=1.0).contains(p)) {
        return Err(Error::Probability {
            index,
            value: p_values[index],
        });
    }
    let mut order: Vec<_> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (step, at) in order.into_iter().enumerate() {
        let remaining = (p_values.len() - step) as f64;
        largest = largest.max(remaining * p_values[at]).min(1.0);
        adjusted[at] = largest;
    }
    Ok(adjusted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R 4.2.2: `p.adjust(p, method = "holm")`.
    #[test]
    fn agrees_with_r() {
        for (p_values, expected) in [
            (
                vec![0.01, 0.02, 0.03, 0.005, 0.2, 0.02, 0.9],
                vec![0.06, 0.1, 0.1, 0.035, 0.4, 0.1, 0.9],
            ),
            (
                vec![0.04, 0.001, 0.4, 0.012, 0.049],
                vec![0.12, 0.005, 0.4, 0.048, 0.12],
            ),
        ] {
            let adjusted = holm_adjusted(&p_values).unwrap();
            for (found, expected) in adjusted.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-15, "{adjusted:?}");
            }
        }
    }

    /// The first step that fails ends the rejections at 0.05, though later p-values
    /// alone would pass: 0.03 < 0.05 / 1, but 0.03 > 0.05 / 2.
    #[test]
    fn stops_at_the_first_failure() {
        let adjusted = holm_adjusted(&[0.03, 0.001, 0.03]).unwrap();
        let rejected: Vec<_> = adjusted.into_iter().map(|p| p <= 0.05).collect();
        assert_eq!(rejected, [false, true, false]);
        assert_eq!(holm_adjusted(&[]), Ok(vec![]));
    }

    /// What is no probability is refused by its place.
    #[test]
    fn refuses_what_is_no_probability() {
        assert_eq!(
            holm_adjusted(&[0.5, 1.5]),
            Err(Error::Probability {
                index: 1,
                value: 1.5
            })
        );
        assert!(holm_adjusted(&[f64::NAN]).is_err());
    }
}
