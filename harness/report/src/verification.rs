//! Whether the samples of a mode did what they must, and as the other modes did.
//!
//! A workload states its counts, so one sample is enough to find it wrong. A command of the user's
//! states nothing and may vary by itself: two modes are compared only where each has so many runs
//! that a difference would have been found beyond chance ([`harness_stats::disjoint_p`]). More runs
//! can so make a claim stronger, never weaker. Runs of all modes are interleaved, so that what
//! drifts with time moves all of them alike.

use crate::group::Group;
use crate::units::count_text;
use harness_record::{Counter, WorkloadPlan, counted};
use harness_stats::{DISJOINT_CHANCE, disjoint_p, disjoint_size};

/// Traced events per execution that a mode counted.
#[derive(Debug, Clone, Copy)]
struct Events {
    least: f64,
    greatest: f64,
    /// Samples.
    runs: usize,
}

impl Events {
    /// `None` where the mode cannot know.
    fn of(group: &Group) -> Option<Self> {
        let mut values = group.per_execution(|sample| sample.counts.get(Counter::TracedEvents));
        values.sort_unstable_by(f64::total_cmp);
        Some(Self {
            least: *values.first()?,
            greatest: *values.last()?,
            runs: values.len(),
        })
    }

    fn constant(&self) -> Option<f64> {
        same(self.least, self.greatest).then_some(self.least)
    }

    /// Whether all of them lie on one side of all of the other's.
    fn disjoint(&self, other: &Self) -> bool {
        self.greatest < other.least || other.greatest < self.least
    }

    /// `12` or `12 to 14`.
    fn text(&self) -> String {
        match self.constant() {
            Some(events) => count_text(events),
            None => format!(
                "{} to {}",
                count_text(self.least),
                count_text(self.greatest)
            ),
        }
    }

    /// What is said of them first.
    fn sentence(&self) -> String {
        match self.constant() {
            Some(events) => format!("traced events {}", count_text(events)),
            None => format!("traced events vary between runs: {}", self.text()),
        }
    }
}

/// Equal quotients of integers are equal floats: division rounds correctly.
fn same(a: f64, b: f64) -> bool {
    a.total_cmp(&b).is_eq()
}

/// The fields `verified` and `verification` of a result row. Where the workload
/// states what must be seen, that decides; else the modes must agree, unless
/// `accept_variation`.
pub(crate) fn verify(
    workload: &WorkloadPlan,
    group: &Group,
    groups: &[Group],
    accept_variation: bool,
) -> (Option<bool>, String) {
    if !group.mode.available {
        return (None, "did not run".to_string());
    }
    let samples = group.counted.len() + group.failed.len();
    if samples == 0 {
        let text = match group.dropped.len() as u64 {
            0 => "no samples".to_string(),
            dropped => format!(
                "no samples that count: {} left out",
                counted(dropped, "sample")
            ),
        };
        return (None, text);
    }
    let events = if group.mode.traces_set {
        match (Events::of(group), workload.stated_traced_events) {
            (None, _) => (
                Some(true),
                "every sample ended as it must; this mode does not count traced events".to_string(),
            ),
            (Some(events), Some(stated)) => as_stated(events, stated as f64),
            (Some(events), None) => {
                let (verified, text) = among(events, &others(group, groups));
                if verified == Some(false) && accept_variation {
                    (None, format!("{text}; accepted (--accept-variation)"))
                } else {
                    (verified, text)
                }
            }
        }
    } else if group.mode.traces_own_set {
        of_own_set(group, workload)
    } else {
        let text = "every sample ended as it must; traced events are those of its own filter, not of the trace set";
        (None, text.to_string())
    };
    let Some(first) = group.failed.first() else {
        return events;
    };
    let error = first
        .error
        .as_deref()
        .unwrap_or("it records no executions or no time");
    let mut text = format!(
        "{} of {} failed, the first: {error}",
        group.failed.len(),
        counted(samples as u64, "sample")
    );
    if events.0 == Some(false) {
        text = format!("{text}; {}", events.1);
    }
    (Some(false), text)
}

/// What a mode counted whose set is not the one asked for; each sample was held to the statement.
fn of_own_set(group: &Group, workload: &WorkloadPlan) -> (Option<bool>, String) {
    let events = Events::of(group).map_or_else(String::new, |events| events.sentence() + ", ");
    let set = format!(
        "{events}of the set that it can count, which is not {}",
        workload.trace
    );
    if workload.stated_calls.is_some() {
        (Some(true), format!("{set}; every sample as stated"))
    } else {
        (None, format!("{set}; nothing to compare them with"))
    }
}

/// The other modes that count, by name.
fn others<'a>(group: &Group, groups: &'a [Group]) -> Vec<(&'a str, Events)> {
    groups
        .iter()
        .filter(|other| other.mode.traces_set && other.mode.name != group.mode.name)
        .filter_map(|other| Some((other.mode.name.as_str(), Events::of(other)?)))
        .collect()
}

