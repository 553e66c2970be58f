//! What is the same in every run of one program: compared exactly, one run enough. A command of
//! the user's makes no statement and may vary by itself: its counts are compared only where so many
//! runs rule out chance ([`harness_stats::disjoint_p`]).

use harness_record::{Change, Comparison, Counter, Metric, Sample, SampleStatus, Side, Verdict};
use harness_stats::{DISJOINT_CHANCE, disjoint_p, disjoint_size};

/// What a sample counts that depends on nothing but workload and harness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exact {
    /// All stops but those for signals: two SIGCHLD that come together are one.
    Stops,
    Counter(Counter),
}

impl Exact {
    /// Each with the metric that a gate calls it.
    fn all() -> impl Iterator<Item = (Metric, Self)> {
        let counters = Counter::ALL.iter().copied();
        let counters =
            counters.filter_map(|counter| Some((counter.info().exact?, Self::Counter(counter))));
        std::iter::once((Metric::Stops, Self::Stops)).chain(counters)
    }

    /// `None` where the mode of the sample cannot know it.
    fn of(self, sample: &Sample) -> Option<u64> {
        match self {
            Self::Stops => {
                let stops = sample.counts.get(Counter::Stops)?;
                stops.checked_sub(stops_for_signals(sample)?)
            }
            Self::Counter(counter) => sample.counts.get(counter),
        }
    }
}

fn stops_for_signals(sample: &Sample) -> Option<u64> {
    let signals = sample.counts.get(Counter::SignalStops)?;
    // A record's numbers may be any, and no sum of true ones comes near the limit.
    Some(signals.saturating_add(sample.counts.get(Counter::GroupStops)?))
}

/// Whether a sample has more stops for signals than stops, as only a record that
/// was written by something else or damaged does.
fn contradicts_itself(sample: &Sample) -> bool {
    let stops = sample.counts.get(Counter::Stops);
    stops_for_signals(sample) > stops && stops.is_some()
}

/// Compares the counts of one workload under one mode.
#[must_use]
pub fn counts(samples: &[Sample], workload: &str, mode: &str) -> Vec<Comparison> {
    let of_side = |side| {
        samples
            .iter()
            .filter(move |sample| {
                sample.workload == workload
                    && sample.mode == mode
                    && sample.side == Some(side)
                    && sample.status == SampleStatus::Ok
            })
            .collect::<Vec<_>>()
    };
    between(workload, mode, &of_side(Side::Base), &of_side(Side::Head))
}

/// Compares the counts of two sets of samples of one workload under one mode.
#[must_use]
pub fn between(workload: &str, mode: &str, base: &[&Sample], head: &[&Sample]) -> Vec<Comparison> {
    Exact::all()
        .filter_map(|(metric, count)| {
            let mut samples = base.iter().chain(head);
            if metric == Metric::Stops && samples.any(|sample| contradicts_itself(sample)) {
                return Some(contradiction(workload, mode));
            }
            let base = values(base, count);
            let head = values(head, count);
            compare_values(workload, mode, metric, &base, &head)
        })
        .collect()
}

/// Compares the counts of two sets of samples of a command of the user's under one mode.
#[must_use]
pub fn between_commands(
    workload: &str,
    mode: &str,
    base: &[&Sample],
    head: &[&Sample],
) -> Vec<Comparison> {
    Exact::all()
        .filter_map(|(metric, count)| {
            let base = values(base, count);
            let head = values(head, count);
            compare_of_command(workload, mode, metric, &base, &head)
        })
        .collect()
}

/// `None` where a side has no values, or they overlap without being all the same.
fn compare_of_command(
    workload: &str,
    mode: &str,
    metric: Metric,
    base: &[f64],
    head: &[f64],
) -> Option<Comparison> {
    let range = |values: &[f64]| {
        let least = values.iter().copied().min_by(f64::total_cmp)?;
        Some((least, values.iter().copied().max_by(f64::total_cmp)?))
    };
    let ((base_least, base_greatest), (head_least, head_greatest)) = (range(base)?, range(head)?);
    let constant = same(base_least, base_greatest) && same(head_least, head_greatest);
    let disjoint = base_greatest < head_least || head_greatest < base_least;
    let comparable = disjoint || (constant && same(base_least, head_least));
    if !comparable {
        return None;
    }
    let mut comparison = numbers(workload, mode, metric, base_least, head_least);
    comparison.observations = u32::try_from(base.len().min(head.len())).unwrap_or(u32::MAX);
    if !constant {
        comparison.change = None;
    }
    let alpha = DISJOINT_CHANCE / Exact::all().count() as f64;
    if disjoint_p(base.len(), head.len()) > alpha {
        comparison.verdict = Verdict::Inconclusive;
        comparison.reason = format!(
            "{}, in too few runs of a command to rule out chance; it takes {} each",
            if disjoint { "different" } else { "the same" },
            disjoint_size(alpha)
        );
    }
    Some(comparison)
}

/// Compares two numbers that are the same in every run.
#[must_use]
pub fn numbers(workload: &str, mode: &str, metric: Metric, base: f64, head: f64) -> Comparison {
    let (verdict, reason) = verdict(metric, base, head);
    Comparison {
        workload: workload.to_owned(),
        mode: mode.to_owned(),
        metric,
        verdict,
        change: relative(base, head).map(|estimate| Change {
            estimate,
            low: Some(estimate),
            high: Some(estimate),
            level: 1.0,
        }),
        min_detectable_effect: Some(0.0),
        threshold: 0.0,
        base: Some(base),
        head: Some(head),
        observations: 1,
        p_regression: None,
        p_no_regression: None,
        confirmation: None,
        reason,
    }
}

