//! An estimate with its confidence interval.

/// An estimate with its two-sided confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The point estimate.
    pub estimate: f64,
    /// Lower limit; `None` where the sample is too small for the level.
    pub low: Option<f64>,
    /// Upper limit; `None` where the sample is too small for the level.
    pub high: Option<f64>,
    /// The confidence level asked for, between 0 and 1. Where the possible
    /// levels are discrete, the interval has the next one above it.
    pub level: f64,
}

impl Interval {
    /// The interval with `transform` applied to the estimate and the limits,
    /// which must be increasing: `map(f64::exp)` turns logarithms into ratios.
    #[must_use]
    pub fn map(self, transform: impl Fn(f64) -> f64) -> Self {
        Self {
            estimate: transform(self.estimate),
            low: self.low.map(&transform),
            high: self.high.map(&transform),
            level: self.level,
        }
    }
}
