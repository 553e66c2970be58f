//! The forms in which programs and tables are printed.

use harness_cbpf::{Program, disassemble};
use harness_record::{counted, csv_rows};
use harness_syscalls::Table;
use serde::Serialize;
use std::fmt::Write;
use std::io::IsTerminal;

/// A form of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ProgramFormat {
    /// Assembler text with the names of system calls, which can be read back
    Text,
    /// Array of struct sock_filter as bytes, which can be read back
    Raw,
    /// C array with the names of system calls
    C,
    /// {"instructions": [{"code", "jt", "jf", "k"}, …]}
    Json,
}

/// The text of a program with its name and a line about it.
pub(super) fn text(program: &Program, name: &str, table: &Table) -> String {
    format!(
        "{}{}",
        heading(program, name),
        harness_filter::listing(program, table)
    )
}

/// A program as a C array called `filter`, with what the text says of each instruction.
pub(super) fn c_array(
    program: &Program,
    name: &str,
    index: Option<usize>,
    table: &Table,
) -> String {
    let index = index.map_or_else(String::new, |index| format!("_{index}"));
    let mut text = heading(program, name);
    let _ = writeln!(text, "static const struct sock_filter filter{index}[] = {{");
    let meaning = disassemble(program);
    let comments = harness_filter::comments(program, table);
    let lines = meaning.lines().zip(comments);
    for (insn, (meaning, comment)) in program.instructions().iter().zip(lines) {
        let numbers = format!(
            "{{ {:#04x}, {:3}, {:3}, {:#010x} }},",
            insn.code, insn.jt, insn.jf, insn.k
        );
        let comment = comment.map_or_else(String::new, |comment| format!("; {comment}"));
        let _ = writeln!(text, "    {numbers} /* {meaning}{comment} */");
    }
    text.push_str("};\n");
    text
}

/// An instruction in JSON.
#[derive(Serialize)]
struct Instruction {
    code: u16,
    jt: u8,
    jf: u8,
    k: u32,
}

/// `"instructions": […]`, an instruction a line.
pub(super) fn instructions(program: &Program) -> anyhow::Result<String> {
    let instructions = program.instructions().iter().map(|insn| Instruction {
        code: insn.code,
        jt: insn.jt,
        jf: insn.jf,
        k: insn.k,
    });
    Ok(format!("\"instructions\": {}", array(instructions)?))
}

/// A JSON array, an element a line.
pub(super) fn array(elements: impl Iterator<Item = impl Serialize>) -> anyhow::Result<String> {
    let lines = elements.map(|element| serde_json::to_string(&element));
    let lines = lines.collect::<Result<Vec<_>, _>>()?;
    Ok(format!("[\n  {}\n]", lines.join(",\n  ")))
}

/// Bytes are not for a terminal.
pub(super) fn refuse_terminal() -> anyhow::Result<()> {
    anyhow::ensure!(
        !std::io::stdout().is_terminal(),
        "--format raw is bytes, and standard output is a terminal: redirect it to a file"
    );
    Ok(())
}

fn heading(program: &Program, name: &str) -> String {
    // Nothing in a name may end the comment or the line.
    let name: String = name
        .replace("*/", "* /")
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    format!("/* {name}: {} */\n", instruction_count(program))
}

pub(super) fn instruction_count(program: &Program) -> String {
    counted(program.len() as u64, "instruction")
}

/// A table of cells: aligned text, CSV or Markdown.
pub(super) struct Cells {
    /// Names of the columns, and whether they hold numbers.
    pub(super) columns: Vec<(&'static str, bool)>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Cells {
    /// Columns with two spaces between them; numbers to the right.
    pub(super) fn aligned(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            let name = self.columns[column].0.chars().count();
            cells.max().unwrap_or(0).max(name)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |cells: Vec<&str>| {
            let mut line = String::new();
            for (column, cell) in cells.iter().enumerate() {
                let width = widths[column];
                let between = if column == 0 { "" } else { "  " };
                let _ = if self.columns[column].1 {
                    write!(line, "{between}{cell:>width$}")
                } else {
                    write!(line, "{between}{cell:width$}")
                };
            }
            line.trim_end().to_owned() + "\n"
        };
        let names = line(self.columns.iter().map(|(name, _)| *name).collect());
        let rows = self.rows.iter();
        let rows = rows.map(|row| line(row.iter().map(String::as_str).collect()));
        std::iter::once(names).chain(rows).collect()
    }

    /// RFC 4180, with line feeds alone.
    pub(super) fn csv(&self) -> String {
        let names = self.columns.iter().map(|(name, _)| *name).collect();
        let rows = self.rows.iter();
        let rows = rows.map(|row| row.iter().map(String::as_str).collect());
        csv_rows(std::iter::once::<Vec<&str>>(names).chain(rows))
    }

    /// A table as on GitHub.
    pub(super) fn markdown(&self) -> String {
        let escaped = |cell: &str| cell.replace('\\', "\\\\").replace('|', "\\|");
        let row = |cells: &[&str]| {
            let cells: Vec<_> = cells.iter().map(|cell| escaped(cell)).collect();
            format!("| {} |", cells.join(" | "))
        };
        let rules = self.columns.iter();
        let rules = rules.map(|(_, number)| if *number { "---:|" } else { "---|" });
        let rules = format!("|{}\n", rules.collect::<String>());
        let lines = self.lines(row);
        let (names, rows) = lines.split_once('\n').unwrap_or((&lines, ""));
        format!("{names}\n{rules}{rows}")
    }

    fn lines(&self, line: impl Fn(&[&str]) -> String) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let mut text = line(&names) + "\n";
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            text += &(line(&cells) + "\n");
        }
        text
    }
}
