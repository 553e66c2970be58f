//! Whether the samples of a mode did what they must, and as the other modes did.

use crate::summary::Group;
use crate::units::{count_text, counted};
use harness_record::WorkloadPlan;

/// Traced events per execution that a mode counted.
enum Events {
    /// The mode cannot know.
    Unknown,
    Constant(f64),
    Varying {
        least: f64,
        greatest: f64,
    },
}

impl Events {
    fn of(group: &Group) -> Self {
        let mut values = group.per_execution(|sample| sample.traced_events);
        values.sort_unstable_by(f64::total_cmp);
        match (values.first(), values.last()) {
            (Some(&least), Some(&greatest)) if same(least, greatest) => Self::Constant(least),
            (Some(&least), Some(&greatest)) => Self::Varying { least, greatest },
            _ => Self::Unknown,
        }
    }
}

/// Equal quotients of integers are equal floats: division rounds correctly.
fn same(a: f64, b: f64) -> bool {
    a.total_cmp(&b).is_eq()
}

/// The fields `verified` and `verification` of a result row. Where the workload
/// states what must be seen, that decides; else the modes must agree.
pub(crate) fn verify(
    workload: &WorkloadPlan,
    group: &Group,
    groups: &[Group],
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
        verify_events(
            &Events::of(group),
            workload.stated_traced_events,
            &others(group, groups),
        )
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

/// Names and traced events of the other modes that count the same every time.
fn others<'a>(group: &Group, groups: &'a [Group]) -> Vec<(&'a str, f64)> {
    groups
        .iter()
        .filter(|other| other.mode.traces_set && other.mode.name != group.mode.name)
        .filter_map(|other| match Events::of(other) {
            Events::Constant(events) => Some((other.mode.name.as_str(), events)),
            _ => None,
        })
        .collect()
}

fn verify_events(
    events: &Events,
    stated: Option<u64>,
    others: &[(&str, f64)],
) -> (Option<bool>, String) {
    let stated = stated.map(|events| events as f64);
    match *events {
        Events::Unknown => (
            Some(true),
            "every sample ended as it must; this mode does not count traced events".to_string(),
        ),
        Events::Varying { least, greatest } => {
            let text = format!(
                "traced events vary between runs: {} to {}",
                count_text(least),
                count_text(greatest)
            );
            match stated {
                Some(stated) => (
                    Some(false),
                    format!("{text}; the workload states {}", count_text(stated)),
                ),
                None => match others
                    .iter()
                    .find(|(_, other)| *other < least || *other > greatest)
                {
                    Some((mode, other)) => (
                        Some(false),
                        format!("{text}, but always {} under {mode}", count_text(*other)),
                    ),
                    None => (None, text),
                },
            }
        }
        Events::Constant(events) => {
            let text = format!("traced events {}", count_text(events));
            let unlike = others.iter().find(|(_, other)| !same(*other, events));
            match (stated, unlike) {
                // The statement decides which mode is wrong.
                (Some(stated), _) if same(stated, events) => {
                    (Some(true), format!("{text} as stated"))
                }
                (Some(stated), _) => {
                    let stated = count_text(stated);
                    (
                        Some(false),
                        format!("{text}, but the workload states {stated}"),
                    )
                }
                (None, Some((mode, other))) => {
                    let other = count_text(*other);
                    (Some(false), format!("{text}, but {other} under {mode}"))
                }
                (None, None) if others.is_empty() => (
                    None,
                    format!("{text} in every run; nothing to compare it with"),
                ),
                (None, None) => (Some(true), format!("{text} as under the other modes")),
            }
        }
    }
}