fn as_stated(events: Events, stated: f64) -> (Option<bool>, String) {
    let text = events.sentence();
    let stated_text = count_text(stated);
    match events.constant() {
        Some(events) if same(events, stated) => (Some(true), format!("{text} as stated")),
        Some(_) => (
            Some(false),
            format!("{text}, but the workload states {stated_text}"),
        ),
        None => (
            Some(false),
            format!("{text}; the workload states {stated_text}"),
        ),
    }
}

/// Traced events that nobody stated, among those of the other modes.
fn among(events: Events, others: &[(&str, Events)]) -> (Option<bool>, String) {
    let text = events.sentence();
    if others.is_empty() {
        return (
            None,
            match events.constant() {
                Some(_) => format!("{text} in every run; nothing to compare it with"),
                None => text,
            },
        );
    }
    // Each pair of modes is a comparison.
    let comparisons = (others.len() + 1) * others.len() / 2;
    let alpha = DISJOINT_CHANCE / comparisons as f64;
    let p = |other: &Events| disjoint_p(events.runs, other.runs);
    let unlike = others.iter().filter(|(_, other)| events.disjoint(other));
    let clearest = unlike.min_by(|(_, a), (_, b)| p(a).total_cmp(&p(b)));
    let too_few = || {
        let fewest = others.iter().map(|(_, other)| other.runs).min();
        let fewest = fewest.unwrap_or(0).min(events.runs);
        format!(
            "{} a mode {} too few to tell a difference from chance (it takes {})",
            counted(fewest as u64, "run"),
            if fewest == 1 { "is" } else { "are" },
            disjoint_size(alpha)
        )
    };
    match clearest {
        Some((mode, other)) if p(other) <= alpha => {
            let text = format!(
                "{text}, but {} under {mode} ({}, {} there): chance shows such a difference in fewer than {} % of \
                 measurements",
                other.text(),
                counted(events.runs as u64, "run"),
                other.runs,
                DISJOINT_CHANCE * 100.0
            );
            (Some(false), text)
        }
        Some((mode, other)) => (
            None,
            format!("{text}, {} under {mode}; {}", other.text(), too_few()),
        ),
        None => {
            let varying = others.iter().find(|(_, other)| other.constant().is_none());
            match (events.constant(), varying) {
                (None, _) => (None, text),
                (Some(_), Some((mode, other))) => (
                    None,
                    format!("{text} in every run; {} under {mode}", other.text()),
                ),
                (Some(_), None) if others.iter().all(|(_, other)| p(other) <= alpha) => {
                    (Some(true), format!("{text} as under the other modes"))
                }
                (Some(_), None) => (
                    None,
                    format!("{text} as under the other modes; {}", too_few()),
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_stats::random::Rng;

    fn events(values: &[u64]) -> Events {
        let (least, greatest) = (values.iter().min(), values.iter().max());
        Events {
            least: *least.expect("a value") as f64,
            greatest: *greatest.expect("a value") as f64,
            runs: values.len(),
        }
    }

    /// Whatever the counts: what was said of few runs is not taken back for more of the same.
    #[test]
    fn more_runs_make_a_claim_stronger() {
        type Counts = fn(usize) -> u64;
        let cases: [(Counts, Counts, Option<bool>); 4] = [
            (|_| 3, |_| 3, Some(true)),
            (|_| 3, |_| 4, Some(false)),
            (
                |run| 3 + run as u64 % 3,
                |run| 7 + run as u64 % 2,
                Some(false),
            ),
            (|run| 3 + run as u64 % 3, |_| 4, None),
        ];
        for (own, other, last) in cases {
            let said = |runs| {
                let of = |counts: Counts| events(&(0..runs).map(counts).collect::<Vec<_>>());
                among(of(own), &[("m", of(other))]).0
            };
            // Four runs have C(8, 4) = 70 orders, five 252.
            for runs in 1..=4 {
                assert_eq!(said(runs), None, "{runs}");
            }
            for runs in [5, 6, 10, 1000] {
                assert_eq!(said(runs), last, "{runs}");
            }
        }
    }

    /// Drawn with a fixed seed: a program that varies by itself is seldom accused, with any number
    /// of runs.
    #[test]
    fn chance_is_no_accusation() {
        let mut rng = Rng::new(11);
        for (runs, range) in [(1, 256), (2, 2), (3, 256), (5, 256), (6, 2), (10, 256)] {
            let accused = (0..5000).filter(|_| {
                let mut draw = || {
                    let counts = (0..runs).map(|_| rng.below(range));
                    events(&counts.collect::<Vec<_>>())
                };
                among(draw(), &[("m", draw())]).0 == Some(false)
            });
            let accused = accused.count();
            // 1 % and two standard deviations.
            assert!(accused <= 50 + 14, "{runs} runs: {accused} of 5000");
        }
    }
}
