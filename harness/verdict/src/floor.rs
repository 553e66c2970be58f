//! How far a harness is from itself: noise floor and false positives, from
//! blocks in which base and head are the same binary.
//!
//! The same samples also show what the order is good for. As both sides are one
//! binary, any assignment of the samples to two sides is a comparison of a thing
//! with itself; the assignments of [`Design`] are those of three ways to measure.
//! Of what was taken alternately only the whole is assigned otherwise: the samples
//! of one pass, which lie over each other in time, stay together.

use crate::LEVEL;
use crate::observe::{Observations, time};
use harness_record::{
    Calibration, Comparison, Floor, Metric, Sample, SampleStatus, Side, TimeMeasure,
};
use harness_stats::{
    Error, hodges_lehmann, noise_floor, rank_sum_p, shift, signed_rank_p_greater,
    signed_rank_p_less,
};

/// Comparisons from which on a 95th percentile lies below the largest; of fewer
/// the largest is taken.
pub const ENOUGH: u32 = 20;

/// A floor above this hides what most changes of a tracer cost.
const LARGE: f64 = 0.05;

/// What comparisons of a harness with itself showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SelfComparison {
    /// 95th percentile of the size of the change, a fraction; the largest of
    /// fewer than [`ENOUGH`].
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
    let comparisons = u32::try_from(changes.len()).unwrap_or(u32::MAX);
    let largest = changes.iter().map(|change| change.abs()).reduce(f64::max);
    let floor = match largest.filter(|_| comparisons < ENOUGH) {
        Some(largest) => largest,
        None => noise_floor(&changes)?,
    };
    Ok(SelfComparison {
        floor: floor.exp_m1(),
        false_positives,
        comparisons,
    })
}

/// What a floor is, a phrase.
#[must_use]
pub fn kind(comparisons: u32) -> String {
    if comparisons < ENOUGH {
        format!("largest of {comparisons}")
    } else {
        format!("95th percentile of {comparisons}")
    }
}

/// What a reader must know of the floors that hold for comparisons of times, a
/// sentence each.
#[must_use]
pub fn warnings(calibration: &Calibration, comparisons: &[Comparison]) -> Vec<String> {
    let of_times = comparisons.iter().filter(|one| one.metric == Metric::Ratio);
    let floors: Vec<&Floor> = of_times
        .filter_map(|one| calibration.floor_of(&one.workload, &one.mode))
        .collect();
    let list = |which: &dyn Fn(&Floor) -> bool, text: &dyn Fn(&Floor) -> String| {
        let floors = floors.iter().filter(|floor| which(floor));
        let texts: Vec<String> = floors
            .map(|floor| format!("{} under {} ({})", floor.workload, floor.mode, text(floor)))
            .collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    };
    let large = list(&|floor| floor.floor > LARGE, &|floor| {
        format!("{:.1} %", floor.floor * 100.0)
    });
    let few = list(&|floor| floor.comparisons < ENOUGH, &|floor| {
        floor.comparisons.to_string()
    });
    let large = large.map(|list| {
        format!(
            "The calibrated noise is more than {:.0} %, and a smaller change is no regression: {list}; run `harness calibrate` again on a quieter machine.",
            LARGE * 100.0
        )
    });
    let few = few.map(|list| {
        format!(
            "The calibrated noise is of fewer than {ENOUGH} comparisons, too few for a 95th percentile: {list}; run `harness calibrate` again with more --repeats."
        )
    });
    large.into_iter().chain(few).collect()
}

/// A way to lay out the runs of two things in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// All runs of one, then all of the other.
    Blocked,
    /// One, the other, one, the other; neighbours are pairs.
    FixedOrder,
    /// The order that was measured: both alternating, per block a random order of
    /// all modes, then its reverse.
    Alternating,
}

impl Design {
    /// Every design, from the usual to the better one.
    pub const ALL: [Self; 3] = [Self::Blocked, Self::FixedOrder, Self::Alternating];

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked (A…A B…B)",
            Self::FixedOrder => "fixed order (A B A B)",
            Self::Alternating => "alternating, as measured",
        }
    }

    /// What the samples of one binary show when they are assigned to two sides
    /// as this design would; `threshold`, a fraction, is what a regression exceeds.
    /// `samples` are those of one workload and mode, in the order they were taken;
    /// `None` where they cannot be assigned.
    #[must_use]
    pub fn judge(self, samples: &[&Sample], of: TimeMeasure, threshold: f64) -> Option<Judged> {
        let times: Option<Vec<f64>> = samples
            .iter()
            .map(|sample| Some(time(sample, of)?.ln()))
            .collect();
        let times = times?;
        match self {
            Self::Blocked => {
                let passes = by_pass(samples, &times);
                let (first, second) = passes.split_at(passes.len() / 2);
                unpaired(first, second, threshold)
            }
            Self::FixedOrder => {
                let passes = by_pass(samples, &times);
                let pairs = passes.chunks_exact(2);
                let differences: Vec<f64> = pairs.map(|pair| pair[1] - pair[0]).collect();
                paired(&differences, threshold)
            }
            Self::Alternating => paired(&by_block(samples, &times), threshold),
        }
    }
}

/// What a design made of samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Change of the second side to the first, a fraction.
    pub change: f64,
    /// Two-sided p-value of no change.
    pub p_change: f64,
    /// One-sided p-value of no more than the threshold.
    pub p_regression: f64,
}

fn paired(differences: &[f64], threshold: f64) -> Option<Judged> {
    let above = signed_rank_p_greater(differences, 0.0).ok()?;
    let below = signed_rank_p_less(differences, 0.0).ok()?;
    Some(Judged {
        change: hodges_lehmann(differences, LEVEL).ok()?.estimate.exp_m1(),
        p_change: (2.0 * above.min(below)).min(1.0),
        p_regression: signed_rank_p_greater(differences, threshold.ln_1p()).ok()?,
    })
}

fn unpaired(first: &[f64], second: &[f64], threshold: f64) -> Option<Judged> {
    let p = |shift, side| rank_sum_p(first, second, shift, side).ok();
    let (above, below) = (
        p(0.0, harness_stats::Side::Above)?,
        p(0.0, harness_stats::Side::Below)?,
    );
    Some(Judged {
        change: shift(first, second, LEVEL).ok()?.estimate.exp_m1(),
        p_change: (2.0 * above.min(below)).min(1.0),
        p_regression: p(threshold.ln_1p(), harness_stats::Side::Above)?,
    })
}

/// The mean of each pass.
fn by_pass(samples: &[&Sample], times: &[f64]) -> Vec<f64> {
    let samples: Vec<(&Sample, f64)> = samples.iter().copied().zip(times.iter().copied()).collect();
    samples
        .chunk_by(|(one, _), (next, _)| one.pass == next.pass)
        .map(|pass| pass.iter().map(|(_, time)| time).sum::<f64>() / pass.len() as f64)
        .collect()
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
