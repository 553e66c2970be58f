//! Outlier classes.

use crate::error::{Error, sorted};
use crate::quantile::quantile;

/// Where a value lies with regard to Tukey's fences, the quartiles ± 1.5 and
/// ± 3 interquartile ranges (J. W. Tukey, "Exploratory Data Analysis", 1977,
/// section 2D). For naming, never for dropping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlier {
    /// Below the lower outer fence.
    LowSevere,
    /// Below the lower inner fence.
    LowMild,
    /// Between the inner fences, or on one.
    Inside,
    /// Above the upper inner fence.
    HighMild,
    /// Above the upper outer fence.
    HighSevere,
}

/// The class of each value, in the order of the sample.
///
/// # Errors
///
/// [`Error::Empty`], [`Error::NotFinite`].
pub fn classify_outliers(sample: &[f64]) -> Result<Vec<Outlier>, Error> {
    let values = sorted(sample)?;
    let (first, third) = (quantile(&values, 0.25), quantile(&values, 0.75));
    let range = third - first;
    let class = |&value: &f64| {
        if value < first - 3.0 * range {
            Outlier::LowSevere
        } else if value < first - 1.5 * range {
            Outlier::LowMild
        } else if value > third + 3.0 * range {
            Outlier::HighSevere
        } else if value > third + 1.5 * range {
            Outlier::HighMild
        } else {
            Outlier::Inside
        }
    };
    Ok(sample.iter().map(class).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outlier::{HighMild, HighSevere, Inside, LowMild, LowSevere};

    /// Quartiles 2 and 4 (type 7) around a middle of 3: inner fences −1 and 7,
    /// outer fences −4 and 10; a value on a fence is within it.
    #[test]
    fn classifies_by_the_fences() {
        let middle = [2.0, 2.0, 2.0, 2.0, 2.0, 3.0, 4.0, 4.0, 4.0, 4.0, 4.0];
        for (value, class) in [
            (-4.5, LowSevere),
            (-4.0, LowMild),
            (-1.0, Inside),
            (3.0, Inside),
            (7.0, Inside),
            (7.5, HighMild),
            (10.0, HighMild),
            (10.5, HighSevere),
        ] {
            let mut sample = middle.to_vec();
            sample.insert(5, value);
            let classes = classify_outliers(&sample).unwrap();
            assert_eq!(classes[5], class, "{value}");
        }
    }

    /// R 4.2.2, `x` the hours of `datasets::sleep`, drug 2 over drug 1, with
    /// three values added: `q <- quantile(x, c(0.25, 0.75)); x > q[2] + k *
    /// IQR(x)` and `x < q[1] - k * IQR(x)` for k 1.5 and 3.
    #[test]
    fn agrees_with_r() {
        let sample = [
            1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4, -3.0, -9.0, 20.0,
        ];
        let classes = classify_outliers(&sample).unwrap();
        assert_eq!(classes[..8], [Inside; 8]);
        assert_eq!(
            classes[8..],
            [HighMild, Inside, LowSevere, LowSevere, HighSevere]
        );
    }

    /// Without spread, whatever differs is severe, and nothing divides by zero.
    #[test]
    fn accepts_no_spread() {
        let classes = classify_outliers(&[1.0, 1.0, 1.0, 1.0, 1.1]).unwrap();
        assert_eq!(classes, [Inside, Inside, Inside, Inside, HighSevere]);
    }
}
