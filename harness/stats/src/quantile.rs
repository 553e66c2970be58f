//! Quantiles of a sample.

/// The quantile `p` (0 to 1) of values in ascending order, linear between
/// neighbours: definition 7 of R. J. Hyndman and Y. Fan, "Sample quantiles in
/// statistical packages", The American Statistician 50 (1996), the default of
/// R and `NumPy`. The values must not be empty.
pub(crate) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let last = sorted.len() - 1;
    let position = p * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the integer part of a position within the slice"
    )]
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let fraction = position - below as f64;
    // In this form so that it neither overflows nor leaves the neighbours.
    sorted[below] * (1.0 - fraction) + sorted[above] * fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R 4.2.2: `quantile(x, c(0, 0.05, 0.25, 0.5, 0.9, 0.95, 1))` for the hours
    /// of `datasets::sleep`, drug 2 over drug 1.
    #[test]
    fn agrees_with_r() {
        let sleep = [0.0, 0.8, 1.0, 1.2, 1.3, 1.3, 1.4, 1.8, 2.4, 4.6];
        for (p, expected) in [
            (0.0, 0.0),
            (0.05, 0.36),
            (0.25, 1.05),
            (0.5, 1.3),
            (0.9, 2.62),
            (0.95, 3.61),
            (1.0, 4.6),
        ] {
            let found: f64 = quantile(&sleep, p);
            assert!((found - expected).abs() < 1e-12, "{p}: {found}");
        }
    }
}
