//! A record as text: the table for a terminal, Markdown, CSV, JSON.

#![expect(
    clippy::format_push_string,
    reason = "write! would add a Result that is never an error"
)]

use crate::caption::{harness_text, kernel_text, machine_text, state_text};
use crate::tables::{
    escaped, printable, printable_lines, push_markdown_table, push_wrapped, terminal_table,
};
use crate::view::View;
use harness_record::{Error, Record, summary_csv};

/// How to print a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a terminal of 100 columns.
    Table,
    /// What `run.json` holds.
    Json,
    /// What `summary.csv` holds.
    Csv,
    /// Tables of GitHub-flavoured Markdown.
    Markdown,
}

/// The record as text that ends with a line's end.
///
/// # Errors
///
/// [`Error::Serialize`] for [`Format::Json`].
pub fn render(record: &Record, format: Format) -> Result<String, Error> {
    match format {
        Format::Table => Ok(table(record)),
        Format::Json => record.to_json(),
        Format::Csv => Ok(printable_lines(&summary_csv(&record.results))),
        Format::Markdown => Ok(markdown(record)),
    }
}

fn views(record: &Record) -> impl Iterator<Item = View> {
    record
        .plan
        .workloads
        .iter()
        .map(|workload| View::new(record, workload))
}

/// Where the numbers come from, in one line.
fn provenance(record: &Record) -> String {
    format!(
        "{}; {}; {}, seed {}",
        machine_text(&record.environment),
        kernel_text(&record.environment),
        harness_text(&record.harness),
        record.plan.seed
    )
}

/// What a reader must know before trusting the numbers.
fn warnings(record: &Record) -> Vec<String> {
    record
        .warnings
        .iter()
        .cloned()
        .chain(state_text(record))
        .collect()
}

fn table(record: &Record) -> String {
    let views: Vec<_> = views(record).collect();
    terminal_text(&views, &warnings(record), &[provenance(record)])
}

/// Tables one under the other, then what to be warned of, then the rest.
pub(crate) fn terminal_text(views: &[View], warnings: &[String], notes: &[String]) -> String {
    let mut out = String::new();
    for view in views {
        out.push_str(&format!("{}\n\n", printable(&view.title)));
        for line in terminal_table(&view.header, &view.rows, 0).lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out.push('\n');
        for problem in &view.problems {
            push_wrapped(&mut out, "WARNING: ", problem);
        }
        for note in &view.notes {
            push_wrapped(&mut out, "", note);
        }
        out.push('\n');
    }
    for warning in warnings {
        push_wrapped(&mut out, "WARNING: ", warning);
    }
    for note in notes {
        push_wrapped(&mut out, "", note);
    }
    out
}

fn markdown(record: &Record) -> String {
    let views: Vec<_> = views(record).collect();
    markdown_text(&views, &warnings(record), &[provenance(record)])
}

/// As [`terminal_text`], in Markdown.
pub(crate) fn markdown_text(views: &[View], warnings: &[String], notes: &[String]) -> String {
    let mut out = String::new();
    for view in views {
        out.push_str(&format!("### {}\n\n", escaped(&view.title)));
        push_markdown_table(&mut out, &view.header, &view.rows, 0);
        for problem in &view.problems {
            out.push_str(&format!("- **{}**\n", escaped(problem)));
        }
        for note in &view.notes {
            out.push_str(&format!("- {}\n", escaped(note)));
        }
        out.push('\n');
    }
    for warning in warnings {
        out.push_str(&format!("**Warning:** {}\n\n", escaped(warning)));
    }
    for note in notes {
        out.push_str(&format!("{}\n", escaped(note)));
    }
    out
}
