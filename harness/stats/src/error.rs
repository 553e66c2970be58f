//! What an argument can be refused for.

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Error {
    /// No values.
    #[error("an estimate needs at least one value")]
    Empty,
    /// NaN or infinite.
    #[error("value {index} of the sample is {value}, not a finite number")]
    NotFinite {
        /// Position in the sample, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// Not a confidence level.
    #[error("a confidence level lies between 0 and 1, and {0} does not")]
    Level(f64),
    /// The shift to test is NaN or infinite.
    #[error("a shift to test is a finite number, and {0} is not")]
    Shift(f64),
    /// Not a significance level.
    #[error("a significance level lies between 0 and 1, and {0} does not")]
    Alpha(f64),
    /// Not a p-value.
    #[error("p-value {index} is {value}, not between 0 and 1")]
    Probability {
        /// Position among the p-values, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// Not a power.
    #[error("a power lies between 0 and 1, and {0} does not")]
    Power(f64),
    /// A spread that is negative, NaN or infinite.
    #[error("a spread is a finite number of at least 0, and {0} is not")]
    Spread(f64),
    /// Looks that do not grow.
    #[error("the sizes of looks grow from at least 1, and the size of look {0} does not")]
    Looks(usize),
    /// A segment in which nothing can be compared.
    #[error("a segment needs at least two values, and {0} is fewer")]
    Segment(usize),
    /// Too few permutations for anything to be significant.
    #[error("with {0} permutations nothing can be significant at this level: ask for more")]
    Permutations(usize),
}

/// The sample in ascending order.
pub(crate) fn sorted(sample: &[f64]) -> Result<Vec<f64>, Error> {
    if sample.is_empty() {
        return Err(Error::Empty);
    }
    if let Some(index) = sample.iter().position(|value| !value.is_finite()) {
        return Err(Error::NotFinite {
            index,
            value: sample[index],
        });
    }
    let mut values = sample.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    Ok(values)
}

/// Refuses what is no confidence level, NaN included.
pub(crate) fn check_level(level: f64) -> Result<(), Error> {
    if level > 0.0 && level < 1.0 {
        Ok(())
    } else {
        Err(Error::Level(level))
    }
}

/// Refuses what is no significance level, NaN included.
pub(crate) fn check_alpha(alpha: f64) -> Result<(), Error> {
    if alpha > 0.0 && alpha < 1.0 {
        Ok(())
    } else {
        Err(Error::Alpha(alpha))
    }
}
