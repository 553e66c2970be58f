//! Where a series changes: E-divisive with a permutation test.
//!
//! D. S. Matteson, N. A. James, "A nonparametric approach for multiple change
//! point analysis of multivariate data", Journal of the American Statistical
//! Association 109 (2014), for one dimension and exponent 1, the choice of D.
//! Daly et al., "The use of change point detection to identify software
//! performance regressions in a continuous integration system", ICPE 2020. It
//! finds changes of any kind in the distribution, and presumes that values
//! between two changes are exchangeable: a slow drift is answered with steps.

use crate::error::{Error, check_alpha};
use crate::random::Rng;

/// A place where the distribution of a series changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// Position in the series, from 0, of the first value after the change.
    pub index: usize,
    /// The p-value of the permutation test at the step that found it.
    pub p_value: f64,
}

/// The change points of a series, by position.
///
/// Step by step the split with the largest energy statistic over all segments
/// is tested at `alpha` against the same search in `permutations` shufflings
/// within the segments, until a split is not significant. In a series without
/// changes anything is found with a chance of at most `alpha`. Segments keep at
/// least `min_segment` values; a series shorter than two segments has no change
/// points. The `seed` decides the shufflings. Takes time proportional to
/// `permutations` and to the square of the longest segment.
///
/// # Errors
///
/// [`Error::Alpha`]; [`Error::Segment`] for a `min_segment` below 2;
/// [`Error::Permutations`] where not even 1 / (`permutations` + 1) is at most
/// `alpha`; [`Error::Empty`]; [`Error::NotFinite`].
pub fn change_points(
    series: &[f64],
    alpha: f64,
    permutations: usize,
    min_segment: usize,
    seed: u64,
) -> Result<Vec<ChangePoint>, Error> {
    check_alpha(alpha)?;
    if min_segment < 2 {
        return Err(Error::Segment(min_segment));
    }
    if p_value(0, permutations) > alpha {
        return Err(Error::Permutations(permutations));
    }
    let mut values = unit_scale(series)?;
    let mut rng = Rng::new(seed);
    let mut found: Vec<ChangePoint> = Vec::new();
    loop {
        let segments = segments(&found, values.len());
        let Some(split) = best_split(&values, &segments, min_segment) else {
            break;
        };
        // As large as the one found, but for rounding.
        let limit = split.energy - 1e-9 * split.energy.abs();
        let mut as_large = 0;
        for _ in 0..permutations {
            for &(from, to) in &segments {
                rng.shuffle(&mut values[from..to]);
            }
            let shuffled = best_split(&values, &segments, min_segment);
            as_large += usize::from(shuffled.is_some_and(|split| split.energy >= limit));
            if p_value(as_large, permutations) > alpha {
                break;
            }
        }
        let p_value = p_value(as_large, permutations);
        if p_value > alpha {
            break;
        }
        values = unit_scale(series)?;
        let index = split.index;
        let at = found.partition_point(|known| known.index < index);
        found.insert(at, ChangePoint { index, p_value });
    }
    Ok(found)
}

/// The p-value where `as_large` of the permutations reach the statistic; the
/// series itself counts as one of them.
fn p_value(as_large: usize, permutations: usize) -> f64 {
    (as_large as f64 + 1.0) / (permutations as f64 + 1.0)
}

/// The series divided by its largest size, so that no sum overflows.
fn unit_scale(series: &[f64]) -> Result<Vec<f64>, Error> {
    if series.is_empty() {
        return Err(Error::Empty);
    }
    if let Some(index) = series.iter().position(|value| !value.is_finite()) {
        let value = series[index];
        return Err(Error::NotFinite { index, value });
    }
    let largest = series
        .iter()
        .fold(0.0_f64, |most, value| most.max(value.abs()));
    let scale = if largest > 0.0 { largest } else { 1.0 };
    Ok(series.iter().map(|value| value / scale).collect())
}

/// The ranges between the change points.
fn segments(found: &[ChangePoint], length: usize) -> Vec<(usize, usize)> {
    let cuts = found.iter().map(|change| change.index);
    let starts = std::iter::once(0).chain(cuts.clone());
    starts.zip(cuts.chain(std::iter::once(length))).collect()
}

/// Where to split, and how much the two sides differ.
#[derive(Debug, Clone, Copy)]
struct Split {
    index: usize,
    energy: f64,
}

