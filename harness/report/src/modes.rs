//! What the modes of a record are: what was found out about them, and what each can do.

use crate::view::View;
use harness_record::{ModePlan, Record};

/// A table of what each mode can do; `None` for records from before it was kept.
pub(crate) fn capabilities(record: &Record) -> Option<View> {
    let modes = || record.plan.modes.iter();
    let able = |mode: &ModePlan| mode.capabilities.map(|can| can.columns());
    let first = modes().find_map(able)?;
    let headings = first.iter().map(|(heading, _)| heading.replace(' ', "\n"));
    let row = |mode: &ModePlan| {
        let cells = able(mode)?.map(|(_, can)| if can { "yes" } else { "–" }.to_string());
        Some(std::iter::once(mode.name.clone()).chain(cells).collect())
    };
    let notes = vec![
        "number, arguments, result, memory: what it sees of a call and of what its arguments point to; changes calls: it \
         can change a call or answer it itself; children, exec: it goes on through fork(2) and execve(2); attaches: to a \
         process that is running; static: also statically linked programs; privileges: more than an ordinary user has."
            .to_string(),
    ];
    Some(View {
        title: "Modes".to_string(),
        header: std::iter::once("mode".to_string())
            .chain(headings)
            .collect(),
        rows: modes().filter_map(row).collect(),
        problems: Vec::new(),
        notes,
    })
}

/// What was found out about a mode, a sentence; `None` where that is nothing.
pub(crate) fn facts(mode: &ModePlan) -> Option<String> {
    let facts = mode.facts.iter();
    let facts: Vec<String> = facts
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    (!facts.is_empty()).then(|| format!("{}: {}.", mode.name, facts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_a_sentence() {
        let mut mode = ModePlan {
            name: "strace".to_string(),
            ..ModePlan::default()
        };
        assert_eq!(facts(&mode), None);
        mode.facts.insert("version".to_string(), "6.1".to_string());
        assert_eq!(facts(&mode).as_deref(), Some("strace: version 6.1."));
    }
}