/// What is said of stops that cannot be compared.
fn contradiction(workload: &str, mode: &str) -> Comparison {
    let mut comparison = numbers(workload, mode, Metric::Stops, 0.0, 0.0);
    comparison.verdict = Verdict::Inconclusive;
    (comparison.change, comparison.min_detectable_effect) = (None, None);
    (comparison.base, comparison.head) = (None, None);
    comparison.observations = 0;
    "a sample has more stops for signals than stops: its record is damaged; measure again"
        .clone_into(&mut comparison.reason);
    comparison
}

/// Per execution.
fn values(samples: &[&Sample], count: Exact) -> Vec<f64> {
    samples
        .iter()
        .filter(|sample| sample.executions > 0)
        .filter_map(|sample| Some(count.of(sample)? as f64 / f64::from(sample.executions)))
        .collect()
}

fn compare_values(
    workload: &str,
    mode: &str,
    metric: Metric,
    base: &[f64],
    head: &[f64],
) -> Option<Comparison> {
    let (&first_base, &first_head) = (base.first()?, head.first()?);
    let varies = |values: &[f64]| values.iter().any(|value| !same(*value, values[0]));
    // What varies in base the workload does not determine: nothing to compare exactly.
    if varies(base) {
        return None;
    }
    let mut comparison = numbers(workload, mode, metric, first_base, first_head);
    comparison.observations = u32::try_from(base.len().min(head.len())).unwrap_or(u32::MAX);
    if varies(head) {
        comparison.verdict = Verdict::Fail;
        comparison.change = None;
        "it differs between runs, which it does not in base".clone_into(&mut comparison.reason);
    }
    Some(comparison)
}

/// Equal quotients of integers are equal floats: division rounds correctly.
fn same(a: f64, b: f64) -> bool {
    a.total_cmp(&b).is_eq()
}

fn relative(base: f64, head: f64) -> Option<f64> {
    if same(base, head) {
        return Some(0.0);
    }
    (base > 0.0).then(|| head / base - 1.0)
}

/// What is seen must not change; what it costs must not grow.
fn verdict(metric: Metric, base: f64, head: f64) -> (Verdict, String) {
    if same(base, head) {
        return (Verdict::Pass, "the same".to_owned());
    }
    let seen = matches!(
        metric,
        Metric::Syscalls | Metric::TracedEvents | Metric::Tracees
    );
    if seen {
        return (
            Verdict::Fail,
            "one of the two sees other calls or processes".to_owned(),
        );
    }
    if head > base {
        (Verdict::Fail, "more than base".to_owned())
    } else {
        (Verdict::Pass, "fewer than base".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_may_fall_and_what_is_seen_may_not_change() {
        let cases = [
            (Metric::Stops, 10.0, 10.0, Verdict::Pass, Some(0.0)),
            (Metric::Stops, 10.0, 11.0, Verdict::Fail, Some(0.1)),
            (Metric::Stops, 10.0, 9.0, Verdict::Pass, Some(-0.1)),
            (Metric::Stops, 0.0, 1.0, Verdict::Fail, None),
            (Metric::TracedEvents, 10.0, 9.0, Verdict::Fail, Some(-0.1)),
            (
                Metric::FilterExecuted,
                7.5,
                7.75,
                Verdict::Fail,
                Some(7.75 / 7.5 - 1.0),
            ),
        ];
        for (metric, base, head, verdict, change) in cases {
            let comparison = numbers("w", "m", metric, base, head);
            assert_eq!(comparison.verdict, verdict, "{metric:?} {base} {head}");
            let estimate = comparison.change.map(|change| change.estimate);
            match (estimate, change) {
                (Some(a), Some(b)) => assert!((a - b).abs() < 1e-12),
                (a, b) => assert_eq!(a, b),
            }
        }
    }

    /// A command may vary by itself; more runs make the verdict stronger, never weaker.
    #[test]
    fn the_counts_of_a_command_are_compared_beyond_chance() {
        let verdict = |base: &[f64], head: &[f64]| {
            let said = compare_of_command("w", "m", Metric::TracedEvents, base, head);
            said.map(|comparison| comparison.verdict)
        };
        assert_eq!(verdict(&[3.0], &[4.0]), Some(Verdict::Inconclusive));
        assert_eq!(verdict(&[3.0], &[3.0]), Some(Verdict::Inconclusive));
        assert_eq!(verdict(&[3.0; 5], &[4.0; 5]), Some(Verdict::Inconclusive));
        assert_eq!(verdict(&[3.0; 6], &[4.0; 6]), Some(Verdict::Fail));
        assert_eq!(verdict(&[3.0; 6], &[3.0; 6]), Some(Verdict::Pass));
        let varying = [3.0, 5.0, 4.0, 3.0, 5.0, 4.0];
        assert_eq!(verdict(&varying, &[4.0; 6]), None);
        assert_eq!(verdict(&[4.0; 6], &varying), None);
        assert_eq!(verdict(&varying, &[6.0; 6]), Some(Verdict::Fail));
        assert_eq!(verdict(&[], &[6.0; 6]), None);
    }

    #[test]
    fn what_varies_in_base_is_not_compared_and_in_head_is_a_change() {
        let compare =
            |base: &[f64], head: &[f64]| compare_values("w", "m", Metric::Stops, base, head);
        assert_eq!(compare(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(compare(&[], &[1.0]), None);
        let varies = compare(&[1.0, 1.0], &[1.0, 2.0]).unwrap();
        assert_eq!((varies.verdict, varies.change), (Verdict::Fail, None));
    }
}
