//! A record as text: the table for a terminal, Markdown, CSV, JSON.

#![expect(
    clippy::format_push_string,
    reason = "write! would add a Result that is never an error"
)]

use crate::caption::{harness_text, kernel_text, machine_text, state_text};
use crate::view::View;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use harness_record::{Error, Record, summary_csv};

/// Columns of a terminal that the table fits into.
const WIDTH: usize = 100;

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
        Format::Csv => Ok(summary_csv(&record.results)),
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
        machine_text(record),
        kernel_text(record),
        harness_text(record),
        record.plan.seed
    )
}

fn table(record: &Record) -> String {
    let mut out = String::new();
    for view in views(record) {
        out.push_str(&format!("{}\n\n", printable(&view.workload)));
        for line in terminal_table(&view).lines() {
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
    for warning in record.warnings.iter().chain(&state_text(record)) {
        push_wrapped(&mut out, "WARNING: ", warning);
    }
    push_wrapped(&mut out, "", &provenance(record));
    out
}

fn terminal_table(view: &View) -> String {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(WIDTH).unwrap_or(u16::MAX))
        .set_header(&view.header)
        .add_rows(&view.rows);
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding(if at == 0 { (0, 0) } else { (2, 0) });
        column.set_cell_alignment(if at == 0 {
            CellAlignment::Left
        } else {
            CellAlignment::Right
        });
    }
    table.to_string()
}

/// Without control characters, which could steer a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The text in lines of at most [`WIDTH`], those after the first indented.
/// Words that are longer stand alone, whole.
fn push_wrapped(out: &mut String, prefix: &str, text: &str) {
    let mut line = prefix.to_string();
    let mut empty = true;
    for word in printable(text).split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = "  ".to_string();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(&line);
    out.push('\n');
}

fn markdown(record: &Record) -> String {
    let mut out = String::new();
    for view in views(record) {
        out.push_str(&format!("### {}\n\n", escaped(&view.workload)));
        push_markdown_row(&mut out, &view.header);
        out.push_str("|:--|");
        out.push_str(&"--:|".repeat(view.header.len() - 1));
        out.push('\n');
        for row in &view.rows {
            push_markdown_row(&mut out, row);
        }
        out.push('\n');
        for problem in &view.problems {
            out.push_str(&format!("- **{}**\n", escaped(problem)));
        }
        for note in &view.notes {
            out.push_str(&format!("- {}\n", escaped(note)));
        }
        out.push('\n');
    }
    for warning in record.warnings.iter().chain(&state_text(record)) {
        out.push_str(&format!("**Warning:** {}\n\n", escaped(warning)));
    }
    out.push_str(&format!("{}\n", escaped(&provenance(record))));
    out
}

fn push_markdown_row(out: &mut String, cells: &[String]) {
    out.push('|');
    for cell in cells {
        out.push_str(&format!(" {} |", escaped(cell)));
    }
    out.push('\n');
}

/// Text that Markdown shows as it is, on one line.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in printable(text).chars() {
        if "\\`*_[]<>|~#$&".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