/// The split with the largest statistic over all segments, the first of equals.
fn best_split(values: &[f64], segments: &[(usize, usize)], min: usize) -> Option<Split> {
    let mut best: Option<Split> = None;
    for &(from, to) in segments {
        if let Some(split) = split_segment(&values[from..to], min)
            && best.is_none_or(|best| split.energy > best.energy)
        {
            let index = from + split.index;
            best = Some(Split { index, ..split });
        }
    }
    best
}

/// The split of one segment with the largest statistic, comparing the values
/// before it with those between it and any later end,
/// so that a second change does not hide the first.
fn split_segment(values: &[f64], min: usize) -> Option<Split> {
    let length = values.len();
    // Sums of the distances between all pairs of values: of the first `end`,
    // and of those from `start` to the end that the loop is at.
    let mut first = vec![0.0; length + 1];
    let mut rest = vec![0.0; length];
    let mut best: Option<Split> = None;
    for end in 1..=length {
        let newest = values[end - 1];
        let mut to_newest = 0.0;
        for start in (0..end - 1).rev() {
            to_newest += (values[start] - newest).abs();
            rest[start] += to_newest;
        }
        first[end] = rest[0];
        for index in min..(end + 1).saturating_sub(min) {
            let (before, after) = (first[index], rest[index]);
            let across = rest[0] - before - after;
            let energy = energy(index as f64, (end - index) as f64, before, after, across);
            if best.is_none_or(|best| energy > best.energy) {
                best = Some(Split { index, energy });
            }
        }
    }
    best
}

