//! The modes, and what each can do.

use super::ListFormat;
use harness_mode::{About, Facts, SeccompFile, Unavailable, registry};
use harness_record::{Capabilities, Role};
use serde::Serialize;
use std::fmt::Write;

/// One mode as JSON.
#[derive(Serialize)]
struct Entry {
    name: String,
    summary: String,
    role: Role,
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    unavailable_reason: Option<String>,
    facts: Facts,
    capabilities: Capabilities,
}

impl Entry {
    fn new(about: &About, checked: Result<Facts, Unavailable>) -> Self {
        Self {
            name: about.name.clone().into_owned(),
            summary: about.summary.clone().into_owned(),
            role: about.role,
            available: checked.is_ok(),
            unavailable_reason: checked.as_ref().err().map(ToString::to_string),
            facts: checked.unwrap_or_default(),
            capabilities: about.capabilities,
        }
    }
}

/// The modes of the registry, each tried, and that of a program of the user's.
fn entries() -> Vec<Entry> {
    let entry =
        |mode: &std::sync::Arc<dyn harness_mode::Mode>| Entry::new(mode.about(), mode.check());
    let mut entries: Vec<Entry> = registry().iter().map(entry).collect();
    entries.push(Entry::new(SeccompFile::about(), Ok(Facts::new())));
    entries
}

/// The list as text that ends with a line's end.
///
/// # Errors
/// None that a list of modes can cause.
pub(super) fn text(format: ListFormat) -> anyhow::Result<String> {
    let entries = entries();
    match format {
        ListFormat::Table => Ok(table(&entries)?),
        ListFormat::Json => Ok(serde_json::to_string_pretty(&entries)? + "\n"),
        ListFormat::Markdown => Ok(markdown(&entries)?),
    }
}

fn headings() -> Vec<&'static str> {
    let columns = Capabilities::default().columns();
    columns.iter().map(|(heading, _)| *heading).collect()
}

fn cells(entry: &Entry) -> impl Iterator<Item = &'static str> {
    let columns = entry.capabilities.columns();
    columns
        .into_iter()
        .map(|(_, can)| if can { "yes" } else { "-" })
}

fn table(entries: &[Entry]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let width = entries
        .iter()
        .map(|entry| entry.name.len())
        .max()
        .unwrap_or(0);
    for entry in entries {
        let reason = entry.unavailable_reason.as_ref();
        let here = reason.map_or_else(String::new, |why| format!(" (not here: {why})"));
        writeln!(text, "{:width$}  {}{here}", entry.name, entry.summary)?;
    }
    writeln!(text, "\nwhat each sees of a call, and what it can do")?;
    let headings = headings();
    write!(text, "{:width$}", "")?;
    for heading in &headings {
        write!(text, "  {heading}")?;
    }
    writeln!(text)?;
    for entry in entries {
        let mut line = format!("{:width$}", entry.name);
        for (heading, cell) in headings.iter().zip(cells(entry)) {
            write!(line, "  {cell:<0$}", heading.len())?;
        }
        writeln!(text, "{}", line.trim_end())?;
    }
    Ok(text)
}

fn markdown(entries: &[Entry]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let headings = headings();
    writeln!(text, "| mode | {} |", headings.join(" | "))?;
    writeln!(text, "|---|{}", ":-:|".repeat(headings.len()))?;
    for entry in entries {
        let cells = cells(entry).collect::<Vec<_>>().join(" | ");
        writeln!(text, "| `{}` | {cells} |", entry.name)?;
    }
    Ok(text)
}
