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

/// What was found out about each mode, a sentence for all modes of which it is the same.
pub(crate) fn facts<'a>(modes: impl Iterator<Item = &'a ModePlan>) -> Vec<String> {
    let mut found: Vec<(String, Vec<&str>)> = Vec::new();
    for mode in modes.filter(|mode| !mode.facts.is_empty()) {
        let facts = mode.facts.iter();
        let facts: Vec<String> = facts
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        let facts = facts.join(", ");
        match found.iter_mut().find(|(known, _)| *known == facts) {
            Some((_, names)) => names.push(&mode.name),
            None => found.push((facts, vec![&mode.name])),
        }
    }
    let sentences = found.into_iter();
    sentences
        .map(|(facts, names)| format!("{}: {facts}.", names.join(", ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_of_several_modes_is_one_sentence() {
        let mode = |name: &str, facts: &[(&str, &str)]| ModePlan {
            name: name.to_string(),
            facts: facts
                .iter()
                .map(|&(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            ..ModePlan::default()
        };
        let modes = [
            mode("none", &[]),
            mode("ebpf", &[("i386 calls", "missing")]),
            mode("strace", &[("version", "6.1")]),
            mode("ebpf-count", &[("i386 calls", "missing")]),
        ];
        let expected = [
            "ebpf, ebpf-count: i386 calls missing.",
            "strace: version 6.1.",
        ];
        assert_eq!(facts(modes.iter()), expected);
        assert!(facts(modes[..1].iter()).is_empty());
    }
}
