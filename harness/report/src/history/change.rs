//! Change points of a series of ratios.

use super::Point;
use harness_stats::{change_points, hodges_lehmann};
use serde::Serialize;

/// The chance to find a change in a series that has none.
pub(super) const ALPHA: f64 = 0.05;

/// Records between two change points, at least.
pub(super) const MIN_SEGMENT: usize = 3;

const PERMUTATIONS: usize = 999;

/// Of the permutations, so that the same records give the same answer.
const SEED: u64 = 1;

/// A change of a series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangePoint {
    /// The first point after it, from 0.
    pub index: usize,
    /// Name of that point's record.
    pub record: String,
    /// Of the permutation test.
    pub p_value: f64,
    /// Centre of the ratios from the change point before to this one.
    pub before: f64,
    /// Centre of the ratios from this change point to the next one.
    pub after: f64,
}

impl ChangePoint {
    /// By how much, `+5.2 %`.
    pub(crate) fn text(&self) -> String {
        format!("{:+.1} %", (self.after / self.before - 1.0) * 100.0)
    }
}

/// The changes of a series in order. Logarithms, so that a change is one by a factor.
pub(super) fn find(points: &[Point]) -> Vec<ChangePoint> {
    let series = logarithms(points);
    // What can be refused are values that are not finite, and an empty series.
    let found = change_points(&series, ALPHA, PERMUTATIONS, MIN_SEGMENT, SEED).unwrap_or_default();
    let ends: Vec<_> = (found.iter().map(|change| change.index))
        .chain([series.len()])
        .collect();
    let mut start = 0;
    let mut changes = Vec::new();
    for (at, change) in found.iter().enumerate() {
        let index = change.index;
        changes.push(ChangePoint {
            index,
            record: points[index].record.clone(),
            p_value: change.p_value,
            before: centre(&series[start..index]),
            after: centre(&series[index..ends[at + 1]]),
        });
        start = index;
    }
    changes
}

fn logarithms(points: &[Point]) -> Vec<f64> {
    points
        .iter()
        .map(|point| point.ratio.estimate.ln())
        .collect()
}

/// The Hodges–Lehmann estimate, as a ratio.
fn centre(series: &[f64]) -> f64 {
    hodges_lehmann(series, crate::LEVEL).map_or(f64::NAN, |interval| interval.estimate.exp())
}

/// The segments between the changes, each with its centre.
pub(crate) fn segments(
    points: &[Point],
    changes: &[ChangePoint],
) -> Vec<(std::ops::Range<usize>, f64)> {
    let series = logarithms(points);
    let cuts = changes.iter().map(|change| change.index);
    let starts = std::iter::once(0).chain(cuts.clone());
    let ends = cuts.chain([points.len()]);
    (starts.zip(ends))
        .map(|(start, end)| (start..end, centre(&series[start..end])))
        .collect()
}
