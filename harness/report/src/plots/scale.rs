//! Where on an axis a value lies, and which values are marked on it.

use crate::units::count_text;

/// A horizontal axis.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scale {
    /// Equal differences, equal distances.
    Linear { low: f64, high: f64 },
    /// Equal quotients, equal distances; `low` is above 0.
    Log { low: f64, high: f64 },
    /// From 0, by log₁₀(1 + n): logarithmic for counts, yet with a place for 0.
    LogCount { high: f64 },
}

impl Scale {
    /// For ratios around 1: linear unless they lie far apart.
    pub(super) fn of_ratios(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = range(values).unwrap_or((1.0, 1.0));
        let (low, high) = (low.min(1.0), high.max(1.0));
        if high / low > 6.0 {
            return Self::Log {
                low: low / 1.1,
                high: high * 1.1,
            };
        }
        // Never so narrow that noise fills the picture.
        let margin = ((high - low) * 0.04).max(0.02);
        Self::Linear {
            low: low - margin,
            high: high + margin,
        }
    }

    /// For ratios that are to be compared with each other, wherever they lie.
    pub(super) fn of_trend(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = range(values).unwrap_or((1.0, 1.0));
        if high / low > 6.0 {
            return Self::Log {
                low: low / 1.1,
                high: high * 1.1,
            };
        }
        // Never so narrow that noise fills the picture.
        let margin = ((high - low) * 0.1).max(high * 0.02);
        Self::Linear {
            low: low - margin,
            high: high + margin,
        }
    }

    /// For positive values of any size: the decades that hold them.
    pub(super) fn of_decades(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = range(values).unwrap_or((1.0, 10.0));
        let low = 10_f64.powf(low.log10().floor());
        let high = 10_f64.powf(high.log10().ceil()).max(low * 10.0);
        Self::Log { low, high }
    }

    /// For counts.
    pub(super) fn of_counts(values: impl IntoIterator<Item = f64>) -> Self {
        let high = range(values).map_or(1.0, |(_, high)| high);
        Self::LogCount {
            high: high.max(9.0),
        }
    }

    /// From 0 at the left end to 1 at the right one; values beyond are put there.
    pub(super) fn position(self, value: f64) -> f64 {
        let position = match self {
            Self::Linear { low, high } => (value - low) / (high - low),
            Self::Log { low, high } => (value / low).ln() / (high / low).ln(),
            Self::LogCount { high } => value.ln_1p() / high.ln_1p(),
        };
        // A logarithm of nothing is −∞ or NaN.
        if position > 0.0 {
            position.min(1.0)
        } else {
            0.0
        }
    }

    /// Whether the value lies on the axis.
    pub(super) fn holds(self, value: f64) -> bool {
        match self {
            Self::Linear { low, high } | Self::Log { low, high } => low <= value && value <= high,
            Self::LogCount { high } => (0.0..=high).contains(&value),
        }
    }

    /// The values to mark, with their labels.
    pub(super) fn ticks(self) -> Vec<(f64, String)> {
        let values = match self {
            Self::Linear { low, high } => {
                let step = step((high - low) / 6.0);
                let decimals = decimals(step);
                return (0..=12)
                    .map(|n| ((low / step).ceil() + f64::from(n)) * step)
                    .filter(|value| self.holds(*value))
                    .map(|value| (value, format!("{value:.decimals$}")))
                    .collect();
            }
            Self::Log { low, high } => {
                let decades = (high / low).log10();
                let steps: &[f64] = if decades <= 3.2 {
                    &[1.0, 2.0, 5.0]
                } else {
                    &[1.0]
                };
                powers(low, high)
                    .into_iter()
                    .flat_map(|power| steps.iter().map(move |step| step * power))
                    .collect()
            }
            Self::LogCount { high } => [vec![0.0], powers(1.0, high)].concat(),
        };
        values
            .into_iter()
            .filter(|value| self.holds(*value))
            .map(|value| (value, tick_text(value)))
            .collect()
    }
}

fn range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .into_iter()
        .filter(|value| value.is_finite())
        .map(|value| (value, value))
        .reduce(|(low, high), (value, _)| (low.min(value), high.max(value)))
}

/// 1, 2 or 5 times a power of ten, the next above `rough`.
fn step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough)
        .unwrap_or(10.0 * power)
}

/// Decimals that tell multiples of `step` apart.
fn decimals(step: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float's cast saturates, and 0 to 9 are left"
    )]
    let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    decimals
}

/// The powers of ten from the one at or below `low` to `high`, every second
/// or third one where there are many.
fn powers(low: f64, high: f64) -> Vec<f64> {
    let first = low.log10().floor();
    let last = (high * (1.0 + 1e-9)).log10().floor();
    let stride = ((last - first) / 9.0).floor() + 1.0;
    (0..=9)
        .map(|n| first + f64::from(n) * stride)
        .take_while(|exponent| *exponent <= last)
        .map(|exponent| 10_f64.powf(exponent))
        .collect()
}

fn tick_text(value: f64) -> String {
    if value >= 1.0 || value <= 0.0 {
        return count_text(value).replace(".00", "").replace(".0 ", " ");
    }
    let decimals = decimals(value);
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale) -> String {
        let labels: Vec<_> = scale.ticks().into_iter().map(|tick| tick.1).collect();
        labels.join(" ")
    }

    /// Few marks, round and distinct, whatever the range.
    #[test]
    fn ticks_are_round() {
        for (scale, expected) in [
            (
                Scale::of_ratios([1.0003, 1.0001]),
                "0.98 0.99 1.00 1.01 1.02",
            ),
            (Scale::of_ratios([1.03, 2.05]), "1.0 1.2 1.4 1.6 1.8 2.0"),
            (Scale::of_ratios([0.9, 5.2]), "1 2 3 4 5"),
            (Scale::of_ratios([1.0, 40.0]), "1 2 5 10 20"),
            (Scale::of_ratios([400.0]), "1 2 5 10 20 50 100 200"),
            (
                Scale::of_decades([0.03, 6312.0]),
                "0.01 0.1 1 10 100 1,000 10,000",
            ),
            (Scale::of_decades([85.0]), "10 20 50 100"),
            (Scale::of_counts([0.0]), "0 1"),
            (
                Scale::of_counts([17.1e6]),
                "0 1 10 100 1,000 10,000 100,000 1 M 10 M",
            ),
        ] {
            let found = labels(scale);
            assert!(found.starts_with(expected), "{scale:?}: {found}");
        }
    }

    /// Values keep their order along the axis, and none leaves it.
    #[test]
    fn positions_are_monotone_and_bounded() {
        for scale in [
            Scale::of_ratios([0.9, 2.0]),
            Scale::of_ratios([0.9, 400.0]),
            Scale::of_decades([0.1, 1e5]),
            Scale::of_counts([1e6]),
        ] {
            let values = [-1e9, -1.0, 0.0, 1e-3, 0.5, 1.0, 1.5, 10.0, 1e4, 1e6, 1e12];
            let positions = values.map(|value| scale.position(value));
            assert!(positions.is_sorted(), "{scale:?} {positions:?}");
            assert!(positions[0] >= 0.0 && positions[10] <= 1.0, "{scale:?}");
        }
        assert!(Scale::of_decades([f64::NAN]).position(f64::NAN) >= 0.0);
    }
}
