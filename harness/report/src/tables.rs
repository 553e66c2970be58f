//! What tables have in common, on a terminal and in Markdown.

use crate::view::unbroken;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use harness_record::steers;

/// Columns of a terminal that the table fits into.
const WIDTH: usize = 100;

/// A table that fits; column `names` is of names, the others of numbers.
pub(crate) fn terminal_table(header: &[String], rows: &[Vec<String>], names: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(WIDTH).unwrap_or(u16::MAX))
        .set_header(header.iter().map(|cell| printable_lines(cell)))
        .add_rows(
            rows.iter()
                .map(|row| row.iter().map(|cell| printable(cell))),
        );
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding(if at == 0 { (0, 0) } else { (2, 0) });
        column.set_cell_alignment(if at == names {
            CellAlignment::Left
        } else {
            CellAlignment::Right
        });
    }
    table.to_string()
}

/// On one line, without characters that steer a terminal or the eye.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if steers(c) { ' ' } else { c })
        .collect()
}

/// The same, but for the line breaks.
pub(crate) fn printable_lines(text: &str) -> String {
    text.chars()
        .map(|c| if c != '\n' && steers(c) { ' ' } else { c })
        .collect()
}

/// The text in lines of at most [`WIDTH`], those after the first indented.
/// Words that are longer stand alone, whole.
pub(crate) fn push_wrapped(out: &mut String, prefix: &str, text: &str) {
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

/// A table of GitHub-flavoured Markdown; column `names` is of names, the others of numbers.
pub(crate) fn push_markdown_table(
    out: &mut String,
    header: &[String],
    rows: &[Vec<String>],
    names: usize,
) {
    let headings: Vec<String> = header.iter().map(|heading| unbroken(heading)).collect();
    push_markdown_row(out, &headings);
    out.push('|');
    for at in 0..header.len() {
        out.push_str(if at == names { ":--|" } else { "--:|" });
    }
    out.push('\n');
    for row in rows {
        push_markdown_row(out, row);
    }
    out.push('\n');
}

fn push_markdown_row(out: &mut String, cells: &[String]) {
    out.push('|');
    for cell in cells {
        out.push(' ');
        out.push_str(&escaped(cell));
        out.push_str(" |");
    }
    out.push('\n');
}

/// Text that Markdown shows as it is, on one line.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in printable(text).chars() {
        if "\\`*_[]<>|~#$&".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
