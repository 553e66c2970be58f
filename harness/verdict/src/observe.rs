//! From samples to one observation a block.
//!
//! A block has each arm twice, in an order and its reverse. The mean over its
//! two passes is one observation: a drift of the machine's speed that is linear
//! over the block cancels in it, and blocks are independent where the two
//! passes of one are not.
//!
//! The control, which no tracer has a part in, is the same for both sides: it
//! says how large their ratios are, and adds no noise to how they differ.

use harness_record::{Sample, SampleStatus, Side, TimeMeasure, blocks_beyond};
use std::collections::BTreeMap;
use std::ops::Range;

/// Below this many switches an execution a relative change says nothing.
const FEWEST_SWITCHES: f64 = 100.0;

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Scope<'a> {
    /// The workload.
    pub workload: &'a str,
    /// The mode.
    pub mode: &'a str,
    /// The mode that it is compared with.
    pub control: &'a str,
    /// Which time is compared.
    pub of: TimeMeasure,
    /// The blocks.
    pub blocks: Range<u32>,
    /// Blocks in which more CPU time was stolen are left out, a fraction of the
    /// block's time.
    pub max_steal: f64,
}

/// Observations of one comparison, in the order of the blocks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observations {
    /// d of head less d of base.
    pub change: Vec<f64>,
    /// d of base.
    pub base: Vec<f64>,
    /// d of head.
    pub head: Vec<f64>,
    /// Whole blocks that were not left out, whether or not they could be observed.
    pub blocks: u32,
}

/// The samples of one side of one mode in one pass of one block; the control has
/// no side.
type Key<'a> = (u32, u32, Option<Side>, &'a str);

/// The samples that count within a scope, by their place.
fn placed<'a>(samples: &'a [Sample], scope: &Scope<'_>) -> BTreeMap<Key<'a>, &'a Sample> {
    samples
        .iter()
        .filter(|sample| {
            sample.workload == scope.workload
                && sample.status == SampleStatus::Ok
                && scope.blocks.contains(&sample.block)
        })
        .map(|sample| {
            let mode = sample.mode.as_str();
            ((sample.block, sample.pass, sample.side, mode), sample)
        })
        .collect()
}

/// Blocks of a workload that the limit of stolen time leaves out.
#[must_use]
pub fn dropped(samples: &[Sample], workload: &str, max_steal: f64) -> Vec<u32> {
    blocks_beyond(samples, workload, |load| {
        load.steal_ns.unwrap_or(0) as f64 > max_steal * load.wall_ns as f64
    })
}

/// Time per execution; `None` where it is not known or not positive.
#[must_use]
pub fn time(sample: &Sample, of: TimeMeasure) -> Option<f64> {
    let total = match of {
        TimeMeasure::WallNs => Some(sample.wall_ns),
        TimeMeasure::LoopNs => sample.loop_ns,
    };
    let total = total.filter(|ns| *ns > 0 && sample.executions > 0)?;
    Some(total as f64 / f64::from(sample.executions))
}

/// Ratios of times, a block an observation; a block without all its samples is
/// none.
#[must_use]
pub fn ratios(samples: &[Sample], scope: &Scope<'_>) -> Observations {
    let placed = placed(samples, scope);
    let overhead = |block, pass, side| -> Option<f64> {
        let of = |side, mode| time(placed.get(&(block, pass, side, mode))?, scope.of);
        Some((of(Some(side), scope.mode)? / of(None, scope.control)?).ln())
    };
    observe(samples, scope, &placed, overhead)
}

/// Voluntary context switches of tracer and tracees per execution, as
/// logarithms; nothing where there are too few.
#[must_use]
pub fn context_switches(samples: &[Sample], scope: &Scope<'_>) -> Observations {
    let placed = placed(samples, scope);
    let switches = |block, pass, side| -> Option<f64> {
        let sample = placed.get(&(block, pass, Some(side), scope.mode))?;
        let tracer = sample.tracer_voluntary.unwrap_or(0);
        let count = sample.tracee_voluntary as f64 + tracer as f64;
        let count = count / f64::from(sample.executions.max(1));
        (count >= FEWEST_SWITCHES).then(|| count.ln())
    };
    observe(samples, scope, &placed, switches)
}

/// The mean over the passes of each whole block.
fn observe(
    samples: &[Sample],
    scope: &Scope<'_>,
    placed: &BTreeMap<Key<'_>, &Sample>,
    value: impl Fn(u32, u32, Side) -> Option<f64>,
) -> Observations {
    let dropped = dropped(samples, scope.workload, scope.max_steal);
    let mut passes: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (block, pass, ..) in placed.keys() {
        let passes = passes.entry(*block).or_default();
        if !passes.contains(pass) {
            passes.push(*pass);
        }
    }
    let mut observations = Observations::default();
    for (block, passes) in passes {
        if passes.len() != 2 || dropped.contains(&block) {
            continue;
        }
        let arms = [
            (None, scope.control),
            (Some(Side::Base), scope.mode),
            (Some(Side::Head), scope.mode),
        ];
        let whole = passes.iter().all(|pass| {
            arms.iter()
                .all(|(side, mode)| placed.contains_key(&(block, *pass, *side, *mode)))
        });
        observations.blocks += u32::from(whole);
        let mean = |side| -> Option<f64> {
            let values: Option<Vec<f64>> = passes
                .iter()
                .map(|pass| value(block, *pass, side))
                .collect();
            Some(values?.iter().sum::<f64>() / 2.0)
        };
        if let (Some(base), Some(head)) = (mean(Side::Base), mean(Side::Head)) {
            observations.change.push(head - base);
            observations.base.push(base);
            observations.head.push(head);
        }
    }
    observations
}
