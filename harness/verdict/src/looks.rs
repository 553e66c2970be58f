//! When a verdict may be given, and which.
//!
//! The looks are declared beforehand, and the error probability is split over
//! them, so that looking more than once costs no more false alarms. At each
//! look Holm's procedure keeps the error over all comparisons together.

use crate::procedure::Tests;
use harness_record::Verdict;
use harness_stats::holm_adjusted;

/// The looks where nothing else is asked for, in blocks.
const USUAL: [u32; 4] = [12, 20, 30, 40];

/// Numbers of blocks at which to look, the last being `most`.
#[must_use]
pub fn schedule(most: u32) -> Vec<u32> {
    USUAL
        .into_iter()
        .filter(|look| *look < most)
        .chain([most])
        .collect()
}

/// What is said of one comparison at a look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Said {
    /// What may be said; `None` asks for more blocks. A failure is still to be
    /// confirmed.
    pub verdict: Option<Verdict>,
    /// Holm-adjusted.
    pub p_regression: f64,
    /// Holm-adjusted.
    pub p_no_regression: f64,
}

/// Decides on all comparisons together, with the error probability that this
/// look may spend.
#[must_use]
pub fn decide(tests: &[Tests], alpha: f64) -> Vec<Said> {
    let (regression, no_regression): (Vec<f64>, Vec<f64>) = tests
        .iter()
        .map(|tests| (tests.regression, tests.no_regression))
        .unzip();
    // What is no probability proves nothing.
    let adjusted = |p: &[f64]| holm_adjusted(p).unwrap_or_else(|_| vec![1.0; p.len()]);
    adjusted(&regression)
        .into_iter()
        .zip(adjusted(&no_regression))
        .map(|(p_regression, p_no_regression)| Said {
            verdict: if p_regression <= alpha {
                Some(Verdict::Fail)
            } else if p_no_regression <= alpha {
                Some(Verdict::Pass)
            } else {
                None
            },
            p_regression,
            p_no_regression,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_end_where_the_blocks_do() {
        assert_eq!(schedule(40), [12, 20, 30, 40]);
        assert_eq!(schedule(25), [12, 20, 25]);
        assert_eq!(schedule(12), [12]);
        assert_eq!(schedule(3), [3]);
        assert_eq!(schedule(100), [12, 20, 30, 40, 100]);
    }

    #[test]
    fn one_that_stands_out_fails_and_the_others_are_judged_by_what_is_left() {
        let tests = [(0.001, 1.0), (0.04, 0.9), (1.0, 0.001), (1.0, 1.0)];
        let tests = tests.map(|(regression, no_regression)| Tests {
            regression,
            no_regression,
        });
        let said = decide(&tests, 0.05);
        let verdicts: Vec<_> = said.iter().map(|said| said.verdict).collect();
        assert_eq!(
            verdicts,
            [Some(Verdict::Fail), None, Some(Verdict::Pass), None]
        );
    }
}
