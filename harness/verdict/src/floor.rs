//! How far a harness is from itself: noise floor and false positives, from
//! blocks in which base and head are the same binary.
//!
//! The same samples also show what the order is good for. As both sides are one
//! binary, any assignment of the samples to two sides is a comparison of a thing
//! with itself; the assignments of [`Design`] are those of three ways to measure.

use crate::LEVEL;
use crate::observe::{Observations, time};
use harness_record::{Sample, SampleStatus, Side, TimeMeasure};
use harness_stats::{
    Error, hodges_lehmann, noise_floor, rank_sum_p, signed_rank_p_greater, signed_rank_p_less,
};

/// What comparisons of a harness with itself showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SelfComparison {
    /// 95th percentile of the size of the change, a fraction.
    pub floor: f64,
    /// Comparisons that called the two different at the level asked for.
    pub false_positives: u32,
    /// Comparisons made.
    pub comparisons: u32,
}

/// Cuts the observations into comparisons of `blocks` each, in their order, and
/// tests each two-sided at `alpha`.
///
/// # Errors
/// [`Error`]: fewer than `blocks` observations, or not finite ones.
pub fn with_itself(
    observations: &Observations,
    blocks: usize,
    alpha: f64,
) -> Result<SelfComparison, Error> {
    let mut changes = Vec::new();
    let mut false_positives = 0;
    for segment in observations.change.chunks_exact(blocks.max(1)) {
        changes.push(hodges_lehmann(segment, LEVEL)?.estimate);
        let above = signed_rank_p_greater(segment, 0.0)?;
        let below = signed_rank_p_less(segment, 0.0)?;
        false_positives += u32::from(2.0 * above.min(below) <= alpha);
    }
    Ok(SelfComparison {
        floor: noise_floor(&changes)?.exp_m1(),
        false_positives,
        comparisons: u32::try_from(changes.len()).unwrap_or(u32::MAX),
    })
}

/// A way to lay out the runs of two things in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// All runs of one, then all of the other.
    Blocked,
    /// One, the other, one, the other; neighbours are pairs.
    FixedOrder,
    /// The order that was measured: per block a random order of all arms, then
    /// its reverse.
    Randomised,
}

impl Design {
    /// Every design, from the usual to the better one.
    pub const ALL: [Self; 3] = [Self::Blocked, Self::FixedOrder, Self::Randomised];

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked (A…A B…B)",
            Self::FixedOrder => "fixed order (A B A B)",
            Self::Randomised => "random order and its reverse",
        }
    }

    /// Whether the samples of one binary, assigned to two sides as this design
    /// would, are called different two-sided at `alpha`. `samples` are those of
    /// one workload and mode, in the order they were taken; `None` where they
    /// cannot be assigned.
    #[must_use]
    pub fn calls_different(self, samples: &[&Sample], of: TimeMeasure, alpha: f64) -> Option<bool> {
        let times: Option<Vec<f64>> = samples
            .iter()
            .map(|sample| Some(time(sample, of)?.ln()))
            .collect();
        let times = times?;
        let smaller = match self {
            Self::Blocked => {
                let (first, second) = times.split_at(times.len() / 2);
                let p = |side| rank_sum_p(first, second, 0.0, side).ok();
                p(harness_stats::Side::Above)?.min(p(harness_stats::Side::Below)?)
            }
            Self::FixedOrder => {
                let pairs = times.chunks_exact(2);
                smaller_p(&pairs.map(|pair| pair[1] - pair[0]).collect::<Vec<_>>())?
            }
            Self::Randomised => smaller_p(&by_block(samples, &times))?,
        };
        Some(2.0 * smaller <= alpha)
    }
}

/// The smaller of the two one-sided p-values.
fn smaller_p(differences: &[f64]) -> Option<f64> {
    let above = signed_rank_p_greater(differences, 0.0).ok()?;
    let below = signed_rank_p_less(differences, 0.0).ok()?;
    Some(above.min(below))
}

/// Head less base, the mean of each block's two passes.
fn by_block(samples: &[&Sample], times: &[f64]) -> Vec<f64> {
    let mut blocks: Vec<(u32, f64)> = Vec::new();
    for (sample, time) in samples.iter().zip(times) {
        let signed = match sample.side {
            Some(Side::Head) => time / 2.0,
            _ => -time / 2.0,
        };
        match blocks.last_mut() {
            Some((block, sum)) if *block == sample.block => *sum += signed,
            _ => blocks.push((sample.block, signed)),
        }
    }
    blocks
        .into_iter()
        .map(|(_, difference)| difference)
        .collect()
}

/// The samples of one workload and mode that count, in the order they were taken.
#[must_use]
pub fn in_order<'a>(samples: &'a [Sample], workload: &str, mode: &str) -> Vec<&'a Sample> {
    let mut samples: Vec<&Sample> = samples
        .iter()
        .filter(|sample| {
            sample.workload == workload && sample.mode == mode && sample.status == SampleStatus::Ok
        })
        .collect();
    samples.sort_by_key(|sample| sample.index);
    samples
}
