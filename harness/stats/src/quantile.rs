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