/// The sample energy of `n` values before and `m` after, scaled by nm / (n + m),
/// from the sums of distances within and across.
fn energy(n: f64, m: f64, before: f64, after: f64, across: f64) -> f64 {
    let within = before / (n * (n - 1.0)) + after / (m * (m - 1.0));
    n * m / (n + m) * 2.0 * (across / (n * m) - within)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The indices found at 5 % with 199 permutations.
    fn indices(series: &[f64], min_segment: usize) -> Vec<usize> {
        let found = change_points(series, 0.05, 199, min_segment, 1).unwrap();
        found.iter().map(|change| change.index).collect()
    }

    /// `datasets::Nile` of R: its flow from 1871 to 1970.
    const NILE: [u16; 100] = [
        1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960,
        1180, 799, 958, 1140, 1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694,
        940, 833, 701, 916, 692, 1020, 1050, 969, 831, 726, 456, 824, 702, 1120, 1100, 832, 764,
        821, 768, 845, 864, 862, 698, 845, 744, 796, 1040, 759, 781, 865, 845, 944, 984, 897, 822,
        1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860, 874, 848, 890, 744, 749, 838, 1050,
        918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
    ];

    /// `datasets::LakeHuron` of R: its level from 1875 to 1972.
    const LAKE_HURON: [f64; 98] = [
        580.38, 581.86, 580.97, 580.8, 579.79, 580.39, 580.42, 580.82, 581.4, 581.32, 581.44,
        581.68, 581.17, 580.53, 580.01, 579.91, 579.14, 579.16, 579.55, 579.67, 578.44, 578.24,
        579.1, 579.09, 579.35, 578.82, 579.32, 579.01, 579.0, 579.8, 579.83, 579.72, 579.89,
        580.01, 579.37, 578.69, 578.19, 578.67, 579.55, 578.92, 578.09, 579.37, 580.13, 580.14,
        579.51, 579.24, 578.66, 578.86, 578.05, 577.79, 576.75, 576.75, 577.82, 578.64, 580.58,
        579.48, 577.38, 576.9, 576.94, 576.24, 576.84, 576.85, 576.9, 577.79, 578.18, 577.51,
        577.23, 578.42, 579.61, 579.05, 579.26, 579.22, 579.38, 579.1, 577.95, 578.12, 579.75,
        580.85, 580.41, 579.96, 579.61, 578.76, 578.18, 577.21, 577.13, 579.1, 578.25, 577.91,
        576.89, 575.96, 576.8, 577.68, 578.38, 578.52, 579.74, 579.31, 579.89, 579.96,
    ];

    /// `datasets::nhtemp` of R: the temperature at New Haven from 1912 to 1971.
    const NEW_HAVEN: [f64; 60] = [
        49.9, 52.3, 49.4, 51.1, 49.4, 47.9, 49.8, 50.9, 49.3, 51.9, 50.8, 49.6, 49.3, 50.6, 48.4,
        50.7, 50.9, 50.6, 51.5, 52.8, 51.8, 51.1, 49.8, 50.2, 50.4, 51.6, 51.8, 50.9, 48.8, 51.7,
        51.0, 50.6, 51.7, 51.5, 52.1, 51.3, 51.0, 54.0, 51.4, 52.7, 53.1, 54.6, 52.0, 52.0, 50.9,
        52.6, 50.2, 52.6, 51.6, 51.9, 50.5, 50.9, 51.7, 51.4, 51.7, 50.8, 51.9, 51.8, 51.9, 53.0,
    ];

    /// R 4.2.2 with ecp 3.1.6: `set.seed(1); e.divisive(matrix(x), R = 199,
    /// min.size = m)$order.found`, without the ends and counted from 0. (ecp
    /// rounds the factor nm / (n + m) down to an integer; here it changes
    /// nothing. It shuffles otherwise, so its p-values are others.)
    #[test]
    fn agrees_with_ecp() {
        let nile = NILE.map(f64::from);
        assert_eq!(indices(&nile, 10), [28]);
        assert_eq!(indices(&nile, 30), [30]);
        assert_eq!(indices(&LAKE_HURON, 10), [16, 48, 67, 82]);
        assert_eq!(indices(&NEW_HAVEN, 5), [32]);
    }

    /// Planted steps, up and down again, are found where they are, in whatever
    /// unit; a spike is no change.
    #[test]
    fn finds_planted_steps() {
        let mut rng = Rng::new(5);
        let mut series: Vec<_> = (0..60)
            .map(|at| {
                let level = if (20..40).contains(&at) { 2.0 } else { 0.0 };
                level + rng.below(1000) as f64 / 1000.0
            })
            .collect();
        assert_eq!(indices(&series, 4), [20, 40]);
        series[50] = 30.0;
        assert_eq!(indices(&series, 4), [20, 40]);
        for scale in [-1e-300, 1e9, 5e306] {
            let scaled: Vec<_> = series.iter().map(|value| value * scale).collect();
            assert_eq!(indices(&scaled, 4), [20, 40], "{scale}");
        }
    }

    /// The statistic is that of its definition, summed pair by pair.
    #[test]
    fn splits_as_defined() {
        let mut rng = Rng::new(9);
        for _ in 0..20 {
            let values: Vec<_> = (0..12).map(|_| rng.below(100) as f64).collect();
            let sum = |a: &[f64], b: &[f64]| -> f64 {
                a.iter()
                    .flat_map(|x| b.iter().map(move |y| (x - y).abs()))
                    .sum()
            };
            let mut largest = f64::NEG_INFINITY;
            for end in 4..=12 {
                for index in 2..=end - 2 {
                    let (x, y) = values[..end].split_at(index);
                    let (n, m) = (x.len() as f64, y.len() as f64);
                    let energy = 2.0 * sum(x, y) / (n * m)
                        - sum(x, x) / (n * (n - 1.0))
                        - sum(y, y) / (m * (m - 1.0));
                    largest = largest.max(n * m / (n + m) * energy);
                }
            }
            let split = split_segment(&values, 2).unwrap();
            assert!((split.energy - largest).abs() < 1e-9, "{values:?}");
        }
    }

    /// Nothing changes in a constant, nor in what is too short to split.
    #[test]
    fn finds_nothing_where_nothing_is() {
        assert_eq!(indices(&[3.0; 30], 2), []);
        assert_eq!(indices(&[0.0; 30], 2), []);
        assert_eq!(indices(&[1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0], 4), []);
    }

    /// What cannot be answered is refused.
    #[test]
    fn refuses_what_it_cannot_answer() {
        let points = |series: &[f64], alpha, permutations, min_segment| {
            change_points(series, alpha, permutations, min_segment, 1)
        };
        assert_eq!(points(&[], 0.05, 99, 3), Err(Error::Empty));
        assert_eq!(points(&[1.0], 0.0, 99, 3), Err(Error::Alpha(0.0)));
        assert_eq!(points(&[1.0], 0.05, 18, 3), Err(Error::Permutations(18)));
        assert_eq!(points(&[1.0], 0.05, 19, 3), Ok(vec![]));
        assert_eq!(points(&[1.0], 0.05, 99, 1), Err(Error::Segment(1)));
        let refused = points(&[1.0, f64::NAN], 0.05, 99, 3);
        assert!(matches!(refused, Err(Error::NotFinite { index: 1, .. })));
    }
}
