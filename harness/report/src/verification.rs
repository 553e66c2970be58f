//! Whether the samples of a mode did what they must, and as the other modes did.

use crate::summary::Group;
use crate::units::count_text;
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

/// The fields `verified` and `verification` of a result row.
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
        return (None, "no samples".to_string());
    }
    if let Some(first) = group.failed.first() {
        let error = first
            .error
            .as_deref()
            .unwrap_or("it records no executions or no time");
        let failed = group.failed.len();
        return (
            Some(false),
            format!("{failed} of {samples} samples failed, the first: {error}"),
        );
    }
    verify_events(
        &Events::of(group),
        workload.stated_traced_events,
        &others(group, groups),
    )
}

/// Names and traced events of the other modes that count the same every time.
fn others<'a>(group: &Group, groups: &'a [Group]) -> Vec<(&'a str, f64)> {
    groups
        .iter()
        .filter(|other| other.mode.name != group.mode.name)
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
                None => (None, text),
            }
        }
        Events::Constant(events) => {
            let text = format!("traced events {}", count_text(events));
            if let Some(stated) = stated.filter(|stated| !same(*stated, events)) {
                let stated = count_text(stated);
                return (
                    Some(false),
                    format!("{text}, but the workload states {stated}"),
                );
            }
            if let Some((mode, other)) = others.iter().find(|(_, other)| !same(*other, events)) {
                let other = count_text(*other);
                return (Some(false), format!("{text}, but {other} under {mode}"));
            }
            match (stated, others.is_empty()) {
                (Some(_), true) => (Some(true), format!("{text} as stated")),
                (Some(_), false) => (
                    Some(true),
                    format!("{text} as stated and as under the other modes"),
                ),
                (None, false) => (Some(true), format!("{text} as under the other modes")),
                (None, true) => (
                    None,
                    format!("{text} in every run; nothing to compare it with"),
                ),
            }
        }
    }
}
